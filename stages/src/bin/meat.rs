//! The meat stage as a program of its own; `meat --help` says how to run it.
fn main() -> std::process::ExitCode {
    stage_sdk::run(stages::meat)
}
