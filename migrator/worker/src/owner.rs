//! Giving everything at the destination to the user that the agents are to run as.
//!
//! Each entry is opened by its name in an open folder, never through a link, looked at, and given away through that
//! handle.  What has another owner's name elsewhere (a second link) is left alone, because giving it away would give
//! that away, too.  The change shows in the times of the inode, which the manifest compares; where the copy was
//! untouched until then, the manifest learns the new time, so that a later pass does not copy everything again.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::names::is_marker;
use crate::pool::{Threads, lock};
use crate::store::{JobStore, Rewritten};
use crate::tree::owner::{Owned, Ownership, give, owned};
use crate::tree::{Entry, Kind, Visited};
use protocol::{CopyOptions, Count, Expected, Finding, OwnerReport, Proof, Verdict};

/// Mail is nobody else's business: only the owner reads it.
const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;

/// How many changed files are written into the manifest together.
const BATCH_FILES: usize = 4096;

/// Gives the areas to a user and a group, or only counts what would change.
///
/// # Errors
/// [`WorkerError::Refused`] where nothing is sealed yet; what ends the walk.  Run again, it goes on.
pub fn give_to(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    (user, group): (u32, u32),
    plan_only: bool,
) -> Result<OwnerReport> {
    // Once it was started for users, whatever they do makes other trees of it.
    let may_be_given = store.life()?.may_hold_new_mail() || store.is_proven(Proof::Seal)?;
    if !may_be_given {
        return Err(WorkerError::Refused {
            code: "not-sealed",
            text: "Nothing proves that the destination is equal to the source as it is now, so nothing is given away".into(),
            remedy: "Run `gwmigrate stage-two` to its end first".into(),
        });
    }
    monitor.phase(
        if plan_only {
            "look whose the destination is"
        } else {
            "give the destination to its user"
        },
        Expected {
            files: store.proven_totals(None)?.0,
            ..Expected::default()
        },
    );
    let mut report = OwnerReport::default();
    for area in &capabilities.areas {
        let giving = Giving {
            area,
            store,
            monitor,
            user,
            group,
            plan_only,
            entries: AtomicU64::new(0),
            others: AtomicU64::new(0),
            left_alone: AtomicU64::new(0),
            rewritten: Mutex::new(Vec::new()),
        };
        area.walk_destination(
            Threads::of(options),
            |path, errno| Err(WorkerError::writing("list", path, errno)),
            |visited| {
                monitor.obey()?;
                giving.visit(visited)
            },
        )?;
        report.entries += giving.entries.load(Ordering::Relaxed);
        report.others += giving.others.load(Ordering::Relaxed);
        report.left_alone += giving.left_alone.load(Ordering::Relaxed);
        if !plan_only {
            area.sync(0)?;
            giving.flush(0)?;
        }
    }
    Ok(report)
}

struct Giving<'a> {
    area: &'a Area,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    user: u32,
    group: u32,
    plan_only: bool,
    entries: AtomicU64,
    others: AtomicU64,
    left_alone: AtomicU64,
    rewritten: Mutex<Vec<Rewritten>>,
}

impl Giving<'_> {
    fn visit(&self, visited: &Visited<'_>) -> Result<()> {
        let before = visited
            .folder
            .owned()
            .map_err(|errno| WorkerError::writing("look at", visited.path, errno))?;
        self.settle(visited.folder, &before, FOLDER_MODE)
            .map_err(|errno| WorkerError::writing("give away", visited.path, errno))?;
        let mut rewritten = Vec::new();
        for entry in visited.entries {
            if is_marker(visited.path, &entry.name) {
                continue;
            }
            let path = visited.path.join(&entry.name);
            let changed = self
                .file(visited, entry, &path)
                .map_err(|errno| WorkerError::writing("give away", &path, errno))?;
            if let Some((before, after)) = changed {
                rewritten.push(Rewritten {
                    area: self.area.id,
                    folder: visited.path.clone(),
                    name: entry.name.to_vec(),
                    before: before.attributes.changed,
                    after: after.attributes.changed,
                });
            }
        }
        lock(&self.rewritten).append(&mut rewritten);
        self.flush(BATCH_FILES)
    }

    /// Gives one file away; how it was before and after, where it changed.
    fn file(
        &self,
        visited: &Visited<'_>,
        entry: &Entry,
        path: &RelativePath,
    ) -> std::result::Result<Option<(Owned, Owned)>, Errno> {
        match visited.folder.kind_of(entry) {
            Ok(Kind::File) => {}
            // A folder gets its turn when it is visited.
            Ok(Kind::Folder) | Err(Errno::NOENT) => return Ok(None),
            Ok(kind) => {
                self.leave_alone(path, &format!("it is {}", kind.words()));
                return Ok(None);
            }
            Err(errno) => return Err(errno),
        }
        let (handle, _) = match visited.folder.open_file(&entry.name) {
            Ok(opened) => opened,
            // An agent took it, or somebody put something else there.
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::INVAL | Errno::NXIO) => {
                self.leave_alone(path, "it is no longer a file");
                return Ok(None);
            }
            Err(errno) => return Err(errno),
        };
        let before = owned(&handle)?;
        if before.links > 1 && before.ownership != self.wanted(FILE_MODE) {
            self.leave_alone(path, "it has another name elsewhere");
            return Ok(None);
        }
        if !self.settle(&handle, &before, FILE_MODE)? {
            return Ok(None);
        }
        Ok(Some((before, owned(&handle)?)))
    }

    fn wanted(&self, mode: u32) -> Ownership {
        Ownership {
            user: self.user,
            group: self.group,
            mode,
        }
    }

    /// Counts an entry, and gives it away where it is another's; says whether it did.
    fn settle(
        &self,
        handle: impl std::os::fd::AsFd,
        before: &Owned,
        mode: u32,
    ) -> std::result::Result<bool, Errno> {
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.monitor.count(Count::FilesSeen, 1);
        let wanted = self.wanted(mode);
        if before.ownership == wanted {
            return Ok(false);
        }
        self.others.fetch_add(1, Ordering::Relaxed);
        if self.plan_only {
            return Ok(false);
        }
        give(handle, wanted).map(|()| true)
    }

    fn leave_alone(&self, path: &RelativePath, why: &str) {
        self.left_alone.fetch_add(1, Ordering::Relaxed);
        if self.plan_only {
            return;
        }
        self.monitor.finding(
            Finding::new(
                "owner-left-alone",
                Verdict::NeedsAttention,
                format!("it was not given to the user of the agents: {why}"),
                "Look what it is; remove it, or give it to that user by hand",
            )
            .about(path.as_bytes()),
        );
    }

    /// Writes what was changed into the manifest and the ledger, where there is more of it than `most`.
    fn flush(&self, most: usize) -> Result<()> {
        let mut waiting = lock(&self.rewritten);
        if waiting.len() <= most {
            return Ok(());
        }
        let rewritten = std::mem::take(&mut *waiting);
        drop(waiting);
        self.store.record_rewritten(&rewritten)
    }
}
