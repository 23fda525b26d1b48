//! Findings that are kept, by the step or task they come from.

use std::borrow::Cow;

use rusqlite::Connection;

use super::rows::{from_word, in_table, word};
use super::{JobStore, now_milliseconds};
use crate::error::Result;
use crate::monitor::FindingTally;
use protocol::{Finding, FindingLine, Verdict};

impl JobStore {
    /// Replaces the findings of an origin by those of its newest run.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn keep_findings(&self, origin: &str, findings: &FindingTally) -> Result<()> {
        let at = now_milliseconds();
        self.change("keep findings", |transaction| {
            transaction.execute("DELETE FROM finding WHERE origin = ?1", [origin])?;
            transaction.execute("DELETE FROM finding_count WHERE origin = ?1", [origin])?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO finding (at, origin, code, verdict, subject, text, remedy) VALUES (?1,?2,?3,?4,?5,?6,?7)",
            )?;
            for finding in &findings.kept {
                let verdict = word(&finding.verdict)?;
                insert.execute((
                    at,
                    origin,
                    &finding.code,
                    verdict,
                    &finding.subject,
                    &finding.text,
                    &finding.remedy,
                ))?;
            }
            let mut count = transaction.prepare_cached(
                "INSERT INTO finding_count (origin, code, how_many, worst) VALUES (?1, ?2, ?3, ?4)",
            )?;
            let worst = word(&findings.worst.unwrap_or(Verdict::Done))?;
            for (code, how_many) in &findings.by_code {
                count.execute((origin, code, super::signed(*how_many), &worst))?;
            }
            Ok(())
        })
    }

    /// The findings that were kept, oldest first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn findings(&self) -> Result<Vec<FindingLine>> {
        self.read("read the findings", lines)
    }
}

pub(super) fn lines(connection: &Connection) -> rusqlite::Result<Vec<FindingLine>> {
    connection
        .prepare(
            "SELECT at, origin, code, verdict, subject, text, remedy, id FROM finding ORDER BY id",
        )?
        .query_map(
            [],
            in_table("finding", |row| {
                let id: i64 = row.get(7)?;
                Ok(FindingLine {
                    at_milliseconds: row.get(0)?,
                    origin: row.get(1)?,
                    finding: Finding {
                        code: Cow::Owned(row.get(2)?),
                        verdict: from_word("finding", id, &row.get::<_, String>(3)?)?,
                        subject: row.get(4)?,
                        text: row.get(5)?,
                        remedy: row.get(6)?,
                        accepted: None,
                    },
                })
            }),
        )?
        .collect()
}
