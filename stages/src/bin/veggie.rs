//! The veggie stage as a program of its own; `veggie --help` says how to run it.
fn main() -> std::process::ExitCode {
    stage_sdk::run(stages::veggie)
}
