//! What the guardian is, and what is to be done about its names; nothing is written.

use postoffice::flaim::{LowercaseLimits, LowercasePlan, NameProfile};
use postoffice::visible_names::VisibleNames;

use super::GUARDIAN;
use crate::capabilities::Area;
use crate::database::{OpenDatabase, open_database, plan};
use crate::error::{Result, WorkerError};
use protocol::{Explain as _, GuardianReport, Verdict};

/// How much of a file is looked at, at once, for names in clear text.
const PIECE_BYTES: usize = 1 << 20;

/// Looks at the guardian of the destination.
pub(super) fn look(area: &Area) -> Result<GuardianReport> {
    let database = open_database(&area.destination, GUARDIAN)?;
    match plan(
        &database,
        GUARDIAN,
        &NameProfile::Guardian,
        LowercaseLimits::default(),
    ) {
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

/// The GroupWise names that stand in a guardian in clear text, in their order.
///
/// # Errors
/// What reading says.
pub(super) fn visible_names(database: &OpenDatabase) -> Result<Vec<Vec<u8>>> {
    use postoffice::flaim::{DatabaseFile, FileSet as _};
    let mut names = VisibleNames::default();
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = 0;
    loop {
        let read = database
            .files
            .read_at(DatabaseFile::CONTROL, offset, &mut piece);
        let length = read.map_err(|source| {
            let file = DatabaseFile::CONTROL;
            let error = postoffice::flaim::Error::Read { file, source };
            crate::database::in_database(GUARDIAN)(error)
        })?;
        if length == 0 {
            return Ok(names.finish());
        }
        names.push(&piece[..length]);
        offset += length as u64;
    }
}
