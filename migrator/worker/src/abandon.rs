//! Undoing a job at the destination: what this job copied goes, what it did not copy is set aside.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

use postoffice::names::{RelativePath, printable};

use crate::capabilities::{Area, Capabilities};
use crate::create_folders::foreign_in;
use crate::error::{Result, WorkerError};
use crate::marker::{self, Owner};
use crate::monitor::Monitor;
use crate::names::{TEMPORARY_PREFIX, is_marker};
use crate::preconditions;
use crate::quarantine::Quarantine;
use crate::store::{FolderOwner, JobStore};
use crate::tree::{Entry, Folder, Kind};
use protocol::{AbandonLine, AbandonReport, Count, Expected, Operation};

/// Removes what this job made in the destination folders, or only counts it.
///
/// A file goes where the manifest, the record of the queues or a pass that was cut off accounts for it, or it is nobody's
/// data; anything else is set aside.  The counts say how many of each.  A folder that was never taken into this job, or that it
/// has given back, is left as it is and named.
///
/// # Errors
/// [`WorkerError::Refused`] where a destination folder that this job has taken bears no marker of it any more.
pub fn abandon(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    plan_only: bool,
) -> Result<AbandonReport> {
    monitor.phase("undo the job at the destination", Expected::default());
    let quarantine = Quarantine {
        job: &capabilities.job,
        store,
        monitor,
    };
    let undo = Undo {
        store,
        monitor,
        quarantine,
        plan_only,
        lines: RefCell::default(),
    };
    let Folders { ours, not_taken } = folders(capabilities, store)?;
    if !plan_only && !ours.is_empty() {
        marker::begin_generation_of(ours.iter().copied(), store, Operation::Abandon)?;
    }
    for area in &ours {
        undo.folder(area, &area.destination, &RelativePath::root())?;
    }
    let report = AbandonReport {
        lines: undo.lines.into_inner().into_values().collect(),
        not_taken,
    };
    if plan_only {
        return Ok(report);
    }
    for area in &ours {
        area.sync(0)?;
        // The last of it: cut off before, the next run finds the folder to be this job's still.
        marker::give_back(area)?;
        area.sync(0)?;
    }
    store.forget_job()?;
    Ok(report)
}

/// The destination folders of an order that undoes the job.
struct Folders<'a> {
    /// Those that bear the marker of this job.
    ours: Vec<&'a Area>,
    /// The paths of those that this job does not have.
    not_taken: Vec<String>,
}

