#![no_main]

use std::path::PathBuf;
use std::sync::LazyLock;

static DIR: LazyLock<PathBuf> = LazyLock::new(|| {
    let dir = std::env::temp_dir().join(format!("stage-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&dir).expect("a directory");
    dir
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| stage_broker::fuzz::recovery(&DIR, data));
