//! Databases and the guardian set: each unit is copied while it is locked, whole or not at all (ARCHITECTURE.md rule
//! 4).
//!
//! ```text
//! lock ── header ── all members under temporary names, blocks verified ── header and members unmoved? ── names
//! ```

use std::time::{Duration, Instant};

use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::context::{FileTask, PassContext};
use super::decide::Decision;
use super::files::{Looked, Outcome, look, outcome_of, put_off, report_outcome, wait_for_room};
use super::second_look::PassScope;
use super::stage::{Attempted, copy_members};
use super::unit::Unit;
use crate::capabilities::Area;
use crate::copy_file::CopyFailure;
use crate::database::discard_unfinished;
use crate::error::{Result, WorkerError, stops_the_step};
use crate::guardian;
use crate::locks::{self, Attempt};
use crate::source::require_mounts;
use crate::tree::Kind;
use postoffice::layout::FileClass;
use protocol::{Count, LockReach, PassKind};

/// How long to wait before a unit that moved is tried again.
const PAUSE: Duration = Duration::from_millis(100);

/// How long to wait before a unit is read again that may be locked where no lock can be asked for.
const LOCKED_PAUSE: Duration = Duration::from_secs(1);

/// Copies a unit where any member has changed.
pub(super) fn copy_unit(context: &PassContext<'_>, unit: Unit) -> Result<()> {
    // Nothing is locked here.
    context.monitor.obey()?;
    if is_converted(context, &unit)? {
        let how_many = unit.members.len() as u64;
        context.monitor.count(Count::FilesUnchanged, how_many);
        return Ok(());
    }
    let class = unit.class;
    let mut looked = Vec::with_capacity(unit.members.len());
    let mut missed = Vec::new();
    for task in unit.members {
        match look(context, &task)? {
            // Its files are one: where one is no file any more, all keep the copies that they have.
            Looked::NoFile => return Ok(()),
            // The same where one is listed and cannot be opened.
            Looked::Missed if context.still_stands(&task)? => return Ok(()),
            Looked::Missed => missed.push(task),
            Looked::There(decision) => looked.push((task, decision)),
        }
    }
    if let Some(first) = missed.first() {
        let members = missed.iter().chain(looked.iter().map(|(task, _)| task));
        return leave(context, class, &first.source_path(), members);
    }
    let is_blocking = |decision| {
        matches!(
            decision,
            Decision::AfterSettingAside | Decision::AfterRemovingFolder
        )
    };
    if looked.iter().any(|(_, decision)| is_blocking(*decision)) {
        // Where one member has to wait until its place is free, all wait.
        for (task, decision) in looked {
            if is_blocking(decision) {
                put_off(context, task, decision)?;
            } else {
                wait_for_room(context, task);
            }
        }
        return Ok(());
    }
    let changed = looked
        .iter()
        .any(|(_, decision)| *decision != Decision::Keep);
    let members: Vec<_> = looked.into_iter().map(|(task, _)| task).collect();
    if !changed {
        let how_many = members.len() as u64;
        context.monitor.count(Count::FilesUnchanged, how_many);
        return Ok(());
    }
    let unit = Unit { class, members };
    forget_conversion(context, &unit)?;
    copy_locked(context, &unit)
}

/// Whether this is a guardian that was converted, and neither side changed since.
fn is_converted(context: &PassContext<'_>, unit: &Unit) -> Result<bool> {
    let Some(control) = unit.control().filter(|_| unit.class == FileClass::Guardian) else {
        return Ok(false);
    };
    let Some(accepted) = &context.converted else {
        return Ok(false);
    };
    for task in &unit.members {
        let source = task.source()?.metadata(&task.source_name);
        let is_unchanged = matches!((&task.known, source), (Some(known), Ok(Some(source)))
            if source.kind == Kind::File && known.source_is_unchanged(&source));
        if !is_unchanged {
            return Ok(false);
        }
    }
    accepted.is_unchanged(&context.areas[control.pair.area])
}

