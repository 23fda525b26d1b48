//! What can go wrong with a connection, and what each means.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};
use std::time::Duration;

use postoffice::names::printable;
use protocol::{Explain, Verdict};

/// The most bytes of output that one command may give, both streams together.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitStatus {
    /// It ended by itself with this code.
    Code(i32),
    /// A signal ended it; the name stands without `SIG`.
    Signal(String),
}

impl ExitStatus {
    /// Whether the command ended with code 0.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(name) => write!(formatter, "signal {name}"),
        }
    }
}

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
    /// The server and gwmigrate have no algorithm in common.
    #[error(
        "The server {server_banner} offers no {kind} that is accepted by gwmigrate; it offers {offered}"
    )]
    AlgorithmMismatch {
        /// Which kind of algorithm: key exchange, host key, cipher or message authentication.
        kind: &'static str,
        /// What the server offers.
        offered: String,
        /// What gwmigrate accepts.
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
        "The host key of {} is not known: {key}{}",
        key.host,
        skipped_note(skipped)
    )]
    HostKeyUnknown {
        /// What the server showed.
        key: Box<ShownKey>,
        /// The line that would make it known.
        line: Box<str>,
        /// Lines that were skipped because they are malformed, as `file:line`.
        skipped: Vec<String>,
    },
    /// A known-hosts file has another key for this host.
    #[error("The host key of {} is {key}, but {known_at} has another one", key.host)]
    HostKeyChanged {
        /// What the server showed.
        key: Box<ShownKey>,
        /// The conflicting entry, as `file:line`.
        known_at: Box<str>,
        /// The command that removes the entries of this host from that file.
        remove: Box<str>,
    },
    /// The key that the server showed is marked as revoked.
    #[error("The host key of {}, {key}, is revoked in {revoked_at}", key.host)]
    HostKeyRevoked {
        /// What the server showed.
        key: Box<ShownKey>,
        /// The entry that revokes it, as `file:line`.
        revoked_at: Box<str>,
    },
    /// The host is known only through a certificate authority.
    #[error(
        "{} is known only by a @cert-authority line ({authority_at}), and host certificates are not supported here",
        key.host
    )]
    HostKeyOnlyCertificateAuthority {
        /// What the server showed.
        key: Box<ShownKey>,
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
    /// The server ended the connection after it had refused keys or passwords: it takes only so many.
    #[error(
        "{host} hung up on {user} after it had refused {} (\"Too many authentication failures\" in its log); tried: {}",
        tries(tried),
        list(tried)
    )]
    TooManyTries {
        /// User name.
        user: Box<str>,
        /// Name or address.
        host: Box<str>,
        /// What was tried, each with what came of it.
        tried: Vec<String>,
    },
    /// The server asks something that nobody answers; it was given no answer.
    #[error("To let {user} in, {host} asks \"{prompt}\", and nobody is there to answer")]
    PromptUnanswered {
        /// User name.
        user: Box<str>,
        /// Name or address.
        host: Box<str>,
        /// The question, escaped.
        prompt: Box<str>,
    },
    /// The password must be changed before anybody is let in with it.
    #[error("The password of {user}@{host} has expired: {said}")]
    PasswordExpired {
        /// User name.
        user: Box<str>,
        /// Name or address.
        host: Box<str>,
        /// What the server said, escaped.
        said: Box<str>,
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
    /// The login shell writes text of its own, which would be taken for answers and for files.
    #[error("The login shell of {user}@{host} writes text of its own to the {stream}: \"{text}\"")]
    ShellPrints {
        /// User name.
        user: Box<str>,
        /// Name or address.
        host: Box<str>,
        /// Where the text came.
        stream: &'static str,
        /// The text, escaped.
        text: Box<str>,
    },
    /// The login shell did not run a command, so that neither its status nor its output is an answer.
    #[error(
        "The login shell did not run the command {how}: {command}{}",
        output_note(said)
    )]
    ShellFailed {
        /// The command.
        command: Box<str>,
        /// How that was seen.
        how: Box<str>,
        /// What came on both outputs, escaped.
        said: Box<str>,
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

/// A host key that a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownKey {
    /// The host as known-hosts files name it.
    pub host: String,
    /// Type of the key.
    pub algorithm: String,
    /// Its fingerprint as OpenSSH prints it.
    pub fingerprint: String,
}

impl Display for ShownKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.algorithm, self.fingerprint)
    }
}

/// How much of a failing command's standard error is shown.
const STDERR_SHOWN_BYTES: usize = 2000;

impl RemoteError {
    pub(super) fn command_failed(
        command: &impl Display,
        status: ExitStatus,
        stderr: &[u8],
    ) -> Self {
        let shown = &stderr[stderr.len().saturating_sub(STDERR_SHOWN_BYTES)..];
        Self::CommandFailed {
            command: command.to_string(),
            status,
            stderr: on_one_line(shown),
        }
    }

