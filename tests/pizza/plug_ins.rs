//! A stage of somebody's own in the shop, by the route map alone.

use crate::basil::Shop;
use crate::rig::process::program;
use std::io::Write;
use std::process::{Command, Stdio};

/// What runs an example, and the example; the first is there wherever the tests run.
const EXAMPLES: [(&str, &str); 3] =
    [("sh", "basil.sh"), ("python3", "basil.py"), ("node", "basil.mjs")];

const QUESTIONS: &str = concat!(
    r#"{"id":7,"attempt":1,"topic":"t","partition":0,"offset":1,"time":null,"key":"\"4\"","headers":{"pizza-seq":"0"},"#,
    r#""value":{"order_id":"4","sauce":"light","cheese":"none","meats":"none","veggies":"tomato"}}"#,
    "\n",
    r#"{"id":8,"attempt":1,"topic":"t","partition":0,"offset":2,"time":null,"key":"\"4\"","headers":{},"#,
    r#""value":{"order_id":"4","sauce":"none","cheese":"none","meats":"none","veggies":"none"}}"#,
    "\n",
);

#[test]
fn the_examples_of_each_language_answer_line_by_line() {
    for (interpreter, example) in EXAMPLES {
        let mut command = Command::new(interpreter);
        command.arg(format!("examples/plug-ins/{example}"));
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut child) = child else {
            assert_ne!(interpreter, "sh");
            eprintln!("!!!!!! {example} IS SKIPPED: there is no {interpreter} !!!!!!");
            continue;
        };
        child.stdin.take().unwrap().write_all(QUESTIONS.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{example}");
        let text = String::from_utf8(output.stdout).unwrap();
        let answers = text.lines().map(|line| serde_json::from_str(line).unwrap());
        let answers: Vec<serde_json::Value> = answers.collect();
        assert_eq!(answers.len(), 2, "{example}: {text}");
        for (answer, (id, veggies)) in
            answers.iter().zip([(7, "tomato & basil"), (8, "none & basil")])
        {
            let found = (&answer["id"], &answer["value"]["veggies"]);
            assert_eq!(found, (&id.into(), &veggies.into()), "{example}");
            assert_eq!(answer["value"]["order_id"], "4", "{example}");
        }
    }
}

#[test]
fn a_stage_that_is_a_program_is_four_lines_in_the_route_map() {
    let script = std::fs::read_to_string("examples/plug-ins/basil.sh").unwrap();
    let shop = Shop::open(&script, &[], "", None);
    let output = Command::new(program("pizza"))
        .args(["order", "--url", &shop.url, "20", "--watch", "--json", "--timeout", "60"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let order: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let pizzas = order["pizzas"].as_array().unwrap();
    assert_eq!(pizzas.len(), 20);
    let has_basil =
        |pizza: &serde_json::Value| pizza["veggies"].as_str().unwrap().ends_with(" & basil");
    assert!(pizzas.iter().all(has_basil), "{order:#}");
    shop.close();
}
