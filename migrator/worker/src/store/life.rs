//! The transitions of the job: its generations, whether users may have worked at the destination, and what only a person
//! could say (ARCHITECTURE.md rules 9a and 9c).

use rusqlite::{Connection, OptionalExtension as _, Transaction};

use super::rows::{from_word, in_table, word};
use super::{JobStore, facts, generation, now_milliseconds, unsigned};
use crate::error::Result;
use protocol::{
    Intent, JobEvent, Life, LifeLine, Operation, Refusal, Said, SeenPort, Standing, WordLine,
};

impl JobStore {
    /// Begins a new generation: durable before the operation changes anything, and together with the end of every proof
    /// that it makes untrue.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn begin_generation(&self, operation: Operation) -> Result<u64> {
        self.change("begin a generation", |transaction| {
            begin_generation(transaction, operation)
        })
    }

    /// Whether users may have worked at the destination.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn life(&self) -> Result<Life> {
        self.read("read whether users may have worked", |connection| {
            line(connection).map(|line| line.life)
        })
    }

    /// Remembers that the POA is about to be started for users; says why it may not be, where it may not.
    ///
    /// One transaction looks and remembers, so nothing can come in between.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn begin_life(&self, by: &str) -> Result<Option<Refusal>> {
        self.change("begin to start for users", |transaction| {
            let refusal = standing(transaction)?.refusal(Intent::Start);
            if refusal.is_none() {
                happened(transaction, JobEvent::StartBegan, by, "")?;
            }
            Ok(refusal)
        })
    }

    /// Remembers how the start that began last has ended: the POA has answered users, or it is certain that it did not come
    /// up.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn end_start(&self, life: Life, by: &str, note: &str) -> Result<()> {
        let event = match life {
            Life::Live => JobEvent::Answered,
            Life::NotLive => JobEvent::StartFailed,
            // Nothing more is known.
            Life::Starting => return Ok(()),
        };
        self.change("remember how the start ended", |transaction| {
            happened(transaction, event, by, note)
        })
    }

    /// Remembers that a look at the destination has shown that nobody has worked there.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn nobody_worked(&self, by: &str, note: &str) -> Result<()> {
        self.change("remember that nobody worked", |transaction| {
            happened(transaction, JobEvent::NobodyWorked, by, note)
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
            happened(transaction, JobEvent::NobodyWorked, by, note)?;
            begin_generation(transaction, Operation::Agent).map(|_| ())
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

fn begin_generation(transaction: &Transaction<'_>, operation: Operation) -> rusqlite::Result<u64> {
    transaction.execute(
        "INSERT INTO generation (operation, at) VALUES (?1, ?2)",
        (word(&operation)?, now_milliseconds()),
    )?;
    let generation = unsigned(transaction.last_insert_rowid());
    let before = standing(transaction)?;
    let after = before.after(JobEvent::Began(operation));
    for proof in before.proofs.difference(&after.proofs) {
        transaction.execute("DELETE FROM proof WHERE name = ?1", [word(proof)?])?;
    }
    Ok(generation)
}

/// What the job has come to, as far as a transition needs it.
pub(super) fn standing(connection: &Connection) -> rusqlite::Result<Standing> {
    let life = line(connection)?.life;
    let before: Option<String> = connection
        .query_row(
            "SELECT state FROM life ORDER BY id DESC LIMIT 1 OFFSET 1",
            [],
            in_table("life", |row| row.get(0)),
        )
        .optional()?;
    let before = match before {
        Some(text) if life == Life::Starting => from_word("life", "the last but one", &text)?,
        None if life == Life::Starting => Life::NotLive,
        _ => life,
    };
    Ok(Standing {
        // No transition that is made here depends on it.
        is_copied: true,
        proofs: generation::proofs(connection)?
            .iter()
            .map(|line| line.proof)
            .collect(),
        life,
        life_before_start: before,
        is_abandoned: facts::abandoned(connection)?.is_some(),
    })
}

/// Remembers an event after which users may have worked, or certainly have not.
fn happened(
    transaction: &Transaction<'_>,
    event: JobEvent,
    by: &str,
    note: &str,
) -> rusqlite::Result<()> {
    let before = standing(transaction)?;
    let after = before.after(event);
    // A start is a line of its own, so that it is known what was before it.
    if after.life == before.life && event != JobEvent::StartBegan {
        return Ok(());
    }
    insert(transaction, after.life, by, note)
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
