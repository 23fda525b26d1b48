//! What was carried over from the message queues.

use postoffice::names::{RelativePath, printable};
use rusqlite::{OptionalExtension as _, Row, Transaction};
use serde::{Deserialize, Serialize};

use super::rows::{from_word, in_table, path, word};
use super::{JobStore, Stamp, signed, unsigned};
use crate::error::Result;
use crate::tree::Time;

/// How far an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ItemState {
    /// Its copy is complete and durable beside the queue and is about to appear in it.
    Placing,
    /// It stood in the queue of the destination; the agent there may have taken it since.
    Placed,
}

/// One queued item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueItem {
    /// Its queue folder at the destination.
    pub folder: RelativePath,
    /// Its name at the destination.
    pub name: Vec<u8>,
    /// Length.
    pub size: u64,
    /// When the source was last modified.
    pub modified: Time,
    /// BLAKE3 of the content.
    pub digest: [u8; 32],
    /// How far it is.
    pub state: ItemState,
}

const TABLE: &str = "queue_item";

fn from_row(row: &Row<'_>) -> rusqlite::Result<QueueItem> {
    let folder = path(TABLE, row, 0)?;
    let name: Vec<u8> = row.get(1)?;
    let state: String = row.get(6)?;
    Ok(QueueItem {
        state: from_word(TABLE, printable(folder.join(&name).as_bytes()), &state)?,
        folder,
        name,
        size: unsigned(row.get(2)?),
        modified: Time {
            seconds: row.get(3)?,
            nanoseconds: row.get(4)?,
        },
        digest: row.get(5)?,
    })
}

/// An item that stood still at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingItem {
    /// Its path at the destination.
    pub path: RelativePath,
    /// What it said in two looks.
    pub stamp: Stamp,
    /// When the first of them was, in milliseconds by the clock that runs since this machine was started.
    pub since: i64,
}

fn insert_items<'a>(
    transaction: &Transaction<'_>,
    items: impl IntoIterator<Item = &'a QueueItem>,
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO queue_item (folder, name, size, modified_s, modified_ns, digest, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
    )?;
    items.into_iter().try_for_each(|item| {
        insert
            .execute((
                item.folder.as_bytes(),
                &item.name,
                signed(item.size),
                item.modified.seconds,
                item.modified.nanoseconds,
                item.digest,
                word(&item.state)?,
            ))
            .map(|_| ())
    })
}

impl JobStore {
    /// Records which items stood still, in place of what was known of that before.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_standing(&self, items: &[StandingItem]) -> Result<()> {
        self.change("record items that stand still", |transaction| {
            transaction.execute("DELETE FROM standing", [])?;
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO standing (folder, name, size, modified_s, modified_ns, since)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            for StandingItem { path, stamp, since } in items {
                let Some((folder, name)) = path.split_last() else {
                    continue;
                };
                insert.execute((
                    folder.as_bytes(),
                    name,
                    signed(stamp.size),
                    stamp.modified.seconds,
                    stamp.modified.nanoseconds,
                    since,
                ))?;
            }
            Ok(())
        })
    }

    /// The items that stood still when that was looked at last.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn standing(&self) -> Result<Vec<StandingItem>> {
        let read = in_table("standing", |row| {
            let name: Vec<u8> = row.get(1)?;
            Ok(StandingItem {
                path: path("standing", row, 0)?.join(&name),
                stamp: Stamp {
                    size: unsigned(row.get(2)?),
                    modified: Time {
                        seconds: row.get(3)?,
                        nanoseconds: row.get(4)?,
                    },
                },
                since: row.get(5)?,
            })
        });
        self.read("read items that stand still", |connection| {
            let query = "SELECT folder, name, size, modified_s, modified_ns, since FROM standing";
            connection.prepare(query)?.query_map([], read)?.collect()
        })
    }

    /// Records items, replacing what was known of them.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_queue_items(&self, items: &[QueueItem]) -> Result<()> {
        self.change("record queued items", |transaction| {
            insert_items(transaction, items)
        })
    }

    /// Records items as about to appear in their queues, with the times at which their inodes last changed.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_placing(&self, items: &[(QueueItem, Time)]) -> Result<()> {
        self.change("record what is placed", |transaction| {
            transaction.execute("DELETE FROM placing", [])?;
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO placing (folder, name, changed_s, changed_ns) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for (item, changed) in items {
                insert.execute((
                    item.folder.as_bytes(),
                    &item.name,
                    changed.seconds,
                    changed.nanoseconds,
                ))?;
            }
            insert_items(transaction, items.iter().map(|(item, _)| item))
        })
    }

    /// Records items as they are now that none is about to appear in its queue any more.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_placed(&self, items: &[QueueItem]) -> Result<()> {
        self.change("record what was placed", |transaction| {
            transaction.execute("DELETE FROM placing", [])?;
            insert_items(transaction, items)
        })
    }

    /// When the inode of an item last changed before it was about to appear in its queue; none where that was not recorded.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn changed_before_placing(&self, item: &QueueItem) -> Result<Option<Time>> {
        let query = "SELECT changed_s, changed_ns FROM placing WHERE folder = ?1 AND name = ?2";
        let read = in_table("placing", |row| {
            Ok(Time {
                seconds: row.get(0)?,
                nanoseconds: row.get(1)?,
            })
        });
        self.read("read what is placed", |connection| {
            connection
                .prepare_cached(query)?
                .query_row((item.folder.as_bytes(), &item.name), read)
                .optional()
        })
    }

    /// Forgets items.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn forget_queue_items(&self, items: &[QueueItem]) -> Result<()> {
        self.change("forget queued items", |transaction| {
            let mut delete = transaction
                .prepare_cached("DELETE FROM queue_item WHERE folder = ?1 AND name = ?2")?;
            items.iter().try_for_each(|item| {
                delete
                    .execute((item.folder.as_bytes(), &item.name))
                    .map(|_| ())
            })
        })
    }

    /// The items of one queue folder.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn queue_items_of(&self, folder: &RelativePath) -> Result<Vec<QueueItem>> {
        self.read("read queued items", |connection| {
            connection
                .prepare_cached(
                    "SELECT folder, name, size, modified_s, modified_ns, digest, state FROM queue_item
                     WHERE folder = ?1 ORDER BY name",
                )?
                .query_map([folder.as_bytes()], in_table(TABLE, from_row))?
                .collect()
        })
    }

    /// The items that were about to appear in their queues when the worker was cut off.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn queue_items_being_placed(&self) -> Result<Vec<QueueItem>> {
        self.read("read queued items", |connection| {
            connection
                .prepare_cached(
                    "SELECT folder, name, size, modified_s, modified_ns, digest, state FROM queue_item
                     WHERE state = 'placing' ORDER BY folder, name",
                )?
                .query_map([], in_table(TABLE, from_row))?
                .collect()
        })
    }
}
