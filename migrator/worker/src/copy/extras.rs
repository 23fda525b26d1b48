//! What the destination has and the source has not.
//!
//! Nothing is touched here: every entry goes into the plan of removals, which is checked as a whole first.

use std::sync::Arc;

use postoffice::layout::{self, CopyRule};

use super::context::PassContext;
use crate::error::{Result, WorkerError};
use crate::guardian::Accepted;
use crate::store::{FolderOwner, ManifestFile, Removal, RemovalKind};
use crate::tree::{Entry, FolderTask, Kind, Pair};
use protocol::{AreaKind, Verdict};

/// Plans for an entry of the destination that the source does not have, of which the manifest has `known`; returns a folder
/// whose entries are planned for one by one.
pub(super) fn plan_extra(
    context: &PassContext<'_>,
    pair: &Arc<Pair>,
    extra: &Entry,
    known: Option<&ManifestFile>,
) -> Result<Option<FolderTask>> {
    let attributes = match pair.destination.metadata(&extra.name) {
        Ok(Some(attributes)) => attributes,
        Ok(None) => return Ok(None),
        Err(errno) => {
            let path = pair.path.join(&extra.name);
            return Err(WorkerError::writing("look at", &path, errno));
        }
    };
    match attributes.kind {
        Kind::Folder if is_lost_and_found(context, pair, &extra.name) => {
            say_what_was_found(context, pair, &extra.name);
            Ok(None)
        }
        // Queues and their items are the business of the queue step; logs that lie among them are not.
        Kind::Folder if is_of_the_queue_step(context, pair, &extra.name) => {
            Ok(Some(pair.inside_destination(&extra.name)))
        }
        _ if is_of_the_queue_step(context, pair, &extra.name) => Ok(None),
        Kind::Folder => plan_folder(context, pair, &extra.name),
        Kind::File if is_left_alone(context, pair, &extra.name)? => Ok(None),
        Kind::File | Kind::Symlink | Kind::Special => {
            let is_ours = |known: &ManifestFile| known.destination_is_untouched(&attributes);
            let kind = if known.is_some_and(is_ours) {
                RemovalKind::Vanished
            } else {
                RemovalKind::SetAside
            };
            plan(context, pair, &extra.name, kind, known.is_some())?;
            Ok(None)
        }
    }
}

/// Whether an entry of the destination belongs to the queue step and is left alone by passes.
fn is_of_the_queue_step(context: &PassContext<'_>, pair: &Pair, name: &[u8]) -> bool {
    is_queue_area(context, pair) && rule_of(context, pair, name) == CopyRule::QueueStep
}

/// Whether a folder of the destination is one of the queues.
fn is_queue_area(context: &PassContext<'_>, pair: &Pair) -> bool {
    context.areas[pair.area].kind == AreaKind::PostOffice && layout::is_queue(&pair.path)
}

/// Lock and temporary files of the agent at the destination are nobody's data, and a converted guardian is ours.
fn is_left_alone(context: &PassContext<'_>, pair: &Pair, name: &[u8]) -> Result<bool> {
    let is_converted = |converted: &Accepted| converted.has(&pair.path.join(name));
    if context.converted.as_ref().is_some_and(is_converted) {
        // A converted guardian may have more files than that of the source.
        return Ok(true);
    }
    if rule_of(context, pair, name) != CopyRule::Never {
        return Ok(false);
    }
    // In a folder that is to go they must go first.
    let area = context.areas[pair.area].id;
    Ok(pair.has_source()
        || context.store.folder_owner(area, &pair.path)? == FolderOwner::EveryPostOffice)
}

/// What a file system keeps at its top is nobody's data.
fn is_lost_and_found(context: &PassContext<'_>, pair: &Pair, name: &[u8]) -> bool {
    context.areas[pair.area].is_lost_and_found(&pair.path.join(name))
}

/// Says that a repair of a file system of the destination has found something, where this worker may see that.
fn say_what_was_found(context: &PassContext<'_>, pair: &Pair, name: &[u8]) {
    let folder = pair.destination.open_folder(name);
    let Ok(entries) = folder.and_then(|folder| folder.list_unsorted()) else {
        return;
    };
    if !entries.is_empty() {
        context.monitor.report(
            "lost-and-found",
            Verdict::NeedsAttention,
            &pair.path.join(name),
            &format!(
                "a repair of this file system of the destination has put {} entries here; they are left where they are",
                entries.len()
            ),
            "Look at the disk of the destination, and at what was found there; then remove that, or move it away",
        );
    }
}

fn rule_of(context: &PassContext<'_>, pair: &Pair, name: &[u8]) -> CopyRule {
    context.areas[pair.area]
        .classify(&pair.path.join(name))
        .copy_rule()
}

/// Plans for a folder; returns it where its entries are to be planned for.
fn plan_folder(
    context: &PassContext<'_>,
    pair: &Arc<Pair>,
    name: &[u8],
) -> Result<Option<FolderTask>> {
    let path = pair.path.join(name);
    let area = &context.areas[pair.area];
    match context.store.folder_owner(area.id, &path)? {
        // The folder stays because something is mounted there or below it, but what is in it is looked at.
        _ if area.is_of_the_file_system(&path) => {}
        FolderOwner::EveryPostOffice => {}
        FolderOwner::ThisJob => plan(context, pair, name, RemovalKind::VanishedFolder, false)?,
        // A log may lie in a folder of the queues; its items are the business of the queue step.
        FolderOwner::SomebodyElse if is_queue_area(context, pair) => {}
        FolderOwner::SomebodyElse => {
            plan(context, pair, name, RemovalKind::SetAside, false)?;
            return Ok(None);
        }
    }
    Ok(Some(pair.inside_destination(name)))
}

fn plan(
    context: &PassContext<'_>,
    pair: &Pair,
    name: &[u8],
    kind: RemovalKind,
    was_copied: bool,
) -> Result<()> {
    context.plan_removal(Removal {
        area: context.areas[pair.area].id,
        folder: pair.path.clone(),
        name: name.to_vec(),
        kind,
        was_copied,
    })
}

/// Plans for a folder of the destination that stands where the source has a file now.
pub(super) fn plan_blocking_folder(
    context: &PassContext<'_>,
    pair: &Arc<Pair>,
    name: &[u8],
) -> Result<()> {
    if let Some(folder) = plan_folder(context, pair, name)? {
        plan(context, pair, name, RemovalKind::VanishedFolder, false)?;
        context.lists().blocking_folders.push(folder);
    }
    Ok(())
}
