//! One file of the source: whether it must be copied, and copying it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::io::Errno;

use super::context::Claim;
use super::context::{FileTask, PassContext};
use super::decide::{Decision, decide, is_one_hour_apart};
use super::extras::plan_blocking_folder;
use super::leftover;
use crate::copy_file::{CopyFailure, Source, Written, temporary_name, write_copy};
use crate::error::{Result, WorkerError, stops_the_step};
use crate::names::{name_refused, refuses_name, same_file};
use crate::source::require_mounts;
use crate::store::{Removal, RemovalKind};
use crate::tree::{Attributes, Kind, Name};
use protocol::Count;

/// How long to wait before a file that changed while it was read is tried again; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// What came of one file.
#[derive(Debug)]
pub(super) enum Outcome {
    /// Its bytes stand at the destination, and the committer has it.
    Copied,
    /// It was listed and is not there: it has vanished, or cannot be opened by its name, which is settled later.
    Missed,
    /// It changed each time while it was read.
    KeptChanging,
    /// The source would not give it up.
    Unreadable(Errno),
    /// It is no longer a regular file.
    NotAFile,
    /// It is the same file as that of this other name.
    SameFile(Name),
    /// The destination can hold nothing of that name.
    NameRefused(Errno),
}

/// Copies the file where [`decide`] asks for it.
pub(super) fn copy_if_changed(context: &PassContext<'_>, task: FileTask) -> Result<()> {
    if !task.listed {
        // The name is free: nothing but the copy can be right, so the source is opened without a look before.
        return copy(context, &task, false);
    }
    let decision = match look(context, &task)? {
        Looked::There(decision) => decision,
        Looked::Missed => return report_outcome(context, &task, &Outcome::Missed),
        Looked::NoFile => return Ok(()),
    };
    match decision {
        Decision::Keep => {
            context.monitor.count(Count::FilesUnchanged, 1);
            Ok(())
        }
        Decision::Create => copy(context, &task, false),
        Decision::Replace => copy(context, &task, true),
        Decision::MaybeLeftover | Decision::AfterSettingAside | Decision::AfterRemovingFolder => {
            put_off(context, task, decision)
        }
    }
}

/// Plans for what stands in the way of a copy, and keeps the copy for later.
pub(super) fn put_off(context: &PassContext<'_>, task: FileTask, decision: Decision) -> Result<()> {
    if decision == Decision::AfterRemovingFolder {
        plan_blocking_folder(context, &task.pair, &task.name)?;
    } else {
        context.plan_removal(Removal {
            area: context.areas[task.pair.area].id,
            folder: task.pair.path.clone(),
            name: task.name.clone(),
            kind: RemovalKind::SetAside,
            // It makes way for a copy, so nothing is lost.
            was_copied: false,
        })?;
    }
    wait_for_room(context, task);
    Ok(())
}

/// Keeps a copy for the round after the removals.
pub(super) fn wait_for_room(context: &PassContext<'_>, task: FileTask) {
    context.lists().blocked_files.push(task);
}

/// What a look at a file of the source came to.
pub(super) enum Looked {
    /// It is there, and this is to be done.
    There(Decision),
    /// It is listed and was not there.
    Missed,
    /// Something stands there that is no file, or that the source would not give up, which has been reported: its copy stays
    /// as it is.
    NoFile,
}

/// Looks at both sides.
pub(super) fn look(context: &PassContext<'_>, task: &FileTask) -> Result<Looked> {
    let source = match task.source()?.metadata(&task.source_name) {
        Ok(Some(attributes)) if attributes.kind == Kind::File => attributes,
        // It was listed as a file, which another listing may say again.
        Ok(_) => return Ok(Looked::Missed),
        Err(errno) => return not_looked_at(context, task, errno),
    };
    count_seen(context, task, &source);
    // Another name by which the source opens the same file.
    let other = task.pair.other_name_of(&task.source_name, &source);
    let other = match other {
        Ok(other) => other,
        Err(errno) => return not_looked_at(context, task, errno),
    };
    if let Some(other) = other {
        report_outcome(context, task, &Outcome::SameFile(other))?;
        return Ok(Looked::NoFile);
    }
    let destination = if task.listed {
        task.pair
            .destination
            .metadata(&task.name)
            .map_err(|errno| {
                WorkerError::writing("look at", &task.pair.path.join(&task.name), errno)
            })?
    } else {
        None
    };
    let known = task.known.as_ref();
    let decision = decide(&source, known, destination.as_ref(), context.unfinished);
    Ok(Looked::There(match decision {
        Decision::MaybeLeftover if leftover::is_ours(task)? => Decision::Replace,
        Decision::MaybeLeftover => Decision::AfterSettingAside,
        decision => decision,
    }))
}

