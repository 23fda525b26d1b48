//! One line of a known-hosts file.

use std::fmt;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use postoffice::names::printable;

use super::algorithm;
use super::host_pattern::HostPatterns;

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
pub(super) enum Marker {
    /// It is a key of the hosts.
    None,
    /// It must never be accepted for the hosts.
    Revoked,
    /// It signs certificates for the hosts.
    CertificateAuthority,
}

/// A well-formed line.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) position: Position,
    pub(super) marker: Marker,
    pub(super) hosts: HostPatterns,
    pub(super) algorithm: String,
    pub(super) key: Vec<u8>,
}

/// What a line is.
#[derive(Debug, Clone)]
pub(super) enum Parsed {
    /// Empty, or a comment.
    Nothing,
    /// An entry.
    Entry(Entry),
    /// Anything else.
    Malformed,
}

pub(super) fn parse(text: &str, position: &Position) -> Parsed {
    let text = text.trim_matches([' ', '\t', '\r']);
    if text.is_empty() || text.starts_with('#') {
        return Parsed::Nothing;
    }
    parse_entry(text, position).map_or(Parsed::Malformed, Parsed::Entry)
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
