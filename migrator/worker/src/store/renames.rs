//! The plan of the lowercase sweep.
//!
//! A plan has levels: all names at one depth.  A level is open until all of it is done and durable, and is then closed
//! with one row, whatever its size.  A row of the plan holds many names of one folder: a row for each name would take
//! longer than the renaming itself.

use postoffice::names::RelativePath;
use rusqlite::{OptionalExtension as _, Params, Row};
use serde::{Deserialize, Serialize};

use super::rows::{damaged, from_json, in_table, json, path};
use super::{JobStore, signed, unsigned};
use crate::error::{Result, WorkerError};

/// How many names a row of the plan has at most.
pub const NAMES_PER_ROW: usize = 1024;

/// One renaming; only names that are valid UTF-8 are ever renamed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Rename {
    /// Name with its capital letters.
    pub old: String,
    /// Name in lower case.
    pub new: String,
    /// The inode as the listing of the folder has it, by which a renaming that was cut off is recognised.
    pub inode: u64,
    /// The new name exists and is another link to the same file: the old name only goes.
    pub same_file: bool,
}

/// A renaming as it is written down.
type Written = (String, String, u64, bool);

impl From<Written> for Rename {
    fn from((old, new, inode, same_file): Written) -> Self {
        Self {
            old,
            new,
            inode,
            same_file,
        }
    }
}

impl From<Rename> for Written {
    fn from(rename: Rename) -> Self {
        (rename.old, rename.new, rename.inode, rename.same_file)
    }
}

/// Renamings in one folder: a row of the plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderRenames {
    /// Its number in its sweep; numbers begin with 1.
    pub id: i64,
    /// Number of its area in the order.
    pub area: u32,
    /// The folder, by the names that it has before anything is renamed.
    pub folder: RelativePath,
    /// At most [`NAMES_PER_ROW`], in the order in which they are done.
    pub renames: Vec<Rename>,
}

impl FolderRenames {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let id: i64 = row.get(0)?;
        Ok(Self {
            id,
            area: row.get(1)?,
            folder: path("rename", row, 2)?,
            renames: from_json("rename", id, row.get_ref(3)?.as_str()?)?,
        })
    }

    /// How many names it has, and its names as they are written down.
    fn written(&self) -> rusqlite::Result<(i64, String)> {
        Ok((signed(self.renames.len() as u64), json(&self.renames)?))
    }
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
            connection.query_row(query, [], in_table("rename", |row| row.get(0)))
        })
    }

    /// Adds to the plan of a sweep; the levels that it names are open then.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn plan_renames(&self, sweep: i64, planned: &[FolderRenames]) -> Result<()> {
        self.change("plan renamings", |transaction| {
            let mut open = transaction.prepare_cached(
                "INSERT OR IGNORE INTO open_level (sweep, depth) VALUES (?1, ?2)",
            )?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO rename (sweep, depth, id, area, folder, how_many, names)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?;
            for row in planned {
                let depth = i64::try_from(row.folder.depth()).unwrap_or(i64::MAX);
                open.execute((sweep, depth))?;
                let folder = row.folder.as_bytes();
                let (how_many, names) = row.written()?;
                insert.execute((sweep, depth, row.id, row.area, folder, how_many, names))?;
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

    /// Renamings of one level, behind the row with the number `after`, in the order in which they were planned: whole
    /// rows, until they have as many `names`.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_renames(
        &self,
        level: Level,
        after: i64,
        names: usize,
    ) -> Result<Vec<FolderRenames>> {
        self.some_renames(
            "SELECT id, area, folder, names FROM rename
             WHERE sweep = ?1 AND depth = ?2 AND id > ?3 ORDER BY id",
            (level.sweep, level.depth, after),
            names,
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
                    in_table("rename", Level::from_row),
                )
                .optional()
        })
    }

    /// Renamings of one level that are to be undone, before the row with the number `before`, the last row first: whole
    /// rows, until they have as many `names`.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_undone(
        &self,
        level: Level,
        before: i64,
        names: usize,
    ) -> Result<Vec<FolderRenames>> {
        self.some_renames(
            "SELECT id, area, folder, names FROM rename
             WHERE sweep = ?1 AND depth = ?2 AND id < ?3 ORDER BY id DESC",
            (level.sweep, level.depth, before),
            names,
        )
    }

    fn some_renames(
        &self,
        query: &str,
        parameters: impl Params,
        names: usize,
    ) -> Result<Vec<FolderRenames>> {
        self.read("read the plan of renamings", |connection| {
            let mut statement = connection.prepare_cached(query)?;
            let mut rows = statement.query(parameters)?;
            let (mut found, mut how_many) = (Vec::new(), 0);
            while how_many < names {
                let Some(row) = rows.next()? else {
                    break;
                };
                let row = in_table("rename", FolderRenames::from_row)(row)?;
                how_many += row.renames.len();
                found.push(row);
            }
            Ok(found)
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

    /// Writes down what is left of rows of a level; a row of which nothing is left goes.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn replace_renames(&self, level: Level, rows: &[FolderRenames]) -> Result<()> {
        self.change("forget renamings", |transaction| {
            let mut delete = transaction
                .prepare_cached("DELETE FROM rename WHERE sweep = ?1 AND depth = ?2 AND id = ?3")?;
            let mut update = transaction.prepare_cached(
                "UPDATE rename SET how_many = ?4, names = ?5
                 WHERE sweep = ?1 AND depth = ?2 AND id = ?3",
            )?;
            for row in rows {
                if row.renames.is_empty() {
                    delete.execute((level.sweep, level.depth, row.id))?;
                } else {
                    let (how_many, names) = row.written()?;
                    update.execute((level.sweep, level.depth, row.id, how_many, names))?;
                }
            }
            Ok(())
        })
    }

    /// How many renamings are planned and not done, and the first `limit` of them or a few more, deepest first.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn planned_renames(&self, limit: usize) -> Result<(u64, Vec<FolderRenames>)> {
        let (mut planned, mut shown) = (0, 0);
        let mut rows = Vec::new();
        for level in self.open_levels()? {
            planned += self.read("count the plan of renamings", |connection| {
                let query =
                    "SELECT coalesce(sum(how_many), 0) FROM rename WHERE sweep = ?1 AND depth = ?2";
                let read = in_table("rename", |row| row.get(0).map(unsigned));
                connection.query_row(query, (level.sweep, level.depth), read)
            })?;
            let mut some = self.next_renames(level, 0, limit.saturating_sub(shown))?;
            some.sort_by(|left, right| {
                (left.area, &left.folder, left.id).cmp(&(right.area, &right.folder, right.id))
            });
            shown += some.iter().map(|row| row.renames.len()).sum::<usize>();
            rows.append(&mut some);
        }
        Ok((planned, rows))
    }

    /// The error of a level that has a row which is not found by its number.
    pub(crate) fn damaged_rename(level: Level) -> WorkerError {
        let row = format!("in sweep {}, depth {}", level.sweep, level.depth);
        let error = damaged("rename", row, "it has no number");
        WorkerError::store("read the plan of renamings")(error)
    }

    /// The levels that are not done, the deepest one first.
    fn open_levels(&self) -> Result<Vec<Level>> {
        self.read("read the plan of renamings", |connection| {
            connection
                .prepare_cached("SELECT sweep, depth FROM open_level ORDER BY depth DESC")?
                .query_map([], in_table("open_level", Level::from_row))?
                .collect()
        })
    }
}
