//! The plan of the lowercase sweep.
//!
//! A plan has levels: all names at one depth.  A level is open until all of it is done and durable, and is then closed
//! with one row, whatever its size.

use postoffice::names::RelativePath;
use rusqlite::{OptionalExtension as _, Params, Row};

use super::{JobStore, signed, unsigned};
use crate::error::Result;

/// One renaming.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rename {
    /// Its number in its sweep; numbers begin with 1.
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

/// All renamings of one sweep whose folders are equally deep.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// The number of the sweep.
    pub sweep: i64,
    /// How deep the folders are.
    pub depth: i64,
}

impl Level {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            sweep: row.get(0)?,
            depth: row.get(1)?,
        })
    }
}

impl JobStore {
    /// Forgets what was planned and not done; what was done stays, so that it can be undone.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn clear_planned_renames(&self) -> Result<()> {
        self.change("clear the plan of renamings", |transaction| {
            transaction.execute(
                "DELETE FROM rename WHERE (sweep, depth) IN (SELECT sweep, depth FROM open_level)",
                [],
            )?;
            transaction
                .execute("DELETE FROM open_level", [])
                .map(|_| ())
        })
    }

    /// The number of a new sweep; what is left of the plan of an older one must have been settled.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_sweep(&self) -> Result<i64> {
        self.read("begin a plan of renamings", |connection| {
            let query = "SELECT coalesce(max(sweep), 0) + 1 FROM rename";
            connection.query_row(query, [], |row| row.get(0))
        })
    }

    /// Adds to the plan of a sweep; the levels that it names are open then.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn plan_renames(&self, sweep: i64, renames: &[Rename]) -> Result<()> {
        self.change("plan renamings", |transaction| {
            let mut open = transaction.prepare_cached(
                "INSERT OR IGNORE INTO open_level (sweep, depth) VALUES (?1, ?2)",
            )?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO rename (sweep, depth, id, area, folder, old, new, inode, same_file)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?;
            for of_one_folder in renames.chunk_by(|left, right| left.folder == right.folder) {
                let depth = of_one_folder
                    .first()
                    .map_or(0, |rename| rename.folder.depth());
                let depth = i64::try_from(depth).unwrap_or(i64::MAX);
                open.execute((sweep, depth))?;
                for rename in of_one_folder {
                    insert.execute((
                        sweep,
                        depth,
                        rename.id,
                        rename.area,
                        rename.folder.as_bytes(),
                        &rename.old,
                        &rename.new,
                        signed(rename.inode),
                        rename.same_file,
                    ))?;
                }
            }
            Ok(())
        })
    }

    /// The deepest level at which something is to be renamed; none where nothing is.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn deepest_planned(&self) -> Result<Option<Level>> {
        Ok(self.open_levels()?.first().copied())
    }

    /// Up to `limit` renamings of one level, behind the one with the number `after`, in the order in which they were
    /// planned.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_renames(&self, level: Level, after: i64, limit: u32) -> Result<Vec<Rename>> {
        self.some_renames(
            "SELECT id, area, folder, old, new, inode, same_file FROM rename
             WHERE sweep = ?1 AND depth = ?2 AND id > ?3 ORDER BY id LIMIT ?4",
            (level.sweep, level.depth, after, limit),
        )
    }

    /// The shallowest level of the last sweep that is not undone; none where nothing is left to undo.  What was cut off
    /// must have been settled.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn shallowest_done(&self) -> Result<Option<Level>> {
        self.read("read the plan of renamings", |connection| {
            connection
                .query_row(
                    "SELECT sweep, depth FROM rename ORDER BY sweep DESC, depth LIMIT 1",
                    [],
                    Level::from_row,
                )
                .optional()
        })
    }

    /// Up to `limit` renamings of one level that are to be undone, before the one with the number `before`, the last one
    /// first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_undone(&self, level: Level, before: i64, limit: u32) -> Result<Vec<Rename>> {
        self.some_renames(
            "SELECT id, area, folder, old, new, inode, same_file FROM rename
             WHERE sweep = ?1 AND depth = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4",
            (level.sweep, level.depth, before, limit),
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

    /// Marks a whole level as done.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn close_level(&self, level: Level) -> Result<()> {
        self.change("mark renamings", |transaction| {
            transaction
                .execute(
                    "DELETE FROM open_level WHERE sweep = ?1 AND depth = ?2",
                    (level.sweep, level.depth),
                )
                .map(|_| ())
        })
    }

    /// Forgets renamings of a level that have been undone, or were never done.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn forget_renames(&self, level: Level, renames: &[Rename]) -> Result<()> {
        self.change("forget renamings", |transaction| {
            let mut delete = transaction
                .prepare_cached("DELETE FROM rename WHERE sweep = ?1 AND depth = ?2 AND id = ?3")?;
            renames.iter().try_for_each(|rename| {
                delete
                    .execute((level.sweep, level.depth, rename.id))
                    .map(|_| ())
            })
        })
    }

    /// How many renamings are planned and not done, and `limit` of them, deepest first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn planned_renames(&self, limit: u32) -> Result<(u64, Vec<Rename>)> {
        let (mut planned, mut lines) = (0, Vec::new());
        for level in self.open_levels()? {
            planned += self.read("count the plan of renamings", |connection| {
                let query = "SELECT count(*) FROM rename WHERE sweep = ?1 AND depth = ?2";
                connection.query_row(query, (level.sweep, level.depth), |row| {
                    row.get(0).map(unsigned)
                })
            })?;
            let shown = u32::try_from(lines.len()).unwrap_or(limit);
            let mut some = self.next_renames(level, 0, limit.saturating_sub(shown))?;
            some.sort_by(|left, right| {
                (left.area, &left.folder, left.id).cmp(&(right.area, &right.folder, right.id))
            });
            lines.append(&mut some);
        }
        Ok((planned, lines))
    }

    /// The levels that are not done, the deepest one first.
    fn open_levels(&self) -> Result<Vec<Level>> {
        self.read("read the plan of renamings", |connection| {
            connection
                .prepare_cached("SELECT sweep, depth FROM open_level ORDER BY depth DESC")?
                .query_map([], Level::from_row)?
                .collect()
        })
    }
}
