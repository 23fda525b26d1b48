//! Databases: each is copied while it is locked, and kept only where nothing moved meanwhile (DESIGN rule 4).

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use postoffice::layout::FileClass;
use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::decide::Decision;
use super::file::{CopyFailure, temporary_name, write_copy};
use super::files::{
    Outcome, destination_of, look, open_source, outcome_of, publish, put_off, report_outcome,
};
use super::shared::{FileTask, Shared};
use crate::error::Result;
use crate::locks::{self, Attempt};
use crate::monitor::Count;

/// The part of a database that changes with every transaction.
const HEADER_BYTES: usize = 2048;

/// How long to wait before a database that moved is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// Copies the database where rule 2 asks for it, whole or not at all.
pub(super) fn copy_database(shared: &Shared<'_>, task: FileTask) -> Result<()> {
    let Some(decision) = look(shared, &task)? else {
        return Ok(());
    };
    match decision {
        Decision::Keep => {
            shared.monitor.count(Count::FilesUnchanged, 1);
            Ok(())
        }
        Decision::AfterSettingAside | Decision::AfterRemovingFolder => {
            put_off(shared, task, decision)
        }
        Decision::Create | Decision::Replace => copy_locked(shared, &task),
    }
}

fn copy_locked(shared: &Shared<'_>, task: &FileTask) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(shared.options.lock_wait_seconds);
    let mut last = None;
    for attempt in 0..=shared.options.retries {
        if attempt > 0 {
            std::thread::sleep(PAUSE);
        }
        let left = until.saturating_duration_since(Instant::now());
        let lock = match take_lock(shared, task, left)? {
            Ok(lock) => lock,
            Err(Outcome::Unreadable(errno)) => {
                return shared.unreadable(&task.source_path(), errno);
            }
            Err(outcome) => return report_outcome(shared, task, &outcome),
        };
        if matches!(lock, Attempt::Busy) {
            defer(
                shared,
                task.class,
                &task.source_path(),
                "another program held its lock for all the time that was waited",
            );
            return Ok(());
        }
        match copy_between_headers(shared, task)? {
            Outcome::Copied(written, destination) => {
                return shared.record(task, &written, &destination);
            }
            // A range that another program has locked shows itself like this on some mounts.
            outcome @ (Outcome::KeptChanging
            | Outcome::Unreadable(Errno::IO | Errno::ACCESS | Errno::AGAIN)) => {
                last = Some(outcome);
            }
            outcome => return report_outcome(shared, task, &outcome),
        }
        drop(lock);
    }
    if let Some(Outcome::Unreadable(errno)) = last {
        return shared.unreadable(&task.source_path(), errno);
    }
    let why = "it changed each time while it was read";
    defer(shared, task.class, &task.source_path(), why);
    Ok(())
}

/// Waits for the lock of a database.
fn take_lock(
    shared: &Shared<'_>,
    task: &FileTask,
    wait: Duration,
) -> Result<Result<Attempt, Outcome>> {
    match locks::lock(
        task.source()?,
        &task.source_name,
        task.lock_file.as_deref(),
        wait,
    ) {
        Ok(Attempt::Unsupported) => {
            shared.report(
                "no-locks",
                crate::finding::Verdict::Done,
                &task.source_path(),
                "the mount of the source has no locks; the database is compared before and after it is copied",
                "",
            );
            Ok(Ok(Attempt::Unsupported))
        }
        Ok(attempt) => Ok(Ok(attempt)),
        Err(Errno::NOENT) => Ok(Err(Outcome::Vanished)),
        Err(Errno::LOOP | Errno::INVAL) => Ok(Err(Outcome::NotAFile)),
        Err(errno) => outcome_of(task, CopyFailure::Read(errno)).map(Err),
    }
}

/// Copies under a temporary name, and publishes only where the header is the same before and after.
fn copy_between_headers(shared: &Shared<'_>, task: &FileTask) -> Result<Outcome> {
    let source = match open_source(task)? {
        Ok(handle) => handle,
        Err(outcome) => return Ok(outcome),
    };
    let before = match header(&source) {
        Ok(header) => header,
        Err(errno) => return outcome_of(task, CopyFailure::Read(errno)),
    };
    let temporary = temporary_name(shared.pass.id);
    let written = match write_copy(&source, &task.pair.destination, &temporary) {
        Ok(written) => written,
        Err(failure) => return outcome_of(task, failure),
    };
    if header(&source).ok().as_ref() != Some(&before) {
        let removed = task.pair.destination.remove_file(&temporary);
        return removed.map_err(CopyFailure::Write).map_or_else(
            |failure| outcome_of(task, failure),
            |_| Ok(Outcome::KeptChanging),
        );
    }
    publish(task, &temporary)?;
    let destination = destination_of(task, &written)?;
    Ok(Outcome::Copied(Box::new(written), destination))
}

/// The first bytes of a database, as many as there are.
pub(super) fn header(source: &OwnedFd) -> Result<Vec<u8>, Errno> {
    let mut header = vec![0; HEADER_BYTES];
    let mut length = 0;
    while length < header.len() {
        match rustix::io::pread(source, &mut header[length..], length as u64) {
            Ok(0) => break,
            Ok(more) => length += more,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    header.truncate(length);
    Ok(header)
}

/// Says that a database, or the guardian set, is left to the next pass.
pub(super) fn defer(shared: &Shared<'_>, class: FileClass, path: &RelativePath, why: &str) {
    shared.monitor.count(Count::FilesDeferred, 1);
    let what = if class == FileClass::Guardian {
        "the guardian set is"
    } else {
        "the database is"
    };
    shared.report(
        "database-deferred",
        shared.problem(),
        path,
        &format!("{why}; {what} left to the next pass"),
        "In stage one nothing, or run a pass again when maintenance and backup are over; in stage two, stop what \
         holds it, then run stage two again",
    );
}
