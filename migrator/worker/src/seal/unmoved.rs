//! Whether a side is still what it was when it was sealed, by what identifies its files; nothing is read.
//!
//! The seal asks so at its end, because what it read first may have changed while it read the rest.  `finish` asks the
//! source once more, because mail may have come in since.  Times of inodes count for the seal alone: a backup of the old
//! server moves them, and giving the destination to its user does.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};

use postoffice::names::{RelativePath, destination_name};
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities, leaves_out_class};
use crate::error::{Result, WorkerError, stops_the_step};
use crate::missed::{Missed, Standing};
use crate::monitor::Monitor;
use crate::names::is_marker;
use crate::places::Side;
use crate::pool::{Threads, lock};
use crate::source::{prove_source, require_mounts};
use crate::store::{CopyIdentity, JobStore, ProvenEntry, ProvenFolder, Stamp};
use crate::tree::{Attributes, DigestSum, Folder, Kind, Visited, walk_where};

use super::summary::{Summary, of_copy, of_source};
use protocol::{CopyOptions, Count, Expected, Finding, UnmovedReport, Verdict};

/// Compares the source with what was sealed of it: mail that came since, and whatever else changed, is named.
///
/// # Errors
/// [`WorkerError::Refused`] where nothing is sealed; what ends a walk.  Changes are findings with the verdict "refused".
pub fn compare_source(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<UnmovedReport> {
    super::require_sealed(store)?;
    let mut report = UnmovedReport::default();
    for area in &capabilities.areas {
        prove_source(area)?;
        monitor.phase(
            "compare the source with the seal",
            Expected {
                files: store.proven_totals(None)?.0,
                ..Expected::default()
            },
        );
        let seen = look(
            area,
            Side::Source,
            By::Stamp,
            store,
            monitor,
            options,
            &|path, change| {
                Finding::new(
                "source-changed-since-seal",
                Verdict::Refused,
                format!("{}: it was sealed otherwise, so the destination has not what the source has now", change.words()),
                "See that nobody works on the source, then run `gwmigrate stage-two` again, which carries it over and seals \
                 anew; nothing was changed",
            )
            .about(path.as_bytes())
            },
        )?;
        report.files += seen.files;
        report.changed += seen.changed;
    }
    Ok(report)
}

/// Looks whether anybody has worked at the destination since it was sealed; what an agent logs is no work.
///
/// # Errors
/// [`WorkerError::Refused`] where nothing is sealed; what ends a walk.  Changes are findings for a person.
pub fn look_for_work(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<UnmovedReport> {
    super::require_sealed(store)?;
    monitor.phase("look at the destination", Expected::default());
    let options = CopyOptions {
        agent_logs: false,
        ..options.clone()
    };
    let mut report = UnmovedReport::default();
    for area in &capabilities.areas {
        let side = Side::Destination;
        let by = By::Stamp;
        let seen = look(area, side, by, store, monitor, &options, &|path, change| {
            Finding::new(
                "worked-at-destination",
                Verdict::NeedsAttention,
                format!("{} the seal", change.words()),
                "Look whether this is mail of a user",
            )
            .about(path.as_bytes())
        })?;
        report.files += seen.files;
        report.changed += seen.changed;
    }
    Ok(report)
}

/// How an entry differs from what was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    New,
    Changed,
    Gone,
    NotAFile,
    NotAsked,
}

impl Change {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::New => "it has come since",
            Self::Changed => "it has changed since",
            Self::Gone => "it has gone since",
            Self::NotAFile => "it is no longer a file",
            Self::NotAsked => "its folder shows it, and it cannot be looked at any more",
        }
    }
}

/// What tells that a file is the one that was sealed.
#[derive(Clone, Copy)]
pub(super) enum By<'a> {
    /// Length and time.
    Stamp,
    /// Whatever identifies it; folders that add up to what the ledger has of them need no look at single files.
    Identity(&'a Summary),
}

/// What is known of a file of one side.
enum Known {
    /// It is in the ledger.
    Proven(ProvenEntry),
    /// It is at the source alone, on purpose.
    Alone(Stamp),
}

/// What is known of the files of a folder of one side that were not met yet, by the names that they have at the destination.
struct Sealed {
    proven: ProvenFolder,
    alone: HashMap<Vec<u8>, Stamp>,
}

