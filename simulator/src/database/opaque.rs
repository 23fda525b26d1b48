//! A guardian of the older generation, as far as one can be made without its format: only GroupWise's own tools are
//! supposed to change it.
//!
//! **The layout is made up.**  True to what is known are the first bytes, by which a migrator must recognise what it does
//! not understand: product 1Fh, and a version 2 of FLAIM in the place where later generations have theirs.
//!
//! | offset | bytes | what, little-endian |
//! |---|---|---|
//! | 0 | 4 | `FF 57 50 43` |
//! | 4 | 4 | 16 |
//! | 8 | 1 | 1Fh: GroupWise |
//! | 1024 | 8 | how often the database was changed |
//! | 1876 | 9 | `FLAIM2.00` |
//! | 2048 | 4 | number of entries |
//! | 2052 | … | entries: title, folder, name, file in clear text, each behind its length in 2 bytes; then number and parent in 4 bytes each, then the password like a text |
//! | behind | … | zeros up to a multiple of 4096 |

use super::edit::Edit;
use crate::model::Store;

/// What the first bytes of every WordPerfect file are.
const MAGIC: &[u8; 9] = b"\xffWPC\x10\0\0\0\x1f";
const CHANGES_AT: usize = 1024;
const VERSION_AT: usize = 1876;
const VERSION: &[u8; 9] = b"FLAIM2.00";
const ENTRIES_AT: usize = 2048;
const ROUND_BYTES: usize = 4096;

/// A guardian of the older generation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OpaqueGuardian {
    /// How often it was changed.
    pub changes: u64,
    /// What it catalogues.
    pub stores: Vec<Store>,
    /// The least number of bytes that it takes.
    pub bytes_min: usize,
}

impl OpaqueGuardian {
    /// The guardian in these bytes; `None` where they are none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(MAGIC) || !bytes.get(VERSION_AT..)?.starts_with(VERSION) {
            return None;
        }
        let changes = bytes.get(CHANGES_AT..CHANGES_AT + 8)?.try_into().ok()?;
        let mut rest = Rest(bytes.get(ENTRIES_AT..)?);
        let count = rest.number()?;
        let mut stores = Vec::new();
        // Each turn takes some of the bytes, or there is no guardian.
        for _ in 0..count {
            stores.push(Store {
                title: rest.text()?,
                folder: rest.text()?,
                name: rest.text()?,
                file: rest.text()?,
                number: rest.number()?,
                parent: rest.number()?,
                password: rest.bytes()?.to_vec(),
            });
        }
        Some(Self {
            changes: u64::from_le_bytes(changes),
            stores,
            bytes_min: bytes.len(),
        })
    }

    /// The bytes of the guardian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; ENTRIES_AT];
        bytes[..MAGIC.len()].copy_from_slice(MAGIC);
        bytes[CHANGES_AT..CHANGES_AT + 8].copy_from_slice(&self.changes.to_le_bytes());
        bytes[VERSION_AT..VERSION_AT + VERSION.len()].copy_from_slice(VERSION);
        let count = u32::try_from(self.stores.len()).unwrap_or(u32::MAX);
        bytes.extend_from_slice(&count.to_le_bytes());
        for store in &self.stores {
            for text in [&store.title, &store.folder, &store.name, &store.file] {
                push(&mut bytes, text.as_bytes());
            }
            bytes.extend_from_slice(&store.number.to_le_bytes());
            bytes.extend_from_slice(&store.parent.to_le_bytes());
            push(&mut bytes, &store.password);
        }
        let length = bytes.len().next_multiple_of(ROUND_BYTES);
        bytes.resize(length.max(self.bytes_min), 0);
        bytes
    }
}

impl OpaqueGuardian {
    /// The same guardian after one change.
    pub(crate) fn edited(mut self, by: Edit<'_>) -> Self {
        self.changes = self.changes.wrapping_add(1);
        match by {
            Edit::Grow(bytes) => self.bytes_min += bytes,
            Edit::AddStore(store) => self.stores.push(store.clone()),
            Edit::RemoveStores(names) => self.stores.retain(|store| !names.contains(&store.name)),
            // It has neither users nor mail.
            Edit::Note | Edit::AddUser(_) | Edit::Mailbox(_) | Edit::Messages(_) => {}
        }
        self
    }
}

/// The same guardian with its folder and file names in lower case, and everything else as it was: what GroupWise's own
/// tool does when it is told `storelowercase`.  `None` where the bytes are no guardian.
pub fn lower_case_names(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut guardian = OpaqueGuardian::parse(bytes)?;
    for store in &mut guardian.stores {
        for name in [&mut store.folder, &mut store.name, &mut store.file] {
            name.make_ascii_lowercase();
        }
    }
    guardian.changes = guardian.changes.wrapping_add(1);
    Some(guardian.to_bytes())
}

fn push(bytes: &mut Vec<u8>, part: &[u8]) {
    let length = u16::try_from(part.len()).unwrap_or(u16::MAX);
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(part.get(..usize::from(length)).unwrap_or(part));
}

/// Bytes that are taken from the front.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        Some(u32::from_le_bytes(self.take(4)?.try_into().ok()?))
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let length = u16::from_le_bytes(self.take(2)?.try_into().ok()?);
        self.take(usize::from(length))
    }

    fn text(&mut self) -> Option<String> {
        String::from_utf8(self.bytes()?.to_vec()).ok()
    }
}
