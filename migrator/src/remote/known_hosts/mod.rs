//! OpenSSH's `known_hosts` files, read strictly.
//!
//! The ssh library treats `@revoked` and `@cert-authority` lines like any other, so the decision whether a host key
//! may be trusted is made here.  Nothing is ever added to a file.
//!
//! ```text
//! files -> entries -> check(host, port, key) -> Match | Unknown | Changed | Revoked | OnlyCertificateAuthority
//! ```

mod host_pattern;

use std::fmt;
use std::io::ErrorKind;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use postoffice::names::printable;
use sha2::{Digest as _, Sha256};

use super::error::RemoteError;
use host_pattern::HostPatterns;

/// Where a line stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The file.
    pub path: PathBuf,
    /// The line's number, from 1.
    pub line: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}:{}",
            printable(self.path.as_os_str().as_encoded_bytes()),
            self.line
        )
    }
}

/// What a line says about its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    /// It is a key of the hosts.
    None,
    /// It must never be accepted for the hosts.
    Revoked,
    /// It signs certificates for the hosts.
    CertificateAuthority,
}

/// A well-formed line.
#[derive(Debug, Clone)]
struct Entry {
    position: Position,
    marker: Marker,
    hosts: HostPatterns,
    algorithm: String,
    key: Vec<u8>,
}

/// What known-hosts files say about the key that a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostKeyState {
    /// It is the key of this host.
    Match,
    /// There is no key for this host.
    Unknown,
    /// There are other keys for this host, and this is none of them.
    Changed {
        /// The entry that conflicts: one of the same type where there is one.
        known_at: Position,
    },
    /// The key is declared as never to be accepted.
    Revoked {
        /// The entry that says so.
        revoked_at: Position,
    },
    /// There is no key for this host but that of an authority for host certificates.
    OnlyCertificateAuthority {
        /// The authority's entry.
        authority_at: Position,
    },
}

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
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim_matches([' ', '\t', '\r']);
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let position = Position {
                path: path.clone(),
                line,
            };
            match parse_entry(text, &position) {
                Some(entry) => self.entries.push(entry),
                None => self.malformed.push(position),
            }
        }
    }

    /// Lines that were skipped because they are malformed.
    pub fn malformed(&self) -> &[Position] {
        &self.malformed
    }

    /// Compares the key that a server showed with what the files say about its host.
    ///
    /// A revocation counts before everything else, in whichever file it stands.
    pub fn check(&self, host: &str, port: u16, key: &[u8]) -> HostKeyState {
        let entries = self.entries_of(host, port);
        let is_this_key = |entry: &&&Entry| entry.key == key;
        let with = |marker| entries.iter().filter(move |entry| entry.marker == marker);
        if let Some(entry) = with(Marker::Revoked).find(is_this_key) {
            return HostKeyState::Revoked {
                revoked_at: entry.position.clone(),
            };
        }
        if with(Marker::None).any(|entry| entry.key == key) {
            return HostKeyState::Match;
        }
        let shown = algorithm(key);
        let same_type = with(Marker::None).find(|entry| entry.algorithm == shown);
        if let Some(entry) = same_type.or_else(|| with(Marker::None).next()) {
            return HostKeyState::Changed {
                known_at: entry.position.clone(),
            };
        }
        match with(Marker::CertificateAuthority).next() {
            Some(entry) => HostKeyState::OnlyCertificateAuthority {
                authority_at: entry.position.clone(),
            },
            None => HostKeyState::Unknown,
        }
    }

    /// The types of the keys that are known for a host, as they stand in the files, each once.
    pub fn key_types(&self, host: &str, port: u16) -> Vec<String> {
        let mut types: Vec<String> = Vec::new();
        for entry in self.entries_of(host, port) {
            if entry.marker == Marker::None && !types.contains(&entry.algorithm) {
                types.push(entry.algorithm.clone());
            }
        }
        types
    }

    fn entries_of(&self, host: &str, port: u16) -> Vec<&Entry> {
        let name = host_name_in_files(host, port);
        self.entries
            .iter()
            .filter(|entry| entry.hosts.matches(&name))
            .collect()
    }
}

fn parse_entry(text: &str, position: &Position) -> Option<Entry> {
    let mut fields = text.split([' ', '\t']).filter(|field| !field.is_empty());
    let mut first = fields.next()?;
    let marker = match first {
        "@revoked" => Marker::Revoked,
        "@cert-authority" => Marker::CertificateAuthority,
        // A marker that a newer OpenSSH knows must not be read as the name of a host.
        other if other.starts_with('@') => return None,
        _ => Marker::None,
    };
    if marker != Marker::None {
        first = fields.next()?;
    }
    let hosts = HostPatterns::parse(first)?;
    let named = fields.next()?;
    let key = STANDARD.decode(fields.next()?).ok()?;
    // The key's own first field decides; a line where the two differ is not what its writer meant.
    let algorithm = algorithm(&key);
    (algorithm == named).then(|| Entry {
        position: position.clone(),
        marker,
        hosts,
        algorithm,
        key,
    })
}

/// How known-hosts files name a host: in lower case, with the port only where it is not 22.
pub fn host_name_in_files(host: &str, port: u16) -> String {
    let host = host.to_ascii_lowercase();
    if port == 22 {
        host
    } else {
        format!("[{host}]:{port}")
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

#[cfg(test)]
mod tests;
