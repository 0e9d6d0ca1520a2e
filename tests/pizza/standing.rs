//! What a stage of the shop says of itself is at the shop's address: its circuit, what it has in hand, its restarts.

use crate::basil::{LIMIT, Shop};
use crate::rig::process::program;
use crate::rig::until;
use serde_json::Value;
use std::process::Command;

/// It depends on something that is away while the file `away` is there, and dies once of the file `poison`. The value is
/// the last of a line.
const SCRIPT: &str = r#"while read -r line; do
  id=$(printf '%s' "$line" | sed -E 's/^\{"id":([0-9]+),.*/\1/')
  value=$(printf '%s' "$line" | sed -E 's/.*"value":(\{.*\})\}$/\1/')
  if rm "$1/poison" 2>/dev/null; then exit 3; fi
  if [ -e "$1/away" ]; then printf '{"id":%s,"unavailable":"the garden"}\n' "$id"
  else printf '{"id":%s,"value":%s}\n' "$id" "$value"; fi
done
"#;

/// The stage as it stands.
fn stage(shop: &Shop, name: &str) -> Value {
    let mut top = Command::new(program("pizza"));
    let output = top.args(["top", "--url", &shop.url, "--once", "--json"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let told: Value = serde_json::from_str(&said).unwrap();
    let stages = told["stages"].as_array().unwrap();
    stages.iter().find(|stage| stage["name"] == name).cloned().unwrap_or_else(|| panic!("{said}"))
}

#[test]
fn a_stage_that_leans_on_what_is_away_and_dies_says_so() {
    let shop = Shop::open(SCRIPT, &[], "", None);
    let id = shop.order(3);
    shop.pizzas(&id, 3);
    let basil = until("it says how it stands", LIMIT, || {
        Some(stage(&shop, "basil")).filter(|basil| basil["in_flight"] == 0)
    });
    assert_eq!((&basil["circuit_open"], &basil["paused"]), (&false.into(), &false.into()));
    assert_eq!(basil["restarts"], 0, "{basil}");
    let view = stage(&shop, "view");
    assert!(view["in_flight"].is_null() && view["restarts"].is_null(), "{view}");

    std::fs::write(shop.dir.join("away"), "").unwrap();
    let id = shop.order(3);
    until("its circuit is open", LIMIT, || {
        Some(()).filter(|()| stage(&shop, "basil")["circuit_open"] == true)
    });
    let mut top = Command::new(program("pizza"));
    let output = top.args(["top", "--url", &shop.url, "--once"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    let basil = said.lines().find(|line| line.trim_start().starts_with("basil"));
    assert!(basil.is_some_and(|line| line.ends_with("  circuit open")), "{said}");
    assert_eq!(stage(&shop, "sauce")["circuit_open"], false);
    std::fs::remove_file(shop.dir.join("away")).unwrap();
    shop.pizzas(&id, 3);

    std::fs::write(shop.dir.join("poison"), "").unwrap();
    let id = shop.order(3);
    assert_eq!(shop.pizzas(&id, 3)["complete"], true);
    let basil = until("its circuit is closed", LIMIT, || {
        Some(stage(&shop, "basil")).filter(|basil| basil["circuit_open"] == false)
    });
    assert_eq!(basil["restarts"], 1, "{basil}");
    assert_eq!(stage(&shop, "sauce")["restarts"], 0);
    shop.close();
}
