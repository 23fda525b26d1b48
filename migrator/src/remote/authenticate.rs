//! Logging in, with each given way in turn.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use secrecy::{ExposeSecret as _, SecretString};
use ssh2::{KeyboardInteractivePrompt, Prompt, Session};
use zeroize::Zeroizing;

use super::error::RemoteError;
use super::options::timed_out;
use super::options::{Authentication, ConnectOptions};

/// What libssh2 says where the server did not accept a way to log in.
const REFUSED: [i32; 3] = [-18, -19, -48];

/// The longest private key file that is read, in bytes.
const KEY_BYTES_MAX: u64 = 1024 * 1024;

/// Logs in, or says what was tried and what the server accepts.
pub(super) fn authenticate(options: &ConnectOptions, session: &Session) -> Result<(), RemoteError> {
    // The library says "none" worked by an empty list and by being logged in.
    let accepted = session
        .auth_methods(&options.user)
        .map(str::to_owned)
        .map_err(|error| disconnected(options, &error))?;
    let mut tried = Vec::new();
    for way in &options.authentication {
        if session.authenticated() {
            break;
        }
        let outcome = match way {
            Authentication::Agent { socket } => try_agent(options, session, socket),
            Authentication::Key { path, passphrase } => {
                try_key(options, session, path, passphrase.as_ref())
            }
            Authentication::Password(password) => {
                try_password(options, session, password, &accepted)
            }
        };
        if let Some(refusal) = outcome? {
            tried.push(refusal);
        }
    }
    if session.authenticated() {
        return Ok(());
    }
    Err(RemoteError::AuthenticationRefused {
        user: options.user.as_str().into(),
        host: options.host.as_str().into(),
        tried,
        accepted: accepted.into(),
    })
}

/// Why one way did not work; `None` where it did.
type Refusal = Option<String>;

fn try_agent(
    options: &ConnectOptions,
    session: &Session,
    socket: &Path,
) -> Result<Refusal, RemoteError> {
    let failed = |error: ssh2::Error| Ok(Some(format!("agent: {}", error.message())));
    let mut agent = match session.agent() {
        Ok(agent) => agent,
        Err(error) => return failed(error),
    };
    let listed = agent
        .set_identity_path(socket)
        .and_then(|()| agent.connect())
        .and_then(|()| agent.list_identities())
        .and_then(|()| agent.identities());
    let identities = match listed {
        Ok(identities) => identities,
        Err(error) => return failed(error),
    };
    for identity in &identities {
        match agent.userauth(&options.user, identity) {
            Ok(()) => return Ok(None),
            Err(error) if is_disconnected(&error) => return Err(disconnected(options, &error)),
            Err(_) => {}
        }
    }
    Ok(Some(format!("agent: {} keys refused", identities.len())))
}

fn try_key(
    options: &ConnectOptions,
    session: &Session,
    path: &Path,
    passphrase: Option<&SecretString>,
) -> Result<Refusal, RemoteError> {
    let key = read_key(path, passphrase.is_some())?;
    let passphrase = passphrase.map(SecretString::expose_secret);
    match session.userauth_pubkey_memory(&options.user, None, &key, passphrase) {
        Ok(()) => Ok(None),
        Err(error) if is_disconnected(&error) => Err(disconnected(options, &error)),
        Err(error) if is_refusal(&error) => Ok(Some(format!("key {}: refused", path.display()))),
        Err(error) => Err(RemoteError::KeyUnusable {
            path: path.to_owned(),
            cause: error.message().to_owned(),
        }),
    }
}

fn try_password(
    options: &ConnectOptions,
    session: &Session,
    password: &SecretString,
    accepted: &str,
) -> Result<Refusal, RemoteError> {
    let accepts = |method| accepted.split(',').any(|accepted| accepted == method);
    // SUSE's sshd asks for passwords through keyboard-interactive only.
    let (method, result) = if accepts("password") || !accepts("keyboard-interactive") {
        (
            "password",
            session.userauth_password(&options.user, password.expose_secret()),
        )
    } else {
        let mut answer = AnswerPassword { password };
        (
            "keyboard-interactive",
            session.userauth_keyboard_interactive(&options.user, &mut answer),
        )
    };
    match result {
        Ok(()) => Ok(None),
        Err(error) if is_disconnected(&error) => Err(disconnected(options, &error)),
        Err(_) => Ok(Some(format!("{method}: refused"))),
    }
}

/// Answers the one hidden question that a server asks for a password; any other question gets no answer.
struct AnswerPassword<'a> {
    password: &'a SecretString,
}

impl KeyboardInteractivePrompt for AnswerPassword<'_> {
    fn prompt(&mut self, _user: &str, _instructions: &str, prompts: &[Prompt<'_>]) -> Vec<String> {
        prompts
            .iter()
            .map(|prompt| {
                if prompt.echo {
                    String::new()
                } else {
                    self.password.expose_secret().to_owned()
                }
            })
            .collect()
    }
}

