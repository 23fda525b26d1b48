//! What the destination has and the source has not.
//!
//! Nothing is touched here: every entry goes into the plan of removals, which is checked as a whole first.

use std::collections::HashSet;
use std::sync::Arc;

use rustix::io::Errno;

use super::crawl::is_queue_area;
use super::shared::{FolderPair, FolderTask, Shared};
use crate::error::{Result, WorkerError};
use crate::guardian::Accepted;
use crate::store::{Manifest, Removal, RemovalKind};
use crate::tree::{Entry, Kind};
use postoffice::layout::CopyRule;
use postoffice::names::RelativePath;

/// Plans for the entries of a destination folder that the source does not have.
///
/// `manifest` holds the rows of this folder that the source no longer answers to.
pub(super) fn look_at_extras(
    shared: &Shared<'_>,
    pair: &Arc<FolderPair>,
    extras: Vec<&Entry>,
    manifest: &Manifest,
    mut descend: impl FnMut(FolderTask),
) -> Result<()> {
    // Items of the queues are the business of the queue step; logs that lie among them are not.
    let among_queues = is_queue_area(shared, pair);
    let standing: HashSet<&[u8]> = extras.iter().map(|extra| &extra.name[..]).collect();
    let gone: Vec<(RelativePath, Vec<u8>)> = manifest
        .keys()
        .filter(|name| !standing.contains(&name[..]))
        .map(|name| (pair.path.clone(), name.clone()))
        .collect();
    for extra in extras {
        let attributes = match pair.destination.look_at(&extra.name) {
            Ok(Some(attributes)) => attributes,
            Ok(None) => continue,
            Err(errno) => {
                return Err(WorkerError::writing(
                    "look at",
                    &pair.path.join(&extra.name),
                    errno,
                ));
            }
        };
        match attributes.kind {
            _ if among_queues && is_item(shared, pair, &extra.name) => {}
            Kind::Folder if is_lost_and_found(shared, pair, &extra.name) => {}
            Kind::Folder => plan_folder(shared, pair, &extra.name, &mut descend)?,
            Kind::File if is_left_alone(shared, pair, &extra.name)? => {}
            Kind::File | Kind::Symlink | Kind::Special => {
                let known = manifest.get(&extra.name[..]);
                let ours = known.is_some_and(|known| known.destination_is_untouched(&attributes));
                let kind = if ours {
                    RemovalKind::Vanished
                } else {
                    RemovalKind::SetAside
                };
                plan(shared, pair, &extra.name, kind, known.is_some())?;
            }
        }
    }
    if gone.is_empty() {
        Ok(())
    } else {
        shared.store.forget_files(shared.areas[pair.area].id, &gone)
    }
}

/// Lock and temporary files of the agent at the destination are nobody's data, and a converted guardian is ours.
fn is_left_alone(shared: &Shared<'_>, pair: &FolderPair, name: &[u8]) -> Result<bool> {
    let is_converted = |converted: &Accepted| converted.has(&pair.path.join(name));
    if shared.converted.as_ref().is_some_and(is_converted) {
        // A converted guardian may have more files than that of the source.
        return Ok(true);
    }
    if rule_of(shared, pair, name) != CopyRule::Never {
        return Ok(false);
    }
    // In a folder that is to go they must go first.
    let area = shared.areas[pair.area].id;
    Ok(pair.source.is_some() || shared.store.folder_made_by(area, &pair.path)? == Some(0))
}

/// What a file system keeps at its top is nobody's data.
fn is_lost_and_found(shared: &Shared<'_>, pair: &FolderPair, name: &[u8]) -> bool {
    shared.areas[pair.area].is_lost_and_found(&pair.path.join(name))
}

fn is_item(shared: &Shared<'_>, pair: &FolderPair, name: &[u8]) -> bool {
    rule_of(shared, pair, name) == CopyRule::QueueStep
}

fn rule_of(shared: &Shared<'_>, pair: &FolderPair, name: &[u8]) -> CopyRule {
    shared.areas[pair.area]
        .classify(&pair.path.join(name))
        .copy_rule()
}

fn plan_folder(
    shared: &Shared<'_>,
    pair: &Arc<FolderPair>,
    name: &[u8],
    descend: &mut impl FnMut(FolderTask),
) -> Result<()> {
    let path = pair.path.join(name);
    let area = &shared.areas[pair.area];
    match shared.store.folder_made_by(area.id, &path)? {
        // The folder stays because something is mounted there, but what is in it is looked at.
        _ if area.is_mount_point(&path) => {}
        // A log may lie in a folder of the queues; its items are the business of the queue step.
        None if is_queue_area(shared, pair) => {}
        // Not ours: the whole folder is set aside as it is.
        None => return plan(shared, pair, name, RemovalKind::SetAside, false),
        // One that every post office has: it stays, but what is in it is looked at.
        Some(0) => {}
        Some(_) => plan(shared, pair, name, RemovalKind::VanishedFolder, false)?,
    }
    descend(FolderTask::Inside {
        parent: Arc::clone(pair),
        source_name: None,
        name: name.to_vec(),
    });
    Ok(())
}

fn plan(
    shared: &Shared<'_>,
    pair: &FolderPair,
    name: &[u8],
    kind: RemovalKind,
    was_copied: bool,
) -> Result<()> {
    shared.plan_removal(Removal {
        area: shared.areas[pair.area].id,
        folder: pair.path.clone(),
        name: name.to_vec(),
        kind,
        was_copied,
    })
}

/// Plans for a folder of the destination that stands where the source has a file now.
pub(super) fn plan_blocking_folder(
    shared: &Shared<'_>,
    pair: &Arc<FolderPair>,
    name: &[u8],
) -> Result<()> {
    let mut waiting = Vec::new();
    plan_folder(shared, pair, name, &mut |task| waiting.push(task))?;
    if waiting.is_empty() {
        return Ok(());
    }
    // A folder that we made: its entries are planned one by one, each as what it is.
    plan(shared, pair, name, RemovalKind::VanishedFolder, false)?;
    while let Some(task) = waiting.pop() {
        let FolderTask::Inside { parent, name, .. } = task else {
            continue;
        };
        let path = parent.path.join(&name);
        let destination = match parent.destination.open_folder(&name) {
            Ok(folder) => folder,
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(WorkerError::writing("open the folder", &path, errno)),
        };
        let entries = destination
            .list()
            .map_err(|errno| WorkerError::writing("list the folder", &path, errno))?;
        let manifest = shared
            .store
            .manifest_of(shared.areas[parent.area].id, &path)?;
        let source_path = parent.source_path.join(&name);
        let inner = Arc::new(FolderPair {
            area: parent.area,
            source: None,
            source_path,
            destination,
            path,
        });
        look_at_extras(
            shared,
            &inner,
            entries.iter().collect(),
            &manifest,
            |task| waiting.push(task),
        )?;
    }
    Ok(())
}
