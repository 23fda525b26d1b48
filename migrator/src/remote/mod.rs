//! The destination over ssh: commands, following, holding, uploads.
//!
//! ```text
//! Remote (cheap handle, async) -- orders --> session thread (libssh2) -- channels --> sshd
//!                              <-- ends, pieces of output --
//! ```
//!
//! Invariants:
//! 1. A host key that is not known is refused, and nothing is ever added to a known-hosts file.
//! 2. Only the session thread touches the connection; the asynchronous side never waits without a bound.
//! 3. A command is quoted once, by [`RemoteCommand::shell_line`]; secrets go by standard input or in a file of mode
//!    0600, never in arguments.
//! 4. Nothing here prints, reads the environment, or asks a person.

mod authenticate;
mod command;
mod connect;
mod engine;
mod error;
mod explain;
mod follow;
mod handle;
mod hold;
mod job;
pub mod known_hosts;
mod offer;
mod options;
mod output;
mod transfer;
mod upload;
mod wake;
mod wire;

pub use command::{Privilege, RemoteCommand};
pub use error::RemoteError;
pub use follow::Followed;
pub use handle::{Connected, Remote};
pub use hold::Held;
pub use options::{Authentication, ConnectOptions};
pub use output::{ExitStatus, OUTPUT_BYTES_MAX, Output};
pub use transfer::Uploaded;
pub use upload::PRIVATE_MODE;
