//! The program `gwrehearse`, which is also `gwmigrate`, `gwsim` and `gwpoa` when it is started under those names.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(harness::programs::run(std::env::args_os().collect()))
}
