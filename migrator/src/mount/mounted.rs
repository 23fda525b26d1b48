//! A source that somebody mounted already: nothing is done, and what is there is told.

use std::path::Path;

use super::plan::{MountPlan, Needs};
use super::proof::Proof;
use crate::remote::Privilege;

/// A folder that is there already.
#[derive(Debug, Clone, Copy)]
pub struct Mounted;

impl Mounted {
    /// The plan, which has no commands.
    pub fn plan(path: &Path) -> MountPlan {
        MountPlan {
            needs: Needs {
                programs: &[],
                file_systems: &[],
            },
            private_files: Vec::new(),
            commands: Vec::new(),
            undo: Vec::new(),
            proof: Proof {
                path: path.to_owned(),
                wanted: None,
            },
            post_office: path.to_owned(),
            privilege: Privilege::AsIs,
        }
    }
}
