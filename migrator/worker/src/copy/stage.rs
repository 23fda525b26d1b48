//! Copying all members of a unit under temporary names, and giving them their names where nothing moved meanwhile.

use postoffice::flaim::{BlockStream, BlocksSeen, DatabaseFile, HEADER_BYTES, base_of, probe};
use postoffice::names::{RelativePath, destination_name};
use rustix::io::Errno;

use super::context::{FileTask, PassContext};
use super::files::{Outcome, destination_of, open_source, outcome_of, publish, report_outcome};
use super::locked::is_relied_on;
use super::unit::{KnownHeaders, Unit};
use crate::copy_file::{CopyFailure, Source, Written, temporary_name, write_copy_seen};
use crate::error::Result;
use crate::locks::Attempt;
use crate::tree::{Kind, read_beginning};
use protocol::Verdict;

/// What came of one attempt.
pub(super) enum Attempted {
    /// All members stand at the destination.
    Whole,
    /// A member moved while it was read.
    Moved,
    /// It has a data file that is not among the members.
    Grew,
    /// A member is no file any more, which has been reported: all keep the copies that they have.
    NoFile,
    /// This member was missed and is not listed as what cannot be had, which has been reported.
    Missed(RelativePath),
    /// A member could not be read.
    Unreadable(RelativePath, Errno),
}

/// A member under its temporary name.
struct Staged<'a> {
    task: &'a FileTask,
    temporary: Vec<u8>,
    written: Written,
    blocks: Option<BlocksSeen>,
}

/// Copies all members, and gives them their names together where none of them moved meanwhile.
pub(super) fn copy_members(
    context: &PassContext<'_>,
    unit: &Unit,
    lock: &Attempt,
) -> Result<Attempted> {
    let before = control_header(context, unit)?;
    if grew_since_the_listing(context, unit, &before)? {
        return Ok(Attempted::Grew);
    }
    let headers = known_headers(context, unit, &before)?;
    let mut staged = Vec::with_capacity(unit.members.len());
    let mut attempted = Attempted::Whole;
    for task in &unit.members {
        match stage(context, task, &headers)? {
            Ok(member) => staged.push(member),
            Err(Outcome::Unreadable(errno)) => {
                attempted = Attempted::Unreadable(task.source_path(), errno);
                break;
            }
            Err(Outcome::KeptChanging) => {
                attempted = Attempted::Moved;
                break;
            }
            Err(Outcome::Missed) => {
                attempted = if context.still_stands(task)? {
                    Attempted::NoFile
                } else {
                    Attempted::Missed(task.source_path())
                };
                break;
            }
            Err(outcome) => {
                report_outcome(context, task, &outcome)?;
                attempted = Attempted::NoFile;
                break;
            }
        }
    }
    if matches!(attempted, Attempted::Whole)
        && (control_header(context, unit)? != before
            || !all_stand_still(&staged)?
            || (!is_relied_on(context, unit, lock) && is_torn(&staged))
            || was_passed(unit, lock)?)
    {
        attempted = Attempted::Moved;
    }
    if !matches!(attempted, Attempted::Whole) {
        for member in &staged {
            let removed = member.task.pair.destination.remove_file(&member.temporary);
            if let Err(errno) = removed {
                outcome_of(context, member.task, CopyFailure::Write(errno))?;
            }
        }
        return Ok(attempted);
    }
    publish_all(context, &staged)?;
    Ok(attempted)
}

/// Whether the database has a data file that is not among the members, because it was made after its folder was listed: a
/// copy without it would be no database.  `header` is that of its control file, read with the lock held.
///
/// A data file that the source does not have either is damage, and no reason not to copy the rest.
fn grew_since_the_listing(context: &PassContext<'_>, unit: &Unit, header: &[u8]) -> Result<bool> {
    let (Some(control), Ok(known)) = (unit.control(), probe(header)) else {
        return Ok(false);
    };
    let base = base_of(&control.name);
    let file_of = |name: &[u8]| DatabaseFile::of_name(base, name, known.version);
    let mut missing: Vec<DatabaseFile> = (1..=known.log.logical_end.file_number())
        .map(DatabaseFile::Numbered)
        .collect();
    missing.retain(|file| {
        let is_it = |member: &FileTask| file_of(&member.name) == Some(*file);
        !unit.members.iter().any(is_it)
    });
    if missing.is_empty() {
        return Ok(false);
    }
    match control.source()?.list() {
        Ok(entries) => Ok(entries.iter().any(|entry| {
            file_of(&destination_name(&entry.name)).is_some_and(|file| missing.contains(&file))
        })),
        Err(errno) => context
            .unreadable(&control.pair.source_path, errno)
            .map(|()| true),
    }
}

