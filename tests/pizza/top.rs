//! `pizza top`.

use crate::new_stage::Place;
use crate::rig::until;
use serde_json::Value;
use std::time::Duration;

#[test]
fn the_chain_is_seen_in_a_terminal() {
    let place = Place::new();
    let (mut shop, url) = place.open();
    let (code, said) = place.pizza(&["order", "--url", &url, "3", "--watch", "--timeout", "60"]);
    assert_eq!(code, Some(0), "{said}");
    let seen = until("the view has caught up", Duration::from_secs(30), || {
        let (code, said) = place.pizza(&["top", "--url", &url]);
        assert_eq!(code, Some(0), "{said}");
        assert!(!said.contains('?'), "{said}");
        let has = |line: &[&str]| {
            said.lines().any(|l| l.split_whitespace().collect::<Vec<_>>().starts_with(line))
        };
        let stages = ["sauce", "cheese", "meat", "veggie"];
        (stages.iter().all(|stage| has(&[stage, "0", "1"])) && has(&["view", "(sink)", "0", "1"]))
            .then_some(said)
    });
    assert!(seen.lines().any(|line| line.ends_with(": 3 pizzas, complete")), "{seen}");
    assert!(!seen.contains('\x1b'), "colours where there is no terminal: {seen}");
    let (code, said) = place.pizza(&["top", "--url", &url, "--once", "--json"]);
    let told: Value = serde_json::from_str(&said).unwrap();
    assert!(code == Some(0) && told["stages"].as_array().unwrap().len() == 5, "{said}");
    assert!(shop.stop(Duration::from_secs(12)).success());
    let (code, said) = place.pizza(&["top", "--url", &url]);
    assert!(code == Some(1) && said.contains("no shop at"), "{code:?} {said}");
}