/// Before a guardian is copied again: what was converted is converted no longer.
fn forget_conversion(context: &PassContext<'_>, unit: &Unit) -> Result<()> {
    let Some(control) = unit.control().filter(|_| unit.class == FileClass::Guardian) else {
        return Ok(());
    };
    guardian::forget(context.store)?;
    discard_unfinished(&context.areas[control.pair.area].destination)
}

/// What came of taking the lock.
enum Lock {
    /// Held, or not to be had from this file system at all, until the value is dropped.
    Taken(Attempt),
    /// Another program has it.
    Busy,
    /// It could not be asked for.
    NotAsked(Errno),
    /// The control file is not there or cannot be opened, which has been reported.
    Reported,
}

fn copy_locked(context: &PassContext<'_>, unit: &Unit) -> Result<()> {
    let wait = Duration::from_secs(context.options.lock_wait_seconds);
    let until = Instant::now() + wait;
    let mut attempt = 0;
    loop {
        let Some(control) = unit.control() else {
            return Ok(());
        };
        let left = until.saturating_duration_since(Instant::now());
        let lock = match take_lock(context, unit, control, left)? {
            Lock::Taken(lock) => lock,
            Lock::Busy => {
                let why = "another program held its lock for all the time that was waited";
                defer(context, unit.class, &control.source_path(), why);
                return Ok(());
            }
            Lock::NotAsked(errno) => {
                let why = format!(
                    "its lock could not be asked for ({errno}), so another program may hold it"
                );
                defer(context, unit.class, &control.source_path(), &why);
                return Ok(());
            }
            Lock::Reported => return Ok(()),
        };
        let mut unreadable = None;
        match copy_members(context, unit, &lock)? {
            Attempted::Whole | Attempted::NoFile => return Ok(()),
            Attempted::Moved => {}
            Attempted::Grew => {
                // A second look follows, which lists a new database whole.
                let is_seen_again = context.pass.kind == PassKind::StageOne
                    && context.scope == PassScope::Everything
                    && unit.is_new();
                if is_seen_again {
                    let files = unit.members.iter().map(FileTask::source_path);
                    context.lists().left_to_second_look.extend(files);
                } else {
                    let why = "it got a further file after its folder was listed";
                    defer(context, unit.class, &control.source_path(), why);
                }
                return Ok(());
            }
            Attempted::Missed(path) => {
                return leave(context, unit.class, &path, unit.members.iter());
            }
            Attempted::Unreadable(path, errno) => unreadable = Some((path, errno)),
        }
        // A range that another program has locked shows itself as one of these on some mounts, and is tried again.
        if let Some((path, errno)) = &unreadable
            && !matches!(*errno, Errno::IO | Errno::ACCESS | Errno::AGAIN)
        {
            return context.unreadable(path, *errno);
        }
        let has_no_lock = !is_relied_on(context, unit, &lock);
        drop(lock);
        let (pause, is_last) = match &unreadable {
            Some((path, errno)) if has_no_lock => {
                require_mounts(context.areas, path, *errno)?;
                (LOCKED_PAUSE, Instant::now() >= until)
            }
            _ => {
                attempt += 1;
                (PAUSE, attempt > context.options.retries)
            }
        };
        if is_last {
            return give_up(context, unit, unreadable, has_no_lock);
        }
        std::thread::sleep(pause);
    }
}

/// Ends the attempts at a unit that cannot be had.
fn give_up(
    context: &PassContext<'_>,
    unit: &Unit,
    unreadable: Option<(RelativePath, Errno)>,
    has_no_lock: bool,
) -> Result<()> {
    match unreadable {
        Some((path, errno)) if has_no_lock => {
            // Where locks cannot be asked for, a held one looks like this, and so does a broken disk.
            let why = format!(
                "it could not be read for all the time that was waited ({errno}): a program of the source holds a part \
                 of it, or the disk of the source is broken"
            );
            defer(context, unit.class, &path, &why);
        }
        Some((path, errno)) => return context.unreadable(&path, errno),
        None => {
            if let Some(control) = unit.control() {
                let why = "it changed each time while it was read";
                defer(context, unit.class, &control.source_path(), why);
            }
        }
    }
    Ok(())
}

