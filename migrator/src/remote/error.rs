//! What can go wrong with a connection, and what each means.

use std::path::{Path, PathBuf};

use postoffice::names::printable;

use super::command::RemoteCommand;
use super::output::ExitStatus;

/// Something that kept a connection, a command or an upload from being done.
///
/// Its larger texts are boxed, so that errors of other modules can hold one without growing large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RemoteError {
    /// An argument of a command has a NUL byte, which no process can be given.
    #[error("Argument {argument:?} has a NUL byte")]
    ArgumentHasNul {
        /// The argument, escaped.
        argument: String,
    },
    /// The name of the destination has no address.
    #[error("The name {host} cannot be resolved: {cause}")]
    NameNotResolved {
        /// The name.
        host: String,
        /// What the resolver said.
        cause: String,
    },
    /// No address of the destination takes connections on the port.
    #[error("No connection to {host}:{port}: {cause}")]
    Unreachable {
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// What the last address tried gave.
        cause: String,
    },
    /// Reaching the server or logging in took too long.
    #[error("No answer within {seconds} s while {doing}")]
    ConnectTimedOut {
        /// What was being waited for.
        doing: &'static str,
        /// Name or address.
        host: String,
        /// Port.
        port: u16,
        /// The bound.
        seconds: u64,
    },
    /// The server does not speak the ssh protocol as it should.
    #[error("The ssh handshake failed: {cause}")]
    Handshake {
        /// Name or address.
        host: String,
        /// What the library said.
        cause: String,
    },
    /// The server and this program have no algorithm in common.
    #[error(
        "The server {server_banner} offers no {kind} that this program accepts; it offers {offered}"
    )]
    AlgorithmMismatch {
        /// Which kind of algorithm: key exchange, host key, cipher or message authentication.
        kind: &'static str,
        /// What the server offers.
        offered: String,
        /// What this program accepts.
        accepted: String,
        /// How the server names itself.
        server_banner: String,
    },
    /// A known-hosts file is there but cannot be read.
    #[error("The known-hosts file {} cannot be read: {cause}", path.display())]
    KnownHostsUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// No known-hosts file has a key for this host.
    #[error(
        "The host key of {host} is not known: {algorithm} {fingerprint}{}",
        skipped_note(skipped)
    )]
    HostKeyUnknown {
        /// The host as known-hosts files name it.
        host: Box<str>,
        /// Type of the key that the server showed.
        algorithm: Box<str>,
        /// Its fingerprint as OpenSSH prints it.
        fingerprint: Box<str>,
        /// The line that would make it known.
        line: Box<str>,
        /// Lines that were skipped because they are malformed, as `file:line`.
        skipped: Vec<String>,
    },
    /// A known-hosts file has another key for this host.
    #[error("The host key of {host} is {algorithm} {fingerprint}, but {known_at} has another one")]
    HostKeyChanged {
        /// The host as known-hosts files name it.
        host: Box<str>,
        /// Type of the key that the server showed.
        algorithm: Box<str>,
        /// Its fingerprint as OpenSSH prints it.
        fingerprint: Box<str>,
        /// The conflicting entry, as `file:line`.
        known_at: Box<str>,
        /// The command that removes the entries of this host from that file.
        remove: Box<str>,
    },
    /// The key that the server showed is marked as revoked.
    #[error("The host key of {host}, {algorithm} {fingerprint}, is revoked in {revoked_at}")]
    HostKeyRevoked {
        /// The host as known-hosts files name it.
        host: Box<str>,
        /// Type of the key that the server showed.
        algorithm: Box<str>,
        /// Its fingerprint as OpenSSH prints it.
        fingerprint: Box<str>,
        /// The entry that revokes it, as `file:line`.
        revoked_at: Box<str>,
    },
    /// The host is known only through a certificate authority.
    #[error(
        "{host} is known only by a @cert-authority line ({authority_at}), and host certificates are not supported here"
    )]
    HostKeyOnlyCertificateAuthority {
        /// The host as known-hosts files name it.
        host: Box<str>,
        /// Type of the key that the server showed.
        algorithm: Box<str>,
        /// Its fingerprint as OpenSSH prints it.
        fingerprint: Box<str>,
        /// The authority's entry, as `file:line`.
        authority_at: Box<str>,
        /// The line that would make the key itself known.
        line: Box<str>,
    },
    /// No way to log in was given, or none worked.
    #[error(
        "{user}@{host} was not let in; tried: {}; the server accepts: {accepted}",
        list(tried)
    )]
    AuthenticationRefused {
        /// User name.
        user: Box<str>,
        /// Name or address.
        host: Box<str>,
        /// What was tried, each with what came of it.
        tried: Vec<String>,
        /// The methods that the server accepts.
        accepted: Box<str>,
    },
    /// A private key file cannot be read.
    #[error("The private key {} cannot be read: {cause}", path.display())]
    KeyUnreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// Others than its owner may read or write a private key file.
    #[error("The private key {} is open to others: its mode is {mode:04o}", path.display())]
    KeyTooOpen {
        /// The file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// A private key is encrypted and there is no passphrase for it.
    #[error("The private key {} is encrypted, and there is no passphrase", path.display())]
    KeyEncrypted {
        /// The file.
        path: PathBuf,
    },
    /// A private key file is not what the library can use, or its passphrase is wrong.
    #[error("The private key {} cannot be used: {cause}", path.display())]
    KeyUnusable {
        /// The file.
        path: PathBuf,
        /// What the library said.
        cause: String,
    },
    /// The connection is gone.
    #[error("The connection to {host} is gone: {cause}")]
    Disconnected {
        /// Name or address.
        host: String,
        /// What was seen.
        cause: String,
    },
    /// The server refused to run commands or to transfer files.
    #[error("The server refused to {what}: {cause}")]
    RequestRefused {
        /// What was asked for.
        what: &'static str,
        /// What the library said.
        cause: String,
    },
    /// A command ran too long and was given up.
    #[error("The command did not end within {seconds} s: {command}")]
    CommandTimedOut {
        /// The command.
        command: String,
        /// The bound.
        seconds: u64,
    },
    /// A command that had to succeed did not.
    #[error("The command ended with {status}: {command}{}", output_note(stderr))]
    CommandFailed {
        /// The command.
        command: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to its standard error, escaped.
        stderr: String,
    },
    /// A command wrote more than is kept.
    #[error("The command wrote more than {bytes_max} bytes: {command}")]
    OutputTooLarge {
        /// The command.
        command: String,
        /// The bound.
        bytes_max: usize,
    },
    /// A local file could not be read for an upload.
    #[error("The file {} cannot be read: {cause}", path.display())]
    LocalFile {
        /// The file.
        path: PathBuf,
        /// Why.
        cause: String,
    },
    /// The destination's file system is full.
    #[error("No space is left for {path}")]
    NoSpace {
        /// The file on the destination.
        path: String,
    },
    /// A file operation on the destination failed.
    #[error("Could not {what} {path}: {cause}")]
    Sftp {
        /// What was being done.
        what: &'static str,
        /// The file on the destination.
        path: String,
        /// What the server said.
        cause: String,
    },
}

/// How much of a failing command's standard error is shown.
const STDERR_SHOWN_BYTES: usize = 2000;

impl RemoteError {
    pub(super) fn command_failed(
        command: &RemoteCommand,
        status: ExitStatus,
        stderr: &[u8],
    ) -> Self {
        let shown = &stderr[stderr.len().saturating_sub(STDERR_SHOWN_BYTES)..];
        let shown = printable(shown.trim_ascii()).replace("\\x0a", "; ");
        Self::CommandFailed {
            command: command.to_string(),
            status,
            stderr: shown,
        }
    }

    pub(super) fn local_file(path: &Path, cause: &std::io::Error) -> Self {
        Self::LocalFile {
            path: path.to_owned(),
            cause: cause.to_string(),
        }
    }
}

fn list(items: &[String]) -> String {
    if items.is_empty() {
        "nothing".to_owned()
    } else {
        items.join(", ")
    }
}

fn output_note(stderr: &str) -> String {
    if stderr.is_empty() {
        String::new()
    } else {
        format!(": {stderr}")
    }
}

fn skipped_note(skipped: &[String]) -> String {
    if skipped.is_empty() {
        String::new()
    } else {
        format!(" (malformed lines were skipped: {})", skipped.join(", "))
    }
}
