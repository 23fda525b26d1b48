//! Proving that nobody works on the source any more: locks free, no database and no queue modified during a quiet window.
//!
//! It only shortens the risk: whatever else changes is seen by the listing of the copy and by the seal's last look.  So two
//! looks are taken, by the same code, at databases and queues alone, and folders that can hold neither are not listed.
//!
//! Items of queues that were the same in both looks have stood still meanwhile; the queue step need not wait for that again.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postoffice::layout::CopyRule;
use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::database_locks::{LockFiles, is_of_database, try_one};
use crate::error::{Result, WorkerError, stops_the_step};
use crate::locks::Attempt;
use crate::monitor::Monitor;
use crate::pool::{Threads, lock};
use crate::source::prove_listing;
use crate::store::{JobStore, Stamp, StandingItem};
use crate::tree::{Attributes, DigestSum, Folder, Kind, Name, Time, Visited, Walker, walk_with};
use protocol::{AtRestReport, CopyOptions, Count, Expected, Finding, Verdict};

/// By folder, the sum of the digests of what is watched in it; folders without any are left out.
type Snapshot = BTreeMap<RelativePath, DigestSum>;

/// Watches the source for `quiet_seconds`.
///
/// A held lock and a changed entry are findings with the verdict "refused".
///
/// # Errors
/// What ends a walk.
pub fn prove_at_rest(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    quiet_seconds: u64,
) -> Result<AtRestReport> {
    let threads = Threads::of(options);
    let mut report = AtRestReport {
        quiet_seconds,
        ..AtRestReport::default()
    };
    monitor.phase("try the locks of the source", Expected::default());
    let mut before = Vec::new();
    for area in &capabilities.areas {
        let seen = look(area, monitor, threads, Purpose::LocksToo)?;
        report.locks_tried += seen.locks_tried;
        report.locks_held += seen.locks_held;
        before.push(seen.folders);
    }
    let since = Time::since_start();
    let quiet = Duration::from_secs(quiet_seconds);
    monitor.phase("wait whether anything changes", Expected::wait(quiet));
    monitor.wait(quiet)?;
    monitor.phase("look at the source again", Expected::default());
    let mut standing = Vec::new();
    for (area, before) in capabilities.areas.iter().zip(&before) {
        let after = look(area, monitor, threads, Purpose::Changes)?;
        report.changed += report_changes(area, before, &after.folders, monitor);
        standing.extend(after.items);
    }
    if report.changed > 0 {
        standing.clear();
    }
    let standing = standing.into_iter();
    let standing: Vec<StandingItem> = standing
        .map(|(path, stamp)| StandingItem { path, stamp, since })
        .collect();
    store.record_standing(&standing)?;
    Ok(report)
}

/// What a look is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// To prove that this is the source, to try the locks, and to have something to compare with.
    LocksToo,
    /// To be compared with the look before.
    Changes,
}

fn look(area: &Area, monitor: &dyn Monitor, threads: Threads, purpose: Purpose) -> Result<Seen> {
    let look = Look {
        area,
        monitor,
        purpose,
        seen: Mutex::default(),
    };
    walk_with(area.source()?, threads, &look)?;
    Ok(look
        .seen
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner))
}

/// One look at an area.
struct Look<'a> {
    area: &'a Area,
    monitor: &'a dyn Monitor,
    purpose: Purpose,
    seen: Mutex<Seen>,
}

/// What a look has seen.
#[derive(Default)]
struct Seen {
    folders: Snapshot,
    /// Items of queues, by the path that they get at the destination; of the second look alone.
    items: Vec<(RelativePath, Stamp)>,
    locks_tried: u64,
    locks_held: u64,
}

/// One entry that is watched.
struct Watched {
    folder: Folder,
    /// The path of the folder.
    path: RelativePath,
    name: Name,
    is_folder: bool,
    /// Whether it may be an item of a queue.
    is_item: bool,
    /// Whether its lock is to be tried.
    has_lock: bool,
    /// The lock file beside it.
    lock_file: Option<Name>,
}

