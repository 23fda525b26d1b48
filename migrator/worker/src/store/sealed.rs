//! What was sealed, so that the destination can be compared with it at any later time.

use std::collections::HashMap;

use postoffice::names::RelativePath;

use super::{JobStore, signed, unsigned};
use crate::error::Result;

/// The sealed files of one folder by name: size and BLAKE3 of the content.
pub type SealedFolder = HashMap<Vec<u8>, (u64, [u8; 32])>;

/// One sealed file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedFile {
    /// The area.
    pub area: u32,
    /// Its folder.
    pub folder: RelativePath,
    /// Its name.
    pub name: Vec<u8>,
    /// Length.
    pub size: u64,
    /// BLAKE3 of the content.
    pub digest: [u8; 32],
}

impl JobStore {
    /// Forgets an earlier seal.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn clear_sealed(&self) -> Result<()> {
        self.change("clear the seal", |transaction| {
            transaction.execute("DELETE FROM sealed", [])?;
            transaction
                .execute(
                    "DELETE FROM meta WHERE name IN ('sealed-milliseconds', 'sealed-files')",
                    [],
                )
                .map(|_| ())
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
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO sealed (area, folder, name, size, digest) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            files.iter().try_for_each(|file| {
                insert
                    .execute((file.area, file.folder.as_bytes(), &file.name, signed(file.size), file.digest))
                    .map(|_| ())
            })
        })
    }

    /// The sealed files of one folder: size and digest by name.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn sealed_of(&self, area: u32, folder: &RelativePath) -> Result<SealedFolder> {
        self.read("read the seal", |connection| {
            connection
                .prepare_cached(
                    "SELECT name, size, digest FROM sealed WHERE area = ?1 AND folder = ?2",
                )?
                .query_map((area, folder.as_bytes()), |row| {
                    Ok((row.get(0)?, (unsigned(row.get(1)?), row.get(2)?)))
                })?
                .collect()
        })
    }

    /// Calls `each` with folder, name, size and digest of every sealed file of an area, in the order of the bytes.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn each_sealed(
        &self,
        area: u32,
        mut each: impl FnMut(&[u8], &[u8], u64, &[u8]),
    ) -> Result<()> {
        self.read("read the seal", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT folder, name, size, digest FROM sealed WHERE area = ?1 ORDER BY folder, name",
            )?;
            let mut rows = statement.query([area])?;
            while let Some(row) = rows.next()? {
                each(
                    row.get_ref(0)?.as_blob()?,
                    row.get_ref(1)?.as_blob()?,
                    unsigned(row.get(2)?),
                    row.get_ref(3)?.as_blob()?,
                );
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
            connection.query_row("SELECT count(*) FROM sealed", [], |row| {
                row.get(0).map(unsigned)
            })
        })
    }
}
