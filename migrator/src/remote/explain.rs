//! What each error of a connection means for the run, and what to do about it.

use protocol::{Explain, Verdict};

use super::error::RemoteError;

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
            Self::KeyUnreadable { .. } => "private-key-unreadable",
            Self::KeyTooOpen { .. } => "private-key-too-open",
            Self::KeyEncrypted { .. } => "private-key-encrypted",
            Self::KeyUnusable { .. } => "private-key-unusable",
            Self::Disconnected { .. } => "remote-disconnected",
            Self::RequestRefused { .. } => "remote-request-refused",
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
            | Self::HostKeyOnlyCertificateAuthority { .. } => Verdict::Refused,
            Self::ArgumentHasNul { .. }
            | Self::KnownHostsUnreadable { .. }
            | Self::AuthenticationRefused { .. }
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
            | Self::Sftp { .. } => Verdict::Person,
        }
    }

    fn guidance(&self) -> String {
        match self {
            Self::HostKeyUnknown { .. }
            | Self::HostKeyChanged { .. }
            | Self::HostKeyRevoked { .. }
            | Self::HostKeyOnlyCertificateAuthority { .. } => host_key_guidance(self),
            Self::AuthenticationRefused { .. }
            | Self::KeyUnreadable { .. }
            | Self::KeyTooOpen { .. }
            | Self::KeyEncrypted { .. }
            | Self::KeyUnusable { .. }
            | Self::AlgorithmMismatch { .. } => login_guidance(self),
            Self::ArgumentHasNul { .. } => "Take the NUL byte out of the setting that the argument comes from".into(),
            Self::NameNotResolved { .. } => "Correct `host` in [destination], or give an address".into(),
            Self::Unreachable { port, .. } => {
                format!("See that sshd runs on the destination and that no firewall closes port {port}")
            }
            Self::ConnectTimedOut { .. } => {
                "See that the destination is up; raise `connect_timeout_seconds` in [destination] for a slow one".into()
            }
            Self::Handshake { .. } => "See that what listens there is an sshd, and run the command again".into(),
            Self::KnownHostsUnreadable { .. } => "Correct its permissions, or `known_hosts` in [destination]".into(),
            Self::Disconnected { .. } => {
                "Run the same command again; it goes on where it stopped, and the worker keeps running meanwhile".into()
            }
            Self::RequestRefused { .. } => {
                "See `MaxSessions`, `ForceCommand`, the sftp `Subsystem` and the login shell on the destination".into()
            }
            Self::CommandTimedOut { .. } => "See what holds the command on the destination, and run again".into(),
            Self::CommandFailed { .. } => "See what the command said, correct that on the destination, and run again".into(),
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
            Self::HostKeyUnknown { host, .. }
            | Self::HostKeyChanged { host, .. }
            | Self::HostKeyRevoked { host, .. }
            | Self::HostKeyOnlyCertificateAuthority { host, .. }
            | Self::AuthenticationRefused { host, .. } => host.as_bytes().to_vec(),
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
            | Self::CommandTimedOut { .. }
            | Self::CommandFailed { .. }
            | Self::OutputTooLarge { .. } => Vec::new(),
        }
    }
}

fn host_key_guidance(error: &RemoteError) -> String {
    match error {
        RemoteError::HostKeyUnknown { line, .. } => format!(
            "Compare the fingerprint with the one that `ssh-keygen -lf` prints on the destination; if it is the same, \
             add this line to a known-hosts file: {line}"
        ),
        RemoteError::HostKeyChanged { remove, .. } => format!(
            "Somebody may be listening in; ask who changed the key, and only when that is certain remove the old one \
             with `{remove}`"
        ),
        RemoteError::HostKeyOnlyCertificateAuthority { line, .. } => format!(
            "Compare the fingerprint with the one that `ssh-keygen -lf` prints on the destination; if it is the same, \
             add the key itself to a known-hosts file: {line}"
        ),
        _ => "Do not connect; somebody declared this key as no longer to be trusted, so ask who and why".to_owned(),
    }
}

fn login_guidance(error: &RemoteError) -> String {
    match error {
        RemoteError::AuthenticationRefused { user, .. } => format!(
            "See `user`, `key`, `agent` and `password` in [destination], and authorized_keys of {user} on the destination"
        ),
        RemoteError::KeyUnreadable { .. } => "Correct `key` in [destination], or the permissions of the file".into(),
        RemoteError::KeyTooOpen { path, .. } => format!("Run `chmod 600 {}`", path.display()),
        RemoteError::KeyEncrypted { .. } => {
            "Say [destination] key_password = { prompt = true } in the worksheet, or { file = \"FILE\" }, where its \
             passphrase is to be found; or load the key into an ssh agent and say agent = true in [destination]"
                .into()
        }
        RemoteError::AlgorithmMismatch { accepted, .. } => format!(
            "The sshd of SLES 10 and 11 and others of that age knows only algorithms that are broken today; update \
             it, or use a newer destination; one of these is needed: {accepted}"
        ),
        _ => "See that the file is an OpenSSH or PEM private key and that its passphrase is right".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_host_key_shows_the_fingerprint_and_the_line_to_add() {
        let error = RemoteError::HostKeyUnknown {
            host: "[gw1]:2222".into(),
            algorithm: "ssh-ed25519".into(),
            fingerprint: "SHA256:abc".into(),
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
