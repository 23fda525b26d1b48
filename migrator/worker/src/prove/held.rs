//! What was read, held until there is enough of it to be written into the job store.

use std::sync::Mutex;

use postoffice::names::RelativePath;

use crate::error::Result;
use crate::pool::lock;
use crate::store::{JobStore, ProvenFile};

/// How many proven files are held before they go to the store.
const PROVEN_HELD: usize = 32_768;
/// How many bytes they may have before that: what is lost where a worker is killed has to be read again.
const BYTES_HELD: u64 = 1 << 30;
/// How many other files are held before they go to the store.
const NAMES_HELD: usize = 4096;

/// Files of the destination, by folder and name.
type Names = Vec<(RelativePath, Vec<u8>)>;

/// Files of one area.
pub(crate) struct Held<'a> {
    area: u32,
    store: &'a JobStore,
    proven: Mutex<(Vec<ProvenFile>, u64)>,
    /// Files whose copies are to be made again.
    doubted: Mutex<Names>,
    /// Files of the ledger that are not there any more.
    gone: Mutex<Names>,
}

impl<'a> Held<'a> {
    pub(crate) fn new(area: u32, store: &'a JobStore) -> Self {
        Self {
            area,
            store,
            proven: Mutex::default(),
            doubted: Mutex::default(),
            gone: Mutex::default(),
        }
    }

    /// Records a file that is equal on both sides.
    pub(crate) fn keep(&self, file: ProvenFile) -> Result<()> {
        let mut proven = lock(&self.proven);
        proven.1 += file.entry.copy.stamp.size;
        proven.0.push(file);
        if proven.0.len() < PROVEN_HELD && proven.1 < BYTES_HELD {
            return Ok(());
        }
        let (full, _) = std::mem::take(&mut *proven);
        drop(proven);
        self.store.record_proven(full)
    }

    /// Takes a file out of the ledger that is not there any more.
    pub(crate) fn forget(&self, folder: &RelativePath, name: Vec<u8>) -> Result<()> {
        match add(&self.gone, folder, name) {
            None => Ok(()),
            Some(full) => self.store.forget_proven(self.area, &full),
        }
    }

    /// Has the next pass, or the next run of the queues, take nothing for granted of a file of the destination.
    pub(crate) fn doubt(&self, folder: &RelativePath, name: &[u8]) -> Result<()> {
        match add(&self.doubted, folder, name.to_vec()) {
            None => Ok(()),
            Some(full) => self.store.doubt_files(self.area, &full),
        }
    }

    /// Writes what is held still.
    pub(crate) fn flush(&self) -> Result<()> {
        let doubted = std::mem::take(&mut *lock(&self.doubted));
        if !doubted.is_empty() {
            self.store.doubt_files(self.area, &doubted)?;
        }
        let gone = std::mem::take(&mut *lock(&self.gone));
        if !gone.is_empty() {
            self.store.forget_proven(self.area, &gone)?;
        }
        let (proven, _) = std::mem::take(&mut *lock(&self.proven));
        if proven.is_empty() {
            return Ok(());
        }
        self.store.record_proven(proven)
    }
}

/// Adds a name; all of them where there are enough to be written.
fn add(names: &Mutex<Names>, folder: &RelativePath, name: Vec<u8>) -> Option<Names> {
    let mut names = lock(names);
    names.push((folder.clone(), name));
    (names.len() >= NAMES_HELD).then(|| std::mem::take(&mut *names))
}
