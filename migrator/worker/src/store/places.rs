//! The folders of the job and the mounts below them, as stage one saw them.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension as _;

use super::rows::{from_json, in_table, json, word};
use super::{JobStore, facts, life, now_milliseconds};
use crate::error::Result;
use crate::places::{SeenPlace, Side};
use protocol::Said;

impl JobStore {
    /// What was seen of a folder of the job; none where nobody has looked yet.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn seen_place(&self, area: u32, side: Side) -> Result<Option<SeenPlace>> {
        self.read("read a place", |connection| {
            let side = word(&side)?;
            let query = "SELECT seen FROM place WHERE area = ?1 AND side = ?2";
            let text: Option<String> = connection
                .query_row(query, (area, &side), in_table("place", |row| row.get(0)))
                .optional()?;
            let row = format!("{area} {side}");
            text.map(|text| from_json("place", row, &text)).transpose()
        })
    }

    /// The destination folders that this job has taken, by the numbers of their areas.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn taken_folders(&self) -> Result<BTreeMap<u32, String>> {
        self.read("read the places", |connection| {
            let query = "SELECT area, seen FROM place WHERE side = ?1 ORDER BY area";
            let rows: Vec<(u32, String)> = connection
                .prepare(query)?
                .query_map(
                    [word(&Side::Destination)?],
                    in_table("place", |row| Ok((row.get(0)?, row.get(1)?))),
                )?
                .collect::<rusqlite::Result<_>>()?;
            let folder = |(area, text): (u32, String)| {
                let seen: SeenPlace = from_json("place", area.to_string(), &text)?;
                Ok((area, seen.folder))
            };
            rows.into_iter().map(folder).collect()
        })
    }

    /// Remembers what is seen of a folder of the job.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_place(&self, area: u32, side: Side, seen: &SeenPlace) -> Result<()> {
        self.change("record a place", |transaction| {
            transaction
                .execute(
                    "INSERT OR REPLACE INTO place (area, side, seen) VALUES (?1, ?2, ?3)",
                    (area, word(&side)?, json(seen)?),
                )
                .map(|_| ())
        })
    }

    /// Lets what is mounted on both sides be seen anew, because a person says that it is meant to be so.  Until the next stage
    /// one has seen it, what it saw before counts.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn accept_mounts(&self, by: &str, note: &str) -> Result<()> {
        self.change("accept the mounts", |transaction| {
            life::say(transaction, Said::MountsHaveChanged, by, note)?;
            facts::put(transaction, facts::MOUNTS_ACCEPTED, &true)
        })
    }

    /// Whether a person has said that the mounts have changed, and nobody has seen them since.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub(crate) fn are_mounts_accepted(&self) -> Result<bool> {
        let said: Option<bool> = self.value(facts::MOUNTS_ACCEPTED)?;
        Ok(said == Some(true))
    }

    /// Remembers that the mounts have been seen, as a person has said that they are.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub(crate) fn have_seen_mounts(&self) -> Result<()> {
        self.change("see the mounts", |transaction| {
            facts::delete(transaction, facts::MOUNTS_ACCEPTED)
        })
    }

    /// Forgets what the job had at the destination, which it has given back: a later stage one begins anew.
    ///
    /// Findings, generations and what was set aside stay, for the record.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn forget_job(&self) -> Result<()> {
        const TABLES: [&str; 16] = [
            "place",
            "proof",
            "seal",
            "step",
            "pass",
            "file",
            "folder",
            "removal",
            "rename",
            "open_level",
            "queue_item",
            "placing",
            "standing",
            "proven",
            "sealed_source",
            "checklist",
        ];
        self.change("forget what the job had", |transaction| {
            for table in TABLES {
                transaction.execute(&format!("DELETE FROM {table}"), [])?;
            }
            for fact in [
                "agent",
                "runs-as",
                "unmapped-libraries",
                "guardian",
                "inventory",
                // Another source may be the one that was meant.
                "mounted",
                "made-folders",
                "placed-files",
                facts::MOUNTS_ACCEPTED,
            ] {
                facts::delete(transaction, fact)?;
            }
            facts::put(transaction, facts::ABANDONED, &now_milliseconds())
        })
    }
}
