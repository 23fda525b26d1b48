//! Comparing one mailbox at two servers over IMAP (RFC 3501): folders, messages, and the bytes of messages.
//!
//! It runs at the destination, because the POA of stage one answers nowhere else, and it works against any IMAP server.
//! Mailboxes are only examined, never selected, so that nothing is marked as read.
//!
//! ```text
//! controller ── request on standard input ──▶ worker mailbox ── IMAP ──▶ source, destination
//!            ◀── comparison on standard output ──┘
//! ```

mod compare;
mod connect;
mod conversation;
mod read;
#[cfg(test)]
mod tests;
mod view;

use std::fmt;

use protocol::Secret;
use serde::{Deserialize, Serialize};

pub use compare::{FolderComparison, MailboxComparison, Missing};
pub use connect::ConnectionFacts;
pub use read::{Folder, Snapshot};
pub use view::Message;

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailboxRequest {
    /// User whose mailbox it is.
    pub user: String,
    /// That user's password; crosses by standard input only.
    pub password: Secret,
    /// IMAP at the source.
    pub source: ServerAddress,
    /// IMAP at the destination.
    pub destination: ServerAddress,
    /// The certificate that both must show where they offer TLS (PEM or DER); none where none was copied.
    pub certificate: Option<Vec<u8>>,
    /// How many messages of a folder are compared byte by byte; 0 for all.
    pub sample_messages: u64,
    /// When the last pass began, in seconds since 1970: what arrived at the source later cannot be at the destination.
    pub pass_began_seconds: i64,
    /// How long connecting may take, and how long a server may then be silent, in seconds.
    pub timeout_seconds: u64,
}

/// Where a server is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServerAddress {
    /// Name or address.
    pub host: String,
    /// Port; on 993 TLS comes first, elsewhere it is asked for where the server offers it.
    pub port: u16,
}

impl fmt::Display for ServerAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.host, self.port)
    }
}

/// Why a mailbox could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MailboxError {
    /// The server cannot be reached.
    #[error("The IMAP server at {address} cannot be reached: {cause}")]
    Unreachable {
        /// Host and port.
        address: String,
        /// Why not.
        cause: String,
    },
    /// TLS was offered and failed.
    #[error("TLS with the IMAP server at {address} failed: {cause}")]
    Tls {
        /// Host and port.
        address: String,
        /// Why.
        cause: String,
    },
    /// The server does not let this user in.
    #[error("The IMAP server at {address} refused the login: {cause}")]
    Login {
        /// Host and port.
        address: String,
        /// What it said.
        cause: String,
    },
    /// The server said no to something else.
    #[error("The IMAP server at {address} refused to {operation}: {answer}")]
    Refused {
        /// Host and port.
        address: String,
        /// What was asked for, as a verb.
        operation: String,
        /// What it said.
        answer: String,
    },
    /// There is no whole answer: the connection ended, the server was silent for too long, or it said something else.
    #[error("The IMAP server at {address} failed to {operation}: {cause}")]
    Protocol {
        /// Host and port.
        address: String,
        /// What was asked for, as a verb.
        operation: String,
        /// What came instead.
        cause: String,
    },
    /// The server said that its answer was whole, and messages that it has were not in it.
    #[error("The IMAP server at {address} failed to {operation}: {came} of {wanted} came")]
    Incomplete {
        /// Host and port.
        address: String,
        /// What was asked for, as a verb.
        operation: String,
        /// How many messages came.
        came: usize,
        /// How many had to.
        wanted: usize,
    },
}

impl MailboxError {
    /// Whether trying again may help.
    fn is_temporary(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Protocol { .. } | Self::Incomplete { .. } => true,
            Self::Tls { .. } | Self::Login { .. } | Self::Refused { .. } => false,
        }
    }
}

/// What came of a comparison, as it crosses back to the controller.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MailboxAnswer {
    /// Both were read.
    Compared(Box<MailboxComparison>),
    /// One could not be read.
    Failed {
        /// Which: `source` or `destination`.
        side: String,
        /// Whether trying again may help.
        is_temporary: bool,
        /// Why.
        text: String,
    },
}

/// Reads both mailboxes and compares them.
pub async fn compare_mailboxes(request: &MailboxRequest) -> MailboxAnswer {
    let source = read::read_mailbox(request, &request.source, None).await;
    let source = match source {
        Ok(snapshot) => snapshot,
        Err(error) => return failed("source", &error),
    };
    let wanted = source.chosen();
    match read::read_mailbox(request, &request.destination, Some(&wanted)).await {
        Ok(destination) => MailboxAnswer::Compared(Box::new(compare::compare(
            &source,
            &destination,
            request.pass_began_seconds,
        ))),
        Err(error) => failed("destination", &error),
    }
}

fn failed(side: &str, error: &MailboxError) -> MailboxAnswer {
    MailboxAnswer::Failed {
        side: side.to_owned(),
        is_temporary: error.is_temporary(),
        text: error.to_string(),
    }
}
