//! Making a post office from a seed.
//!
//! ```text
//! options -> plan (which folder holds what) -> folders -> files, several threads -> times of the folders
//! ```
//!
//! Invariants: the same options make the same names, bytes and times, whatever the number of threads; nothing outside
//! the named folders is written; a folder that holds anything is refused.

mod catalogue;
mod contents;
mod folders;
mod mail;
mod plan;
#[cfg(test)]
mod tests;
mod write;

use crate::model::GuardianKind;
use crate::model::NameCase;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{SimulatorError, Tried};
use crate::model::Truth;
use crate::tree;

/// The fewest files that hold every kind.
pub const FILES_MIN: usize = 300;

/// From how many files on attachments are made small, so that making them is cheap.
const SMALL_ATTACHMENTS_FROM: usize = 50_000;

/// What to make.
#[derive(Debug, Clone)]
pub struct CreateOptions {
    /// The folder that becomes the post office; it may exist if it is empty.
    pub folder: PathBuf,
    /// A folder that becomes a document storage area outside the post office.
    pub documents: Option<PathBuf>,
    /// What everything is derived from.
    pub seed: u64,
    /// How many files the post office has, at least [`FILES_MIN`]; documents outside it are not counted.
    pub files: usize,
    /// The case of the names.
    pub case: NameCase,
    /// Of which generation the guardian is.
    pub guardian: GuardianKind,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Created {
    /// The name of the post office.
    pub post_office: String,
    /// How many users it has.
    pub users: usize,
    /// Folders, the root not counted.
    pub folders: usize,
    /// Files.
    pub files: usize,
    /// Bytes of those files.
    pub bytes: u64,
    /// The path of the startup file below the post office.
    pub startup_file: String,
}

/// Makes a post office.
pub fn create(options: &CreateOptions) -> Result<Created, SimulatorError> {
    if options.files < FILES_MIN {
        return Err(SimulatorError::TooSmall {
            files: options.files,
            least: FILES_MIN,
        });
    }
    let root = tree::open_empty_folder(&options.folder)?;
    let documents = options
        .documents
        .as_deref()
        .map(tree::open_empty_folder)
        .transpose()?;
    if let Some(path) = &options.documents {
        refuse_nested(&options.folder, path)?;
    }
    let plan = plan::post_office(options)?;
    let mut written = write::tree(&root, options.seed, plan.version, &plan.folders)?;
    if let Some(documents) = documents {
        written += write::tree(&documents, options.seed, plan.version, &plan.documents)?;
    }
    Ok(Created {
        post_office: plan.post_office,
        users: plan.users,
        folders: written.folders,
        files: written.files,
        bytes: written.bytes,
        startup_file: plan.startup_file,
    })
}

/// Who has which messages in the post office that [`create`] makes with these options, without making it.
///
/// It is what the plan says, and nothing is read back; [`crate::truth`] reads.
pub fn planned_truth(options: &CreateOptions) -> Result<Truth, SimulatorError> {
    Ok(plan::post_office(options)?.truth)
}

fn refuse_nested(first: &Path, second: &Path) -> Result<(), SimulatorError> {
    let resolve = |path: &Path| path.canonicalize().tried_at("resolve", path);
    let (a, b) = (resolve(first)?, resolve(second)?);
    if a.starts_with(&b) || b.starts_with(&a) {
        return Err(SimulatorError::Nested {
            first: first.to_owned(),
            second: second.to_owned(),
        });
    }
    Ok(())
}
