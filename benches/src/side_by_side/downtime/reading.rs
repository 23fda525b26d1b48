//! How much of the source is read while users are out, and how much has to be.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use postoffice::layout::CopyRule;
use protocol::{Count, Event, EventKind, TaskReport};
use worker::events::EVENT_FILE;

use super::super::Result;
use super::super::check::{Total, total_of};
use super::super::ours::Job;
use super::Part;

/// What has to be read of the source while users are out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Wanted {
    /// Files that changed, the databases not among them.
    pub(super) changed: Total,
    /// All databases and the guardian.
    pub(super) databases: Total,
    /// All that is queued.
    pub(super) queues: Total,
}

impl Wanted {
    pub(super) fn of(source: &Path, changed: Total) -> Result<Self> {
        let is_database = |rule| matches!(rule, CopyRule::UnderLock | CopyRule::AtomicSet);
        Ok(Self {
            changed,
            databases: total_of(source, is_database)?,
            queues: total_of(source, |rule| rule == CopyRule::QueueStep)?,
        })
    }

    /// In bytes.
    pub(super) fn bytes(&self) -> u64 {
        self.changed.bytes + self.databases.bytes + self.queues.bytes
    }
}

/// What was read of the source while users were out.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading {
    /// What the reports of the orders say, in bytes.
    pub(super) reported: u64,
    /// What the late source says; none where it is a local disk.
    pub(super) counted: Option<Counted>,
}

/// What the late source counted.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counted {
    /// Everything, in bytes.
    pub(super) all: u64,
    /// The same, each byte of a file once.
    pub(super) once: u64,
    /// How often the file was read that was read most often, by its bytes.
    pub(super) most_often: f64,
}

impl Reading {
    /// Adds what the report of an order says that it read of the source: what the pass copied, what the queues hold, what was
    /// read at the seal.
    pub(super) fn add(&mut self, part: &Part, job: &Job, queues: Total) -> Result<()> {
        let events = fs::read_to_string(job.folder.join(EVENT_FILE))?;
        let last = events.lines().next_back().unwrap_or_default();
        let EventKind::Finished { counts, report, .. } = serde_json::from_str::<Event>(last)?.what
        else {
            return Err(format!("{} did not finish", part.name).into());
        };
        self.reported += match report {
            Some(TaskReport::Pass(_)) => counts.get(&Count::BytesCopied).copied().unwrap_or(0),
            Some(TaskReport::Queues(_)) => queues.bytes,
            Some(TaskReport::Seal(seal)) => seal.at_the_seal.bytes,
            _ => 0,
        };
        Ok(())
    }

    /// Takes what a late source has counted, by file.
    pub(super) fn take_counters(&mut self, read: &HashMap<PathBuf, u64>) -> Result<()> {
        let mut counted = Counted {
            all: 0,
            once: 0,
            most_often: 0.0,
        };
        for (path, bytes) in read {
            let length = fs::metadata(path)?.len();
            counted.all += bytes;
            counted.once += length.min(*bytes);
            // Lengths are far below what a double holds exactly.
            #[allow(clippy::cast_precision_loss)]
            let times = *bytes as f64 / length.max(1) as f64;
            counted.most_often = counted.most_often.max(times);
        }
        self.counted = Some(counted);
        Ok(())
    }
}