/// Tells the folders that bear the marker of this job from those that it never took.  One that it took and that bears none must
/// hold nothing but what its file systems do, as a run that was cut off leaves it.
fn folders<'a>(capabilities: &'a Capabilities, store: &JobStore) -> Result<Folders<'a>> {
    let mut folders = Folders {
        ours: Vec::with_capacity(capabilities.areas.len()),
        not_taken: Vec::new(),
    };
    for area in &capabilities.areas {
        let is_taken = preconditions::taken(area, store)?.is_some();
        match marker::owner(area, store) {
            // Also where a run was cut off between the marker and the job store.
            Ok(Owner::ThisJob(_)) => folders.ours.push(area),
            // The marker of this job is never half written, so what cannot be read is another one's.
            Ok(_) | Err(WorkerError::Refused { .. }) if !is_taken => {
                folders.not_taken.push(area.destination_seen.folder.clone());
            }
            Ok(Owner::AnotherJob(marker)) => return Err(marker::of_another_job(area, &marker)),
            Ok(Owner::Nobody) => {
                let foreign = foreign_in(area, &area.destination, &RelativePath::root())?;
                if !foreign.is_empty() {
                    marker::require(area, store)?;
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(folders)
}

struct Undo<'a> {
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    quarantine: Quarantine<'a>,
    plan_only: bool,
    /// By the path that each shows.
    lines: RefCell<BTreeMap<String, AbandonLine>>,
}

impl Undo<'_> {
    /// Adds to the line of an entry.
    fn add(&self, area: &Area, path: &RelativePath, add: impl FnOnce(&mut AbandonLine)) {
        let top = path.components().next().unwrap_or_default();
        let path = format!("{}: {}", area.label, printable(top));
        let mut lines = self.lines.borrow_mut();
        let line = lines.entry(path.clone()).or_insert_with(|| AbandonLine {
            path,
            ..AbandonLine::default()
        });
        add(line);
    }

    /// Empties a folder of ours; its depth is bounded by what passes and the skeleton made.
    fn folder(&self, area: &Area, folder: &Folder, path: &RelativePath) -> Result<()> {
        let failed = |errno| WorkerError::writing("list", path, errno);
        let mut ours: HashSet<Vec<u8>> =
            self.store.manifest_of(area.id, path)?.into_keys().collect();
        ours.extend(
            self.store
                .queue_items_of(path)?
                .into_iter()
                .map(|item| item.name),
        );
        for entry in folder.list().map_err(failed)? {
            self.monitor.obey()?;
            if is_marker(path, &entry.name) || area.is_lost_and_found(&path.join(&entry.name)) {
                continue;
            }
            match folder.kind_of(&entry).map_err(failed)? {
                Kind::Folder => self.inner_folder(area, folder, path, &entry)?,
                _ => self.file(area, folder, path, &entry, ours.contains(&entry.name[..]))?,
            }
        }
        Ok(())
    }

    fn inner_folder(
        &self,
        area: &Area,
        folder: &Folder,
        path: &RelativePath,
        entry: &Entry,
    ) -> Result<()> {
        let inner = path.join(&entry.name);
        let failed = |errno| WorkerError::writing("remove", &inner, errno);
        let is_ours = entry.name.starts_with(TEMPORARY_PREFIX)
            || area.is_of_the_file_system(&inner)
            || self.store.folder_owner(area.id, &inner)? != FolderOwner::SomebodyElse;
        if !is_ours {
            return self.set_aside(area, folder, path, &entry.name);
        }
        self.folder(
            area,
            &folder.open_folder(&entry.name).map_err(failed)?,
            &inner,
        )?;
        // What is there because of a file system is the administrator's.
        if !self.plan_only && !area.is_of_the_file_system(&inner) {
            folder.remove_folder(&entry.name).map_err(failed)?;
        }
        Ok(())
    }

    fn file(
        &self,
        area: &Area,
        folder: &Folder,
        path: &RelativePath,
        entry: &Entry,
        is_known: bool,
    ) -> Result<()> {
        let full = path.join(&entry.name);
        let is_ours = is_known
            || entry.name.starts_with(TEMPORARY_PREFIX)
            || area.classify(&full).copy_rule() == postoffice::layout::CopyRule::Never;
        if !is_ours {
            return self.set_aside(area, folder, path, &entry.name);
        }
        let failed = |errno| WorkerError::writing("look at", &full, errno);
        let bytes = folder
            .metadata(&entry.name)
            .map_err(failed)?
            .map_or(0, |attributes| attributes.size);
        self.add(area, &full, |line| {
            line.files += 1;
            line.bytes += bytes;
        });
        if !self.plan_only {
            folder
                .remove_file(&entry.name)
                .map_err(|errno| WorkerError::writing("remove", &full, errno))?;
        }
        self.monitor.count(Count::FilesRemoved, 1);
        Ok(())
    }

    fn set_aside(
        &self,
        area: &Area,
        folder: &Folder,
        path: &RelativePath,
        name: &[u8],
    ) -> Result<()> {
        self.add(area, &path.join(name), |line| line.set_aside += 1);
        if self.plan_only {
            self.monitor.count(Count::SetAside, 1);
            return Ok(());
        }
        self.quarantine
            .set_aside(
                area,
                folder,
                path,
                name,
                "the job was abandoned and had not copied it",
            )
            .map(|_| ())
    }
}
