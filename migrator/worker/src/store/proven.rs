//! The ledger of proofs: which copies were read whole on both sides, apart from the copy, and were equal (ARCHITECTURE.md
//! rule 9).
//!
//! A proof is kept with what identified both sides before they were read, and holds for as long as both are the same.  A
//! seal leaves in it just the files that it has met, so that both sides can be compared with it at any later time.

use std::collections::{HashMap, HashSet};

use postoffice::names::RelativePath;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction};

use super::rows::{from_json, has_files_in, in_table, json, path};
use super::{JobStore, generation, signed, unsigned};
use crate::error::Result;
use crate::tree::{Attributes, Time};
use protocol::{Proof, SealDocument};

/// What a file says of itself by which anybody could tell that it has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// Length in bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: Time,
}

impl From<&Attributes> for Stamp {
    fn from(attributes: &Attributes) -> Self {
        Self {
            size: attributes.size,
            modified: attributes.modified,
        }
    }
}

/// What identifies a file of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceIdentity {
    /// Length and time.
    pub stamp: Stamp,
    /// When its inode last changed; none where the source has no such time that can be relied on.
    pub changed: Option<Time>,
}

/// What identifies a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopyIdentity {
    /// Length and time.
    pub stamp: Stamp,
    /// When its inode last changed, which nobody can set.
    pub changed: Time,
    /// Its inode.
    pub inode: u64,
}

impl From<&Attributes> for CopyIdentity {
    fn from(attributes: &Attributes) -> Self {
        Self {
            stamp: Stamp::from(attributes),
            changed: attributes.changed,
            inode: attributes.inode,
        }
    }
}

/// What the ledger has of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProvenEntry {
    /// BLAKE3 of the content of the copy.
    pub digest: [u8; 32],
    /// What identified its counterpart at the source; none where it has none.
    pub source: Option<SourceIdentity>,
    /// What identified the copy.
    pub copy: CopyIdentity,
    /// When reading both began, by the clock of the destination; whole milliseconds.
    pub read: Time,
    /// Whether a time of either side was so fresh then that it could stay the same through another change.
    pub racy: bool,
}

impl ProvenEntry {
    /// Whether the proof holds of both sides as they are now.
    pub fn holds(&self, source: SourceIdentity, copy: CopyIdentity) -> bool {
        !self.racy && self.source == Some(source) && self.copy == copy
    }
}

/// A file of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvenFile {
    /// Number of its area in the order.
    pub area: u32,
    /// Path of its folder at the destination.
    pub folder: RelativePath,
    /// Name at the destination.
    pub name: Vec<u8>,
    /// What is proven.
    pub entry: ProvenEntry,
}

/// A file of the source that has no counterpart on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSource {
    /// Number of its area in the order.
    pub area: u32,
    /// The folder that a counterpart would be in.
    pub folder: RelativePath,
    /// The name that it would have.
    pub name: Vec<u8>,
    /// What it said.
    pub stamp: Stamp,
}

/// What the ledger has of some files of one folder, by name.
pub type ProvenFolder = HashMap<Vec<u8>, ProvenEntry>;

/// The columns of [`entry`], behind folder and name.
const COLUMNS: &str = "digest, source_size, source_modified_s, source_modified_ns, source_changed_s, source_changed_ns, \
                       size, modified_s, modified_ns, changed_s, changed_ns, inode, read, racy";

/// The number of the last pass that has begun.
const LAST_PASS: &str = "(SELECT coalesce(max(id), 0) FROM pass)";

fn time(row: &Row<'_>, first: usize) -> rusqlite::Result<Time> {
    Ok(Time {
        seconds: row.get(first)?,
        nanoseconds: row.get(first + 1)?,
    })
}

