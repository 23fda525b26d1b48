//! What the caller decides about a connection.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use secrecy::SecretString;

use super::RemoteError;

/// How to reach and log in to the destination.
///
/// Nothing here has a default that reads the environment: the caller says which known-hosts files count, where the
/// agent's socket is, and which passwords are to be used.
#[derive(Debug, Clone)]
pub struct ConnectOptions {
    /// Name or address of the destination.
    pub host: String,
    /// Port of its sshd.
    pub port: u16,
    /// User to log in as.
    pub user: String,
    /// Files in the format of OpenSSH's `known_hosts`; one that does not exist counts as empty.
    pub known_hosts: Vec<PathBuf>,
    /// Ways to log in, tried in this order.
    pub authentication: Vec<Authentication>,
    /// Who answers what the server asks beside the password, if anybody.
    pub person: Option<Person>,
    /// How long reaching the server and logging in may take together, and how long any single answer may take.
    pub connect_timeout_seconds: u64,
    /// After how much silence a sign of life is asked for; three unanswered ones mean that the link is gone.
    pub keepalive_seconds: u64,
    /// How long one command may run.
    pub command_timeout_seconds: u64,
}

impl ConnectOptions {
    /// Port of sshd where nothing else is said.
    pub const PORT: u16 = 22;
    /// How long connecting may take where nothing else is said.
    pub const CONNECT_TIMEOUT_SECONDS: u64 = 30;
    /// After how much silence a sign of life is asked for where nothing else is said.
    pub const KEEPALIVE_SECONDS: u64 = 15;

    /// Options with the times that suit most networks, no known-hosts file and no way to log in.
    pub fn new(host: impl Into<String>, user: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port: Self::PORT,
            user: user.into(),
            known_hosts: Vec::new(),
            authentication: Vec::new(),
            person: None,
            connect_timeout_seconds: Self::CONNECT_TIMEOUT_SECONDS,
            keepalive_seconds: Self::KEEPALIVE_SECONDS,
            command_timeout_seconds: 300,
        }
    }
}

/// How long a person may take to answer all that a server asks, in seconds; sshd waits for two minutes (`LoginGraceTime`).
pub(super) const PERSON_SECONDS: u64 = 300;

/// Somebody who can be asked while a login waits.
#[derive(Clone)]
pub struct Person(Arc<Ask>);

/// Gets a question, gives what was typed; nothing where nobody can be asked.
type Ask = dyn Fn(&str) -> Option<SecretString> + Send + Sync;

impl Person {
    /// Somebody who is asked by this.
    pub fn new(ask: impl Fn(&str) -> Option<SecretString> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ask))
    }

    pub(super) fn ask(&self, question: &str) -> Option<SecretString> {
        (self.0)(question)
    }
}

impl fmt::Debug for Person {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Person")
    }
}

/// One way to log in.
#[derive(Clone)]
pub enum Authentication {
    /// With the keys that an ssh agent holds.
    Agent {
        /// The agent's socket.
        socket: PathBuf,
        /// The one public key that is tried, as the protocol has it; all where there is none.
        only: Option<Vec<u8>>,
    },
    /// With a private key file.
    Key {
        /// The file, which nobody but its owner may read.
        path: PathBuf,
        /// What the key is encrypted with, if it is.
        passphrase: Option<SecretString>,
    },
    /// With a password, also where the server asks for it through keyboard-interactive.
    Password(SecretString),
}

impl fmt::Debug for Authentication {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent { socket, only } => {
                let which = if only.is_some() {
                    "one key"
                } else {
                    "all keys"
                };
                write!(formatter, "Agent({}, {which})", socket.display())
            }
            Self::Key { path, passphrase } => {
                let how = if passphrase.is_some() {
                    ", with a passphrase"
                } else {
                    ""
                };
                write!(formatter, "Key({}{how})", path.display())
            }
            Self::Password(_) => formatter.write_str("Password"),
        }
    }
}

/// The error of a connection that took longer than the options allow.
pub(super) fn timed_out(options: &ConnectOptions, doing: &'static str) -> RemoteError {
    RemoteError::ConnectTimedOut {
        doing,
        host: options.host.clone(),
        port: options.port,
        seconds: options.connect_timeout_seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_in_debug_output() {
        let mut options = ConnectOptions::new("host", "root");
        options.authentication = vec![
            Authentication::Password("geheim-1".into()),
            Authentication::Key {
                path: "/k".into(),
                passphrase: Some("geheim-2".into()),
            },
        ];
        let shown = format!("{options:?}");
        assert!(!shown.contains("geheim"), "{shown}");
        assert!(shown.contains("with a passphrase"), "{shown}");
    }
}
