//! The folders of a run.

use std::path::{Path, PathBuf};

use super::Result;
use super::measure::{Plan, Step, measure};
use super::ours::{Job, remove};

/// Folders of a run.
pub(super) struct Places {
    pub(super) folder: PathBuf,
    pub(super) source: PathBuf,
    pub(super) peer: PathBuf,
    /// The source as it was before the users' last changes.
    pub(super) before: PathBuf,
    pub(super) job: Job,
    /// The same with a source that answers late.
    pub(super) slow_job: Job,
}

impl Places {
    pub(super) fn new(folder: &Path) -> Result<Self> {
        std::fs::create_dir_all(folder)?;
        let folder = folder.canonicalize()?;
        let source = folder.join("source");
        Ok(Self {
            peer: folder.join("peer"),
            before: folder.join("before"),
            job: Job {
                source: source.clone(),
                destination: folder.join("destination"),
                folder: folder.join("job"),
            },
            slow_job: Job {
                source: folder.join("slow"),
                destination: folder.join("destination"),
                folder: folder.join("job"),
            },
            source,
            folder,
        })
    }

    /// Does something of ours outside the clock.
    pub(super) fn carry_out(&self, steps: Vec<Step>) -> Result<()> {
        let plan = Plan {
            steps,
            written: self.folder.clone(),
            log: self.folder.join("prepare.log"),
        };
        measure(&plan, &self.folder).map(|_| ())
    }

    /// An empty folder for the copy of a peer.
    pub(super) fn empty_peer(&self) -> Result<()> {
        remove(&self.peer)?;
        Ok(std::fs::create_dir(&self.peer)?)
    }
}
