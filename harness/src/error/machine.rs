//! What can go wrong with an emulated machine.

use std::io;

/// Why the emulated machine could not do what a rehearsal needs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MachineError {
    /// A program of this machine is missing.
    #[error("The program {program} could not be started ({cause}); install the package {package}")]
    NoProgram {
        /// Which.
        program: &'static str,
        /// The package of Debian that has it.
        package: &'static str,
        /// What the system says.
        cause: io::Error,
    },
    /// The disk could not be made.
    #[error("The disk of the emulated machine could not be made: {0}")]
    NoDisk(String),
    /// The emulator ended, or the machine did not come up.
    #[error("The emulated machine did not come up: {0}")]
    NotUp(String),
    /// The connection to it.
    #[error("The connection to the emulated machine: {0}")]
    Connection(#[from] ssh2::Error),
    /// The connection to it, or a process that talks to it.
    #[error("Could not talk to the emulated machine: {0}")]
    Io(#[from] io::Error),
    /// A command there failed.
    #[error("`{command}` at the emulated destination ended with {code}: {said}")]
    Command {
        /// What was run.
        command: String,
        /// With which code it ended.
        code: i32,
        /// What it said.
        said: String,
    },
}
