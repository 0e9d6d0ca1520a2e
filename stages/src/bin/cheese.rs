//! The cheese stage as a program of its own; `cheese --help` says how to run it.
fn main() -> std::process::ExitCode {
    stage_sdk::run(stages::cheese)
}
