//! The state of the job, read in one go.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::findings::verdict_of;
use super::steps::state_of;
use super::{JobStore, now_milliseconds, unsigned};
use crate::error::Result;
use crate::finding::Verdict;
use crate::monitor::{Count, Counts};
use crate::protocol::{ChecklistLine, PassLine, StatusReport, StepLine};

impl JobStore {
    /// What `status` shows, except who is running.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn status(&self) -> Result<StatusReport> {
        let (manifest_files, manifest_bytes) = self.manifest_totals(None)?;
        self.read("read the state of the job", |connection| {
            let facts = facts(connection)?;
            let (findings, worst) = findings(connection)?;
            Ok(StatusReport {
                job: facts.get("job").cloned().unwrap_or_default(),
                steps: steps(connection)?,
                passes: passes(connection)?,
                checklist: checklist(connection)?,
                facts,
                findings,
                worst,
                running: None,
                manifest_files,
                manifest_bytes,
                clock_milliseconds: now_milliseconds(),
            })
        })
    }
}

fn facts(connection: &Connection) -> rusqlite::Result<BTreeMap<String, String>> {
    connection
        .prepare("SELECT name, value FROM meta")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect()
}

fn steps(connection: &Connection) -> rusqlite::Result<Vec<StepLine>> {
    connection
        .prepare("SELECT name, state, runs, began, ended, detail FROM step ORDER BY first")?
        .query_map([], |row| {
            Ok(StepLine {
                step: row.get(0)?,
                state: state_of(&row.get::<_, String>(1)?),
                runs: unsigned(row.get(2)?),
                began_milliseconds: row.get(3)?,
                ended_milliseconds: row.get(4)?,
                detail: row.get(5)?,
            })
        })?
        .collect()
}

fn passes(connection: &Connection) -> rusqlite::Result<Vec<PassLine>> {
    connection
        .prepare("SELECT id, kind, began, ended, counts FROM pass ORDER BY id")?
        .query_map([], |row| {
            let counts: Counts =
                serde_json::from_str(&row.get::<_, String>(4)?).unwrap_or_default();
            let count = |what: Count| counts.get(&what).copied().unwrap_or(0);
            Ok(PassLine {
                pass: row.get(0)?,
                kind: row.get(1)?,
                began_milliseconds: row.get(2)?,
                ended_milliseconds: row.get(3)?,
                files_copied: count(Count::FilesCopied),
                bytes_copied: count(Count::BytesCopied),
                files_unchanged: count(Count::FilesUnchanged),
                files_removed: count(Count::FilesRemoved),
                set_aside: count(Count::SetAside),
            })
        })?
        .collect()
}

fn checklist(connection: &Connection) -> rusqlite::Result<Vec<ChecklistLine>> {
    connection
        .prepare("SELECT item, confirmed_by, note, at FROM checklist ORDER BY at, item")?
        .query_map([], |row| {
            Ok(ChecklistLine {
                item: row.get(0)?,
                by: row.get(1)?,
                note: row.get(2)?,
                at_milliseconds: row.get(3)?,
            })
        })?
        .collect()
}

fn findings(connection: &Connection) -> rusqlite::Result<(BTreeMap<String, u64>, Option<Verdict>)> {
    let mut by_code = BTreeMap::new();
    let mut worst = None;
    let mut statement = connection.prepare("SELECT code, how_many, worst FROM finding_count")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        *by_code.entry(row.get(0)?).or_insert(0) += unsigned(row.get(1)?);
        worst = worst.max(Some(verdict_of(&row.get::<_, String>(2)?)));
    }
    Ok((by_code, worst))
}
