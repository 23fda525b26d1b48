//! What a person has accepted of the findings.

use std::collections::BTreeSet;

use rusqlite::{Connection, Transaction};

use super::rows::{from_word, in_table, word};
use super::{JobStore, findings, now_milliseconds};
use crate::error::Result;
use protocol::{AcceptedLine, Extent, Finding, Verdict};

impl JobStore {
    /// Accepts what the last runs found of a code, about one thing or of the whole code; gives what there was to accept,
    /// and what there was of the code at all where that is nothing.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn accept(
        &self,
        code: &str,
        extent: Extent,
        subject: &str,
        by: &str,
        note: &str,
    ) -> Result<Found> {
        self.change("accept a finding", |transaction| {
            let lines = findings::lines(transaction)?.into_iter();
            let of_code = lines.map(|line| line.finding);
            let of_code: Vec<Finding> = of_code.filter(|found| found.code == code).collect();
            let is_meant = |found: &Finding| extent == Extent::Code || found.subject == subject;
            let meant: Vec<&Finding> = of_code.iter().filter(|found| is_meant(found)).collect();
            let texts: BTreeSet<&str> = meant
                .iter()
                .filter(|found| found.verdict == Verdict::NeedsAttention)
                .map(|found| match extent {
                    Extent::Finding => found.text.as_str(),
                    Extent::Code => "",
                })
                .collect();
            if texts.is_empty() {
                let worst = meant.iter().map(|found| found.verdict).max();
                return Ok(match worst {
                    Some(verdict) if verdict > Verdict::NeedsAttention => Found::Protected,
                    _ => Found::Nothing(of_code.into_iter().map(|found| found.subject).collect()),
                });
            }
            withdraw(transaction, code, extent, subject)?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO accepted (code, extent, subject, said, by, note, at) VALUES (?1,?2,?3,?4,?5,?6,?7)",
            )?;
            for said in texts {
                let (extent, at) = (word(&extent)?, now_milliseconds());
                insert.execute((code, extent, subject, said, by, note, at))?;
            }
            Ok(Found::Accepted)
        })
    }

    /// Takes an acceptance back; says whether there was one.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn withdraw_acceptance(&self, code: &str, extent: Extent, subject: &str) -> Result<bool> {
        self.change("take an acceptance back", |transaction| {
            withdraw(transaction, code, extent, subject).map(|rows| rows > 0)
        })
    }
}

/// What there was to accept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// It is accepted.
    Accepted,
    /// It protects mail, or stopped the work, and cannot be accepted.
    Protected,
    /// Nothing; these are what findings of the code are about.
    Nothing(BTreeSet<String>),
}

fn withdraw(
    transaction: &Transaction<'_>,
    code: &str,
    extent: Extent,
    subject: &str,
) -> rusqlite::Result<usize> {
    transaction.execute(
        "DELETE FROM accepted WHERE code = ?1 AND extent = ?2 AND subject = ?3",
        (code, word(&extent)?, subject),
    )
}

pub(super) fn lines(connection: &Connection) -> rusqlite::Result<Vec<AcceptedLine>> {
    connection
        .prepare("SELECT code, extent, subject, said, by, note, at, id FROM accepted ORDER BY id")?
        .query_map(
            [],
            in_table("accepted", |row| {
                let id: i64 = row.get(7)?;
                Ok(AcceptedLine {
                    code: row.get(0)?,
                    extent: from_word("accepted", id, &row.get::<_, String>(1)?)?,
                    subject: row.get(2)?,
                    said: row.get(3)?,
                    by: row.get(4)?,
                    note: row.get(5)?,
                    at_milliseconds: row.get(6)?,
                })
            }),
        )?
        .collect()
}