fn entry(row: &Row<'_>, first: usize) -> rusqlite::Result<ProvenEntry> {
    let source = match row.get::<_, Option<i64>>(first + 1)? {
        None => None,
        Some(size) => Some(SourceIdentity {
            stamp: Stamp {
                size: unsigned(size),
                modified: time(row, first + 2)?,
            },
            changed: match row.get::<_, Option<i64>>(first + 4)? {
                None => None,
                Some(_) => Some(time(row, first + 4)?),
            },
        }),
    };
    Ok(ProvenEntry {
        digest: row.get(first)?,
        source,
        copy: CopyIdentity {
            stamp: Stamp {
                size: unsigned(row.get(first + 6)?),
                modified: time(row, first + 7)?,
            },
            changed: time(row, first + 9)?,
            inode: unsigned(row.get(first + 11)?),
        },
        read: Time::from_milliseconds(row.get(first + 12)?),
        racy: row.get(first + 13)?,
    })
}

fn insert(transaction: &Transaction<'_>, files: &[ProvenFile]) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(&format!(
        "INSERT OR REPLACE INTO proven (area, folder, name, {COLUMNS}, source_read)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17, {LAST_PASS})"
    ))?;
    for file in files {
        let ProvenEntry {
            digest,
            source,
            copy,
            read,
            racy,
        } = &file.entry;
        let changed = source.and_then(|source| source.changed);
        insert.execute(rusqlite::params![
            file.area,
            file.folder.as_bytes(),
            file.name,
            digest,
            source.map(|source| signed(source.stamp.size)),
            source.map(|source| source.stamp.modified.seconds),
            source.map(|source| source.stamp.modified.nanoseconds),
            changed.map(|changed| changed.seconds),
            changed.map(|changed| changed.nanoseconds),
            signed(copy.stamp.size),
            copy.stamp.modified.seconds,
            copy.stamp.modified.nanoseconds,
            copy.changed.seconds,
            copy.changed.nanoseconds,
            signed(copy.inode),
            read.milliseconds(),
            racy,
        ])?;
    }
    Ok(())
}

/// Takes files out of the ledger, as part of a transaction.
pub(super) fn forget(
    transaction: &Transaction<'_>,
    area: u32,
    files: &[(RelativePath, Vec<u8>)],
) -> rusqlite::Result<()> {
    let mut delete = transaction
        .prepare_cached("DELETE FROM proven WHERE area = ?1 AND folder = ?2 AND name = ?3")?;
    files
        .iter()
        .try_for_each(|(folder, name)| delete.execute((area, folder.as_bytes(), name)).map(|_| ()))
}