/// Whether a lock keeps the programs of the source out of this unit; what is not certain does not.
pub(super) fn is_relied_on(context: &PassContext<'_>, unit: &Unit, lock: &Attempt) -> bool {
    let area = unit
        .control()
        .map(|control| &context.areas[control.pair.area]);
    matches!(lock, Attempt::Held(_)) && area.is_some_and(Area::relies_on_locks)
}

/// Waits for the lock of the control file; one that may not reach the programs of the source is taken all the same, where it can
/// be.
fn take_lock(
    context: &PassContext<'_>,
    unit: &Unit,
    control: &FileTask,
    wait: Duration,
) -> Result<Lock> {
    let area = &context.areas[control.pair.area];
    if !area.relies_on_locks() {
        context.report_no_locks(&control.source_path(), &area.locks);
    }
    if area.has_no_locks() {
        return Ok(Lock::Taken(Attempt::Unsupported));
    }
    let lock_file = control.lock_file.as_deref();
    let (source, name) = (control.source()?, &control.source_name);
    let outcome = match locks::lock(source, name, lock_file, wait, area.relies_on_locks()) {
        Ok(Attempt::Busy) => return Ok(Lock::Busy),
        Ok(Attempt::NotAsked(errno)) if area.relies_on_locks() => {
            if stops_the_step(errno) {
                return Err(WorkerError::reading("lock", &control.source_path(), errno));
            }
            require_mounts(context.areas, &control.source_path(), errno)?;
            return Ok(Lock::NotAsked(errno));
        }
        // It would not be relied on: NFS without a lock manager answers like this each time.
        Ok(Attempt::NotAsked(_)) => return Ok(Lock::Taken(Attempt::Unsupported)),
        Ok(Attempt::Unsupported) => {
            context.report_no_locks(&control.source_path(), &LockReach::None);
            return Ok(Lock::Taken(Attempt::Unsupported));
        }
        Ok(lock) => return Ok(Lock::Taken(lock)),
        Err(errno) if context.says_not_there(&control.source_path(), errno)? => {
            if !context.still_stands(control)? {
                leave(
                    context,
                    unit.class,
                    &control.source_path(),
                    unit.members.iter(),
                )?;
            }
            return Ok(Lock::Reported);
        }
        Err(Errno::LOOP) => Outcome::NotAFile,
        Err(errno) => outcome_of(context, control, CopyFailure::Read(errno))?,
    };
    report_outcome(context, control, &outcome)?;
    Ok(Lock::Reported)
}

/// Leaves a unit of which a file was missed, which has been said, to the next pass: the others alone would be a database beside
/// another's files, and without the control file there is no lock.  Where none of the members is there now, it was removed.
fn leave<'t>(
    context: &PassContext<'_>,
    class: FileClass,
    missed: &RelativePath,
    mut members: impl Iterator<Item = &'t FileTask>,
) -> Result<()> {
    let any_stands = members.try_fold(false, |any, task| {
        let is_there = !matches!(task.source()?.metadata(&task.source_name), Ok(None));
        Ok::<_, WorkerError>(any || is_there)
    })?;
    if any_stands {
        let why = "it was not there for a moment";
        defer(context, class, missed, why);
    }
    Ok(())
}

/// Says that a database, or the guardian set, is left to the next pass.
fn defer(context: &PassContext<'_>, class: FileClass, path: &RelativePath, why: &str) {
    let is_left = context.lists().left_to_second_look.contains(path);
    let monitor = if is_left && context.scope == PassScope::NewNames {
        context.loud
    } else {
        context.monitor
    };
    monitor.count(Count::FilesDeferred, 1);
    let what = if class == FileClass::Guardian {
        "the guardian set is"
    } else {
        "the database is"
    };
    monitor.report(
        "database-deferred",
        context.problem(),
        path,
        &format!("{why}; {what} left to the next pass"),
        "In stage one nothing, or run a pass again when maintenance and backup are over; in stage two, stop what \
         holds it, then run stage two again",
    );
}
