//! Findings that are kept, by the step or task they come from.

use std::borrow::Cow;

use super::{JobStore, now_milliseconds};
use crate::error::Result;
use crate::finding::{Finding, Verdict};
use crate::monitor::FindingTally;
use crate::protocol::FindingLine;

/// A verdict as the store spells it: as in JSON, without the quotes.
pub(super) fn verdict_word(verdict: Verdict) -> String {
    serde_json::to_value(verdict)
        .ok()
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

/// The inverse of [`verdict_word`]; what is unknown counts as unproven, which hides nothing.
pub(super) fn verdict_of(word: &str) -> Verdict {
    serde_json::from_value(serde_json::Value::String(word.to_owned())).unwrap_or(Verdict::Unproven)
}

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
                let verdict = verdict_word(finding.verdict);
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
            let worst = verdict_word(findings.worst.unwrap_or(Verdict::Done));
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
        self.read("read the findings", |connection| {
            connection
                .prepare("SELECT at, origin, code, verdict, subject, text, remedy FROM finding ORDER BY id")?
                .query_map([], |row| {
                    Ok(FindingLine {
                        at_milliseconds: row.get(0)?,
                        origin: row.get(1)?,
                        finding: Finding {
                            code: Cow::Owned(row.get(2)?),
                            verdict: verdict_of(&row.get::<_, String>(3)?),
                            subject: row.get(4)?,
                            text: row.get(5)?,
                            remedy: row.get(6)?,
                        },
                    })
                })?
                .collect()
        })
    }
}
