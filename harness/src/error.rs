//! What can go wrong in carrying out a rehearsal.

#[cfg(feature = "containers")]
mod containers;
#[cfg(feature = "containers")]
mod machine;

use std::io;
use std::path::{Path, PathBuf};

#[cfg(feature = "containers")]
pub use containers::ContainersError;
#[cfg(feature = "containers")]
pub(crate) use containers::tried;
#[cfg(feature = "containers")]
pub use machine::MachineError;

use crate::ssh_server::{KeyError, SshServerError};

/// Why a rehearsal could not be carried out; that the migration failed is no error but an outcome.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HarnessError {
    /// A file or folder of the rehearsal.
    #[error("Could not {operation} {}: {cause}", path.display())]
    Io {
        /// What was being done, as a verb.
        operation: &'static str,
        /// With what.
        path: PathBuf,
        /// Why not.
        cause: io::Error,
    },
    /// The simulator.
    #[error(transparent)]
    Simulator(#[from] simulator::SimulatorError),
    /// The ssh server.
    #[error(transparent)]
    Server(#[from] SshServerError),
    /// Its keys.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The back end is not part of this program.
    #[error(
        "This program was built without that back end; with it: cargo run --release --features containers --{option}"
    )]
    NotBuilt {
        /// The option that chooses it.
        option: &'static str,
    },
    /// The containers.
    #[cfg(feature = "containers")]
    #[error(transparent)]
    Containers(#[from] ContainersError),
    /// The emulated machine.
    #[cfg(feature = "containers")]
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// The back end cannot have this fault.
    #[error(
        "Between servers no empty folder can stand where the share was; use the fault source-gone"
    )]
    NoSuchFault,
    /// The back end cannot have this fault for another reason.
    #[error("This back end cannot have the fault {fault}; use --backend embedded")]
    OnlyEmbedded {
        /// Which fault.
        fault: &'static str,
    },
    /// Nothing can be mounted.
    #[error(
        "No file system could be mounted at {}: {cause}. Run as root, or in name spaces of your own: `unshare -rm gwrehearse ...`", path.display()
    )]
    MayNotMount {
        /// Where.
        path: PathBuf,
        /// What the program said.
        cause: String,
    },
    /// The back end has no such network.
    #[error(
        "There is no network between the servers of this back end that could be disturbed; use --backend containers"
    )]
    NoNetwork,
    /// The agent of the source.
    #[error("The agent of the source does not work as it should: {cause}")]
    SourceAgent {
        /// What it does instead.
        cause: String,
    },
    /// The migrator printed something that is no JSON.
    #[error("`gwmigrate {command}` printed no result: {cause}")]
    NoResult {
        /// Which command.
        command: String,
        /// Why.
        cause: String,
    },
}

/// Turns an error of the system into one of the rehearsal.
pub(crate) fn io_error(
    operation: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> HarnessError {
    let path = path.to_owned();
    move |cause| HarnessError::Io {
        operation,
        path,
        cause,
    }
}