/// Gives all members their names, and hands them to the committer.
fn publish_all(context: &PassContext<'_>, staged: &[Staged<'_>]) -> Result<()> {
    let claims: Vec<_> = staged
        .iter()
        .map(|member| context.claim(&member.task.pair.destination, &member.task.name))
        .collect();
    for member in staged {
        report_damage(context, member);
        publish(member.task, &member.temporary)?;
    }
    for (member, claim) in staged.iter().zip(claims) {
        let destination = destination_of(member.task, &member.written)?;
        context.record(member.task, &member.written, &destination)?;
        claim.settle();
    }
    Ok(())
}

/// Whether a program came in that made its lock file only after the lock was taken.
fn was_passed(unit: &Unit, lock: &Attempt) -> Result<bool> {
    match (lock, unit.control()) {
        (Attempt::Held(lock), Some(control)) => {
            Ok(lock.was_passed(control.source()?, &control.source_name))
        }
        _ => Ok(false),
    }
}

/// Without a lock, a block whose checksum is wrong is a write that was caught half-way; under it, old damage.
fn is_torn(staged: &[Staged<'_>]) -> bool {
    staged.iter().any(|member| damage(member) > 0)
}

fn damage(member: &Staged<'_>) -> u64 {
    member.blocks.map_or(0, |seen| seen.damaged)
}

fn report_damage(context: &PassContext<'_>, member: &Staged<'_>) {
    let Some(seen) = member.blocks.filter(|seen| seen.damaged > 0) else {
        return;
    };
    let first = seen
        .first
        .map(|fault| fault.to_string())
        .unwrap_or_default();
    context.loud.report(
        "database-damaged",
        Verdict::NeedsAttention,
        &member.task.source_path(),
        &format!(
            "{} of its {} blocks are damaged at the source and were copied as they are; the first: {first}",
            seen.damaged, seen.blocks
        ),
        "Run GWCheck on it at the source (structure, fix), then run a pass again; the migration cannot mend it",
    );
}

fn all_stand_still(staged: &[Staged<'_>]) -> Result<bool> {
    for member in staged {
        let read = &member.written.source;
        let now = member.task.source()?.metadata(&member.task.source_name);
        let stands_still = matches!(now, Ok(Some(now)) if now.kind == Kind::File
            && now.size == read.size && now.modified == read.modified);
        if !stands_still {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The first bytes of the file whose header changes with every transaction; empty where it cannot be read, which
/// staging it will say.
fn control_header(context: &PassContext<'_>, unit: &Unit) -> Result<Vec<u8>> {
    match unit.control() {
        Some(control) => Ok(header(context, control)?.unwrap_or_default()),
        None => Ok(Vec::new()),
    }
}

/// The headers of all databases among the members, as far as they are of the generation that is known; that of the control
/// file, the last of them, was read before.
fn known_headers(
    context: &PassContext<'_>,
    unit: &Unit,
    of_control: &[u8],
) -> Result<KnownHeaders> {
    let mut headers = KnownHeaders::default();
    let Some((control, others)) = unit.members.split_last() else {
        return Ok(headers);
    };
    for task in others {
        if let Ok(known) = probe(&header(context, task)?.unwrap_or_default()) {
            headers.learn(&task.pair.path, &task.name, known);
        }
    }
    if let Ok(known) = probe(of_control) {
        headers.learn(&control.pair.path, &control.name, known);
    }
    Ok(headers)
}

fn header(context: &PassContext<'_>, task: &FileTask) -> Result<Option<Vec<u8>>> {
    let Ok(source) = open_source(context, task)? else {
        return Ok(None);
    };
    Ok(first_bytes(&source).ok())
}

/// The first bytes of a database, as many as there are.
fn first_bytes(source: &Source) -> Result<Vec<u8>, Errno> {
    let mut header = vec![0; HEADER_BYTES];
    let length = read_beginning(source, &mut header)?;
    header.truncate(length);
    Ok(header)
}

fn stage<'a>(
    context: &PassContext<'_>,
    task: &'a FileTask,
    headers: &KnownHeaders,
) -> Result<Result<Staged<'a>, Outcome>> {
    let source = match open_source(context, task)? {
        // Its lock is held meanwhile.
        Ok(source) => source.urgent(),
        Err(outcome) => return Ok(Err(outcome)),
    };
    let mut stream = headers
        .find(&task.pair.path, &task.name)
        .and_then(|(header, file)| BlockStream::new(header, file));
    let temporary = temporary_name(context.pass.id);
    let written = write_copy_seen(&source, &task.pair.destination, &temporary, &mut |bytes| {
        if let Some(stream) = &mut stream {
            stream.push(bytes);
        }
    });
    match written {
        Ok(written) => Ok(Ok(Staged {
            task,
            temporary,
            written,
            blocks: stream.map(BlockStream::finish),
        })),
        Err(failure) => outcome_of(context, task, failure).map(Err),
    }
}
