//! Placeholder databases, until the simulator writes FLAIM.
//!
//! **These are not FLAIM databases.**  They have the right names, sizes that vary like real ones, and the first four
//! bytes `FF 57 50 43` of a real one; an independent FLAIM reader refuses them, and the guardian has no catalogue.
//! What is in them:
//!
//! | offset | bytes | what |
//! |---|---|---|
//! | 0 | 4 | `FF 57 50 43`, little-endian where it matters from here on |
//! | 4 | 20 | `gwsim placeholder 1\n` |
//! | 24 | 8 | how often the database was changed |
//! | 32 | 4 | length of the records |
//! | 1024 | that | records: JSON, one a line |
//! | after them | rest | random bytes |
//!
//! Only the post office database has records: its users and libraries (`Record`).

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// Bytes before the records.
pub(crate) const HEADER_BYTES: usize = 1024;

const MAGIC: &[u8; 24] = b"\xffWPCgwsim placeholder 1\n";
const CHANGES_AT: usize = 24;
const RECORDS_BYTES_AT: usize = 32;

/// A user of a post office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The file identifier, part of the name of the user's database: three letters or digits, in a few old sites two.
    pub fid: String,
    /// The name that people see.
    pub display_name: String,
}

/// A library of a post office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// Its folder below `gwdms`, in the case that it has on the disk.
    pub folder: String,
    /// The path of its document storage area as the source server names it; `None` where documents are in the
    /// post office.
    pub documents: Option<String>,
}

/// One record of the post office database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub(crate) enum Record {
    /// The post office itself.
    PostOffice {
        /// Its name.
        name: String,
    },
    /// A user.
    User(User),
    /// A library.
    Library(Library),
}

/// A database with records, `random_bytes` after them.
pub(crate) fn database(
    generator: &mut ChaCha8Rng,
    records: &[Record],
    random_bytes: usize,
) -> Vec<u8> {
    let mut lines = Vec::new();
    for record in records {
        // A record has only strings, which always can be written.
        if let Ok(line) = serde_json::to_vec(record) {
            lines.extend_from_slice(&line);
            lines.push(b'\n');
        }
    }
    let mut bytes = vec![0; HEADER_BYTES];
    bytes[..MAGIC.len()].copy_from_slice(MAGIC);
    let records_bytes = u32::try_from(lines.len()).unwrap_or(u32::MAX);
    bytes[RECORDS_BYTES_AT..RECORDS_BYTES_AT + 4].copy_from_slice(&records_bytes.to_le_bytes());
    bytes.extend_from_slice(&lines);
    let random_at = bytes.len();
    bytes.resize(random_at + random_bytes, 0);
    generator.fill_bytes(&mut bytes[random_at..]);
    bytes
}

/// Whether these are the bytes of a placeholder.
pub(crate) fn is_placeholder(bytes: &[u8]) -> bool {
    bytes.len() >= HEADER_BYTES && bytes.starts_with(MAGIC)
}

/// Where the random bytes begin, or `None` where the records would end after the file.
pub(crate) fn random_at(bytes: &[u8]) -> Option<usize> {
    if !is_placeholder(bytes) {
        return None;
    }
    let field = bytes
        .get(RECORDS_BYTES_AT..RECORDS_BYTES_AT + 4)?
        .try_into()
        .ok()?;
    let end = HEADER_BYTES.checked_add(u32::from_le_bytes(field) as usize)?;
    (end <= bytes.len()).then_some(end)
}

/// The records of a placeholder, or `None` where the bytes are no placeholder.
pub(crate) fn records(bytes: &[u8]) -> Option<Vec<Record>> {
    let end = random_at(bytes)?;
    bytes[HEADER_BYTES..end]
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).ok())
        .collect()
}

/// Counts one change in the header.
pub(crate) fn count_change(bytes: &mut [u8]) {
    if let Some(field) = bytes.get_mut(CHANGES_AT..CHANGES_AT + 8)
        && let Ok(old) = <[u8; 8]>::try_from(&*field)
    {
        field.copy_from_slice(&u64::from_le_bytes(old).wrapping_add(1).to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::generator;

    #[test]
    fn records_come_back_and_nonsense_is_refused() {
        let user = Record::User(User {
            fid: "1a2".into(),
            display_name: "Zoë \"Z\" Ünal".into(),
        });
        let mut bytes = database(&mut generator(1, b"x"), std::slice::from_ref(&user), 100);
        assert_eq!(records(&bytes), Some(vec![user]));
        assert_eq!(random_at(&bytes), Some(bytes.len() - 100));
        count_change(&mut bytes);
        count_change(&mut bytes);
        assert_eq!(bytes[CHANGES_AT], 2);
        bytes[RECORDS_BYTES_AT + 3] = 0xff;
        assert_eq!(records(&bytes), None);
        assert_eq!(records(b"\xffWPC"), None);
    }
}