impl Sealed {
    fn remove(&mut self, name: &[u8]) -> Option<Known> {
        let proven = self.proven.remove(name).map(Known::Proven);
        let alone = self.alone.remove(name).map(Known::Alone);
        alone.or(proven)
    }

    fn names(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.proven.keys().chain(self.alone.keys())
    }
}

/// Looks at one side of an area; every change is reported as what `finding` makes of it.
pub(super) fn look(
    area: &Area,
    side: Side,
    by: By<'_>,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    finding: &(dyn Fn(&RelativePath, Change) -> Finding + Sync),
) -> Result<UnmovedReport> {
    let check = SideCheck {
        area,
        side,
        by,
        store,
        monitor,
        options,
        finding,
        totals: Mutex::default(),
        visited: Mutex::new(HashSet::new()),
    };
    walk_where(
        check.root()?,
        Threads::of(options),
        |path| side == Side::Source || super::is_sealed_over(area, store, path),
        |path, errno| match side {
            Side::Source if stops_the_step(errno) => Err(WorkerError::reading("list", path, errno)),
            // It was read when it was sealed; nothing is known of what it holds now.
            Side::Source => {
                check.report(path, Change::Changed);
                Ok(())
            }
            Side::Destination => Err(WorkerError::writing("list", path, errno)),
        },
        |visited| check.visit(visited),
    )?;
    check.folders_that_are_gone()?;
    let totals = check.totals.into_inner();
    Ok(totals.unwrap_or_else(PoisonError::into_inner))
}

struct SideCheck<'a> {
    area: &'a Area,
    side: Side,
    by: By<'a>,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    finding: &'a (dyn Fn(&RelativePath, Change) -> Finding + Sync),
    totals: Mutex<UnmovedReport>,
    /// The folders that were seen, by the names that they have at the destination.
    visited: Mutex<HashSet<RelativePath>>,
}

