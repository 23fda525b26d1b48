//! Walking both trees together, folder by folder, and copying on the way.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use postoffice::layout;
use postoffice::names::KeptReason;
use rustix::io::Errno;

use super::committer::Record;
use super::entries::{FolderWork, LockFiles};
use super::extras::look_at_extras;
use super::file::TEMPORARY_PREFIX;
use super::files::copy_if_changed;
use super::reserved::{is_reserved, reserved_name};
use super::second_look::Look;
use super::shared::{FileTask, FolderPair, FolderTask, Shared};
use super::slices::{Named, Slice, named, slices};
use crate::error::{Result, WorkerError};
use crate::marker::is_marker;
use crate::pool::{self, Stack, Threads};
use crate::store::Manifest;
use crate::tree::{Entry, Kind, Name};
use protocol::{AreaKind, Count, Verdict};

/// A task of the pool.
pub(super) enum Task {
    Folder(FolderTask),
    Files(Vec<FileTask>),
}

/// Looks at folders and files, and at all that is in them, on `threads` threads.
pub(super) fn crawl(shared: &Shared<'_>, tasks: Vec<Task>, threads: Threads) -> Result<()> {
    pool::run(tasks, threads, |task, stack| match task {
        Task::Folder(task) => look_at_folder(shared, task, stack),
        Task::Files(files) => files
            .into_iter()
            .try_for_each(|file| copy_if_changed(shared, file)),
    })
}

fn look_at_folder(shared: &Shared<'_>, task: FolderTask, stack: &Stack<Task>) -> Result<()> {
    let Some(pair) = open_pair(shared, task)? else {
        return Ok(());
    };
    let pair = Arc::new(pair);
    let Some(source_entries) = list_source(shared, &pair)? else {
        return Ok(());
    };
    let lock_files = LockFiles::of(&source_entries);
    let classes = shared.areas[pair.area].files_in(&pair.source_path);
    let mut names = named(source_entries);
    let destination_entries = list_destination(&pair)?;
    for slice in slices(&mut names, &destination_entries) {
        let folder = FolderWork {
            shared,
            pair: &pair,
            classes: &classes,
            manifest: manifest_of(shared, &pair, &slice)?,
            files: Vec::new(),
            lock_files: &lock_files,
            stack,
        };
        look_at_slice(folder, slice)?;
    }
    match shared.look {
        Look::Everything => remember_folder_time(shared, &pair),
        Look::NewNames => Ok(()),
    }
}

/// What the manifest says of the names of a slice; nothing where only new names are looked for.
fn manifest_of(shared: &Shared<'_>, pair: &FolderPair, slice: &Slice<'_>) -> Result<Manifest> {
    let area = shared.areas[pair.area].id;
    let end = slice.end.as_deref();
    match shared.look {
        Look::Everything => shared
            .store
            .manifest_between(area, &pair.path, &slice.first, end),
        Look::NewNames => Ok(Manifest::default()),
    }
}

fn look_at_slice(mut folder: FolderWork<'_>, slice: Slice<'_>) -> Result<()> {
    let FolderWork {
        shared,
        pair,
        stack,
        ..
    } = folder;
    let mut at_destination: HashMap<&[u8], &Entry> = slice
        .destination
        .iter()
        .map(|entry| (entry.name.as_slice(), entry))
        .collect();
    let collided = collisions(shared, pair, slice.source);
    // What lies together on the disk is read together: a disk that nothing is known of yet answers several times as fast.
    slice.source.sort_unstable_by_key(|named| named.entry.inode);
    for Named { entry, name, kept } in slice.source {
        if collided.contains(name) {
            folder.manifest.remove(name.as_slice());
            at_destination.remove(name.as_slice());
            continue;
        }
        if is_marker(&pair.path, name) {
            continue;
        }
        if is_reserved(name) {
            let path = pair.source_path.join(&entry.name);
            let finding = reserved_name(&path, shared.problem());
            shared.monitor.finding(finding);
            continue;
        }
        if let Some(reason) = kept {
            report_kept_name(shared, pair, &entry.name, *reason);
        }
        let there = at_destination.get(name.as_slice()).copied();
        // What is not copied answers for nothing: an older copy that stands under its name is an extra.
        if folder.look_at_entry(entry, name, there)? {
            at_destination.remove(name.as_slice());
        }
    }
    folder.hand_out_files()?;
    if shared.look == Look::NewNames {
        return Ok(());
    }
    let manifest = folder.manifest;
    let extras = at_destination.into_values().collect();
    look_at_extras(shared, pair, extras, &manifest, |task| {
        stack.push(Task::Folder(task));
    })
}

