//! Private key files, and which public key belongs to one.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::RemoteError;

/// The longest private key file that is read, in bytes.
const KEY_BYTES_MAX: u64 = 1024 * 1024;

/// How OpenSSH's private keys begin (PROTOCOL.key of OpenSSH); behind it come four strings and a number, in this order:
/// cipher, key derivation, its options, how many keys, the public key.
const OPENSSH_MAGIC: &[u8] = b"openssh-key-v1\0";

/// The public key of a key file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicHalf {
    /// The key as the protocol has it (RFC 4253, section 6.6).
    pub blob: Vec<u8>,
    /// Whether the file has no private key: it says only which key of an agent is meant.
    pub is_alone: bool,
}

/// The public key that belongs to a key file: in the file itself, or in the one beside it whose name ends with `.pub`.
///
/// `None` where neither says it, as with a PEM file alone.
pub fn public_half(path: &Path) -> Option<PublicHalf> {
    let text = read_text(path)?;
    if let Some(blob) = of_public_line(&text) {
        let is_alone = true;
        return Some(PublicHalf { blob, is_alone });
    }
    let beside = || {
        let mut name = OsString::from(path);
        name.push(".pub");
        of_public_line(&read_text(&PathBuf::from(name))?)
    };
    let blob = of_private_file(&text).or_else(beside)?;
    let is_alone = false;
    Some(PublicHalf { blob, is_alone })
}

fn read_text(path: &Path) -> Option<Zeroizing<String>> {
    let metadata = fs::metadata(path).ok()?;
    if !metadata.is_file() || metadata.len() > KEY_BYTES_MAX {
        return None;
    }
    fs::read_to_string(path).ok().map(Zeroizing::new)
}

/// The key of a line such as `ssh-ed25519 AAAA... comment`.
fn of_public_line(text: &str) -> Option<Vec<u8>> {
    let mut words = text.split_whitespace();
    let (kind, body) = (words.next()?, words.next()?);
    let blob = STANDARD.decode(body).ok()?;
    // The name of its kind is the key's first string.
    let (named, _) = string(&blob)?;
    (named == kind.as_bytes()).then_some(blob)
}

/// The public key in an OpenSSH private key, which is in the clear also where the private one is encrypted.
fn of_private_file(text: &str) -> Option<Vec<u8>> {
    let body = Zeroizing::new(STANDARD.decode(openssh_body(text)?.as_bytes()).ok()?);
    let mut rest = body.strip_prefix(OPENSSH_MAGIC)?;
    for _ in 0..3 {
        rest = string(rest)?.1;
    }
    let (_, rest) = rest.split_at_checked(4)?;
    Some(string(rest)?.0.to_vec())
}

/// A string of the protocol, and what comes behind it (RFC 4251, section 5).
fn string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)
}

/// What stands between the lines that mark an OpenSSH private key, without line ends.
fn openssh_body(text: &str) -> Option<Zeroizing<String>> {
    let (_, body) = text.split_once("-----BEGIN OPENSSH PRIVATE KEY-----")?;
    let body = body.split("-----").next().unwrap_or_default();
    Some(Zeroizing::new(body.split_whitespace().collect()))
}

/// The text of a private key file that only its owner can read.
pub(super) fn read_key(
    path: &Path,
    has_passphrase: bool,
) -> Result<Zeroizing<String>, RemoteError> {
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
    let Some(body) = openssh_body(key) else {
        return false;
    };
    // The first 39 bytes are the mark and the name of the cipher, which is `none` for a key in the clear.
    let Ok(head) = STANDARD.decode(body.get(..52).unwrap_or_default()) else {
        return false;
    };
    head.strip_prefix(OPENSSH_MAGIC)
        .is_some_and(|rest| !rest.starts_with(b"\0\0\0\x04none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of an OpenSSH private key that names this cipher.
    fn openssh_key(cipher: &str) -> String {
        let mut head = OPENSSH_MAGIC.to_vec();
        head.extend_from_slice(&u32::try_from(cipher.len()).expect("short").to_be_bytes());
        head.extend_from_slice(cipher.as_bytes());
        head.extend_from_slice(&[0; 64]);
        let body = STANDARD.encode(head);
        let (first, second) = body.split_at(70);
        format!(
            "-----BEGIN OPENSSH PRIVATE KEY-----\n{first}\n{second}\n-----END OPENSSH PRIVATE KEY-----\n"
        )
    }

    fn key_file(folder: &Path, text: &str) -> PathBuf {
        let path = folder.join("key");
        fs::write(&path, text).expect("write");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("chmod");
        path
    }

    /// A string of the protocol.
    fn put(bytes: &mut Vec<u8>, text: &[u8]) {
        bytes.extend_from_slice(&u32::try_from(text.len()).expect("short").to_be_bytes());
        bytes.extend_from_slice(text);
    }

    #[test]
    fn the_public_half_is_found_in_the_file_and_beside_it() {
        let folder = tempfile::tempdir().expect("folder");
        let mut blob = Vec::new();
        put(&mut blob, b"ssh-ed25519");
        put(&mut blob, &[7; 32]);
        let line = format!("ssh-ed25519 {} me@here\n", STANDARD.encode(&blob));
        for cipher in ["none", "aes256-ctr"] {
            let mut body = OPENSSH_MAGIC.to_vec();
            for text in [cipher, "bcrypt", "options"] {
                put(&mut body, text.as_bytes());
            }
            body.extend_from_slice(&[0, 0, 0, 1]);
            put(&mut body, &blob);
            let marks =
                ["BEGIN", "END"].map(|word| format!("-----{word} OPENSSH PRIVATE KEY-----\n"));
            let text = format!("{}{}\n{}", marks[0], STANDARD.encode(&body), marks[1]);
            let path = key_file(folder.path(), &text);
            let found = public_half(&path).expect("found");
            assert_eq!((&found.blob, found.is_alone), (&blob, false), "{cipher}");
            // A file that is cut says nothing, and nothing is read beyond its end.
            for cut in 0..body.len() {
                let text = format!(
                    "{}{}\n{}",
                    marks[0],
                    STANDARD.encode(&body[..cut]),
                    marks[1]
                );
                assert_eq!(public_half(&key_file(folder.path(), &text)), None, "{cut}");
            }
        }
        let path = key_file(folder.path(), "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n");
        assert_eq!(public_half(&path), None);
        fs::write(folder.path().join("key.pub"), &line).expect("write");
        let found = public_half(&path).expect("beside it");
        assert_eq!((&found.blob, found.is_alone), (&blob, false));
        let found = public_half(&folder.path().join("key.pub")).expect("itself");
        assert_eq!((&found.blob, found.is_alone), (&blob, true));
        assert_eq!(public_half(&folder.path().join("absent")), None);
        fs::write(folder.path().join("key.pub"), "ssh-rsa AAAA").expect("write");
        assert_eq!(public_half(&path), None);
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
