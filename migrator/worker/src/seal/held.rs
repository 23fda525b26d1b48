//! What a comparison has seen, held until there is enough of it to be written into the job store.

use std::sync::Mutex;

use postoffice::names::RelativePath;

use crate::error::Result;
use crate::pool::lock;
use crate::store::{JobStore, SealedFile};

/// How many proven files are held before they go to the store.
const SEALED_HELD: usize = 32_768;
/// How many files that differ are held before they go to the store.
const DOUBTED_HELD: usize = 4096;

/// Files of one area.
pub(super) struct Held<'a> {
    area: u32,
    store: &'a JobStore,
    sealed: Mutex<Vec<SealedFile>>,
    /// Files of the destination that differ, by folder and name.
    doubted: Mutex<Vec<(RelativePath, Vec<u8>)>>,
}

impl<'a> Held<'a> {
    pub(super) fn new(area: u32, store: &'a JobStore) -> Self {
        Self {
            area,
            store,
            sealed: Mutex::default(),
            doubted: Mutex::default(),
        }
    }

    /// Records a file that is equal on both sides.
    pub(super) fn keep(&self, file: SealedFile) -> Result<()> {
        let mut sealed = lock(&self.sealed);
        sealed.push(file);
        if sealed.len() < SEALED_HELD {
            return Ok(());
        }
        let full = std::mem::take(&mut *sealed);
        drop(sealed);
        self.store.record_sealed(full)
    }

    /// Has the next pass, or the next run of the queues, take nothing for granted of a file of the destination.
    pub(super) fn doubt(&self, folder: &RelativePath, name: &[u8]) -> Result<()> {
        let mut doubted = lock(&self.doubted);
        doubted.push((folder.clone(), name.to_vec()));
        if doubted.len() < DOUBTED_HELD {
            return Ok(());
        }
        let full = std::mem::take(&mut *doubted);
        drop(doubted);
        self.store.doubt_files(self.area, &full)
    }

    /// Writes what is held still.
    pub(super) fn flush(&self) -> Result<()> {
        let doubted = std::mem::take(&mut *lock(&self.doubted));
        if !doubted.is_empty() {
            self.store.doubt_files(self.area, &doubted)?;
        }
        let sealed = std::mem::take(&mut *lock(&self.sealed));
        if sealed.is_empty() {
            return Ok(());
        }
        self.store.record_sealed(sealed)
    }
}
