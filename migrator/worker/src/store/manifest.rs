//! The manifest: for every copied file, what the source said then and what the destination said after.

use std::collections::HashMap;

use postoffice::names::RelativePath;
use rusqlite::{OptionalExtension, Row, Transaction};

use super::proven;
use super::rows::{has_files_in, in_table, path};
use super::{JobStore, signed, unsigned};
use crate::error::Result;
use crate::tree::{Attributes, Time};
use protocol::Amount;

/// What the manifest says about one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManifestFile {
    /// Length, at the source and at the destination.
    pub size: u64,
    /// When the source was last modified, as it said when it was copied.
    pub modified: Time,
    /// Whether that time was too fresh to be trusted.
    pub racy: bool,
    /// When the destination was last modified, as it said after writing.
    pub written_modified: Time,
    /// When the inode of the destination last changed, as it said after writing.
    pub written_changed: Time,
    /// The inode of the destination.
    pub written_inode: u64,
    /// BLAKE3 of the content.
    pub digest: [u8; 32],
}

impl ManifestFile {
    /// Whether the source still says what it said when the file was copied, and said it long enough before.
    pub fn source_is_unchanged(&self, source: &Attributes) -> bool {
        !self.racy && self.size == source.size && self.modified == source.modified
    }

    /// Whether the destination is as this job wrote it.
    pub fn destination_is_untouched(&self, destination: &Attributes) -> bool {
        self.size == destination.size
            && self.written_modified == destination.modified
            && self.written_changed == destination.changed
    }
}

/// What the manifest says about the files of one folder, by name.
pub type Manifest = HashMap<Vec<u8>, ManifestFile>;

/// A file that was copied and waits to be durable.
#[derive(Debug, Clone)]
pub struct Copied {
    /// Number of its area in the order.
    pub area: u32,
    /// Its folder at the destination.
    pub folder: RelativePath,
    /// Its name at the destination.
    pub name: Vec<u8>,
    /// What is recorded.
    pub file: ManifestFile,
}

/// A file of the destination whose inode was changed on purpose, not its content.
#[derive(Debug, Clone)]
pub struct Rewritten {
    /// Number of its area in the order.
    pub area: u32,
    /// Its folder at the destination.
    pub folder: RelativePath,
    /// Its name at the destination.
    pub name: Vec<u8>,
    /// When its inode had changed last before that.
    pub before: Time,
    /// When its inode has changed last now.
    pub after: Time,
}

const COLUMNS: &str = "name, size, modified_s, modified_ns, racy, written_modified_s, written_modified_ns, \
                       written_changed_s, written_changed_ns, written_inode, digest";

fn from_row(row: &Row<'_>) -> rusqlite::Result<(Vec<u8>, ManifestFile)> {
    let file = ManifestFile {
        size: unsigned(row.get(1)?),
        modified: Time {
            seconds: row.get(2)?,
            nanoseconds: row.get(3)?,
        },
        racy: row.get(4)?,
        written_modified: Time {
            seconds: row.get(5)?,
            nanoseconds: row.get(6)?,
        },
        written_changed: Time {
            seconds: row.get(7)?,
            nanoseconds: row.get(8)?,
        },
        written_inode: unsigned(row.get(9)?),
        digest: row.get(10)?,
    };
    Ok((row.get(0)?, file))
}

/// Writes copied files and new folders into the manifest, as part of a transaction.
pub(super) fn insert(
    transaction: &Transaction<'_>,
    pass: i64,
    copied: &[Copied],
) -> rusqlite::Result<()> {
    let mut insert = transaction.prepare_cached(
        "INSERT OR REPLACE INTO file (area, folder, name, size, modified_s, modified_ns, racy, written_modified_s,
            written_modified_ns, written_changed_s, written_changed_ns, written_inode, digest, pass)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    for Copied {
        area,
        folder,
        name,
        file,
    } in copied
    {
        insert.execute((
            area,
            folder.as_bytes(),
            name,
            signed(file.size),
            file.modified.seconds,
            file.modified.nanoseconds,
            file.racy,
            file.written_modified.seconds,
            file.written_modified.nanoseconds,
            file.written_changed.seconds,
            file.written_changed.nanoseconds,
            signed(file.written_inode),
            file.digest,
            pass,
        ))?;
    }
    Ok(())
}

/// Whose a folder of the destination is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FolderOwner {
    /// Every post office has it, and it stays.
    EveryPostOffice,
    /// This job made it, or copied something into it or below.
    ThisJob,
    /// Anybody else.
    SomebodyElse,
}

