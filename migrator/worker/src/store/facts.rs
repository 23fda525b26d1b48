//! Small facts of the job, by name; their values are JSON.

use std::collections::BTreeMap;

use rusqlite::{Connection, OptionalExtension, Transaction};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::rows::{from_json, in_table, json};
use super::{JobStore, now_milliseconds};
use crate::error::Result;
use protocol::{ChecklistItem, Fact, KnownFacts};

/// The name of the job.
const JOB: &str = "job";
/// A text that no other job has, whatever its name.
const JOB_ID: &str = "job-id";
/// How many orders there were.
const ORDERS: &str = "orders";
/// Files and bytes that were counted before the first pass.
const INVENTORY: &str = "inventory";
/// Where what was put into the system really is, by the path that the worksheet has for it.
const REAL_PLACES: &str = "real-places";
/// When the job was abandoned, in milliseconds since 1970.
pub(super) const ABANDONED: &str = "abandoned";

/// That a person has said that the mounts have changed, until stage one has seen them.
pub(super) const MOUNTS_ACCEPTED: &str = "mounts-accepted";

impl JobStore {
    /// Remembers something small; a fact of the same kind is replaced.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn remember(&self, fact: &Fact) -> Result<()> {
        match fact {
            Fact::Agent(run) => self.remember_value("agent", run),
            Fact::GwhaHeld(is_held) => self.remember_value("gwha-held", is_held),
            Fact::RunsAs(user) => self.remember_value("runs-as", user),
            Fact::UnmappedLibraries(names) => self.remember_value("unmapped-libraries", names),
            Fact::Mounted(area) => self.change("remember a mount", |transaction| {
                let mut mounted = known(transaction)?.mounted;
                mounted.retain(|known| known.area != area.area);
                mounted.push(area.clone());
                put(transaction, "mounted", &mounted)
            }),
            Fact::MadeFolder(folder) => self.change("remember a folder", |transaction| {
                let mut made = known(transaction)?.made_folders;
                made.insert(folder.clone());
                put(transaction, "made-folders", &made)
            }),
            Fact::PlacedFile(file) => self.change("remember a file", |transaction| {
                let mut placed = known(transaction)?.placed_files;
                placed.insert(file.clone());
                put(transaction, "placed-files", &placed)
            }),
            Fact::SharedFile(file) => self.change("leave a file to others", |transaction| {
                let mut placed = known(transaction)?.placed_files;
                placed.remove(file);
                put(transaction, "placed-files", &placed)
            }),
        }
    }

    /// Where what this job has put into the system really is, by the path that the worksheet has for it.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub(crate) fn real_places(&self) -> Result<BTreeMap<String, String>> {
        self.value(REAL_PLACES).map(Option::unwrap_or_default)
    }

    /// Remembers where something that is about to be put into the system really is.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub(crate) fn remember_real_place(&self, path: &str, real: &str) -> Result<()> {
        self.change("remember a place", |transaction| {
            let places = get::<BTreeMap<_, _>>(transaction, REAL_PLACES)?;
            let mut places = places.unwrap_or_default();
            places.insert(path.to_owned(), real.to_owned());
            put(transaction, REAL_PLACES, &places)
        })
    }

    /// The name of the job; none before a controller has said it.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn job(&self) -> Result<Option<String>> {
        self.value(JOB)
    }

    /// Gives the job its name.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn name_job(&self, name: &str) -> Result<()> {
        self.remember_value(JOB, &name)
    }

    /// The text that no other job has; made by chance when it is asked for first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn job_id(&self) -> Result<String> {
        if let Some(id) = self.value(JOB_ID)? {
            return Ok(id);
        }
        self.change("name the job", |transaction| {
            if let Some(id) = get(transaction, JOB_ID)? {
                return Ok(id);
            }
            // SQLite seeds its generator from the system.
            let query = "SELECT lower(hex(randomblob(16)))";
            let id: String = transaction.query_row(query, [], |row| row.get(0))?;
            put(transaction, JOB_ID, &id)?;
            Ok(id)
        })
    }

    /// Files and bytes that were counted before the first pass; none where nobody counted.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn inventory(&self) -> Result<Option<(u64, u64)>> {
        self.value(INVENTORY)
    }

    /// Remembers how many files and bytes were counted.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn remember_inventory(&self, files: u64, bytes: u64) -> Result<()> {
        self.remember_value(INVENTORY, &(files, bytes))
    }

    /// The number of the next order of this job, counted up durably.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_order_number(&self) -> Result<u64> {
        self.change("number an order", |transaction| {
            let number = 1 + get::<u64>(transaction, ORDERS)?.unwrap_or(0);
            put(transaction, ORDERS, &number)?;
            Ok(number)
        })
    }

    /// Remembers that a job that was abandoned has begun again.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn begin_again(&self) -> Result<()> {
        if self.value::<i64>(ABANDONED)?.is_some() {
            self.forget_value(ABANDONED)?;
        }
        Ok(())
    }

    /// Confirms an item of the checklist.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn confirm(&self, item: &ChecklistItem, by: &str, note: &str) -> Result<()> {
        self.change("confirm an item", |transaction| {
            transaction
                .execute(
                    "INSERT OR REPLACE INTO checklist (item, confirmed_by, note, at) VALUES (?1, ?2, ?3, ?4)",
                    (item.to_string(), by, note, now_milliseconds()),
                )
                .map(|_| ())
        })
    }

    /// Takes the confirmation of an item back; says whether there was one.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn withdraw(&self, item: &ChecklistItem) -> Result<bool> {
        self.change("withdraw an item", |transaction| {
            let query = "DELETE FROM checklist WHERE item = ?1";
            transaction
                .execute(query, [item.to_string()])
                .map(|rows| rows > 0)
        })
    }

    /// A fact by its name.
    pub(crate) fn value<T: DeserializeOwned>(&self, name: &str) -> Result<Option<T>> {
        self.read("read a fact", |connection| get(connection, name))
    }

    /// Remembers a fact by its name.
    pub(crate) fn remember_value(&self, name: &str, value: &impl Serialize) -> Result<()> {
        self.change("remember a fact", |transaction| {
            put(transaction, name, value)
        })
    }

    /// Forgets a fact by its name.
    pub(crate) fn forget_value(&self, name: &str) -> Result<()> {
        self.change("forget a fact", |transaction| delete(transaction, name))
    }
}

