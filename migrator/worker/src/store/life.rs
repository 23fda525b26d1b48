//! Whether users may have worked at the destination, and what only a person could say (DESIGN rule 9c).

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::rows::{from_word, in_table, word};
use super::{JobStore, generation, now_milliseconds};
use crate::error::Result;
use crate::protocol::{Life, LifeLine, Operation, Proof, Said, SeenPort, WordLine};

impl JobStore {
    /// Whether users may have worked at the destination.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn life(&self) -> Result<Life> {
        self.read("read whether users may have worked", |connection| {
            line(connection).map(|line| line.life)
        })
    }

    /// Remembers that the POA is about to be started for users; says whether it may be, which it may where users may have
    /// worked already, and where the seal and the guardian are proven of this generation.
    ///
    /// One transaction looks and remembers, so nothing can come in between.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn begin_life(&self, by: &str) -> Result<Vec<Proof>> {
        self.change("begin to start for users", |transaction| {
            if line(transaction)?.life.may_hold_new_mail() {
                return Ok(Vec::new());
            }
            let proven = generation::proofs(transaction)?;
            let wanted = [Proof::Seal, Proof::Guardian, Proof::Queues];
            let missing: Vec<Proof> = wanted
                .into_iter()
                .filter(|proof| !proven.iter().any(|line| line.proof == *proof))
                .collect();
            if missing.is_empty() {
                insert(transaction, Life::Starting, by, "")?;
            }
            Ok(missing)
        })
    }

    /// Remembers that the POA has answered users, or that it is certain that it did not come up.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn end_start(&self, life: Life, by: &str, note: &str) -> Result<()> {
        self.change("remember how the start ended", |transaction| {
            match (line(transaction)?.life, life) {
                // Once users may have worked, no failure of a later start takes that back.
                (Life::Live, _) | (Life::NotLive, Life::NotLive) => Ok(()),
                _ => insert(transaction, life, by, note),
            }
        })
    }

    /// Takes it back that users may have worked, because a person says that they have not.  What was proven of the trees is
    /// proven no longer: an agent may have changed them.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn take_back_life(&self, by: &str, note: &str) -> Result<()> {
        self.change("remember a person's word", |transaction| {
            if !line(transaction)?.life.may_hold_new_mail() {
                return Ok(());
            }
            say(transaction, Said::UsersHaveNotWorked, by, note)?;
            insert(transaction, Life::NotLive, by, note)?;
            generation::begin(transaction, Operation::Agent).map(|_| ())
        })
    }

    /// Remembers what only a person could say.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_word(&self, said: Said, by: &str, note: &str) -> Result<()> {
        self.change("remember a person's word", |transaction| {
            say(transaction, said, by, note)
        })
    }

    /// Remembers ports of the source's POA that answered.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_seen_ports(&self, ports: &[(String, u16)]) -> Result<()> {
        self.change("remember open ports", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO seen_port (address, port, at) VALUES (?1, ?2, ?3)",
            )?;
            ports.iter().try_for_each(|(address, port)| {
                insert
                    .execute((address, port, now_milliseconds()))
                    .map(|_| ())
            })
        })
    }
}

fn insert(transaction: &Transaction<'_>, life: Life, by: &str, note: &str) -> rusqlite::Result<()> {
    transaction
        .execute(
            "INSERT INTO life (state, at, by, note) VALUES (?1, ?2, ?3, ?4)",
            (word(&life)?, now_milliseconds(), by, note),
        )
        .map(|_| ())
}

pub(super) fn say(
    transaction: &Transaction<'_>,
    said: Said,
    by: &str,
    note: &str,
) -> rusqlite::Result<()> {
    transaction
        .execute(
            "INSERT INTO word (said, at, by, note) VALUES (?1, ?2, ?3, ?4)",
            (word(&said)?, now_milliseconds(), by, note),
        )
        .map(|_| ())
}

pub(super) fn line(connection: &Connection) -> rusqlite::Result<LifeLine> {
    let last = connection
        .query_row(
            "SELECT id, state, at, by, note FROM life ORDER BY id DESC LIMIT 1",
            [],
            in_table("life", |row| {
                let id: i64 = row.get(0)?;
                Ok(LifeLine {
                    life: from_word("life", id, &row.get::<_, String>(1)?)?,
                    since_milliseconds: row.get(2)?,
                    by: row.get(3)?,
                    note: row.get(4)?,
                })
            }),
        )
        .optional()?;
    Ok(last.unwrap_or_default())
}

pub(super) fn words(connection: &Connection) -> rusqlite::Result<Vec<WordLine>> {
    connection
        .prepare("SELECT said, at, by, note, id FROM word ORDER BY id")?
        .query_map(
            [],
            in_table("word", |row| {
                let id: i64 = row.get(4)?;
                Ok(WordLine {
                    said: from_word("word", id, &row.get::<_, String>(0)?)?,
                    at_milliseconds: row.get(1)?,
                    by: row.get(2)?,
                    note: row.get(3)?,
                })
            }),
        )?
        .collect()
}

pub(super) fn seen_ports(connection: &Connection) -> rusqlite::Result<Vec<SeenPort>> {
    connection
        .prepare("SELECT address, port, at FROM seen_port ORDER BY address, port")?
        .query_map(
            [],
            in_table("seen_port", |row| {
                Ok(SeenPort {
                    address: row.get(0)?,
                    port: row.get(1)?,
                    at_milliseconds: row.get(2)?,
                })
            }),
        )?
        .collect()
}
