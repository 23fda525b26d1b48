//! The guardian set: the guardian, its fall-back copies and its roll-forward log are one unit.
//!
//! A new guardian beside an old log would make an agent replay the wrong changes.  So all members are copied under
//! temporary names while the guardian is locked, compared with the source once more, and only then renamed.

use std::time::Duration;

use super::database::defer;
use super::decide::Decision;
use super::file::{CopyFailure, Written, temporary_name, write_copy};
use super::files::{
    Outcome, destination_of, look, open_source, outcome_of, publish, put_off, report_outcome,
    wait_for_room,
};
use super::shared::{FileTask, Shared};
use crate::error::Result;
use crate::locks::{self, Attempt};
use crate::monitor::Count;
use crate::tree::Kind;
use postoffice::layout::FileClass;

/// The name of the guardian itself, in lower case.
const GUARDIAN: &[u8] = b"ngwguard.db";

/// How long to wait before a set that moved is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// What came of one attempt.
enum Attempted {
    /// All members stand at the destination.
    Whole,
    /// A member moved while it was read.
    Moved,
    /// A member vanished; the others are tried without it.
    Without(usize),
    /// A member could not be read, which has been reported.
    Unreadable,
}

/// Copies the guardian set of one area where any member has changed.
pub(super) fn copy_guardian_set(shared: &Shared<'_>, members: Vec<FileTask>) -> Result<()> {
    let mut set = Vec::with_capacity(members.len());
    let mut changed = false;
    let mut is_blocked = false;
    for task in members {
        match look(shared, &task)? {
            None => {}
            Some(decision @ (Decision::AfterSettingAside | Decision::AfterRemovingFolder)) => {
                put_off(shared, task, decision)?;
                is_blocked = true;
            }
            Some(decision) => {
                changed |= decision != Decision::Keep;
                set.push(task);
            }
        }
    }
    if is_blocked {
        // One unit: where one member has to wait until its place is free, all wait.
        for task in set {
            wait_for_room(shared, task);
        }
        return Ok(());
    }
    if !changed {
        shared
            .monitor
            .count(Count::FilesUnchanged, set.len() as u64);
        return Ok(());
    }
    let first = set.first().map(FileTask::source_path);
    if let (Some(why), Some(first)) = (copy_locked(shared, set)?, first) {
        defer(shared, FileClass::Guardian, &first, why);
    }
    Ok(())
}

/// Copies the set under the lock of the guardian; says why it must be deferred where it must.
fn copy_locked(shared: &Shared<'_>, mut set: Vec<FileTask>) -> Result<Option<&'static str>> {
    for attempt in 0..=shared.options.retries {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let _lock = match lock(shared, &set)? {
            Some(Attempt::Busy) => {
                return Ok(Some("another program held the lock of the guardian"));
            }
            Some(lock) => lock,
            None => return Ok(Some("the guardian itself could not be locked")),
        };
        match copy_set(shared, &set)? {
            Attempted::Whole => return Ok(None),
            Attempted::Moved => {}
            Attempted::Without(index) => {
                set.remove(index);
            }
            Attempted::Unreadable => return Ok(Some("a member of the set could not be read")),
        }
    }
    Ok(Some("the guardian set changed each time while it was read"))
}

/// Locks the guardian; `None` where it cannot be, which has been reported.
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

/// Copies all members, and publishes them together where none of them moved meanwhile.
fn copy_set(shared: &Shared<'_>, set: &[FileTask]) -> Result<Attempted> {
    let mut staged: Vec<(&FileTask, Vec<u8>, Written)> = Vec::with_capacity(set.len());
    let mut attempted = Attempted::Whole;
    for (index, task) in set.iter().enumerate() {
        match stage(shared, task)? {
            Ok((temporary, written)) => staged.push((task, temporary, written)),
            Err(Outcome::KeptChanging) => attempted = Attempted::Moved,
            Err(outcome) => {
                report_outcome(shared, task, &outcome)?;
                attempted = match outcome {
                    Outcome::Vanished => Attempted::Without(index),
                    _ => Attempted::Unreadable,
                };
                break;
            }
        }
    }
    for (task, _, written) in &staged {
        let now = task.source()?.look_at(&task.source_name);
        let stands_still = matches!(now, Ok(Some(now)) if now.kind == Kind::File
            && now.size == written.source.size && now.modified == written.source.modified);
        if !stands_still && matches!(attempted, Attempted::Whole) {
            attempted = Attempted::Moved;
        }
    }
    for (task, temporary, written) in &staged {
        if matches!(attempted, Attempted::Whole) {
            publish(task, temporary)?;
            let destination = destination_of(task, written)?;
            shared.record(task, written, &destination)?;
        } else if let Err(errno) = task.pair.destination.remove_file(temporary) {
            outcome_of(task, CopyFailure::Write(errno))?;
        }
    }
    Ok(attempted)
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
