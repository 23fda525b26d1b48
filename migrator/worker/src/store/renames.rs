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

    /// Begins a new sweep, whose plan is empty; what is left of an older plan must have been settled.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_sweep(&self) -> Result<i64> {
        self.change("begin a plan of renamings", |transaction| {
            transaction.execute("DELETE FROM rename WHERE NOT done", [])?;
            transaction.query_row(
                "SELECT coalesce(max(sweep), 0) + 1 FROM rename",
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

    /// Up to `limit` renamings that are to be done: those of the deepest level.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_renames(&self, limit: u32) -> Result<Vec<Rename>> {
        self.some_renames(
            "SELECT id, area, folder, old, new, inode, same_file FROM rename
             WHERE NOT done AND depth = (SELECT max(depth) FROM rename WHERE NOT done)
             ORDER BY area, folder, id LIMIT ?1",
            limit,
        )
    }

    /// Up to `limit` renamings that are to be undone: of the last sweep those of the shallowest level, the last one
    /// first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_undone(&self, limit: u32) -> Result<Vec<Rename>> {
        self.some_renames(
            "WITH newest (sweep) AS (SELECT max(sweep) FROM rename WHERE done),
                  shallowest (depth) AS (SELECT min(depth) FROM rename, newest WHERE done AND rename.sweep = newest.sweep)
             SELECT id, area, folder, old, new, inode, same_file FROM rename
             WHERE done AND sweep = (SELECT sweep FROM newest) AND depth = (SELECT depth FROM shallowest)
             ORDER BY id DESC LIMIT ?1",
            limit,
        )
    }

    fn some_renames(&self, query: &str, limit: u32) -> Result<Vec<Rename>> {
        self.read("read the plan of renamings", |connection| {
            connection
                .prepare_cached(query)?
                .query_map([limit], |row| {
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

    /// How many renamings are planned and not done, and the first `limit` of them, deepest first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn planned_renames(&self, limit: u32) -> Result<(u64, Vec<Rename>)> {
        let planned = self.read("count the plan of renamings", |connection| {
            connection.query_row("SELECT count(*) FROM rename WHERE NOT done", [], |row| {
                row.get(0).map(unsigned)
            })
        })?;
        let lines = self.some_renames(
            "SELECT id, area, folder, old, new, inode, same_file FROM rename
             WHERE NOT done ORDER BY depth DESC, area, folder, id LIMIT ?1",
            limit,
        )?;
        Ok((planned, lines))
    }
}
