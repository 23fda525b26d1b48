//! One executable, several programs: what it plays is decided by the name that it is started under.
//!
//! `cargo run` builds one program only.  So `gwrehearse` carries the migrator and the simulator, as libraries, and runs
//! exactly their command lines when it is started as `gwmigrate`, `gwsim`, `gwpoa` or `gwcheckt`.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use crate::site::MIGRATOR;
use crate::{cli, faults};

/// Runs the program that the first argument names, and gives its exit code.
pub fn run(arguments: Vec<OsString>) -> u8 {
    let name = arguments
        .first()
        .map(Path::new)
        .and_then(Path::file_name)
        .and_then(|name| name.to_str())
        .unwrap_or_default()
        .to_owned();
    if name == MIGRATOR {
        let (local, terminal) = gwmigrate::program::from_process();
        return gwmigrate::cli::run(
            arguments,
            local,
            &terminal,
            &faults::wrap_from_environment(),
        );
    }
    if simulator::acts_as(&name) {
        return simulator::cli::run(arguments, &mut io::stdout(), &mut io::stderr());
    }
    cli::run(arguments, &mut io::stdout())
}