impl Walker for Look<'_> {
    type Piece = Watched;

    fn enters(&self, path: &RelativePath) -> bool {
        self.area.may_hold_databases(path)
    }

    fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        if stops_the_step(errno) || path.is_root() {
            return Err(WorkerError::reading("list", path, errno));
        }
        // Unreadable before and after: the pass reports it.
        Ok(())
    }

    fn visit(&self, visited: &Visited<'_>) -> Result<Vec<Watched>> {
        self.monitor.obey()?;
        let tries_locks = self.purpose == Purpose::LocksToo;
        if tries_locks && visited.path.is_root() {
            prove_listing(self.area, visited.entries)?;
        }
        self.monitor.count(Count::FoldersSeen, 1);
        let files = self.area.files_in(visited.path);
        let lock_files = LockFiles::among(visited.entries);
        let mut watched = Vec::new();
        for entry in visited.entries {
            let rule = files.class_of(&entry.name).copy_rule();
            let is_database = is_of_database(rule);
            if !is_database && rule != CopyRule::QueueStep {
                continue;
            }
            let is_folder = entry.kind == Some(Kind::Folder);
            let has_lock = tries_locks && is_database && !is_folder;
            let lock_file = has_lock.then(|| lock_files.of(&entry.name)).flatten();
            watched.push(Watched {
                folder: visited.folder.clone(),
                path: visited.path.clone(),
                name: entry.name.clone(),
                is_folder,
                is_item: rule == CopyRule::QueueStep,
                has_lock,
                lock_file: lock_file.cloned(),
            });
        }
        Ok(watched)
    }

    fn work(&self, watched: Watched) -> Result<()> {
        self.monitor.obey()?;
        self.remember(&watched)?;
        if watched.has_lock {
            self.try_lock(&watched)?;
        }
        Ok(())
    }
}

impl Look<'_> {
    /// Adds an entry to what is known of its folder.
    fn remember(&self, watched: &Watched) -> Result<()> {
        let attributes = if watched.is_folder {
            // Its name counts here, and what it holds where it is listed itself.
            None
        } else {
            self.monitor.count(Count::FilesSeen, 1);
            match watched.folder.metadata(&watched.name) {
                Ok(attributes) => attributes,
                Err(errno) if stops_the_step(errno) => {
                    let path = watched.path.join(&watched.name);
                    return Err(WorkerError::reading("look at", &path, errno));
                }
                Err(_) => None,
            }
        };
        let digest = digest_of(&watched.name, attributes);
        let mut seen = lock(&self.seen);
        if let (true, Some(attributes)) = (
            watched.is_item && self.purpose == Purpose::Changes,
            attributes,
        ) {
            let path = watched.path.join(&watched.name).to_destination();
            seen.items.push((path, Stamp::from(&attributes)));
        }
        let folder = seen.folders.entry(watched.path.clone());
        folder.or_default().add(&digest);
        Ok(())
    }

    fn try_lock(&self, watched: &Watched) -> Result<()> {
        let path = watched.path.join(&watched.name);
        let lock_file = watched.lock_file.as_deref();
        let attempt = try_one(self.area, &watched.folder, &path, &watched.name, lock_file)?;
        let is_held = matches!(attempt, Some(Attempt::Busy));
        // One that could not be asked for is neither held nor free; the pass says what keeps the database from being read.
        let is_tried = attempt.is_some();
        // What was taken is let go here.
        drop(attempt);
        {
            let mut seen = lock(&self.seen);
            seen.locks_tried += u64::from(is_tried);
            seen.locks_held += u64::from(is_held);
        }
        if is_held {
            self.monitor.finding(
                Finding::new(
                    "lock-held",
                    Verdict::Refused,
                    "another program holds the lock of this database",
                    "Stop the source POA, maintenance and backup, then run stage two again; nothing was changed",
                )
                .about(path.as_bytes()),
            );
        }
        Ok(())
    }
}

/// A digest of what is watched of one entry.
fn digest_of(name: &[u8], attributes: Option<Attributes>) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    hasher.update(name);
    if let Some(attributes) = attributes.filter(|attributes| attributes.kind == Kind::File) {
        // No name has this byte, so that no name looks like a shorter one with attributes.
        hasher.update(&[0]);
        hasher.update(&attributes.size.to_le_bytes());
        hasher.update(&attributes.modified.seconds.to_le_bytes());
        hasher.update(&attributes.modified.nanoseconds.to_le_bytes());
    }
    hasher.finalize()
}

fn report_changes(area: &Area, before: &Snapshot, after: &Snapshot, monitor: &dyn Monitor) -> u64 {
    let changed = before
        .iter()
        .filter(|(path, digest)| after.get(*path) != Some(digest))
        .map(|(path, _)| path)
        .chain(after.keys().filter(|path| !before.contains_key(*path)));
    let mut how_many = 0;
    for path in changed {
        how_many += 1;
        monitor.finding(
            Finding::new(
                "source-not-at-rest",
                Verdict::Refused,
                format!(
                    "something in this folder of {} changed while it was watched",
                    area.label
                ),
                "Stop whatever works on the source, then run stage two again; nothing was changed",
            )
            .about(path.as_bytes()),
        );
    }
    how_many
}
