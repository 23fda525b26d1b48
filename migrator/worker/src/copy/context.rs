//! What all threads of a pass share, and the tasks that they pass around.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use postoffice::layout::FileClass;
use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::committer::{Committer, Record};
use super::decide::is_racy;
use super::second_look::PassScope;
use super::unit::Unit;
use crate::capabilities::Area;
use crate::copy_file::Written;
use crate::error::{Result, WorkerError};
use crate::guardian::Accepted;
use crate::missed::{Missed, Standing, says_not_there};
use crate::monitor::Monitor;
use crate::names::{refuses_name, time_odd};
use crate::pool::lock;
use crate::source::require_mounts;
use crate::store::{Copied, JobStore, ManifestFile, Pass, Removal, UnfinishedPass};
use crate::tree::{Attributes, Folder, FolderTask, Pair, Time};
use protocol::{CopyOptions, Count, LockReach, PassKind, Verdict};

/// How many entries of the plan of removals are held before they go to the store.
const REMOVALS_HELD: usize = 4096;

/// One file of the source to look at.
#[derive(Debug)]
pub(super) struct FileTask {
    /// Where it is.
    pub(super) pair: Arc<Pair>,
    /// Its name at the source.
    pub(super) source_name: Vec<u8>,
    /// Its name at the destination.
    pub(super) name: Vec<u8>,
    /// What the manifest says.
    pub(super) known: Option<ManifestFile>,
    /// Whether the destination had something of that name when it was listed.
    pub(super) listed: bool,
    /// What it is.
    pub(super) class: FileClass,
    /// The lock file beside it, for a database.
    pub(super) lock_file: Option<Vec<u8>>,
}

impl FileTask {
    /// The folder of the source that it is in.
    pub(super) fn source(&self) -> Result<&Folder> {
        let failed = |errno| WorkerError::reading("look at", &self.pair.source_path, errno);
        self.pair.source().map_err(failed)
    }

    /// Its path at the source, for messages.
    pub(super) fn source_path(&self) -> RelativePath {
        self.pair.source_path.join(&self.source_name)
    }
}

/// What a thread is given to copy.
#[derive(Debug)]
pub(super) enum Piece {
    /// One file, where it differs.
    File(FileTask),
    /// A database, whole or not at all.
    Database(Unit),
}

/// What was found on the way and is dealt with after the crawl.
#[derive(Debug, Default)]
pub(super) struct Lists {
    /// Databases and their companions, the guardian's among them.
    pub(super) databases: Vec<FileTask>,
    pub(super) blocked_files: Vec<FileTask>,
    pub(super) blocked_folders: Vec<FolderTask>,
    /// Folders without databases, left until all databases are known.
    pub(super) put_off: Vec<FolderTask>,
    /// Folders of the destination that stand where the source has a file now: their entries are to be planned for.
    pub(super) blocking_folders: Vec<FolderTask>,
    pub(super) folder_times: Vec<(usize, RelativePath, Time)>,
    /// The names of the source, by area, by which another file is opened: the second look meets that file by no other name.
    pub(super) same_files: HashSet<(usize, RelativePath)>,
    /// The files of new databases, by their paths at the source, that the first look has left to the second without a word.
    pub(super) left_to_second_look: HashSet<RelativePath>,
    removals: Vec<Removal>,
}

/// How many files had known times, and how many of those moved by exactly one hour.
#[derive(Debug, Default)]
pub(super) struct ClockShift {
    pub(super) compared: AtomicU64,
    pub(super) shifted: AtomicU64,
    ahead_reported: AtomicBool,
}

/// What it means that a file could not be copied: in stage one the next pass may do better.
pub(super) fn problem(kind: PassKind) -> Verdict {
    match kind {
        PassKind::StageOne => Verdict::NeedsAttention,
        PassKind::StageTwo => Verdict::Unproven,
    }
}

/// What all threads of a pass share.
pub(super) struct PassContext<'a> {
    pub(super) areas: &'a [Area],
    pub(super) store: &'a JobStore,
    pub(super) monitor: &'a dyn Monitor,
    /// Hears also in a second look of what a first one cannot have said.
    pub(super) loud: &'a dyn Monitor,
    pub(super) committer: &'a Committer,
    pub(super) pass: Pass,
    pub(super) scope: PassScope,
    /// Whether only folders that may hold databases are looked at for now.
    pub(super) databases_first: bool,
    pub(super) options: &'a CopyOptions,
    pub(super) unfinished: Option<UnfinishedPass>,
    /// The guardian of the destination, where its names were converted.
    pub(super) converted: Option<Accepted>,
    pub(super) lists: &'a Mutex<Lists>,
    pub(super) clock: &'a ClockShift,
    /// What was listed and was not there, by area.
    pub(super) missed: Vec<Missed>,
    /// Whether it was said that the source has no locks, which is said once in a pass.
    pub(super) no_locks_said: &'a AtomicBool,
    /// Whether a name stands at the destination that no manifest will have.
    pub(super) unrecorded: &'a AtomicBool,
}

