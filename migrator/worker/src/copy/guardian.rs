//! The guardian set: the guardian, its fall-back copies and its roll-forward log are one unit.
//!
//! A new guardian beside an old log would make an agent replay the wrong changes.  So all members are copied under
//! temporary names while the guardian is locked, compared with the source once more, and only then renamed.

use std::time::Duration;

use super::decide::Decision;
use super::file::{CopyFailure, Written, temporary_name, write_copy};
use super::files::{
    Outcome, destination_of, look, open_source, outcome_of, publish, put_off, report_outcome,
};
use super::shared::{FileTask, Shared};
use crate::error::Result;
use crate::locks::{self, Attempt};
use crate::monitor::Count;
use crate::tree::Kind;

/// The name of the guardian itself, in lower case.
const GUARDIAN: &[u8] = b"ngwguard.db";

/// How long to wait before a set that moved is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Copies the guardian set of one area where any member has changed.
pub(super) fn copy_guardian_set(shared: &Shared<'_>, members: Vec<FileTask>) -> Result<()> {
    let mut set = Vec::with_capacity(members.len());
    let mut changed = false;
    for task in members {
        match look(shared, &task)? {
            None => {}
            Some(decision @ (Decision::AfterSettingAside | Decision::AfterRemovingFolder)) => {
                put_off(shared, task, decision)?;
                changed = true;
            }
            Some(decision) => {
                changed |= decision != Decision::Keep;
                set.push(task);
            }
        }
    }
    if !changed {
        shared
            .monitor
            .count(Count::FilesUnchanged, set.len() as u64);
        return Ok(());
    }
    for attempt in 0..=shared.options.retries {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let _lock = match lock(shared, &set)? {
            Some(Attempt::Busy) => {
                return super::database::defer_set(
                    shared,
                    &set,
                    "another program held the lock of the guardian",
                );
            }
            other => other,
        };
        if copy_set(shared, &set)? {
            return Ok(());
        }
    }
    super::database::defer_set(
        shared,
        &set,
        "the guardian set changed each time while it was read",
    )
}

fn lock(shared: &Shared<'_>, set: &[FileTask]) -> Result<Option<Attempt>> {
    let Some(guardian) = set.iter().find(|task| task.name == GUARDIAN) else {
        return Ok(None);
    };
    let wait = Duration::from_secs(shared.options.lock_wait_seconds);
    match locks::lock(
        guardian.source()?,
        &guardian.source_name,
        guardian.lock_file.as_deref(),
        wait,
    ) {
        Ok(attempt) => Ok(Some(attempt)),
        Err(errno) => {
            let outcome = outcome_of(guardian, CopyFailure::Read(errno))?;
            report_outcome(shared, guardian, &outcome)?;
            Ok(None)
        }
    }
}

/// Copies all members and publishes them together; says whether none of them moved meanwhile.
fn copy_set(shared: &Shared<'_>, set: &[FileTask]) -> Result<bool> {
    let mut staged: Vec<(&FileTask, Vec<u8>, Written)> = Vec::with_capacity(set.len());
    let mut whole = true;
    for task in set {
        match stage(shared, task)? {
            Ok((temporary, written)) => staged.push((task, temporary, written)),
            Err(Outcome::KeptChanging) => whole = false,
            Err(outcome) => report_outcome(shared, task, &outcome)?,
        }
    }
    for (task, _, written) in &staged {
        let now = task.source()?.look_at(&task.source_name);
        whole &= matches!(now, Ok(Some(now)) if now.kind == Kind::File
            && now.size == written.source.size && now.modified == written.source.modified);
    }
    for (task, temporary, written) in &staged {
        if whole {
            publish(task, temporary)?;
            let destination = destination_of(task, written)?;
            shared.record(task, written, &destination)?;
        } else if let Err(errno) = task.pair.destination.remove_file(temporary) {
            outcome_of(task, CopyFailure::Write(errno))?;
        }
    }
    Ok(whole)
}

fn stage(shared: &Shared<'_>, task: &FileTask) -> Result<Result<(Vec<u8>, Written), Outcome>> {
    let source = match open_source(task)? {
        Ok(handle) => handle,
        Err(outcome) => return Ok(Err(outcome)),
    };
    let temporary = temporary_name(shared.pass.id);
    match write_copy(&source, &task.pair.destination, &temporary) {
        Ok(written) => Ok(Ok((temporary, written))),
        Err(failure) => outcome_of(task, failure).map(Err),
    }
}
