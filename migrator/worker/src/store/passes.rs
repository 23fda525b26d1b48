//! The passes.

use rusqlite::OptionalExtension;

use super::rows::{from_word, in_table, json, word};
use super::{JobStore, now_milliseconds};
use crate::error::Result;
use crate::tree::Time;
use protocol::{Counts, PassKind};

/// A pass that is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// Its number in the job, from 1.
    pub id: i64,
    /// Whether it is one of many in stage one, or that of stage two.
    pub kind: PassKind,
}

/// A pass that was cut off: what stands at the destination since it began, and is in no manifest, is its leftover.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnfinishedPass {
    /// When the first of the passes that were cut off began.
    pub began: Time,
}

impl JobStore {
    /// Journals that a pass begins; says whether passes since the last finished one were cut off.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn begin_pass(&self, kind: PassKind) -> Result<(Pass, Option<UnfinishedPass>)> {
        self.change("begin a pass", |transaction| {
            let unfinished = transaction
                .query_row(
                    "SELECT min(began) FROM pass
                     WHERE ended IS NULL AND id > (SELECT coalesce(max(id), 0) FROM pass WHERE ended IS NOT NULL)",
                    [],
                    in_table("pass", |row| row.get::<_, Option<i64>>(0)),
                )
                .optional()?
                .flatten()
                .map(|milliseconds| UnfinishedPass {
                    began: Time::from_milliseconds(milliseconds),
                });
            transaction
                .execute("INSERT INTO pass (kind, began) VALUES (?1, ?2)", (word(&kind)?, now_milliseconds()))?;
            Ok((Pass { id: transaction.last_insert_rowid(), kind }, unfinished))
        })
    }

    /// Since when the source is at rest, in milliseconds since 1970, to be shown: from the begin of the pass of stage two, before
    /// which that is proven; now, where users have worked since, or there was none.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn at_rest_since(&self) -> Result<i64> {
        Ok(match self.last_pass()? {
            Some((PassKind::StageTwo, began, _)) => began,
            Some((PassKind::StageOne, ..)) | None => now_milliseconds(),
        })
    }

    /// The number of the pass since which the source is at rest; where there is none, one that no pass has.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn at_rest_pass(&self) -> Result<i64> {
        Ok(match self.last_pass()? {
            Some((PassKind::StageTwo, _, id)) => id,
            Some((PassKind::StageOne, ..)) | None => i64::MAX,
        })
    }

    /// Kind, begin and number of the last pass.
    fn last_pass(&self) -> Result<Option<(PassKind, i64, i64)>> {
        self.read("read the last pass", |connection| {
            connection
                .query_row(
                    "SELECT kind, began, id FROM pass ORDER BY id DESC LIMIT 1",
                    [],
                    in_table("pass", |row| {
                        let kind: String = row.get(0)?;
                        let id: i64 = row.get(2)?;
                        Ok((from_word("pass", id, &kind)?, row.get(1)?, id))
                    }),
                )
                .optional()
        })
    }

    /// Journals that a pass has come to its end.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn end_pass(&self, pass: Pass, counts: &Counts) -> Result<()> {
        self.change("end a pass", |transaction| {
            transaction
                .execute(
                    "UPDATE pass SET ended = ?2, counts = ?3 WHERE id = ?1",
                    (pass.id, now_milliseconds(), json(counts)?),
                )
                .map(|_| ())
        })
    }
}
