//! Making copies durable in batches, and only then writing them into the manifest.
//!
//! One thread takes finished copies from a bounded queue.  When a batch is full it asks the file system to write out
//! everything (`syncfs`) and commits the batch to the manifest.  A failed `syncfs` condemns the batch: it is never
//! tried again on the same files, because a kernel may forget a failed write (ARCHITECTURE.md rule 6).

use std::collections::BTreeSet;
use std::time::Duration;

use crossbeam_channel::{Receiver, Sender};
use postoffice::names::RelativePath;

use crate::capabilities::Area;
use crate::error::{Result, WorkerError};
use crate::store::{Copied, JobStore};

/// A batch is committed when it has so many files…
const BATCH_FILES: usize = 16_384;
/// …or so many bytes, so that a cut costs little repeated work.
const BATCH_BYTES: u64 = 512 << 20;
/// How many finished copies may wait for the committer before the copying threads do: more than are made while a batch
/// becomes durable.
const QUEUE_RECORDS: usize = 8192;
/// How long finished copies gather in the queue before they are taken out: waking a thread for each file costs more than
/// the file's row in the manifest.
const GATHERING: Duration = Duration::from_millis(5);

/// What is to be recorded.
#[derive(Debug)]
pub(crate) enum Record {
    /// A file was copied.
    File(Box<Copied>),
    /// A folder was made.
    Folder {
        /// Number of its area in the order.
        area: u32,
        /// Its path at the destination.
        path: RelativePath,
    },
}

/// Where copying threads hand in what they finished.
#[derive(Debug, Clone)]
pub(crate) struct Committer {
    records: Sender<Record>,
}

impl Committer {
    /// Hands a record in; says whether the committer still takes any (it does not after an error).
    pub(crate) fn hand_in(&self, record: Record) -> bool {
        self.records.send(record).is_ok()
    }
}

/// Runs `work` with a committer beside it, and commits what is left when it is done.
///
/// # Errors
/// The error of the committer where it has one, else that of `work`.
pub(crate) fn with_committer<T>(
    store: &JobStore,
    areas: &[Area],
    pass: i64,
    work: impl FnOnce(&Committer) -> Result<T>,
) -> Result<T> {
    let (sender, receiver) = crossbeam_channel::bounded(QUEUE_RECORDS);
    std::thread::scope(|scope| {
        let committing = scope.spawn(move || commit_all(store, areas, pass, &receiver));
        let committer = Committer { records: sender };
        let outcome = work(&committer);
        drop(committer);
        let committed = committing.join().unwrap_or_else(|_| {
            Err(WorkerError::Order {
                text: "The thread of the manifest died".into(),
            })
        });
        committed.and(outcome)
    })
}

#[derive(Default)]
struct Batch {
    files: Vec<Copied>,
    folders: Vec<(u32, RelativePath)>,
    bytes: u64,
}

impl Batch {
    fn add(&mut self, record: Record) {
        match record {
            Record::File(copied) => {
                self.bytes += copied.file.size;
                self.files.push(*copied);
            }
            Record::Folder { area, path } => self.folders.push((area, path)),
        }
    }

    fn is_full(&self) -> bool {
        self.files.len() >= BATCH_FILES || self.bytes >= BATCH_BYTES
    }

    fn is_empty(&self) -> bool {
        self.files.is_empty() && self.folders.is_empty()
    }
}

fn commit_all(
    store: &JobStore,
    areas: &[Area],
    pass: i64,
    records: &Receiver<Record>,
) -> Result<()> {
    let mut batch = Batch::default();
    while let Ok(first) = records.recv() {
        for record in std::iter::once(first).chain(records.try_iter()) {
            batch.add(record);
            if batch.is_full() {
                commit(store, areas, pass, std::mem::take(&mut batch))?;
            }
        }
        std::thread::sleep(GATHERING);
    }
    commit(store, areas, pass, batch)
}

fn commit(store: &JobStore, areas: &[Area], pass: i64, mut batch: Batch) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let touched: BTreeSet<u32> = batch
        .files
        .iter()
        .map(|copied| copied.area)
        .chain(batch.folders.iter().map(|(area, _)| *area))
        .collect();
    Area::sync_touched(areas, &touched, batch.files.len())?;
    for area in areas {
        let folders: Vec<RelativePath> = batch
            .folders
            .iter()
            .filter(|(id, _)| *id == area.id)
            .map(|(_, path)| path.clone())
            .collect();
        if !folders.is_empty() {
            store.record_folders(area.id, pass, &folders)?;
        }
    }
    // In the order of the table, so that neighbours are written together.
    batch.files.sort_by(|left, right| {
        fn key(copied: &Copied) -> (u32, &RelativePath, &Vec<u8>) {
            (copied.area, &copied.folder, &copied.name)
        }
        key(left).cmp(&key(right))
    });
    store.commit_copied(pass, &batch.files)
}