impl JobStore {
    /// Commits files that are durable already.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn commit_copied(&self, pass: i64, copied: &[Copied]) -> Result<()> {
        self.change("commit a batch of files", |transaction| {
            insert(transaction, pass, copied)
        })
    }

    /// What the manifest says about the files of one folder of the destination.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn manifest_of(&self, area: u32, folder: &RelativePath) -> Result<Manifest> {
        self.manifest_between(area, folder, b"", None)
    }

    /// The same for some of the names: from `first` on, and before `end` where there is one.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn manifest_between(
        &self,
        area: u32,
        folder: &RelativePath,
        first: &[u8],
        end: Option<&[u8]>,
    ) -> Result<Manifest> {
        let rows =
            format!("SELECT {COLUMNS} FROM file WHERE area = ?1 AND folder = ?2 AND name >= ?3");
        self.read("read the manifest", |connection| match end {
            None => connection
                .prepare_cached(&rows)?
                .query_map((area, folder.as_bytes(), first), in_table("file", from_row))?
                .collect(),
            Some(end) => connection
                .prepare_cached(&format!("{rows} AND name < ?4"))?
                .query_map(
                    (area, folder.as_bytes(), first, end),
                    in_table("file", from_row),
                )?
                .collect(),
        })
    }

    /// How many files the manifest has for an area, and their bytes.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn manifest_totals(&self, area: Option<u32>) -> Result<(u64, u64)> {
        self.read("count the manifest", |connection| {
            connection.query_row(
                "SELECT count(*), coalesce(sum(size), 0) FROM file WHERE ?1 IS NULL OR area = ?1",
                [area],
                in_table("file", |row| {
                    Ok((unsigned(row.get(0)?), unsigned(row.get(1)?)))
                }),
            )
        })
    }

    /// Shows each folder of an area with how many files the manifest has there, and their bytes.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub(crate) fn each_folder_of_manifest(
        &self,
        area: u32,
        mut see: impl FnMut(RelativePath, Amount),
    ) -> Result<()> {
        self.read("count the manifest", |connection| {
            let query =
                "SELECT folder, count(*), sum(size) FROM file WHERE area = ?1 GROUP BY folder";
            let mut statement = connection.prepare_cached(query)?;
            let mut rows = statement.query([area])?;
            while let Some(row) = rows.next()? {
                let (files, bytes) = (unsigned(row.get(1)?), unsigned(row.get(2)?));
                see(path("file", row, 0)?, Amount { files, bytes });
            }
            Ok(())
        })
    }

    /// How many files the next pass copies again because their times were too fresh.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn racy_files(&self) -> Result<u64> {
        self.read("count fresh files", |connection| {
            let query = "SELECT count(*) FROM file WHERE racy";
            connection.query_row(query, [], in_table("file", |row| row.get(0).map(unsigned)))
        })
    }

    /// Records that inodes were changed on purpose: what the manifest and the ledger say of such a file holds as before,
    /// where it held until then.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_rewritten(&self, files: &[Rewritten]) -> Result<()> {
        self.change("record changed owners", |transaction| {
            for (table, column) in [("file", "written_changed"), ("proven", "changed")] {
                let mut update = transaction.prepare_cached(&format!(
                    "UPDATE {table} SET {column}_s = ?6, {column}_ns = ?7
                     WHERE area = ?1 AND folder = ?2 AND name = ?3 AND {column}_s = ?4 AND {column}_ns = ?5"
                ))?;
                for file in files {
                    update.execute((
                        file.area,
                        file.folder.as_bytes(),
                        &file.name,
                        file.before.seconds,
                        file.before.nanoseconds,
                        file.after.seconds,
                        file.after.nanoseconds,
                    ))?;
                }
            }
            Ok(())
        })
    }

    /// Has files copied again by the next pass, or items carried again by the next run of the queues, whatever their
    /// times say; nothing is proven of them any more.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn doubt_files(&self, area: u32, files: &[(RelativePath, Vec<u8>)]) -> Result<()> {
        self.change("doubt files", |transaction| {
            proven::forget(transaction, area, files)?;
            let mut update = transaction.prepare_cached(
                "UPDATE file SET racy = 1 WHERE area = ?1 AND folder = ?2 AND name = ?3",
            )?;
            // Only the post office has queues, and its area is the first.
            let mut forget = transaction.prepare_cached(
                "DELETE FROM queue_item WHERE ?1 = 0 AND folder = ?2 AND name = ?3",
            )?;
            files.iter().try_for_each(|(folder, name)| {
                update.execute((area, folder.as_bytes(), name))?;
                forget.execute((area, folder.as_bytes(), name)).map(|_| ())
            })
        })
    }

    /// Calls `each` with folder and name of every file that the manifest has for an area.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn each_copied(&self, area: u32, mut each: impl FnMut(&RelativePath, &[u8])) -> Result<()> {
        self.read("read the manifest", |connection| {
            let mut statement =
                connection.prepare_cached("SELECT folder, name FROM file WHERE area = ?1")?;
            let read = in_table("file", |row| Ok((path("file", row, 0)?, row.get(1)?)));
            for row in statement.query_map([area], read)? {
                let (folder, name): (RelativePath, Vec<u8>) = row?;
                each(&folder, &name);
            }
            Ok(())
        })
    }

    /// Takes a file out of the manifest.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn forget_files(&self, area: u32, files: &[(RelativePath, Vec<u8>)]) -> Result<()> {
        self.change("forget files", |transaction| {
            let mut delete = transaction
                .prepare_cached("DELETE FROM file WHERE area = ?1 AND folder = ?2 AND name = ?3")?;
            files.iter().try_for_each(|(folder, name)| {
                delete.execute((area, folder.as_bytes(), name)).map(|_| ())
            })
        })
    }

    /// Records folders of the destination that this job made, and the pass that made them.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_folders(&self, area: u32, pass: i64, folders: &[RelativePath]) -> Result<()> {
        self.change("record folders", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR IGNORE INTO folder (area, path, pass) VALUES (?1, ?2, ?3)",
            )?;
            folders
                .iter()
                .try_for_each(|path| insert.execute((area, path.as_bytes(), pass)).map(|_| ()))
        })
    }

    /// Whose a folder of the destination is.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn folder_owner(&self, area: u32, path: &RelativePath) -> Result<FolderOwner> {
        self.read("look a folder up", |connection| {
            let pass: Option<i64> = connection
                .prepare_cached("SELECT pass FROM folder WHERE area = ?1 AND path = ?2")?
                .query_row(
                    (area, path.as_bytes()),
                    in_table("folder", |row| row.get(0)),
                )
                .optional()?;
            match pass {
                Some(0) => Ok(FolderOwner::EveryPostOffice),
                Some(_) => Ok(FolderOwner::ThisJob),
                None if has_files_in(connection, "file", area, path)? => Ok(FolderOwner::ThisJob),
                None => Ok(FolderOwner::SomebodyElse),
            }
        })
    }
}
