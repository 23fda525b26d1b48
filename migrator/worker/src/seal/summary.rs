//! What the ledger has of an area in short: one number for all of it, and for each folder one of either side.
//!
//! The seal's last look compares folders by these numbers, and asks the ledger for single files only where they differ.

use std::collections::HashMap;

use blake3::{Hash, Hasher};
use postoffice::names::RelativePath;

use crate::error::Result;
use crate::places::Side;
use crate::store::{CopyIdentity, JobStore, ProvenEntry, SourceIdentity};
use crate::tree::{DigestSum, Time};

/// One number for an area: BLAKE3 over all sealed files in the order of their folders and names.
///
/// Per file: length of the folder path, folder path, length of the name, name, size, BLAKE3 of the content; lengths and
/// size as eight bytes, least significant first.
#[derive(Default)]
struct RootDigest(Hasher);

impl RootDigest {
    fn add(&mut self, folder: &RelativePath, name: &[u8], entry: &ProvenEntry) {
        for bytes in [folder.as_bytes(), name] {
            self.0.update(&(bytes.len() as u64).to_le_bytes());
            self.0.update(bytes);
        }
        self.0.update(&entry.copy.stamp.size.to_le_bytes());
        self.0.update(&entry.digest);
    }

    /// In hexadecimal.
    fn text(&self) -> String {
        self.0.finalize().to_hex().to_string()
    }
}

/// That number alone.
///
/// # Errors
/// [`crate::error::WorkerError::Store`].
pub(super) fn root_digest(store: &JobStore, area: u32) -> Result<String> {
    let mut digest = RootDigest::default();
    store.each_proven(area, |folder, name, entry| digest.add(folder, name, entry))?;
    Ok(digest.text())
}

/// The ledger of one area.
pub(super) struct Summary {
    /// The number for all of it.
    pub(super) root_digest: String,
    folders: HashMap<RelativePath, Sides>,
}

/// What identifies the files of one folder.
#[derive(Debug, Clone, Copy, Default)]
struct Sides {
    source: DigestSum,
    destination: DigestSum,
}

impl Summary {
    /// Reads the ledger of an area once.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub(super) fn read(store: &JobStore, area: u32) -> Result<Self> {
        let mut digest = RootDigest::default();
        let mut folders = HashMap::new();
        let mut current = (RelativePath::root(), Sides::default());
        store.each_proven(area, |folder, name, entry| {
            digest.add(folder, name, entry);
            if *folder != current.0 {
                let (path, sides) =
                    std::mem::replace(&mut current, (folder.clone(), Sides::default()));
                folders.insert(path, sides);
            }
            let sides = &mut current.1;
            if let Some(source) = entry.source {
                sides.source.add(&of_source(name, source));
            }
            sides.destination.add(&of_copy(name, entry.copy));
        })?;
        folders.insert(current.0, current.1);
        Ok(Self {
            root_digest: digest.text(),
            folders,
        })
    }

    /// What the files of a folder add up to on one side, by the name that the folder has at the destination.
    pub(super) fn of(&self, folder: &RelativePath, side: Side) -> DigestSum {
        let sides = self.folders.get(folder).copied().unwrap_or_default();
        match side {
            Side::Source => sides.source,
            Side::Destination => sides.destination,
        }
    }
}

/// What identifies a file of the source, by the name that it has at the destination.
pub(super) fn of_source(name: &[u8], identity: SourceIdentity) -> Hash {
    let stamp = identity.stamp;
    digest(
        name,
        stamp.size,
        &[Some(stamp.modified), identity.changed],
        0,
    )
}

/// What identifies a copy.
pub(super) fn of_copy(name: &[u8], identity: CopyIdentity) -> Hash {
    let CopyIdentity {
        stamp,
        changed,
        inode,
    } = identity;
    digest(
        name,
        stamp.size,
        &[Some(stamp.modified), Some(changed)],
        inode,
    )
}

fn digest(name: &[u8], size: u64, times: &[Option<Time>; 2], inode: u64) -> Hash {
    let mut hasher = Hasher::new();
    hasher.update(&(name.len() as u64).to_le_bytes());
    hasher.update(name);
    for number in [size, inode] {
        hasher.update(&number.to_le_bytes());
    }
    for time in times {
        hasher.update(&[u8::from(time.is_some())]);
        let time = time.unwrap_or_default();
        hasher.update(&time.seconds.to_le_bytes());
        hasher.update(&time.nanoseconds.to_le_bytes());
    }
    hasher.finalize()
}
