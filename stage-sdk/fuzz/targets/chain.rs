#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stage_sdk::fuzz::chain(data));
