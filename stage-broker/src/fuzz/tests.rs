//! What was found and kept.

use super::*;
use crate::testing::Dir;
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
fn frames_are_cut_as_they_were_sent() {
    replay("frame", frame);
}

#[test]
fn requests_are_decoded_or_refused() {
    replay("request", request);
}

#[test]
fn batches_are_what_they_were_taken_for() {
    replay("batch", batch);
}

#[test]
fn a_log_keeps_what_can_be_read_and_goes_on() {
    let dir = Dir::new();
    replay("recovery", |data| recovery(dir.path(), data));
}
