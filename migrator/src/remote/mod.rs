//! The destination over ssh: commands, following, holding, uploads.
//!
//! ```text
//! Remote (cheap handle, async) -- session commands --> session thread (libssh2) -- channels --> sshd
//!                              <-- ends, pieces of output --
//! ```
//!
//! Invariants:
//! 1. A host key that is not known is refused, and nothing is ever added to a known-hosts file.
//! 2. Only the session thread touches the connection; the asynchronous side never waits without a bound.
//! 3. A command is quoted once, by [`RemoteCommand::shell_line`], and sent so that any login shell runs it; what that shell
//!    writes before it is none of its output (`frame`).  Secrets go by standard input or in a file of mode
//!    0600, never in arguments.
//! 4. Nothing here prints, reads the environment, or asks a person but through the [`Person`] that the caller hands in.

mod authenticate;
mod client;
mod command;
mod connect;
mod connection;
mod error;
mod exec;
mod frame;
mod keys;
pub mod known_hosts;
mod offer;
mod options;
mod prompts;
mod session;
mod upload;

pub use client::{Connected, Followed, Held, Remote};
pub use command::{Output, Privilege, RemoteCommand};
pub use error::{ExitStatus, OUTPUT_BYTES_MAX, RemoteError, ShownKey};
pub use keys::{PublicHalf, public_half};
pub use options::{Authentication, ConnectOptions, Person};
pub use upload::{PRIVATE_MODE, Uploaded};
