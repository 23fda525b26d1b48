//! Changes of files, in the order in which they can be written.

use cap_std::fs::Dir;
use postoffice::flaim::MemoryFileSet;
use postoffice::names::RelativePath;

use crate::database::{Edit, Writer, edited, failed};
use crate::error::{SimulatorError, Tried};
use crate::tree;

/// One step of a change.
#[derive(Debug, Clone)]
pub enum MailChange {
    /// A blob file that is not there yet.
    NewBlob {
        /// Its path.
        path: RelativePath,
        /// What it holds.
        bytes: Vec<u8>,
    },
    /// A database that is not there yet.
    NewDatabase {
        /// Its control file.
        control: RelativePath,
        /// Its files.
        files: MemoryFileSet,
    },
    /// A database that changes.
    Database {
        /// Its control file, as it is named on the disk.
        control: RelativePath,
        /// Its files as they are.
        old: MemoryFileSet,
        /// Its files as they become.
        new: MemoryFileSet,
    },
    /// A file that changes and is no database of the documented format: a guardian of the older generation.
    File {
        /// Its path.
        path: RelativePath,
        /// What it holds.
        old: Vec<u8>,
        /// What it becomes.
        new: Vec<u8>,
    },
    /// A blob file that goes away.
    RemovedBlob {
        /// Its path, as it is named on the disk.
        path: RelativePath,
    },
}

impl MailChange {
    /// The change of a database that an edit makes.
    pub(crate) fn of(
        control: RelativePath,
        old: MemoryFileSet,
        edit: Edit<'_>,
    ) -> Result<Self, SimulatorError> {
        let new = edited(&old, edit).map_err(failed(&control))?;
        Ok(Self::Database { control, old, new })
    }

    /// The control file of the database that this step changes, which an agent locks meanwhile; `None` for a blob.
    pub fn database(&self) -> Option<&RelativePath> {
        match self {
            Self::NewDatabase { control, .. } | Self::Database { control, .. } => Some(control),
            Self::File { path, .. } => Some(path),
            Self::NewBlob { .. } | Self::RemovedBlob { .. } => None,
        }
    }

    /// Writes this step, and says which files it changed.
    pub(crate) fn apply(
        &self,
        root: &Dir,
        writer: &Writer,
    ) -> Result<Vec<RelativePath>, SimulatorError> {
        match self {
            Self::NewBlob { path, bytes } => {
                let (folder, name) = path.split().unwrap_or_default();
                let folder = tree::open_below(root, &folder)?;
                tree::write_new(&folder, name, bytes, writer.mode())?;
                Ok(vec![path.clone()])
            }
            Self::NewDatabase { control, files } => writer.create(root, control, files),
            Self::Database { control, old, new } => writer.replace(root, control, old, new),
            Self::File { path, old, new } => writer.replace_file(root, path, old, new),
            Self::RemovedBlob { path } => {
                root.remove_file(tree::as_path(path))
                    .tried("remove", path)?;
                Ok(vec![path.clone()])
            }
        }
    }
}

/// Writes changes one after the other, and says which files they changed.
///
/// # Errors
/// What the operating system says; changes before that one are written then.
pub(crate) fn apply(
    root: &Dir,
    changes: &[MailChange],
    writer: &Writer,
) -> Result<Vec<RelativePath>, SimulatorError> {
    let mut changed = Vec::new();
    for change in changes {
        changed.extend(change.apply(root, writer)?);
    }
    Ok(changed)
}
