//! What the guardian is, and what is to be done about its names; nothing is written.

use std::collections::BTreeSet;

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
    let seen = visible_names(database)?;
    Ok(GuardianReport {
        code: why.code().to_owned(),
        why: why.to_string(),
        names_seen: seen.names.len() as u64,
        names_to_change: seen.left().count() as u64,
        ..GuardianReport::default()
    })
}

/// The GroupWise names that a guardian has in clear text.
pub(super) struct Seen {
    /// In their order.
    pub(super) names: Vec<Vec<u8>>,
    /// Whether each of them is in a record; otherwise it may be in what is free, or was there before.
    is_in_records: bool,
}

impl Seen {
    /// Those with capital letters.
    fn with_capitals(&self) -> impl Iterator<Item = &[u8]> {
        let names = self.names.iter().map(Vec::as_slice);
        names.filter(|name| name.iter().any(u8::is_ascii_uppercase))
    }

    /// Those with capital letters of which a record, and not only what is free, may be left.
    pub(super) fn left(&self) -> impl Iterator<Item = &[u8]> {
        let stale = self.perhaps_stale();
        self.with_capitals()
            .filter(move |name| !stale.contains(name))
    }

    /// Those with capital letters that are there in lower case as well, so that they may be what was there before.
    pub(super) fn perhaps_stale(&self) -> BTreeSet<&[u8]> {
        if self.is_in_records {
            return BTreeSet::new();
        }
        let all: BTreeSet<&[u8]> = self.names.iter().map(Vec::as_slice).collect();
        self.with_capitals()
            .filter(|name| all.contains(name.to_ascii_lowercase().as_slice()))
            .collect()
    }

    /// All of them in lower case, each once.
    pub(super) fn lowered(&self) -> BTreeSet<Vec<u8>> {
        self.names
            .iter()
            .map(|name| name.to_ascii_lowercase())
            .collect()
    }
}

/// The GroupWise names that a guardian has in clear text: those in its records where the engine can read them, and those anywhere
/// in its files where it cannot.
///
/// # Errors
/// What reading says.
pub(super) fn visible_names(database: &OpenDatabase) -> Result<Seen> {
    let in_records = match &database.header {
        Ok(_) => names_in_records(database).ok(),
        Err(_) => None,
    };
    Ok(Seen {
        is_in_records: in_records.is_some(),
        names: match in_records {
            Some(names) => names,
            None => names_in_files(database)?,
        },
    })
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
