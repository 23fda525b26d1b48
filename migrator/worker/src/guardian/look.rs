//! What the guardian is, and what is to be done about its names; nothing is written.

use postoffice::flaim::{Database, Error, FieldKind, FileSet as _, Limits, LowercasePlan};
use postoffice::visible_names::VisibleNames;

use super::{GUARDIAN, plan};
use crate::capabilities::Area;
use crate::database::{OpenDatabase, in_database, open_database};
use crate::error::{Result, WorkerError};
use protocol::{Explain as _, GuardianReport, Verdict};

/// How much of a file is looked at, at once, for names in clear text.
const PIECE_BYTES: usize = 1 << 20;

/// Looks at the guardian of the destination.
pub(super) fn look(area: &Area) -> Result<GuardianReport> {
    let database = open_database(&area.destination, GUARDIAN)?;
    match plan(&database) {
        Ok(plan) => Ok(known(&database, &plan)),
        // Something passing says nothing about what the guardian is.
        Err(error) if error.verdict() == Verdict::Temporary => Err(error),
        Err(error) => unknown(&database, &error),
    }
}

/// What a plan says in numbers.
pub(super) fn known(database: &OpenDatabase, plan: &LowercasePlan) -> GuardianReport {
    GuardianReport {
        is_known: true,
        version: database
            .header
            .as_ref()
            .ok()
            .map(|header| header.version.number()),
        names_to_change: plan.changes.len() as u64,
        left_alone: plan.left_alone.len() as u64 + plan.left_alone_further,
        ..GuardianReport::default()
    }
}

fn unknown(database: &OpenDatabase, why: &WorkerError) -> Result<GuardianReport> {
    let names = visible_names(database)?;
    let with_capitals = names
        .iter()
        .filter(|name| name.iter().any(u8::is_ascii_uppercase));
    Ok(GuardianReport {
        code: why.code().to_owned(),
        why: why.to_string(),
        names_seen: names.len() as u64,
        names_to_change: with_capitals.count() as u64,
        ..GuardianReport::default()
    })
}

/// The GroupWise names that a guardian has in clear text, in their order: those in its records where the engine can read them,
/// and those anywhere in its files where it cannot.
///
/// # Errors
/// What reading says.
pub(super) fn visible_names(database: &OpenDatabase) -> Result<Vec<Vec<u8>>> {
    if database.header.is_ok()
        && let Ok(names) = names_in_records(database)
    {
        return Ok(names);
    }
    names_in_files(database)
}

/// What is free, or was there before, does not count.
fn names_in_records(database: &OpenDatabase) -> std::result::Result<Vec<Vec<u8>>, Error> {
    let mut names = VisibleNames::default();
    let database = Database::open(&database.files, Limits::default())?;
    for container in database.containers() {
        for record in database.records(container)? {
            let record = record?;
            let texts = record
                .fields()
                .filter(|field| field.kind == FieldKind::Text);
            for field in texts {
                names.push(field.stored);
                // No value goes on in the next one.
                names.push(&[0]);
            }
        }
    }
    Ok(names.finish())
}

fn names_in_files(database: &OpenDatabase) -> Result<Vec<Vec<u8>>> {
    let mut names = VisibleNames::default();
    let mut piece = vec![0; PIECE_BYTES];
    for member in &database.members {
        let file = member.file;
        let mut offset = 0;
        loop {
            let read = database.files.read_at(file, offset, &mut piece);
            let length =
                read.map_err(|source| in_database(GUARDIAN)(Error::Read { file, source }))?;
            if length == 0 {
                break;
            }
            names.push(&piece[..length]);
            offset += length as u64;
        }
        names.push(&[0]);
    }
    Ok(names.finish())
}
