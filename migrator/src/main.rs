//! `gwmigrate`.

use std::process::ExitCode;
use std::sync::Arc;

fn main() -> ExitCode {
    let (local, terminal) = gwmigrate::program::from_process();
    ExitCode::from(gwmigrate::cli::run(
        std::env::args_os(),
        local,
        &terminal,
        &|monitor| Arc::clone(&monitor),
    ))
}