/// The text of a private key file that only its owner can read.
fn read_key(path: &Path, has_passphrase: bool) -> Result<Zeroizing<String>, RemoteError> {
    let unreadable = |cause: String| RemoteError::KeyUnreadable {
        path: path.to_owned(),
        cause,
    };
    let metadata = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !metadata.is_file() || metadata.len() > KEY_BYTES_MAX {
        return Err(unreadable(
            "it is no regular file of the size of a key".into(),
        ));
    }
    let mode = metadata.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(RemoteError::KeyTooOpen {
            path: path.to_owned(),
            mode,
        });
    }
    let key = fs::read_to_string(path)
        .map(Zeroizing::new)
        .map_err(|error| unreadable(error.to_string()))?;
    if !has_passphrase && is_encrypted(&key) {
        return Err(RemoteError::KeyEncrypted {
            path: path.to_owned(),
        });
    }
    Ok(key)
}

/// Whether a private key needs a passphrase: PEM files say so in plain text, OpenSSH's name their cipher.
fn is_encrypted(key: &str) -> bool {
    if key.contains("ENCRYPTED") {
        return true;
    }
    let Some((_, body)) = key.split_once("-----BEGIN OPENSSH PRIVATE KEY-----") else {
        return false;
    };
    let body: String = body
        .split("-----")
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    // The first 39 bytes are the mark and the name of the cipher, which is `none` for a key in the clear.
    let Ok(head) = STANDARD.decode(body.get(..52).unwrap_or_default()) else {
        return false;
    };
    head.strip_prefix(b"openssh-key-v1\0")
        .is_some_and(|rest| !rest.starts_with(b"\0\0\0\x04none"))
}

fn is_refusal(error: &ssh2::Error) -> bool {
    matches!(error.code(), ssh2::ErrorCode::Session(code) if REFUSED.contains(&code))
}

/// What libssh2 says where a connection ended before the server answered; it gives the code of a refusal with it.
const UNANSWERED: &str = "Waiting for ";

/// Whether the connection itself broke: a socket error, a time-out, or an answer that never came.
fn is_disconnected(error: &ssh2::Error) -> bool {
    matches!(
        error.code(),
        ssh2::ErrorCode::Session(-7 | -9 | -13 | -30 | -43 | -45)
    ) || error.message().starts_with(UNANSWERED)
}

/// What a connection that ended while it was being made is told as.
pub(super) fn disconnected(options: &ConnectOptions, error: &ssh2::Error) -> RemoteError {
    if error.code() == ssh2::ErrorCode::Session(-9) {
        return timed_out(options, "logging in");
    }
    RemoteError::Disconnected {
        host: options.host.clone(),
        cause: error.message().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of an OpenSSH private key that names this cipher.
    fn openssh_key(cipher: &str) -> String {
        let mut head = b"openssh-key-v1\0".to_vec();
        head.extend_from_slice(&u32::try_from(cipher.len()).expect("short").to_be_bytes());
        head.extend_from_slice(cipher.as_bytes());
        head.extend_from_slice(&[0; 64]);
        let body = STANDARD.encode(head);
        let (first, second) = body.split_at(70);
        format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{first}\n{second}\n-----END OPENSSH PRIVATE KEY-----\n"
        )
    }

    fn key_file(folder: &Path, text: &str) -> std::path::PathBuf {
        let path = folder.join("key");
        fs::write(&path, text).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        path
    }

    #[test]
    fn encrypted_keys_are_recognised_in_each_format() {
        let table = [
            (openssh_key("none"), false),
            (openssh_key("aes256-ctr"), true),
            ("-----BEGIN RSA PRIVATE KEY-----\nMIIE\n".into(), false),
            (
                "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n".into(),
                true,
            ),
            ("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIE\n".into(), true),
            ("-----BEGIN OPENSSH PRIVATE KEY-----\n".into(), false),
            (String::new(), false),
        ];
        for (text, encrypted) in table {
            let folder = tempfile::tempdir().expect("folder");
            let path = key_file(folder.path(), &text);
            let expected = if encrypted {
                Err(RemoteError::KeyEncrypted { path: path.clone() })
            } else {
                Ok(text.clone())
            };
            assert_eq!(read_key(&path, false).map(|key| key.to_string()), expected);
            assert!(read_key(&path, true).is_ok(), "{text}");
        }
    }

    #[test]
    fn key_files_that_are_open_to_others_or_absent_are_refused() {
        let folder = tempfile::tempdir().expect("folder");
        let path = key_file(folder.path(), &openssh_key("none"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).expect("chmod");
        assert_eq!(
            read_key(&path, false),
            Err(RemoteError::KeyTooOpen {
                path: path.clone(),
                mode: 0o640
            })
        );
        let absent = folder.path().join("absent");
        assert!(matches!(
            read_key(&absent, false),
            Err(RemoteError::KeyUnreadable { .. })
        ));
        assert!(matches!(
            read_key(folder.path(), false),
            Err(RemoteError::KeyUnreadable { .. })
        ));
    }
}
