//! The plan of a pass for what is to go from the destination.

use postoffice::names::RelativePath;

use super::{JobStore, now_milliseconds, unsigned};
use crate::error::Result;

/// Why an entry goes from the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemovalKind {
    /// This job copied the file, it is as it was written, and the source no longer has it: it is removed.
    Vanished,
    /// The file or folder is not what this job wrote: it is set aside.
    SetAside,
    /// This job made the folder and the source no longer has it: it is removed once it is empty.
    VanishedFolder,
}

impl RemovalKind {
    fn word(self) -> &'static str {
        match self {
            Self::Vanished => "vanished",
            Self::SetAside => "set-aside",
            Self::VanishedFolder => "vanished-folder",
        }
    }

    fn from_word(word: &str) -> Self {
        match word {
            "vanished" => Self::Vanished,
            "vanished-folder" => Self::VanishedFolder,
            // Setting aside loses nothing, so it is what an unknown word means.
            _ => Self::SetAside,
        }
    }
}

/// One entry that is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Removal {
    /// The area.
    pub area: u32,
    /// Its folder at the destination.
    pub folder: RelativePath,
    /// Its name at the destination.
    pub name: Vec<u8>,
    /// Why, and so how.
    pub kind: RemovalKind,
}

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
                "INSERT OR REPLACE INTO removal (area, folder, name, kind) VALUES (?1, ?2, ?3, ?4)",
            )?;
            removals.iter().try_for_each(|removal| {
                let Removal {
                    area,
                    folder,
                    name,
                    kind,
                } = removal;
                insert
                    .execute((area, folder.as_bytes(), name, kind.word()))
                    .map(|_| ())
            })
        })
    }

    /// How many files of the plan are removed for good, and how many entries are set aside.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn count_removals(&self) -> Result<(u64, u64)> {
        self.read("count the plan of removals", |connection| {
            connection.query_row(
                "SELECT count(*) FILTER (WHERE kind = 'vanished'), count(*) FILTER (WHERE kind = 'set-aside')
                 FROM removal",
                [],
                |row| Ok((unsigned(row.get(0)?), unsigned(row.get(1)?))),
            )
        })
    }

    /// Up to `limit` entries of the plan: deepest folders first, files before the folders that hold them.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn next_removals(&self, limit: u32) -> Result<Vec<Removal>> {
        self.read("read the plan of removals", |connection| {
            connection
                .prepare_cached(
                    "SELECT area, folder, name, kind FROM removal
                     ORDER BY kind = 'vanished-folder', length(folder) DESC, folder, name LIMIT ?1",
                )?
                .query_map([limit], |row| {
                    Ok(Removal {
                        area: row.get(0)?,
                        folder: RelativePath::from_bytes(&row.get::<_, Vec<u8>>(1)?)
                            .unwrap_or_default(),
                        name: row.get(2)?,
                        kind: RemovalKind::from_word(&row.get::<_, String>(3)?),
                    })
                })?
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
