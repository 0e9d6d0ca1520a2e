//! The sauce stage as a program of its own; `sauce --help` says how to run it.
fn main() -> std::process::ExitCode {
    stage_sdk::run(stages::sauce)
}