impl PassContext<'_> {
    /// Says that `name` is about to stand in `folder`.
    pub(super) fn claim<'b>(&'b self, folder: &'b Folder, name: &'b [u8]) -> Claim<'b> {
        Claim::new(folder, name, self.unrecorded)
    }

    pub(super) fn lists(&self) -> MutexGuard<'_, Lists> {
        lock(self.lists)
    }

    /// What it means that a file could not be copied: in stage one the next pass may do better.
    pub(super) fn problem(&self) -> Verdict {
        problem(self.pass.kind)
    }

    /// Whether an error says that what the source has listed is not there: also that it was removed while it was open, where the
    /// source itself still answers.
    pub(super) fn says_not_there(&self, path: &RelativePath, errno: Errno) -> Result<bool> {
        if errno == Errno::STALE {
            require_mounts(self.areas, path, errno)?;
        }
        Ok(errno == Errno::STALE || says_not_there(errno))
    }

    /// Reports that the source would not give something up; a mount that went away ends the pass instead.
    pub(super) fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        require_mounts(self.areas, path, errno)?;
        self.monitor.report(
            "source-unreadable",
            self.problem(),
            path,
            &format!("it could not be read: {errno}"),
            "Give the account that mounts the source the right to read it; where another program holds it locked, as a POA its log, it \
             can be read when that program has ended, or left out by agent_logs = false in [copy]; then run a pass again",
        );
        Ok(())
    }

    /// Reports a file or folder that was there when its folder was listed.
    pub(super) fn report_vanished(&self, path: &RelativePath) {
        let verdict = match self.pass.kind {
            PassKind::StageOne => Verdict::Done,
            // Nobody should be removing anything now.
            PassKind::StageTwo => Verdict::Refused,
        };
        self.monitor.report(
            "vanished",
            verdict,
            path,
            "it vanished while the pass was running",
            "Nothing in stage one; in stage two, see who still works on the source, then run stage two again",
        );
    }

    /// Says what became of the names that were missed so far.
    pub(super) fn settle_missed(&self) -> Result<()> {
        for (area, missed) in self.areas.iter().zip(&self.missed) {
            self.settle(area, missed)?;
        }
        Ok(())
    }

    /// Says what became of a member of a database that was missed; returns whether it still stands in its folder, so that
    /// the rest without it would be no database.
    pub(super) fn still_stands(&self, member: &FileTask) -> Result<bool> {
        let missed = Missed::default();
        missed.add(&member.source_path());
        self.settle(&self.areas[member.pair.area], &missed)
    }

    /// What can be opened now was away for a moment: somebody replaces files, which counts as vanished.
    fn settle(&self, area: &Area, missed: &Missed) -> Result<bool> {
        let mut any_stands = false;
        for (path, standing) in missed.settle(area.source()?) {
            any_stands |= standing != Standing::Vanished;
            match standing {
                Standing::Vanished => self.report_vanished(&path),
                Standing::ShownWrongly(how) => {
                    self.monitor.finding(how.finding(&path, self.problem()));
                }
                Standing::NotAFile(kind) => self.report_no_file(&path, kind.words()),
                Standing::NotAsked(errno) => self.unreadable(&path, errno)?,
            }
        }
        Ok(any_stands)
    }

    /// Reports what is neither a file nor a folder and so has no copy.
    pub(super) fn report_no_file(&self, path: &RelativePath, what: &str) {
        self.monitor.report(
            "not-a-file",
            self.problem(),
            path,
            &format!("it is {what} and is not copied; an older copy of it stays as it is"),
            "GroupWise makes no such thing; put what it stands for in its place at the source, or remove it there, before \
             stage two",
        );
    }

    /// Adds to the plan of removals.
    pub(super) fn plan_removal(&self, removal: Removal) -> Result<()> {
        let mut lists = self.lists();
        lists.removals.push(removal);
        if lists.removals.len() < REMOVALS_HELD {
            return Ok(());
        }
        let removals = std::mem::take(&mut lists.removals);
        drop(lists);
        self.store.plan_removals(&removals)
    }

    /// Writes the rest of the plan of removals down.
    pub(super) fn flush_removals(&self) -> Result<()> {
        let removals = std::mem::take(&mut self.lists().removals);
        if removals.is_empty() {
            Ok(())
        } else {
            self.store.plan_removals(&removals)
        }
    }

    /// Says once that databases are copied without locks.
    pub(super) fn report_no_locks(&self, path: &RelativePath, locks: &LockReach) {
        if self.no_locks_said.swap(true, Ordering::Relaxed) {
            return;
        }
        let what = match locks {
            LockReach::Unknown { why } => {
                format!("whether locks reach the programs of the source is unknown ({why})")
            }
            _ => "the mount of the source hands no locks on to its server".to_owned(),
        };
        self.loud.report(
            "no-locks",
            Verdict::Done,
            path,
            &format!(
                "{what}; this and every other database counts as copied only if nothing of it moved meanwhile"
            ),
            "",
        );
    }

    /// Says once that the clock of the source is ahead of the clock of the destination; and of each file whose time cannot be
    /// that, which tells nothing of a clock.
    pub(super) fn look_at_time(&self, task: &FileTask, source: &Attributes) {
        let now = Time::now();
        if source.modified.cannot_be(now) {
            let finding = time_odd(&task.source_path(), source.modified, now);
            self.monitor.finding(finding);
            return;
        }
        let allowance =
            i128::from(self.options.clock_allowance_seconds.saturating_add(2)) * 1_000_000_000;
        let ahead = source.modified.nanoseconds_since(now);
        if ahead <= allowance || self.clock.ahead_reported.swap(true, Ordering::Relaxed) {
            return;
        }
        let seconds = ahead / 1_000_000_000;
        self.loud.report(
            "clock-ahead",
            Verdict::NeedsAttention,
            &task.source_path(),
            &format!("it was modified {seconds} seconds in the future by the clock of this server"),
            "Set both clocks by the same time server; until then such files are copied once more by the next pass",
        );
    }

    /// Hands a finished copy to the committer.
    pub(super) fn record(
        &self,
        task: &FileTask,
        written: &Written,
        destination: &Attributes,
    ) -> Result<()> {
        let source = &written.source;
        let is_same =
            |known: &&ManifestFile| known.size == source.size && known.modified == source.modified;
        let known_since = task.known.as_ref().filter(is_same);
        let known_since = known_since.map(|known| known.written_changed);
        self.monitor.count(Count::FilesCopied, 1);
        self.monitor.count(Count::BytesCopied, source.size);
        self.hand_in(Record::File(Box::new(Copied {
            area: self.areas[task.pair.area].id,
            folder: task.pair.path.clone(),
            name: task.name.clone(),
            file: ManifestFile {
                size: source.size,
                modified: source.modified,
                racy: is_racy(
                    source.modified,
                    known_since,
                    written.began,
                    self.options.clock_allowance_seconds,
                ),
                written_modified: destination.modified,
                written_changed: destination.changed,
                written_inode: destination.inode,
                digest: written.digest,
            },
        })))
    }

    pub(super) fn hand_in(&self, record: Record) -> Result<()> {
        if self.committer.hand_in(record) {
            Ok(())
        } else {
            // The committer's own error is what the pass returns; this one only ends the threads.
            Err(WorkerError::Order {
                text: "The manifest no longer takes records".into(),
            })
        }
    }
}

/// A name that is about to stand at the destination and is not with the committer yet; dropped without [`Claim::settle`],
/// it looks whether the name stands.
///
/// Where an error comes in between, the name stands and no manifest will have it.  The pass must then stay unfinished,
/// so that the next one takes what stands there for ours and does not set it aside.
pub(super) struct Claim<'a> {
    folder: &'a Folder,
    name: &'a [u8],
    unrecorded: &'a AtomicBool,
    is_settled: bool,
}

impl<'a> Claim<'a> {
    pub(super) fn new(folder: &'a Folder, name: &'a [u8], unrecorded: &'a AtomicBool) -> Self {
        Self {
            folder,
            name,
            unrecorded,
            is_settled: false,
        }
    }

    /// The committer has it.
    pub(super) fn settle(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Where the destination does not even answer, nobody knows what stands there.
        let is_free = || match self.folder.metadata(self.name) {
            Ok(there) => there.is_none(),
            Err(errno) => refuses_name(errno),
        };
        if !self.is_settled && !is_free() {
            self.unrecorded.store(true, Ordering::SeqCst);
        }
    }
}
