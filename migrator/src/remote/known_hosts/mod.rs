//! OpenSSH's `known_hosts` files, read strictly.
//!
//! The ssh library treats `@revoked` and `@cert-authority` lines like any other, so the decision whether a host key
//! may be trusted is made here.  Nothing is ever added to a file.
//!
//! ```text
//! files -> line::parse -> entries -> check(host, port, key) -> Match | Unknown | Changed | Revoked | OnlyCertificateAuthority
//! ```

mod check;
mod host_pattern;
mod line;

pub use check::{HostKeyState, host_name_in_files};
pub use line::Position;

use std::io::ErrorKind;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use sha2::{Digest as _, Sha256};

use super::error::RemoteError;
use line::{Entry, Parsed};

/// Everything that some known-hosts files say.
#[derive(Debug, Clone, Default)]
pub struct KnownHosts {
    entries: Vec<Entry>,
    malformed: Vec<Position>,
}

impl KnownHosts {
    /// Reads the files; one that does not exist counts as empty, one that cannot be read is an error.
    pub fn read(paths: &[PathBuf]) -> Result<Self, RemoteError> {
        let mut known_hosts = Self::default();
        for path in paths {
            match std::fs::read(path) {
                Ok(bytes) => known_hosts.add(path, &String::from_utf8_lossy(&bytes)),
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
                Err(error) => {
                    return Err(RemoteError::KnownHostsUnreadable {
                        path: path.clone(),
                        cause: error.to_string(),
                    });
                }
            }
        }
        Ok(known_hosts)
    }

    /// Adds the lines of one more file.
    pub fn add(&mut self, path: impl Into<PathBuf>, text: &str) {
        let path = path.into();
        for (index, text) in text.lines().enumerate() {
            let position = Position {
                path: path.clone(),
                line: index + 1,
            };
            match line::parse(text, &position) {
                Parsed::Nothing => {}
                Parsed::Entry(entry) => self.entries.push(entry),
                Parsed::Malformed => self.malformed.push(position),
            }
        }
    }

    /// Lines that were skipped because they are malformed.
    pub fn malformed(&self) -> &[Position] {
        &self.malformed
    }
}

/// The fingerprint of a key as OpenSSH prints it.
pub fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

/// The algorithm that a key names in its first field, or `unknown`.
pub fn algorithm(key: &[u8]) -> String {
    key.split_at_checked(4)
        .and_then(|(length, rest)| {
            let length = u32::from_be_bytes(length.try_into().ok()?);
            rest.get(..usize::try_from(length).ok()?)
        })
        .and_then(|name| std::str::from_utf8(name).ok())
        .filter(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_graphic()))
        .unwrap_or("unknown")
        .to_owned()
}

/// The line that makes a key known for a host.
pub fn line_to_add(host: &str, port: u16, key: &[u8]) -> String {
    format!(
        "{} {} {}",
        host_name_in_files(host, port),
        algorithm(key),
        STANDARD.encode(key)
    )
}
