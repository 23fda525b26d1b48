//! What was sealed, so that either side can be compared with it at any later time.

use std::collections::HashMap;

use postoffice::names::RelativePath;
use rusqlite::{Connection, OptionalExtension as _, Row};

use super::rows::{from_json, in_table, json, path};
use super::{JobStore, generation, signed, unsigned};
use crate::error::Result;
use crate::tree::{Attributes, Time};
use protocol::{Proof, SealDocument};

/// What a file of the source said of itself when it was sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceStamp {
    /// Length in bytes.
    pub size: u64,
    /// When it was last modified.
    pub modified: Time,
}

impl From<&Attributes> for SourceStamp {
    fn from(attributes: &Attributes) -> Self {
        Self {
            size: attributes.size,
            modified: attributes.modified,
        }
    }
}

/// One sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFile {
    /// Number of its area in the order.
    pub area: u32,
    /// Path of its folder at the destination.
    pub folder: RelativePath,
    /// Name at the destination.
    pub name: Vec<u8>,
    /// Length in bytes.
    pub size: u64,
    /// BLAKE3 of the content.
    pub digest: [u8; 32],
    /// What its counterpart at the source said; none where it has none.
    pub source: Option<SourceStamp>,
    /// When the copy was last modified, as it said when it was read.
    pub modified: Time,
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
    pub stamp: SourceStamp,
}

/// What the seal has of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedEntry {
    /// Length in bytes.
    pub size: u64,
    /// BLAKE3 of the content.
    pub digest: [u8; 32],
    /// See [`SealedFile::source`].
    pub source: Option<SourceStamp>,
    /// See [`SealedFile::modified`].
    pub modified: Time,
}

/// The sealed files of one folder, by name.
pub type SealedFolder = HashMap<Vec<u8>, SealedEntry>;

/// The columns of [`entry`], behind the name.
const COLUMNS: &str =
    "size, digest, source_size, source_modified_s, source_modified_ns, modified_s, modified_ns";

fn entry(row: &Row<'_>, first: usize) -> rusqlite::Result<SealedEntry> {
    let source = match row.get::<_, Option<i64>>(first + 2)? {
        None => None,
        Some(size) => Some(SourceStamp {
            size: unsigned(size),
            modified: Time {
                seconds: row.get(first + 3)?,
                nanoseconds: row.get(first + 4)?,
            },
        }),
    };
    Ok(SealedEntry {
        size: unsigned(row.get(first)?),
        digest: row.get(first + 1)?,
        source,
        modified: Time {
            seconds: row.get(first + 5)?,
            nanoseconds: row.get(first + 6)?,
        },
    })
}

impl JobStore {
    /// Forgets an earlier seal.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn clear_sealed(&self) -> Result<()> {
        self.change("clear the seal", |transaction| {
            for table in ["sealed", "sealed_source", "seal"] {
                transaction.execute(&format!("DELETE FROM {table}"), [])?;
            }
            let query = "DELETE FROM proof WHERE name = 'seal'";
            transaction.execute(query, []).map(|_| ())
        })
    }

    /// Records sealed files.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_sealed(&self, mut files: Vec<SealedFile>) -> Result<()> {
        // In the order of the table, so that neighbours are written together.
        files.sort_unstable_by(|left, right| {
            fn key(file: &SealedFile) -> (u32, &RelativePath, &[u8]) {
                (file.area, &file.folder, &file.name)
            }
            key(left).cmp(&key(right))
        });
        self.change("record the seal", |transaction| {
            let mut insert = transaction.prepare_cached(&format!(
                "INSERT OR REPLACE INTO sealed (area, folder, name, {COLUMNS})
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
            ))?;
            files.iter().try_for_each(|file| {
                let source = file.source;
                insert
                    .execute((
                        file.area,
                        file.folder.as_bytes(),
                        &file.name,
                        signed(file.size),
                        file.digest,
                        source.map(|source| signed(source.size)),
                        source.map(|source| source.modified.seconds),
                        source.map(|source| source.modified.nanoseconds),
                        file.modified.seconds,
                        file.modified.nanoseconds,
                    ))
                    .map(|_| ())
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

    /// The sealed files of one folder, by name.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn sealed_of(&self, area: u32, folder: &RelativePath) -> Result<SealedFolder> {
        self.read("read the seal", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT name, {COLUMNS} FROM sealed WHERE area = ?1 AND folder = ?2"
                ))?
                .query_map(
                    (area, folder.as_bytes()),
                    in_table("sealed", |row| Ok((row.get(0)?, entry(row, 1)?))),
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
    ) -> Result<HashMap<Vec<u8>, SourceStamp>> {
        self.read("read the seal", |connection| {
            connection
                .prepare_cached(
                    "SELECT name, size, modified_s, modified_ns FROM sealed_source WHERE area = ?1 AND folder = ?2",
                )?
                .query_map((area, folder.as_bytes()), in_table("sealed_source", |row| {
                    let modified = Time {
                        seconds: row.get(2)?,
                        nanoseconds: row.get(3)?,
                    };
                    let size = unsigned(row.get(1)?);
                    Ok((row.get(0)?, SourceStamp { size, modified }))
                }))?
                .collect()
        })
    }

    /// Calls `each` with folder, name and entry of every sealed file of an area, in the order of the bytes.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn each_sealed(
        &self,
        area: u32,
        mut each: impl FnMut(&RelativePath, &[u8], &SealedEntry),
    ) -> Result<()> {
        self.read("read the seal", |connection| {
            let mut statement = connection.prepare_cached(&format!(
                "SELECT folder, name, {COLUMNS} FROM sealed WHERE area = ?1 ORDER BY folder, name"
            ))?;
            let read = in_table("sealed", |row| {
                let name: Vec<u8> = row.get(1)?;
                Ok((path("sealed", row, 0)?, name, entry(row, 2)?))
            });
            for row in statement.query_map([area], read)? {
                let (folder, name, entry) = row?;
                each(&folder, &name, &entry);
            }
            Ok(())
        })
    }

    /// How many files are sealed.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn sealed_files(&self) -> Result<u64> {
        self.read("count the seal", |connection| {
            let read = in_table("sealed", |row| row.get(0).map(unsigned));
            connection.query_row("SELECT count(*) FROM sealed", [], read)
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
