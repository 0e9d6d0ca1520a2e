//! docs/testing.md: its example is a test that runs, `on_a_broker.rs`.

use crate::rig::broker::root;

#[test]
fn the_test_that_is_shown_is_the_one_that_runs() {
    let guide = std::fs::read_to_string(root().join("docs/testing.md")).unwrap();
    assert!(guide.contains(include_str!("on_a_broker.rs")), "docs/testing.md shows another test");
}
