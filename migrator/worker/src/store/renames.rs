//! The plan of the lowercase sweep.

use postoffice::names::RelativePath;
use rusqlite::{OptionalExtension as _, Params};

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
    /// The inode as the listing of the folder has it, by which a renaming that was cut off is recognised.
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

    /// The number of a new sweep; what is left of the plan of an older one must have been settled.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_sweep(&self) -> Result<i64> {
        self.read("begin a plan of renamings", |connection| {
            connection.query_row(
                "SELECT coalesce((SELECT sweep FROM rename ORDER BY id DESC LIMIT 1), 0) + 1",
                [],
                |row| row.get(0),
            )
        })
    }

    /// Adds to the plan of a sweep.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn plan_renames(&self, sweep: i64, renames: &[Rename]) -> Result<()> {
        self.change("plan renamings", |transaction| {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO rename (sweep, area, depth, folder, old, new, inode, same_file, done)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, 0)",
            )?;
            renames.iter().try_for_each(|rename| {
                let depth = i64::try_from(rename.folder.depth()).unwrap_or(i64::MAX);
                insert
                    .execute((
                        sweep,
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

    /// The deepest level at which something is to be renamed; none where nothing is.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn deepest_planned(&self) -> Result<Option<i64>> {
        self.deepest_planned_above(i64::MAX)
    }

    /// Up to `limit` renamings of one level that are to be done, behind the one with the number `after`, in the order in
    /// which they were planned.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_renames(&self, depth: i64, after: i64, limit: u32) -> Result<Vec<Rename>> {
        self.some_renames(
            "SELECT id, area, folder, old, new, inode, same_file FROM rename
             WHERE id > ?2 AND depth = ?1 AND NOT done ORDER BY id LIMIT ?3",
            (depth, after, limit),
        )
    }

    /// The last sweep that is not undone, and its shallowest level; none where nothing is left to undo.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn shallowest_done(&self) -> Result<Option<(i64, i64)>> {
        self.read("read the plan of renamings", |connection| {
            connection
                .query_row(
                    "SELECT sweep, min(depth) FROM rename
                     WHERE done AND sweep = (SELECT max(sweep) FROM rename WHERE done) GROUP BY sweep",
                    [],
                    |row| Ok((row.get(0)?, row.get(1)?)),
                )
                .optional()
        })
    }

    /// Up to `limit` renamings of one sweep and one level that are to be undone, before the one with the number
    /// `before`, the last one first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_undone(
        &self,
        (sweep, depth): (i64, i64),
        before: i64,
        limit: u32,
    ) -> Result<Vec<Rename>> {
        self.some_renames(
            "SELECT id, area, folder, old, new, inode, same_file FROM rename
             WHERE id < ?3 AND sweep = ?1 AND depth = ?2 AND done ORDER BY id DESC LIMIT ?4",
            (sweep, depth, before, limit),
        )
    }

    fn some_renames(&self, query: &str, parameters: impl Params) -> Result<Vec<Rename>> {
        self.read("read the plan of renamings", |connection| {
            connection
                .prepare_cached(query)?
                .query_map(parameters, |row| {
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

    /// Marks all renamings of one level as done.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn mark_level_renamed(&self, depth: i64) -> Result<()> {
        self.change("mark renamings", |transaction| {
            transaction
                .prepare_cached("UPDATE rename SET done = 1 WHERE depth = ?1 AND NOT done")?
                .execute([depth])
                .map(|_| ())
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

    /// How many renamings are planned and not done, and `limit` of them, deepest first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn planned_renames(&self, limit: u32) -> Result<(u64, Vec<Rename>)> {
        let planned = self.read("count the plan of renamings", |connection| {
            connection.query_row("SELECT count(*) FROM rename WHERE NOT done", [], |row| {
                row.get(0).map(unsigned)
            })
        })?;
        let (mut lines, mut wanted) = (Vec::new(), limit);
        let mut depth = self.deepest_planned()?;
        while let Some(now) = depth.filter(|_| wanted > 0) {
            // A level at a time: to sort a plan of a million lines for the sake of a few takes a second.
            let mut level = self.next_renames(now, 0, wanted)?;
            wanted -= u32::try_from(level.len()).unwrap_or(wanted);
            level.sort_by(|left, right| {
                (left.area, &left.folder, left.id).cmp(&(right.area, &right.folder, right.id))
            });
            lines.append(&mut level);
            depth = self.deepest_planned_above(now)?;
        }
        Ok((planned, lines))
    }

    /// The deepest level that is less deep than `depth` at which something is to be renamed.
    fn deepest_planned_above(&self, depth: i64) -> Result<Option<i64>> {
        self.read("read the plan of renamings", |connection| {
            connection.query_row(
                "SELECT max(depth) FROM rename WHERE NOT done AND depth < ?1",
                [depth],
                |row| row.get(0),
            )
        })
    }
}
