//! The state of the job, read in one go.

use std::collections::BTreeMap;

use rusqlite::Connection;

use super::rows::{from_json, from_word, in_table};
use super::{JobStore, accepted, facts, generation, life, now_milliseconds, proven, unsigned};
use crate::error::Result;
use protocol::{ChecklistLine, Count, Counts, JobState, PassLine, StepLine, Verdict};

impl JobStore {
    /// What `status` shows, except who is running.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn status(&self) -> Result<JobState> {
        let (manifest_files, manifest_bytes) = self.manifest_totals(None)?;
        self.read("read the state of the job", |connection| {
            let (findings, worst) = findings(connection)?;
            Ok(JobState {
                job: facts::job_name(connection)?,
                generation: generation::current(connection)?,
                generations: generation::generations(connection)?,
                proofs: generation::proofs(connection)?,
                seal: proven::document(connection)?,
                life: life::line(connection)?,
                words: life::words(connection)?,
                accepted: accepted::lines(connection)?,
                seen_ports: life::seen_ports(connection)?,
                abandoned_milliseconds: facts::abandoned(connection)?,
                facts: facts::known(connection)?,
                steps: steps(connection)?,
                passes: passes(connection)?,
                checklist: checklist(connection)?,
                findings,
                worst,
                running: None,
                progress: None,
                controller: None,
                manifest_files,
                manifest_bytes,
                clock_milliseconds: now_milliseconds(),
            })
        })
    }
}

fn steps(connection: &Connection) -> rusqlite::Result<Vec<StepLine>> {
    connection
        .prepare("SELECT name, state, runs, began, ended, detail FROM step ORDER BY first")?
        .query_map(
            [],
            in_table("step", |row| {
                let name: String = row.get(0)?;
                Ok(StepLine {
                    step: from_word("step", &name, &name)?,
                    state: from_word("step", &name, &row.get::<_, String>(1)?)?,
                    runs: unsigned(row.get(2)?),
                    began_milliseconds: row.get(3)?,
                    ended_milliseconds: row.get(4)?,
                    detail: row.get(5)?,
                })
            }),
        )?
        .collect()
}

fn passes(connection: &Connection) -> rusqlite::Result<Vec<PassLine>> {
    connection
        .prepare("SELECT id, kind, began, ended, counts FROM pass ORDER BY id")?
        .query_map(
            [],
            in_table("pass", |row| {
                let pass: i64 = row.get(0)?;
                let counts: Counts = from_json("pass", pass, &row.get::<_, String>(4)?)?;
                let count = |what: Count| counts.get(&what).copied().unwrap_or(0);
                Ok(PassLine {
                    pass,
                    kind: from_word("pass", pass, &row.get::<_, String>(1)?)?,
                    began_milliseconds: row.get(2)?,
                    ended_milliseconds: row.get(3)?,
                    files_copied: count(Count::FilesCopied),
                    bytes_copied: count(Count::BytesCopied),
                    files_unchanged: count(Count::FilesUnchanged),
                    files_removed: count(Count::FilesRemoved),
                    set_aside: count(Count::SetAside),
                })
            }),
        )?
        .collect()
}

fn checklist(connection: &Connection) -> rusqlite::Result<Vec<ChecklistLine>> {
    connection
        .prepare("SELECT item, confirmed_by, note, at FROM checklist ORDER BY at, item")?
        .query_map(
            [],
            in_table("checklist", |row| {
                let item: String = row.get(0)?;
                Ok(ChecklistLine {
                    item: from_word("checklist", &item, &item)?,
                    by: row.get(1)?,
                    note: row.get(2)?,
                    at_milliseconds: row.get(3)?,
                })
            }),
        )?
        .collect()
}

fn findings(connection: &Connection) -> rusqlite::Result<(BTreeMap<String, u64>, Option<Verdict>)> {
    let query = "SELECT code, how_many, worst FROM finding_count";
    let mut statement = connection.prepare(query)?;
    let read = in_table("finding_count", |row| {
        let code: String = row.get(0)?;
        let verdict: Verdict = from_word("finding_count", &code, &row.get::<_, String>(2)?)?;
        Ok((code, unsigned(row.get(1)?), verdict))
    });
    let (mut by_code, mut worst) = (BTreeMap::new(), None);
    for counted in statement.query_map([], read)? {
        let (code, how_many, verdict) = counted?;
        *by_code.entry(code).or_insert(0) += how_many;
        worst = worst.max(Some(verdict));
    }
    Ok((by_code, worst))
}
