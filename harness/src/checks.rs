//! What must hold after a rehearsal, looked at without the migrator's own eyes.
//!
//! These checks read both trees with plain file functions and their own rule for names; they share no code with what they
//! check.

mod snapshot;
mod trees;

pub use snapshot::Snapshot;
pub use trees::compare_trees;

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
