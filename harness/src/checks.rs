//! What must hold after a rehearsal, looked at without the migrator's own eyes.
//!
//! These checks read both trees with plain file functions and their own rule for names; they share no code with what they
//! check.

mod guardian;
mod journal;
mod snapshot;
pub mod tls;
mod trees;

pub use guardian::compare_guardians;
pub use journal::{compare_with_journal, torn_databases};
pub use snapshot::Snapshot;
pub use trees::{QUEUES, compare_trees, queued_items};

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One thing that must hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What must hold.
    pub name: String,
    /// What does not; empty where it holds.
    pub failures: Vec<String>,
}

impl Check {
    /// A check with what was found against it.
    pub fn new(name: impl Into<String>, failures: Vec<String>) -> Self {
        Self {
            name: name.into(),
            failures,
        }
    }

    /// Whether it holds.
    pub fn holds(&self) -> bool {
        self.failures.is_empty()
    }
}

/// Compares two post offices: their trees, and their guardians.
///
/// # Errors
/// What reading says.
pub fn compare_post_offices(
    source: &Path,
    destination: &Path,
    step_nanoseconds: i128,
) -> io::Result<Vec<String>> {
    if !guardian::is_opaque(source)? && !guardian::holds_capitals(source)? {
        // There was nothing to convert, so it is a file like any other.
        return compare_trees(source, destination, step_nanoseconds);
    }
    let is_left_out = guardian::is_guardian_file;
    let mut failures = trees::compare_all_but(source, destination, step_nanoseconds, is_left_out)?;
    failures.extend(compare_guardians(source, destination)?);
    Ok(failures)
}