impl SideCheck<'_> {
    fn root(&self) -> Result<&Folder> {
        match self.side {
            Side::Source => self.area.source(),
            Side::Destination => Ok(&self.area.destination),
        }
    }

    fn report(&self, path: &RelativePath, change: Change) {
        lock(&self.totals).changed += 1;
        self.monitor.finding((self.finding)(path, change));
    }

    /// What was sealed of the files of a folder on this side, by the names that they have at the destination.
    fn sealed_of(&self, folder: &RelativePath) -> Result<Sealed> {
        let mut proven = self.store.proven_of(self.area.id, folder)?;
        proven.retain(|_, entry| self.has(entry));
        let alone = match self.side {
            Side::Source => self.store.sealed_source_of(self.area.id, folder)?,
            Side::Destination => HashMap::new(),
        };
        Ok(Sealed { proven, alone })
    }

    /// Whether this side has a file that is sealed.
    fn has(&self, entry: &ProvenEntry) -> bool {
        self.side == Side::Destination || entry.source.is_some()
    }

    /// Whether a file is the one that is known.
    fn is_same(&self, known: &Known, attributes: &Attributes) -> bool {
        let stamp = Stamp::from(attributes);
        match (known, self.side) {
            (Known::Alone(known), _) => *known == stamp,
            (Known::Proven(known), Side::Source) => {
                known.source.is_some_and(|known| match self.by {
                    By::Stamp => known.stamp == stamp,
                    // Where the time of its inode was not asked for, it tells nothing.
                    By::Identity(_) => {
                        let now = self.area.source_identity(attributes);
                        known.stamp == stamp
                            && (known.changed.is_none() || known.changed == now.changed)
                    }
                })
            }
            (Known::Proven(known), Side::Destination) => match self.by {
                By::Stamp => known.copy.stamp == stamp,
                By::Identity(_) => known.copy == CopyIdentity::from(attributes),
            },
        }
    }

    fn visit(&self, visited: &Visited<'_>) -> Result<()> {
        let folder = visited.path.to_destination();
        if !self.adds_up(visited, &folder) {
            self.visit_files(visited, &folder)?;
        }
        lock(&self.visited).insert(folder);
        Ok(())
    }

    /// Whether the files of a folder are, all together, those of the ledger; whatever else is met there has to be looked at.
    fn adds_up(&self, visited: &Visited<'_>, folder: &RelativePath) -> bool {
        let By::Identity(summary) = self.by else {
            return false;
        };
        let classes = self.area.files_in(visited.path);
        let (mut sum, mut files) = (DigestSum::default(), 0);
        for entry in visited.entries {
            if entry.kind == Some(Kind::Folder)
                || leaves_out_class(classes.class_of(&entry.name), self.options)
                || is_marker(visited.path, &entry.name)
            {
                continue;
            }
            let Ok(Some(attributes)) = visited.folder.metadata(&entry.name) else {
                return false;
            };
            if attributes.kind != Kind::File {
                return false;
            }
            let name = destination_name(&entry.name);
            sum.add(&match self.side {
                Side::Source => of_source(&name, self.area.source_identity(&attributes)),
                Side::Destination => of_copy(&name, CopyIdentity::from(&attributes)),
            });
            files += 1;
        }
        let is_same = sum == summary.of(folder, self.side);
        if is_same {
            lock(&self.totals).files += files;
            self.monitor.count(Count::FilesSeen, files);
        }
        is_same
    }

    fn visit_files(&self, visited: &Visited<'_>, folder: &RelativePath) -> Result<()> {
        let mut sealed = self.sealed_of(folder)?;
        let classes = self.area.files_in(visited.path);
        let missed = Missed::default();
        for entry in visited.entries {
            self.monitor.obey()?;
            if leaves_out_class(classes.class_of(&entry.name), self.options)
                && entry.kind != Some(Kind::Folder)
            {
                continue;
            }
            if is_marker(visited.path, &entry.name) {
                continue;
            }
            if entry.kind == Some(Kind::Folder) {
                continue;
            }
            let attributes = match visited.folder.metadata(&entry.name) {
                Ok(Some(attributes)) => attributes,
                Ok(None) => {
                    missed.add(&visited.path.join(&entry.name));
                    continue;
                }
                Err(errno) => {
                    let path = visited.path.join(&entry.name);
                    self.unreadable(&path, errno)?;
                    sealed.remove(&destination_name(&entry.name));
                    continue;
                }
            };
            let path = || visited.path.join(&entry.name);
            match attributes.kind {
                Kind::Folder => {}
                Kind::File => {
                    lock(&self.totals).files += 1;
                    self.monitor.count(Count::FilesSeen, 1);
                    match sealed.remove(&destination_name(&entry.name)) {
                        Some(known) if self.is_same(&known, &attributes) => {}
                        Some(_) => self.report(&path(), Change::Changed),
                        None if visited.is_repeated(entry) => {}
                        None => self.report(&path(), Change::New),
                    }
                }
                Kind::Symlink | Kind::Special => {
                    sealed.remove(&destination_name(&entry.name));
                    self.report(&path(), Change::NotAFile);
                }
            }
        }
        // What has vanished is missing below as well.
        for (path, standing) in missed.settle(self.root()?) {
            if standing != Standing::Vanished {
                if let Some((_, name)) = path.split_last() {
                    sealed.remove(&destination_name(name));
                }
                self.report(&path, Change::NotAsked);
            }
        }
        for name in sealed.names() {
            if !leaves_out_class(classes.class_of(name), self.options) {
                self.report(&folder.join(name), Change::Gone);
            }
        }
        Ok(())
    }

    /// What cannot be asked any more is no longer what was sealed.
    fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        match self.side {
            Side::Source => require_mounts(std::slice::from_ref(self.area), path, errno)?,
            Side::Destination => return Err(WorkerError::writing("look at", path, errno)),
        }
        self.report(path, Change::NotAsked);
        Ok(())
    }

    /// Sealed files of folders that the walk did not meet are gone with their folder.
    fn folders_that_are_gone(&self) -> Result<()> {
        let visited = lock(&self.visited);
        for folder in self.store.proven_elsewhere(self.area.id, &visited)? {
            for (name, entry) in self.store.proven_of(self.area.id, &folder)? {
                let path = folder.join(&name);
                if self.has(&entry) && !self.area.leaves_out(&path, self.options) {
                    self.report(&path, Change::Gone);
                }
            }
        }
        Ok(())
    }
}
