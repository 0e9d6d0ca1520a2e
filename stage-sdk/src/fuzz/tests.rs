//! What was found and kept.

use super::*;
use std::path::Path;

fn replay(target: &str, run: impl Fn(&[u8])) {
    let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut count = 0;
    for entry in std::fs::read_dir(&kept).expect("a corpus") {
        let path = entry.expect("a file").path();
        let data = std::fs::read(&path).expect("readable");
        let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(&data)));
        assert!(ran.is_ok(), "{}", path.display());
        count += 1;
    }
    assert!(count > 10, "{count} in {}", kept.display());
}

#[test]
fn a_route_map_is_a_chain_or_has_problems() {
    replay("chain", chain);
}

#[test]
fn what_is_read_of_a_commit_is_written_so() {
    replay("metadata", metadata);
}

#[test]
fn what_is_noted_comes_back() {
    replay("entry", entry);
}

#[test]
fn a_dead_letter_of_any_headers_can_be_shown() {
    replay("letter", letter);
}

#[test]
fn nobody_changes_a_stage_without_its_token() {
    replay("admin", admin);
}
