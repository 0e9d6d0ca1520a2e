//! What `flaky` does, as a program that is fed lines and answers them; and after some hundreds of lines it ends in
//! the middle of its work. For the tests.

#[path = "../tests/rig/moods.rs"]
mod moods;

use rand::RngExt;
use serde_json::{Value, json};
use std::io::{BufRead, Write};

fn answer(question: &Value) -> Value {
    let id = &question["id"];
    let number = |text: &Value| text.as_str()?.trim_matches('"').parse().ok();
    let order = number(&question["key"]).unwrap_or_default();
    let seq = number(&question["headers"]["pizza-seq"]).unwrap_or_default();
    if moods::is_hopeless(order, seq) {
        json!({"id": id, "reject": "there is no hope for this one"})
    } else if question["attempt"].as_u64() <= Some(moods::failures(order, seq).into()) {
        json!({"id": id, "retry": "not in the mood"})
    } else {
        json!({"id": id, "value": question["value"]})
    }
}

fn main() -> std::io::Result<()> {
    let mut left = rand::rng().random_range(200..600);
    let mut output = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        left -= 1;
        if left == 0 {
            std::process::exit(3);
        }
        let question = serde_json::from_str(&line?)?;
        writeln!(output, "{}", answer(&question))?;
    }
    Ok(())
}