pub(super) fn get<T: DeserializeOwned>(
    connection: &Connection,
    name: &str,
) -> rusqlite::Result<Option<T>> {
    let query = "SELECT value FROM meta WHERE name = ?1";
    let text: Option<String> = connection
        .query_row(query, [name], in_table("meta", |row| row.get(0)))
        .optional()?;
    text.map(|text| from_json("meta", name, &text)).transpose()
}

pub(super) fn put(
    transaction: &Transaction<'_>,
    name: &str,
    value: &impl Serialize,
) -> rusqlite::Result<()> {
    let query = "INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)";
    transaction.execute(query, (name, json(value)?)).map(|_| ())
}

pub(super) fn delete(transaction: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    let query = "DELETE FROM meta WHERE name = ?1";
    transaction.execute(query, [name]).map(|_| ())
}

/// What the controller had the job remember.
pub(super) fn known(connection: &Connection) -> rusqlite::Result<KnownFacts> {
    Ok(KnownFacts {
        agent: get(connection, "agent")?,
        gwha_held: get(connection, "gwha-held")?.unwrap_or(false),
        runs_as: get(connection, "runs-as")?,
        unmapped_libraries: get(connection, "unmapped-libraries")?,
        mounted: get(connection, "mounted")?.unwrap_or_default(),
        made_folders: get(connection, "made-folders")?.unwrap_or_default(),
        placed_files: get(connection, "placed-files")?.unwrap_or_default(),
    })
}

pub(super) fn abandoned(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    get(connection, ABANDONED)
}

/// The name of the job, which every store has once a controller has spoken to it.
pub(super) fn job_name(connection: &Connection) -> rusqlite::Result<Option<String>> {
    get(connection, JOB)
}