    pub(super) fn shell_prints(user: &str, host: &str, stream: &'static str, text: &[u8]) -> Self {
        Self::ShellPrints {
            user: user.into(),
            host: host.into(),
            stream,
            text: on_one_line(&text[..text.len().min(STDERR_SHOWN_BYTES)]).into(),
        }
    }

    pub(super) fn shell_failed(command: &str, how: String, said: &[u8]) -> Self {
        Self::ShellFailed {
            command: command.into(),
            how: how.into(),
            said: on_one_line(&said[..said.len().min(STDERR_SHOWN_BYTES)]).into(),
        }
    }

    pub(super) fn command_timed_out(command: &impl Display, bound: Duration) -> Self {
        Self::CommandTimedOut {
            command: command.to_string(),
            seconds: bound.as_secs(),
        }
    }

    pub(super) fn output_too_large(command: &impl Display) -> Self {
        Self::OutputTooLarge {
            command: command.to_string(),
            bytes_max: OUTPUT_BYTES_MAX,
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

/// What a program or a server wrote, escaped.
pub(super) fn on_one_line(text: &[u8]) -> String {
    let mut shown = String::new();
    for line in text.trim_ascii().split(|&byte| byte == b'\n') {
        if !shown.is_empty() {
            shown.push_str("; ");
        }
        shown.push_str(&printable(line.trim_ascii()));
    }
    shown
}

fn tries(tried: &[String]) -> String {
    let refused = tried.iter().filter(|tried| tried.ends_with(": refused"));
    match refused.count() {
        1 => "one key or password".to_owned(),
        count => format!("{count} keys or passwords"),
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

/// Whether a server or a login shell says that a password must be changed.
pub(super) fn says_expired(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    said.contains("password")
        && [
            "expired",
            "change required",
            "change your password",
            "must change",
            "password aged",
            "administrator enforced",
        ]
        .iter()
        .any(|words| said.contains(words))
}

/// What comes before an unknown host key is made known.
const COMPARE_FINGERPRINT: &str = "Compare the fingerprint with the one that `ssh-keygen -lf` prints on the destination; if it is the same";

impl Explain for RemoteError {
    fn code(&self) -> &'static str {
        match self {
            Self::ArgumentHasNul { .. } => "remote-argument-nul",
            Self::NameNotResolved { .. } => "remote-name-not-resolved",
            Self::Unreachable { .. } => "remote-unreachable",
            Self::ConnectTimedOut { .. } => "remote-connect-timeout",
            Self::Handshake { .. } => "remote-handshake",
            Self::AlgorithmMismatch { .. } => "remote-algorithm-mismatch",
            Self::KnownHostsUnreadable { .. } => "known-hosts-unreadable",
            Self::HostKeyUnknown { .. } => "host-key-unknown",
            Self::HostKeyChanged { .. } => "host-key-changed",
            Self::HostKeyRevoked { .. } => "host-key-revoked",
            Self::HostKeyOnlyCertificateAuthority { .. } => "host-key-certificate-only",
            Self::AuthenticationRefused { .. } => "remote-authentication-refused",
            Self::TooManyTries { .. } => "remote-too-many-tries",
            Self::PromptUnanswered { .. } => "remote-prompt-unanswered",
            Self::PasswordExpired { .. } => "remote-password-expired",
            Self::KeyUnreadable { .. } => "private-key-unreadable",
            Self::KeyTooOpen { .. } => "private-key-too-open",
            Self::KeyEncrypted { .. } => "private-key-encrypted",
            Self::KeyUnusable { .. } => "private-key-unusable",
            Self::Disconnected { .. } => "remote-disconnected",
            Self::RequestRefused { .. } => "remote-request-refused",
            Self::ShellPrints { .. } => "remote-shell-prints",
            Self::ShellFailed { .. } => "remote-shell-failed",
            Self::CommandTimedOut { .. } => "remote-command-timeout",
            Self::CommandFailed { .. } => "remote-command-failed",
            Self::OutputTooLarge { .. } => "remote-output-too-large",
            Self::LocalFile { .. } => "upload-source-unreadable",
            Self::NoSpace { .. } => "remote-no-space",
            Self::Sftp { .. } => "remote-file-failed",
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::NameNotResolved { .. }
            | Self::Unreachable { .. }
            | Self::ConnectTimedOut { .. }
            | Self::Disconnected { .. }
            | Self::CommandTimedOut { .. }
            | Self::Handshake { .. } => Verdict::Temporary,
            Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyRevoked { .. }
            | Self::HostKeyOnlyCertificateAuthority { .. }
            | Self::ShellPrints { .. }
            | Self::ShellFailed { .. } => Verdict::Refused,
            Self::ArgumentHasNul { .. }
            | Self::KnownHostsUnreadable { .. }
            | Self::AuthenticationRefused { .. }
            | Self::TooManyTries { .. }
            | Self::PromptUnanswered { .. }
            | Self::PasswordExpired { .. }
            | Self::KeyUnreadable { .. }
            | Self::KeyTooOpen { .. }
            | Self::KeyEncrypted { .. }
            | Self::KeyUnusable { .. }
            | Self::LocalFile { .. } => Verdict::Usage,
            Self::AlgorithmMismatch { .. }
            | Self::RequestRefused { .. }
            | Self::CommandFailed { .. }
            | Self::OutputTooLarge { .. }
            | Self::NoSpace { .. }
            | Self::Sftp { .. } => Verdict::NeedsAttention,
        }
    }

    fn guidance(&self) -> String {
        match self {
            Self::ArgumentHasNul { .. } => "Take the NUL byte out of the setting that the argument comes from".into(),
            Self::NameNotResolved { .. } => "Correct `host` in [destination], or give an address".into(),
            Self::Unreachable { port, .. } => {
                format!("See that sshd runs on the destination and that no firewall closes port {port}")
            }
            Self::ConnectTimedOut { .. } => {
                "See that the destination is up; raise `connect_timeout_seconds` in [destination] for a slow one".into()
            }
            Self::Handshake { .. } => "See that what listens there is an sshd; one that refuses this address for a while after failed logins \
                                       (PerSourcePenalties, fail2ban) says no more than that. Wait some minutes, and run the command again"
                .into(),
            Self::AlgorithmMismatch { accepted, .. } => format!(
                "The sshd of SLES 10 and 11 and others of that age knows only algorithms that are broken today; update \
                 it, or use a newer destination; one of these is needed: {accepted}"
            ),
            Self::KnownHostsUnreadable { .. } => "Correct its permissions, or `known_hosts` in [destination]".into(),
            Self::HostKeyUnknown { line, .. } => {
                format!("{COMPARE_FINGERPRINT}, add this line to a known-hosts file: {line}")
            }
            Self::HostKeyChanged { remove, .. } => format!(
                "Somebody may be listening in; ask who changed the key, and only when that is certain remove the old one \
                 with `{remove}`"
            ),
            Self::HostKeyRevoked { .. } => {
                "Do not connect; somebody declared this key as no longer to be trusted, so ask who and why".into()
            }
            Self::HostKeyOnlyCertificateAuthority { line, .. } => {
                format!("{COMPARE_FINGERPRINT}, add the key itself to a known-hosts file: {line}")
            }
            Self::AuthenticationRefused { user, .. } => format!(
                "See `user`, `key`, `agent` and `password` in [destination], and authorized_keys of {user} on the destination; where \
                 one step was accepted, the server wants what it still accepts besides. A refused password is not tried again, so \
                 correct it before you run this again: servers lock accounts"
            ),
            Self::TooManyTries { .. } => "Say which key is right, [destination] key = \"FILE\", the private key or the .pub of one that the agent has; the agent then \
                                          tries that one alone. Correct `password` where that was refused. A server that counts failures by \
                                          address (PerSourcePenalties, fail2ban) may stay silent for some minutes: wait before you run it again"
                .into(),
            Self::PromptUnanswered { .. } => "Run it at a terminal, where you are asked (again whenever the connection is made anew); or, better for a run of \
                                              many hours, let this user in with a key alone: `Match User NAME` with `AuthenticationMethods publickey` in \
                                              sshd_config of the destination"
                .into(),
            Self::PasswordExpired { user, host, .. } => {
                format!("Log in once with `ssh {user}@{host}`, change the password, and give the worksheet the new one")
            }
            Self::KeyUnreadable { .. } => "Correct `key` in [destination], or the permissions of the file".into(),
            Self::KeyTooOpen { path, .. } => format!("Run `chmod 600 {}`", path.display()),
            Self::KeyEncrypted { .. } => "Say [destination] key_password = { prompt = true } in the worksheet, or { file = \"FILE\" }, where its \
                 passphrase is to be found; or load the key into an ssh agent and say agent = true in [destination]"
                .into(),
            Self::KeyUnusable { .. } => {
                "See that the file is an OpenSSH or PEM private key and that its passphrase is right".into()
            }
            Self::Disconnected { .. } => {
                "Run the same command again; it goes on where it stopped, and the worker keeps running meanwhile".into()
            }
            Self::RequestRefused { .. } => {
                "See `MaxSessions`, `ForceCommand`, the sftp `Subsystem` and the login shell on the destination".into()
            }
            Self::ShellPrints { user, .. } => format!(
                "At the destination, find what prints it when {user} logs in, and let it print only when interactive (`[ -t 1 ] &&` in \
                 front of it): .bashrc, .profile or .cshrc of {user}, /etc/profile.d, fish's config.fish, a program that runs every command \
                 (ForceCommand); or log in as another user; then run again"
            ),
            Self::ShellFailed { said, .. } if says_expired(said) => {
                "The password of this user has expired: log in with `ssh` once and change it, then run again".into()
            }
            Self::ShellFailed { .. } => "See what it said. The user must have a shell that runs commands (`getent passwd USER`), no \
                                         ForceCommand, and startup files that neither end nor wait for a key; then run again"
                .into(),
            Self::CommandTimedOut { .. } => "See what holds the command on the destination, and run again".into(),
            Self::CommandFailed { .. } => {
                "See what the command said, correct that on the destination, and run again".into()
            }
            Self::OutputTooLarge { .. } => "See on the destination why the command writes so much".into(),
            Self::LocalFile { .. } => "Correct the path or its permissions on this machine".into(),
            Self::NoSpace { .. } => "Make room on that file system of the destination, and run again".into(),
            Self::Sftp { .. } => "See the folder's existence, owner and permissions on the destination".into(),
        }
    }

    fn subject(&self) -> Vec<u8> {
        match self {
            Self::Unreachable { host, port, .. } | Self::ConnectTimedOut { host, port, .. } => {
                format!("{host}:{port}").into_bytes()
            }
            Self::NameNotResolved { host, .. }
            | Self::Handshake { host, .. }
            | Self::Disconnected { host, .. } => host.clone().into_bytes(),
            Self::HostKeyUnknown { key, .. }
            | Self::HostKeyChanged { key, .. }
            | Self::HostKeyRevoked { key, .. }
            | Self::HostKeyOnlyCertificateAuthority { key, .. } => key.host.clone().into_bytes(),
            Self::AuthenticationRefused { host, .. }
            | Self::TooManyTries { host, .. }
            | Self::PromptUnanswered { host, .. }
            | Self::PasswordExpired { host, .. }
            | Self::ShellPrints { host, .. } => host.as_bytes().to_vec(),
            Self::KnownHostsUnreadable { path, .. }
            | Self::KeyUnreadable { path, .. }
            | Self::KeyTooOpen { path, .. }
            | Self::KeyEncrypted { path }
            | Self::KeyUnusable { path, .. }
            | Self::LocalFile { path, .. } => path.as_os_str().as_encoded_bytes().to_vec(),
            Self::NoSpace { path } | Self::Sftp { path, .. } => path.clone().into_bytes(),
            Self::AlgorithmMismatch { server_banner, .. } => server_banner.clone().into_bytes(),
            Self::ArgumentHasNul { .. }
            | Self::RequestRefused { .. }
            | Self::ShellFailed { .. }
            | Self::CommandTimedOut { .. }
            | Self::CommandFailed { .. }
            | Self::OutputTooLarge { .. } => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_host_key_shows_the_fingerprint_and_the_line_to_add() {
        let error = RemoteError::HostKeyUnknown {
            key: Box::new(ShownKey {
                host: "[gw1]:2222".into(),
                algorithm: "ssh-ed25519".into(),
                fingerprint: "SHA256:abc".into(),
            }),
            line: "[gw1]:2222 ssh-ed25519 AAAA".into(),
            skipped: vec!["/etc/ssh/ssh_known_hosts:3".into()],
        };
        let finding = error.to_finding();
        assert_eq!(finding.verdict, Verdict::Refused);
        assert_eq!(finding.subject, "[gw1]:2222");
        assert!(
            finding.text.contains("SHA256:abc") && finding.text.contains("known_hosts:3"),
            "{finding}"
        );
        assert!(
            finding.remedy.ends_with("[gw1]:2222 ssh-ed25519 AAAA"),
            "{finding}"
        );
    }

    #[test]
    fn verdicts_say_whether_to_run_again() {
        let gone = RemoteError::Disconnected {
            host: "gw1".into(),
            cause: "cut".into(),
        };
        assert!(gone.verdict().try_again());
        let unreachable = RemoteError::Unreachable {
            host: "gw1".into(),
            port: 22,
            cause: "refused".into(),
        };
        assert_eq!(
            (unreachable.verdict(), unreachable.subject()),
            (Verdict::Temporary, b"gw1:22".to_vec())
        );
        let refused = RemoteError::AuthenticationRefused {
            user: "root".into(),
            host: "gw1".into(),
            tried: vec!["password: refused".into()],
            accepted: "publickey".into(),
        };
        assert_eq!(refused.verdict(), Verdict::Usage);
        assert!(
            refused
                .to_string()
                .contains("password: refused; the server accepts: publickey"),
            "{refused}"
        );
    }
}