impl JobStore {
    /// Makes the seal void, whatever is proven of single files.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn clear_seal(&self) -> Result<()> {
        self.change("clear the seal", |transaction| {
            for table in ["sealed_source", "seal"] {
                transaction.execute(&format!("DELETE FROM {table}"), [])?;
            }
            let query = "DELETE FROM proof WHERE name = 'seal'";
            transaction.execute(query, []).map(|_| ())
        })
    }

    /// Writes proven files into the ledger.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_proven(&self, mut files: Vec<ProvenFile>) -> Result<()> {
        // In the order of the table, so that neighbours are written together.
        files.sort_unstable_by(|left, right| {
            fn key(file: &ProvenFile) -> (u32, &RelativePath, &[u8]) {
                (file.area, &file.folder, &file.name)
            }
            key(left).cmp(&key(right))
        });
        self.change("record proofs", |transaction| insert(transaction, &files))
    }

    /// Takes files out of the ledger.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn forget_proven(&self, area: u32, files: &[(RelativePath, Vec<u8>)]) -> Result<()> {
        self.change("forget proofs", |transaction| {
            forget(transaction, area, files)
        })
    }

    /// Takes all files out of the ledger whose folders are not among `folders`.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn forget_proven_elsewhere(
        &self,
        area: u32,
        folders: &HashSet<RelativePath>,
    ) -> Result<()> {
        let elsewhere = self.proven_elsewhere(area, folders)?;
        if elsewhere.is_empty() {
            return Ok(());
        }
        self.change("forget proofs", |transaction| {
            let mut delete =
                transaction.prepare_cached("DELETE FROM proven WHERE area = ?1 AND folder = ?2")?;
            elsewhere
                .iter()
                .try_for_each(|folder| delete.execute((area, folder.as_bytes())).map(|_| ()))
        })
    }

    /// The folders of the ledger that are not among `folders`.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn proven_elsewhere(
        &self,
        area: u32,
        folders: &HashSet<RelativePath>,
    ) -> Result<Vec<RelativePath>> {
        self.read("list the ledger", |connection| {
            let mut gone = Vec::new();
            // From one folder to the next, past all that is in it: DISTINCT would read every row.
            let mut statement = connection.prepare_cached(
                "WITH RECURSIVE known (folder) AS (
                     SELECT min(folder) FROM proven WHERE area = ?1
                     UNION ALL
                     SELECT (SELECT min(folder) FROM proven WHERE area = ?1 AND folder > known.folder)
                     FROM known WHERE known.folder IS NOT NULL)
                 SELECT folder FROM known WHERE folder IS NOT NULL",
            )?;
            let read = in_table("proven", |row| path("proven", row, 0));
            for folder in statement.query_map([area], read)? {
                let folder = folder?;
                if !folders.contains(&folder) {
                    gone.push(folder);
                }
            }
            Ok(gone)
        })
    }

    /// Whether the ledger has a file in this folder or below it.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn has_proven_in(&self, area: u32, folder: &RelativePath) -> Result<bool> {
        self.read("read the ledger", |connection| {
            has_files_in(connection, "proven", area, folder)
        })
    }

    /// Remembers that files of the source were read once more and have the content that was proven.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_source_read(&self, area: u32, files: &[(RelativePath, Vec<u8>)]) -> Result<()> {
        self.change("record what was read again", |transaction| {
            let mut update = transaction.prepare_cached(&format!(
                "UPDATE proven SET source_read = {LAST_PASS} WHERE area = ?1 AND folder = ?2 AND name = ?3"
            ))?;
            files.iter().try_for_each(|(folder, name)| {
                update.execute((area, folder.as_bytes(), name)).map(|_| ())
            })
        })
    }

    /// Records files of the source that have no counterpart on purpose.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_sealed_source(&self, files: &[SealedSource]) -> Result<()> {
        self.change("record the seal", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO sealed_source (area, folder, name, size, modified_s, modified_ns)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            )?;
            files.iter().try_for_each(|file| {
                insert
                    .execute((
                        file.area,
                        file.folder.as_bytes(),
                        &file.name,
                        signed(file.stamp.size),
                        file.stamp.modified.seconds,
                        file.stamp.modified.nanoseconds,
                    ))
                    .map(|_| ())
            })
        })
    }

    /// Keeps the document of the seal: from here on the job is sealed, for as long as nothing changes a tree.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn keep_seal(&self, document: &SealDocument) -> Result<()> {
        self.change("keep the seal", |transaction| {
            let query = "INSERT OR REPLACE INTO seal (id, document) VALUES (1, ?1)";
            transaction.execute(query, [json(document)?])?;
            generation::record(transaction, Proof::Seal)
        })
    }

    /// The document of the last seal, whether it still holds or not.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn seal(&self) -> Result<Option<SealDocument>> {
        self.read("read the seal", document)
    }

    /// What the ledger has of the files of one folder, by name.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn proven_of(&self, area: u32, folder: &RelativePath) -> Result<ProvenFolder> {
        self.proven_between(area, folder, b"", None)
    }

    /// The same for some of the names: from `first` on, and before `end` where there is one.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn proven_between(
        &self,
        area: u32,
        folder: &RelativePath,
        first: &[u8],
        end: Option<&[u8]>,
    ) -> Result<ProvenFolder> {
        self.read("read the ledger", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT name, {COLUMNS} FROM proven
                     WHERE area = ?1 AND folder = ?2 AND name >= ?3 AND (?4 IS NULL OR name < ?4)"
                ))?
                .query_map(
                    (area, folder.as_bytes(), first, end),
                    in_table("proven", |row| Ok((row.get(0)?, entry(row, 1)?))),
                )?
                .collect()
        })
    }

    /// Files of one folder of the source that have no counterpart on purpose, by the name that it would have.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn sealed_source_of(
        &self,
        area: u32,
        folder: &RelativePath,
    ) -> Result<HashMap<Vec<u8>, Stamp>> {
        self.read("read the seal", |connection| {
            connection
                .prepare_cached(
                    "SELECT name, size, modified_s, modified_ns FROM sealed_source WHERE area = ?1 AND folder = ?2",
                )?
                .query_map((area, folder.as_bytes()), in_table("sealed_source", |row| {
                    let size = unsigned(row.get(1)?);
                    let modified = time(row, 2)?;
                    Ok((row.get(0)?, Stamp { size, modified }))
                }))?
                .collect()
        })
    }

    /// Calls `each` with folder, name and entry of every file of the ledger of an area, in the order of the bytes.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn each_proven(
        &self,
        area: u32,
        mut each: impl FnMut(&RelativePath, &[u8], &ProvenEntry),
    ) -> Result<()> {
        self.read("read the ledger", |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT folder, name, {COLUMNS} FROM proven WHERE area = ?1 ORDER BY folder, name"
            ))?;
            let read = in_table("proven", |row| {
                let name: Vec<u8> = row.get(1)?;
                Ok((path("proven", row, 0)?, name, entry(row, 2)?))
            });
            for row in statement.query_map([area], read)? {
                let (folder, name, entry) = row?;
                each(&folder, &name, &entry);
            }
            Ok(())
        })
    }

    /// The files of one folder of the source that were read since a pass began, by their names at the destination.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn read_since(
        &self,
        area: u32,
        folder: &RelativePath,
        pass: i64,
    ) -> Result<HashSet<Vec<u8>>> {
        self.read("read the ledger", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT name, source_read FROM proven WHERE area = ?1 AND folder = ?2",
            )?;
            // Compared here: what is no number is damage, and in SQL it would be more than any.
            let row = in_table("proven", |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)));
            let rows = statement.query_map((area, folder.as_bytes()), row)?;
            let read = rows.filter_map(|row| match row {
                Ok((name, read)) => (read >= pass).then_some(Ok(name)),
                Err(error) => Some(Err(error)),
            });
            read.collect()
        })
    }

    /// How many files of the source were not read since a pass began, and how many bytes they have.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn unread_totals(&self, area: u32, pass: i64) -> Result<(u64, u64)> {
        self.read("count the ledger", |connection| {
            connection.query_row(
                "SELECT count(*), coalesce(sum(source_size), 0) FROM proven
                 WHERE area = ?1 AND source_size IS NOT NULL AND source_read < ?2",
                (area, pass),
                in_table("proven", |row| {
                    Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
                }),
            )
        })
    }

    /// How many files the ledger has, and how many bytes their copies.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn proven_totals(&self, area: Option<u32>) -> Result<(u64, u64)> {
        self.read("count the ledger", |connection| {
            connection.query_row(
                "SELECT count(*), coalesce(sum(size), 0) FROM proven WHERE ?1 IS NULL OR area = ?1",
                [area],
                in_table("proven", |row| {
                    Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
                }),
            )
        })
    }
}

pub(super) fn document(connection: &Connection) -> rusqlite::Result<Option<SealDocument>> {
    let query = "SELECT document FROM seal WHERE id = 1";
    let text: Option<String> = connection
        .query_row(query, [], in_table("seal", |row| row.get(0)))
        .optional()?;
    text.map(|text| from_json("seal", 1, &text)).transpose()
}
