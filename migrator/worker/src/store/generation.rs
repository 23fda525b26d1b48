//! The generation of the job, and what is proven of it (ARCHITECTURE.md rule 9a).

use rusqlite::{Connection, Transaction};

use super::rows::{from_word, in_table, word};
use super::{JobStore, now_milliseconds, signed, unsigned};
use crate::error::Result;
use protocol::{GenerationLine, Proof, ProofLine};

impl JobStore {
    /// The number of the current generation; 0 before the first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn generation(&self) -> Result<u64> {
        self.read("read the generation", current)
    }

    /// Remembers that something is proven of the current generation.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_proof(&self, proof: Proof) -> Result<()> {
        self.change("record a proof", |transaction| record(transaction, proof))
    }

    /// Whether something is proven of the trees as they are.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn is_proven(&self, proof: Proof) -> Result<bool> {
        self.read("read a proof", |connection| {
            Ok(proofs(connection)?.iter().any(|line| line.proof == proof))
        })
    }
}

pub(super) fn record(transaction: &Transaction<'_>, proof: Proof) -> rusqlite::Result<()> {
    let generation = signed(current(transaction)?);
    transaction
        .execute(
            "INSERT OR REPLACE INTO proof (name, generation, at) VALUES (?1, ?2, ?3)",
            (word(&proof)?, generation, now_milliseconds()),
        )
        .map(|_| ())
}

pub(super) fn current(connection: &Connection) -> rusqlite::Result<u64> {
    let query = "SELECT coalesce(max(id), 0) FROM generation";
    connection.query_row(
        query,
        [],
        in_table("generation", |row| row.get(0).map(unsigned)),
    )
}

pub(super) fn proofs(connection: &Connection) -> rusqlite::Result<Vec<ProofLine>> {
    connection
        .prepare("SELECT name, generation, at FROM proof ORDER BY name")?
        .query_map(
            [],
            in_table("proof", |row| {
                let name: String = row.get(0)?;
                Ok(ProofLine {
                    proof: from_word("proof", &name, &name)?,
                    generation: unsigned(row.get(1)?),
                    at_milliseconds: row.get(2)?,
                })
            }),
        )?
        .collect()
}

pub(super) fn generations(connection: &Connection) -> rusqlite::Result<Vec<GenerationLine>> {
    connection
        .prepare("SELECT id, operation, at FROM generation ORDER BY id")?
        .query_map(
            [],
            in_table("generation", |row| {
                let id: i64 = row.get(0)?;
                Ok(GenerationLine {
                    generation: unsigned(id),
                    operation: from_word("generation", id, &row.get::<_, String>(1)?)?,
                    at_milliseconds: row.get(2)?,
                })
            }),
        )?
        .collect()
}