/// Opens both folders; `None` where the source folder cannot be read, which has been reported.
fn open_pair(shared: &Shared<'_>, task: FolderTask) -> Result<Option<FolderPair>> {
    match task {
        FolderTask::Root(area) => Ok(Some(FolderPair {
            area,
            source: Some(shared.areas[area].source()?.clone()),
            source_path: postoffice::names::RelativePath::root(),
            destination: shared.areas[area].destination.clone(),
            path: postoffice::names::RelativePath::root(),
        })),
        FolderTask::Inside {
            parent,
            source_name,
            name,
        } => {
            let path = parent.path.join(&name);
            let source_path = parent
                .source_path
                .join(source_name.as_deref().unwrap_or(&name));
            let source = match (&parent.source, &source_name) {
                (Some(folder), Some(source_name)) => match folder.open_folder(source_name) {
                    Ok(folder) => Some(folder),
                    Err(Errno::NOENT | Errno::NOTDIR) => {
                        shared.report_vanished(&source_path);
                        return Ok(None);
                    }
                    Err(errno) => return shared.unreadable(&source_path, errno).map(|()| None),
                },
                _ => None,
            };
            let destination = if source.is_some() {
                let claim = shared.claim(&parent.destination, &name);
                let (folder, made) = parent
                    .destination
                    .create_folder(&name)
                    .map_err(|errno| WorkerError::writing("create the folder", &path, errno))?;
                // A pass that was cut off may have made it and not recorded it; recording it twice changes nothing.
                if made || shared.unfinished.is_some() {
                    let area = shared.areas[parent.area].id;
                    shared.hand_in(Record::Folder {
                        area,
                        path: path.clone(),
                    })?;
                }
                claim.settle();
                folder
            } else {
                parent
                    .destination
                    .open_folder(&name)
                    .map_err(|errno| WorkerError::writing("open the folder", &path, errno))?
            };
            Ok(Some(FolderPair {
                area: parent.area,
                source,
                source_path,
                destination,
                path,
            }))
        }
    }
}

/// Lists the source, in any order.
fn list_source(shared: &Shared<'_>, pair: &FolderPair) -> Result<Option<Vec<Entry>>> {
    let Some(source) = &pair.source else {
        return Ok(Some(Vec::new()));
    };
    match source.list_unsorted() {
        Ok(entries) => {
            shared.monitor.count(Count::FoldersSeen, 1);
            Ok(Some(entries))
        }
        Err(Errno::NOENT) => {
            shared.report_vanished(&pair.source_path);
            Ok(None)
        }
        // Nothing is known about what the folder holds, so nothing at the destination may be taken as vanished.
        Err(errno) => shared.unreadable(&pair.source_path, errno).map(|()| None),
    }
}

/// Lists the destination, and removes what an earlier pass left unfinished there.
fn list_destination(pair: &FolderPair) -> Result<Vec<Entry>> {
    let failed = |errno| WorkerError::writing("list the folder", &pair.path, errno);
    let mut entries = pair.destination.list().map_err(failed)?;
    for leftover in entries
        .iter()
        .filter(|entry| entry.name.starts_with(TEMPORARY_PREFIX))
    {
        if is_marker(&pair.path, &leftover.name) {
            continue;
        }
        // A folder of ours is where the queue step makes items ready; that step finishes or empties it itself.
        if pair.destination.kind_of(leftover).map_err(failed)? != Kind::Folder {
            pair.destination
                .remove_file(&leftover.name)
                .map_err(failed)?;
        }
    }
    entries.retain(|entry| !entry.name.starts_with(TEMPORARY_PREFIX));
    Ok(entries)
}

/// Names of the source that would become one at the destination; none of them is copied.
fn collisions(shared: &Shared<'_>, pair: &FolderPair, source: &[Named]) -> HashSet<Name> {
    let mut collided = HashSet::new();
    for same in source.chunk_by(|left, right| left.name == right.name) {
        let [first, others @ ..] = same else {
            continue;
        };
        for other in others {
            shared.report(
                "name-collision",
                Verdict::Refused,
                &pair.source_path.join(&other.entry.name),
                &format!(
                    "it would get the same name as {}",
                    postoffice::names::printable(&first.entry.name)
                ),
                "Rename or remove one of the two at the source, then run a pass again; neither was copied",
            );
            collided.insert(first.name.clone());
        }
    }
    collided
}

fn report_kept_name(shared: &Shared<'_>, pair: &FolderPair, name: &[u8], reason: KeptReason) {
    let text = match reason {
        KeptReason::NotUtf8 => "its name is not valid UTF-8 and is kept as it is",
        KeptReason::NonAsciiCapital => {
            "its name has a capital letter outside ASCII and is kept as it is"
        }
    };
    let path = pair.source_path.join(name);
    shared.report(
        "name-kept",
        Verdict::Person,
        &path,
        text,
        "Nothing, unless GroupWise itself uses this name",
    );
}

fn remember_folder_time(shared: &Shared<'_>, pair: &FolderPair) -> Result<()> {
    let Some(source) = &pair.source else {
        return Ok(());
    };
    let modified = source
        .attributes()
        .map_err(|errno| WorkerError::reading("look at the folder", &pair.source_path, errno))?
        .modified;
    shared
        .lists()
        .folder_times
        .push((pair.area, pair.path.clone(), modified));
    Ok(())
}

/// Whether a folder of the destination belongs to the queue step and is left alone by passes.
pub(super) fn is_queue_area(shared: &Shared<'_>, pair: &FolderPair) -> bool {
    shared.areas[pair.area].kind == AreaKind::PostOffice && layout::is_queue(&pair.path)
}
