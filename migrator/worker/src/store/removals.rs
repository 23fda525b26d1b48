//! The plan of a pass for what is to go from the destination.

use postoffice::names::{RelativePath, printable};
use rusqlite::Row;
use serde::{Deserialize, Serialize};

use super::rows::{from_word, in_table, path, word};
use super::{JobStore, now_milliseconds};
use crate::error::Result;

/// Why an entry goes from the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RemovalKind {
    /// This job copied the file, it is as it was written, and the source no longer has it: it is removed.
    Vanished,
    /// The file or folder is not what this job wrote: it is set aside.
    SetAside,
    /// This job made the folder and the source no longer has it: it is removed once it is empty.
    VanishedFolder,
}

/// One entry that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// Number of its area in the order.
    pub area: u32,
    /// Its folder at the destination.
    pub folder: RelativePath,
    /// Its name at the destination.
    pub name: Vec<u8>,
    /// Why, and so how.
    pub kind: RemovalKind,
    /// Whether this job had copied it, so that the destination loses something that the source had.
    pub was_copied: bool,
}

const TABLE: &str = "removal";

impl Removal {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let folder = path(TABLE, row, 1)?;
        let name: Vec<u8> = row.get(2)?;
        let kind: String = row.get(3)?;
        Ok(Self {
            area: row.get(0)?,
            kind: from_word(TABLE, printable(folder.join(&name).as_bytes()), &kind)?,
            folder,
            name,
            was_copied: row.get(4)?,
        })
    }
}

const COLUMNS: &str = "area, folder, name, kind, copied";

impl JobStore {
    /// Forgets the plan of an earlier pass.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn clear_removals(&self) -> Result<()> {
        self.change("clear the plan of removals", |transaction| {
            transaction.execute("DELETE FROM removal", []).map(|_| ())
        })
    }

    /// Adds to the plan.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn plan_removals(&self, removals: &[Removal]) -> Result<()> {
        self.change("plan removals", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT OR REPLACE INTO removal (area, folder, name, kind, copied)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?;
            removals.iter().try_for_each(|removal| {
                let Removal {
                    area,
                    folder,
                    name,
                    kind,
                    was_copied,
                } = removal;
                insert
                    .execute((area, folder.as_bytes(), name, word(kind)?, was_copied))
                    .map(|_| ())
            })
        })
    }

    /// Calls `each` with everything of the plan.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn each_removal(&self, mut each: impl FnMut(&Removal)) -> Result<()> {
        self.read("read the plan of removals", |connection| {
            let mut statement =
                connection.prepare_cached(&format!("SELECT {COLUMNS} FROM removal"))?;
            for row in statement.query_map([], in_table(TABLE, Removal::from_row))? {
                each(&row?);
            }
            Ok(())
        })
    }

    /// Up to `limit` entries of the plan: deepest folders first, files before the folders that hold them.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_removals(&self, limit: u32) -> Result<Vec<Removal>> {
        self.read("read the plan of removals", |connection| {
            connection
                .prepare_cached(&format!(
                    "SELECT {COLUMNS} FROM removal
                     ORDER BY kind = 'vanished-folder', length(folder) DESC, folder, name LIMIT ?1"
                ))?
                .query_map([limit], in_table(TABLE, Removal::from_row))?
                .collect()
        })
    }

    /// Takes entries out of the plan and out of the manifest, after they are gone from the destination.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn finish_removals(&self, removals: &[Removal]) -> Result<()> {
        self.change("finish removals", |transaction| {
            for table in ["removal", "file"] {
                let mut delete = transaction.prepare_cached(&format!(
                    "DELETE FROM {table} WHERE area = ?1 AND folder = ?2 AND name = ?3"
                ))?;
                for removal in removals {
                    delete.execute((removal.area, removal.folder.as_bytes(), &removal.name))?;
                }
            }
            let mut forget =
                transaction.prepare_cached("DELETE FROM folder WHERE area = ?1 AND path = ?2")?;
            for removal in removals
                .iter()
                .filter(|removal| removal.kind == RemovalKind::VanishedFolder)
            {
                forget.execute((removal.area, removal.folder.join(&removal.name).as_bytes()))?;
            }
            Ok(())
        })
    }

    /// Remembers where an entry was set aside, before it is moved.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn record_set_aside(
        &self,
        area: u32,
        path: &RelativePath,
        kept_as: &str,
        reason: &str,
    ) -> Result<()> {
        self.change("record what is set aside", |transaction| {
            transaction
                .execute(
                    "INSERT INTO set_aside (area, path, kept_as, reason, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                    (area, path.as_bytes(), kept_as, reason, now_milliseconds()),
                )
                .map(|_| ())
        })
    }
}