/// What it means that the source could not be asked for a file.
fn not_looked_at(context: &PassContext<'_>, task: &FileTask, errno: Errno) -> Result<Looked> {
    let path = task.source_path();
    if context.says_not_there(&path, errno)? {
        return Ok(Looked::Missed);
    }
    context.unreadable(&path, errno)?;
    Ok(Looked::NoFile)
}

/// Counts what the source says of a file, and keeps an eye on its clock.
fn count_seen(context: &PassContext<'_>, task: &FileTask, source: &Attributes) {
    context.monitor.count(Count::FilesSeen, 1);
    context.monitor.count(Count::BytesSeen, source.size);
    context.look_at_time(task, source);
    if let Some(known) = &task.known {
        context.clock.compared.fetch_add(1, Ordering::Relaxed);
        if known.size == source.size && is_one_hour_apart(known.modified, source.modified) {
            context.clock.shifted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn copy(context: &PassContext<'_>, task: &FileTask, replace: bool) -> Result<()> {
    let outcome = copy_with_retries(context, task, replace)?;
    report_outcome(context, task, &outcome)
}

/// Copies the file, again where it changes while it is read.
fn copy_with_retries(context: &PassContext<'_>, task: &FileTask, replace: bool) -> Result<Outcome> {
    let mut pause = FIRST_PAUSE;
    for attempt in 0..=context.options.retries {
        if attempt > 0 {
            std::thread::sleep(pause);
            pause *= 2;
        }
        match copy_once(context, task, replace, attempt == 0)? {
            Outcome::KeptChanging => {}
            outcome => return Ok(outcome),
        }
    }
    Ok(Outcome::KeptChanging)
}

fn copy_once(
    context: &PassContext<'_>,
    task: &FileTask,
    replace: bool,
    is_first: bool,
) -> Result<Outcome> {
    let source = match open_source(context, task)? {
        Ok(source) => source,
        Err(outcome) => return Ok(outcome),
    };
    if is_first && !task.listed {
        count_seen(context, task, source.attributes());
        match task
            .pair
            .other_name_of(&task.source_name, source.attributes())
        {
            Ok(None) => {}
            Ok(Some(other)) => return Ok(Outcome::SameFile(other)),
            Err(errno) => return not_opened(context, task, errno),
        }
    }
    if replace {
        replace_once(context, task, &source)
    } else {
        create_once(context, task, &source)
    }
}

fn create_once(context: &PassContext<'_>, task: &FileTask, source: &Source) -> Result<Outcome> {
    let claim = context.claim(&task.pair.destination, &task.name);
    match write_copy(source, &task.pair.destination, &task.name) {
        Ok(written) => account_for(context, task, &written, claim),
        Err(failure) => outcome_of(context, task, failure),
    }
}

fn replace_once(context: &PassContext<'_>, task: &FileTask, source: &Source) -> Result<Outcome> {
    let temporary = temporary_name(context.pass.id);
    match write_copy(source, &task.pair.destination, &temporary) {
        Ok(written) => {
            let claim = context.claim(&task.pair.destination, &task.name);
            publish(task, &temporary)?;
            account_for(context, task, &written, claim)
        }
        Err(failure) => outcome_of(context, task, failure),
    }
}

/// Hands a finished copy to the committer.
fn account_for(
    context: &PassContext<'_>,
    task: &FileTask,
    written: &Written,
    claim: Claim<'_>,
) -> Result<Outcome> {
    let destination = destination_of(task, written)?;
    context.record(task, written, &destination)?;
    claim.settle();
    Ok(Outcome::Copied)
}

/// Opens the source, or says why not.
pub(super) fn open_source(
    context: &PassContext<'_>,
    task: &FileTask,
) -> Result<Result<Source, Outcome>> {
    match Source::open(task.source()?, &task.source_name) {
        Ok(source) => Ok(Ok(source)),
        Err(Errno::LOOP | Errno::NXIO) => Ok(Err(Outcome::NotAFile)),
        Err(errno) => not_opened(context, task, errno).map(Err),
    }
}

/// What it means that a file of the source, or the folder that it is in, could not be opened.
fn not_opened(context: &PassContext<'_>, task: &FileTask, errno: Errno) -> Result<Outcome> {
    if context.says_not_there(&task.source_path(), errno)? {
        return Ok(Outcome::Missed);
    }
    outcome_of(context, task, CopyFailure::Read(errno))
}

/// What a failed copy means: an error of the destination or of the mount ends the pass, anything else is an outcome.
pub(super) fn outcome_of(
    context: &PassContext<'_>,
    task: &FileTask,
    failure: CopyFailure,
) -> Result<Outcome> {
    match failure {
        CopyFailure::Changed => Ok(Outcome::KeptChanging),
        // It was removed while it was open.
        CopyFailure::Read(Errno::STALE) => {
            require_mounts(context.areas, &task.source_path(), Errno::STALE)?;
            Ok(Outcome::Missed)
        }
        CopyFailure::Read(errno) if stops_the_step(errno) => {
            Err(WorkerError::reading("read", &task.source_path(), errno))
        }
        CopyFailure::Read(errno) => Ok(Outcome::Unreadable(errno)),
        CopyFailure::Write(errno) if refuses_name(errno) => Ok(Outcome::NameRefused(errno)),
        CopyFailure::Write(errno) => Err(WorkerError::writing(
            "write",
            &task.pair.path.join(&task.name),
            errno,
        )),
    }
}

/// Gives a finished copy its name, in place of what was there.
pub(super) fn publish(task: &FileTask, temporary: &[u8]) -> Result<()> {
    task.pair
        .destination
        .rename_over(temporary, &task.name)
        .map_err(|errno| {
            WorkerError::writing("rename over", &task.pair.path.join(&task.name), errno)
        })
}

/// What the destination says of a finished copy; asked last, because renaming changes the time of the inode.
pub(super) fn destination_of(task: &FileTask, written: &Written) -> Result<Attributes> {
    match written.destination() {
        Ok(attributes) => Ok(attributes),
        Err(CopyFailure::Write(errno) | CopyFailure::Read(errno)) => Err(WorkerError::writing(
            "look at",
            &task.pair.path.join(&task.name),
            errno,
        )),
        Err(CopyFailure::Changed) => Err(WorkerError::Order {
            text: "A finished copy changed".into(),
        }),
    }
}

/// Reports what kept a file from being copied.
pub(super) fn report_outcome(
    context: &PassContext<'_>,
    task: &FileTask,
    outcome: &Outcome,
) -> Result<()> {
    if matches!(outcome, Outcome::Copied) {
        return Ok(());
    }
    let path = task.source_path();
    match outcome {
        Outcome::Copied => {}
        Outcome::Missed => context.missed[task.pair.area].add(&path),
        Outcome::KeptChanging => {
            context.monitor.count(Count::FilesDeferred, 1);
            context.monitor.report(
                "kept-changing",
                context.problem(),
                &path,
                "it changed each time while it was read and is left to the next pass",
                "In stage one nothing; in stage two, see who still writes to the source, then run stage two again",
            );
        }
        Outcome::NameRefused(errno) => {
            let finding = name_refused(&path, *errno, context.problem());
            context.monitor.finding(finding);
        }
        Outcome::SameFile(other) => {
            let finding = same_file(&path, other, context.problem());
            context.monitor.finding(finding);
            context.lists().same_files.insert((task.pair.area, path));
        }
        Outcome::NotAFile => context.report_no_file(&path, "no regular file"),
        Outcome::Unreadable(errno) => return context.unreadable(&path, *errno),
    }
    Ok(())
}
