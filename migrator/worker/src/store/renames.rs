//! The plan of the lowercase sweep.

use postoffice::names::RelativePath;

use super::{JobStore, signed, unsigned};
use crate::error::Result;

/// One renaming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// Its number; 0 before it is in the store.
    pub id: i64,
    /// The area.
    pub area: u32,
    /// The folder, by the names that it has before anything is renamed.
    pub folder: RelativePath,
    /// The name before.
    pub old: Vec<u8>,
    /// The name after.
    pub new: Vec<u8>,
    /// The inode, by which a renaming that was cut off is recognised.
    pub inode: u64,
    /// The new name exists and is another link to the same file: the old name only goes.
    pub same_file: bool,
}

impl JobStore {
    /// Forgets what was planned and not done; what was done stays, so that it can be undone.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn clear_planned_renames(&self) -> Result<()> {
        self.change("clear the plan of renamings", |transaction| {
            transaction
                .execute("DELETE FROM rename WHERE NOT done", [])
                .map(|_| ())
        })
    }

    /// Adds to the plan.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn plan_renames(&self, renames: &[Rename]) -> Result<()> {
        self.change("plan renamings", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO rename (area, depth, folder, old, new, inode, same_file, done)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 0)",
            )?;
            renames.iter().try_for_each(|rename| {
                let depth = i64::try_from(rename.folder.depth()).unwrap_or(i64::MAX);
                insert
                    .execute((
                        rename.area,
                        depth,
                        rename.folder.as_bytes(),
                        &rename.old,
                        &rename.new,
                        signed(rename.inode),
                        rename.same_file,
                    ))
                    .map(|_| ())
            })
        })
    }

    /// The deepest level that still has renamings to do, or of those done the shallowest, for undoing.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_rename_level(&self, done: bool) -> Result<Option<i64>> {
        let query = if done {
            "SELECT min(depth) FROM rename WHERE done"
        } else {
            "SELECT max(depth) FROM rename WHERE NOT done"
        };
        self.read("read the plan of renamings", |connection| {
            connection.query_row(query, [], |row| row.get(0))
        })
    }

    /// Up to `limit` renamings of one level, in folders after `after` (area, folder), whole folders only unless a
    /// folder alone has more.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn renames_of_level(&self, depth: i64, done: bool, limit: u32) -> Result<Vec<Rename>> {
        self.read("read the plan of renamings", |connection| {
            connection
                .prepare_cached(
                    "SELECT id, area, folder, old, new, inode, same_file FROM rename
                     WHERE done = ?1 AND depth = ?2 ORDER BY area, folder, id LIMIT ?3",
                )?
                .query_map((done, depth, limit), |row| {
                    Ok(Rename {
                        id: row.get(0)?,
                        area: row.get(1)?,
                        folder: RelativePath::from_bytes(&row.get::<_, Vec<u8>>(2)?)
                            .unwrap_or_default(),
                        old: row.get(3)?,
                        new: row.get(4)?,
                        inode: unsigned(row.get(5)?),
                        same_file: row.get(6)?,
                    })
                })?
                .collect()
        })
    }

    /// Marks renamings as done.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn mark_renamed(&self, renames: &[Rename]) -> Result<()> {
        self.change("mark renamings", |transaction| {
            let mut update =
                transaction.prepare_cached("UPDATE rename SET done = 1 WHERE id = ?1")?;
            renames
                .iter()
                .try_for_each(|rename| update.execute([rename.id]).map(|_| ()))
        })
    }

    /// Forgets renamings that have been undone.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn forget_renames(&self, renames: &[Rename]) -> Result<()> {
        self.change("forget renamings", |transaction| {
            let mut delete = transaction.prepare_cached("DELETE FROM rename WHERE id = ?1")?;
            renames
                .iter()
                .try_for_each(|rename| delete.execute([rename.id]).map(|_| ()))
        })
    }

    /// The first `limit` renamings of the plan that are not done.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn planned_renames(&self, limit: u32) -> Result<(u64, Vec<Rename>)> {
        let planned = self.read("count the plan of renamings", |connection| {
            connection.query_row("SELECT count(*) FROM rename WHERE NOT done", [], |row| {
                row.get(0).map(unsigned)
            })
        })?;
        let mut lines = Vec::new();
        let mut level = self.next_rename_level(false)?;
        while let Some(depth) = level.filter(|depth| *depth >= 0 && lines.len() < limit as usize) {
            let left = limit - u32::try_from(lines.len()).unwrap_or(limit);
            lines.extend(self.renames_of_level(depth, false, left)?);
            level = Some(depth - 1);
        }
        Ok((planned, lines))
    }
}
