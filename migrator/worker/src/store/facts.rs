//! Small facts of the job, by name.

use std::collections::BTreeMap;

use rusqlite::OptionalExtension;

use super::{JobStore, now_milliseconds};
use crate::error::Result;

impl JobStore {
    /// Remembers facts; a fact with the same name is replaced.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn remember(&self, facts: &BTreeMap<String, String>) -> Result<()> {
        self.change("remember a fact", |transaction| {
            let mut insert = transaction
                .prepare_cached("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)")?;
            facts
                .iter()
                .try_for_each(|(name, value)| insert.execute((name, value)).map(|_| ()))
        })
    }

    /// One fact.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn fact(&self, name: &str) -> Result<Option<String>> {
        self.read("read a fact", |connection| {
            connection
                .query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| {
                    row.get(0)
                })
                .optional()
        })
    }

    /// Remembers one fact.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn remember_one(&self, name: &str, value: impl Into<String>) -> Result<()> {
        self.remember(&BTreeMap::from([(name.to_owned(), value.into())]))
    }

    /// The number of the next order of this job, counted up durably.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_order_number(&self) -> Result<u64> {
        self.change("number an order", |transaction| {
            transaction.query_row(
                "INSERT INTO meta (name, value) VALUES ('orders', '1')
                 ON CONFLICT (name) DO UPDATE SET value = CAST(value AS INTEGER) + 1
                 RETURNING CAST(value AS INTEGER)",
                [],
                |row| row.get::<_, i64>(0).map(super::unsigned),
            )
        })
    }

    /// Confirms an item of the checklist.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn confirm(&self, item: &str, by: &str, note: &str) -> Result<()> {
        self.change("confirm an item", |transaction| {
            transaction
                .execute(
                    "INSERT OR REPLACE INTO checklist (item, confirmed_by, note, at) VALUES (?1, ?2, ?3, ?4)",
                    (item, by, note, now_milliseconds()),
                )
                .map(|_| ())
        })
    }
}
