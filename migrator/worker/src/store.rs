//! The job store: one SQLite file in the job folder.
//!
//! It holds the journal of the steps, the passes, the manifest of what was copied and proven, the plans of
//! destructive work, and the findings.  Every change is one durable transaction, announced to the monitor before and
//! after; killed between any two of them, the next run goes on (ARCHITECTURE, invariant 6).
//!
//! SQLite opens its file by path, and its write-ahead log beside it, before the sandbox is closed.  Afterwards it has no
//! path-based calls left but to sync the folder, which is durable by then, and to remove that log at the end; Landlock
//! refuses both, and the next command folds the log in.

mod accepted;
mod facts;
mod findings;
mod generation;
mod life;
mod manifest;
mod passes;
mod places;
mod proven;
mod queue_items;
mod removals;
mod renames;
mod rows;
mod schema;
mod status;
mod steps;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postoffice::names::RelativePath;
use rusqlite::{Connection, OpenFlags, Transaction};
use rustix::io::Errno;

use crate::error::{Result, WorkerError};
use crate::monitor::{JournalMoment, Monitor};
use crate::pool::is_short_of_handles;
use crate::tree::Time;

pub use accepted::Found;
pub use manifest::{Copied, FolderOwner, Manifest, ManifestFile, Rewritten};
pub use passes::{Pass, UnfinishedPass};
pub use proven::{
    CopyIdentity, ProvenEntry, ProvenFile, ProvenFolder, SealedSource, SourceIdentity, Stamp,
};
pub use queue_items::{ItemState, QueueItem, StandingItem};
pub use removals::{Removal, RemovalKind};
pub use renames::{FolderRenames, Level, NAMES_PER_ROW, Rename};

pub use protocol::STORE_FILE;

/// How long a writer waits for another one, such as a `status` beside a pass.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of the store the writing connection holds in memory, in KiB: what a batch touches.
const WRITER_CACHE_KIB: i64 = 16_384;

/// The same for each of the reading ones: they read on from row to row, and seldom come back.
const READER_CACHE_KIB: i64 = 512;

/// How many pages of 4 KiB the write-ahead log may have before it is folded into the store, which waits for the disk three
/// times where a commit waits once.
const LOG_PAGES: i64 = 8192;

/// The writing connection and as many reading ones as there are threads; all opened before the sandbox closes.
pub struct JobStore {
    writer: Mutex<Connection>,
    readers: Mutex<Vec<Connection>>,
    readers_count: usize,
    /// A reader is free again.
    returned: Condvar,
    monitor: Arc<dyn Monitor>,
    folder: PathBuf,
}

fn open_reader(file: &Path) -> rusqlite::Result<Connection> {
    let reader = connect(file, OpenFlags::default())?;
    reader.pragma_update(None, "query_only", true)?;
    reader.pragma_update(None, "cache_size", -READER_CACHE_KIB)?;
    // Touches the write-ahead log, so that everything is open before the sandbox closes.
    reader.query_row("SELECT count(*) FROM meta", [], |_| Ok(()))?;
    Ok(reader)
}

/// Why the store was not opened for reading: SQLite does not say that too many files are open.
fn not_opened(error: rusqlite::Error) -> WorkerError {
    let is_not_opened = error.sqlite_error_code() == Some(rusqlite::ErrorCode::CannotOpen);
    if is_not_opened && is_short_of_handles() {
        return WorkerError::TooManyOpen {
            operation: "open",
            path: RelativePath::root().join(STORE_FILE.as_bytes()),
            source: Errno::MFILE,
        };
    }
    WorkerError::store("open it for reading")(error)
}

impl JobStore {
    /// Opens the store in a job folder, making it where there is none, with `readers` reading connections.
    ///
    /// # Errors
    /// [`WorkerError::Store`]; [`WorkerError::StoreLayout`] where another version wrote it.
    pub fn open(job_folder: &Path, readers: usize, monitor: Arc<dyn Monitor>) -> Result<Self> {
        let file = job_folder.join(STORE_FILE);
        let writer = connect(&file, OpenFlags::default()).map_err(WorkerError::store("open it"))?;
        schema::prepare(&writer)?;
        writer
            .pragma_update(None, "cache_size", -WRITER_CACHE_KIB)
            .and_then(|()| writer.pragma_update(None, "wal_autocheckpoint", LOG_PAGES))
            .map_err(WorkerError::store("open it"))?;
        let readers = (0..readers)
            // While those before it are open.
            .map(|_| open_reader(&file).map_err(not_opened))
            .collect::<Result<Vec<_>>>()?;
        Ok(Self {
            writer: Mutex::new(writer),
            readers_count: readers.len(),
            readers: Mutex::new(readers),
            returned: Condvar::new(),
            monitor,
            folder: job_folder.to_owned(),
        })
    }

    /// The job folder that it is in.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Changes the store in one durable transaction.
    pub(crate) fn change<T>(
        &self,
        operation: &'static str,
        change: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let mut writer = self.writer();
        let transaction = writer
            .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
            .map_err(WorkerError::store(operation))?;
        let value = change(&transaction).map_err(WorkerError::store(operation))?;
        self.monitor.journal(JournalMoment::Committing);
        transaction
            .commit()
            .map_err(WorkerError::store(operation))?;
        self.monitor.journal(JournalMoment::Committed);
        Ok(value)
    }

    /// Reads from the store, beside other readers and beside the writer.
    pub(crate) fn read<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let reader = self.borrow_reader();
        match &reader.connection {
            Some(connection) => read(connection).map_err(WorkerError::store(operation)),
            None => read(&self.writer()).map_err(WorkerError::store(operation)),
        }
    }

    /// A reading connection, waiting for one where there are more threads than readers; none where the store has only its
    /// writing one.
    fn borrow_reader(&self) -> Reader<'_> {
        let mut readers = self.free_readers();
        if self.readers_count > 0 {
            let is_empty = |readers: &mut Vec<Connection>| readers.is_empty();
            let waited = self.returned.wait_while(readers, is_empty);
            readers = waited.unwrap_or_else(PoisonError::into_inner);
        }
        Reader {
            connection: readers.pop(),
            store: self,
        }
    }

    fn free_readers(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn writer(&self) -> MutexGuard<'_, Connection> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A reading connection on loan; it goes back also where reading panics, so that nobody waits for it for ever.
struct Reader<'a> {
    connection: Option<Connection>,
    store: &'a JobStore,
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.store.free_readers().extend(self.connection.take());
        self.store.returned.notify_one();
    }
}

fn connect(file: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    // A commit must survive a power cut: the manifest promises that what it lists is durable.
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "temp_store", "memory")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// The time of this machine in milliseconds since 1970.
pub(crate) fn now_milliseconds() -> i64 {
    Time::now().milliseconds()
}

/// SQLite keeps signed numbers; sizes and inode numbers fit by their bits.
#[allow(clippy::cast_possible_wrap)]
pub(crate) fn signed(number: u64) -> i64 {
    number as i64
}

/// The inverse of [`signed`].
#[allow(clippy::cast_sign_loss)]
pub(crate) fn unsigned(number: i64) -> u64 {
    number as u64
}
