//! Events: what the worker says while it works.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use super::{TaskReport, WishLine};
use crate::counts::{Counts, Expected};
use crate::finding::{Finding, Verdict};

/// Which protections of the kernel hold the worker.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Protections {
    /// What Landlock gives: `full`, `partial` or `none`.
    pub landlock: String,
    /// Whether the seccomp list is in force.
    pub seccomp: bool,
    /// The capabilities that are left, by their names; `none` where there are none.
    #[serde(default)]
    pub capabilities: String,
    /// Whether the kernel refuses every change of the folders that are only read, because they are mounted read-only
    /// where the worker is; also where the task reads none.
    #[serde(default)]
    pub source_read_only: bool,
}

/// One line of the event log.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// [`super::PROTOCOL`] of the worker.
    pub v: u32,
    /// When, in milliseconds since 1970-01-01 UTC by the clock of the destination.
    pub at_milliseconds: i64,
    /// The order it belongs to.
    pub order: u64,
    /// What happened.
    #[serde(flatten)]
    pub what: EventKind,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum EventKind {
    /// The worker has the lock of the job, is sealed in, and begins.
    Started {
        /// Version of the worker.
        version: String,
        /// Its process number at the destination.
        pid: u32,
        /// [`super::Task::name`].
        task: String,
        /// What holds it.
        protections: Protections,
    },
    /// A part of the task begins.
    Phase {
        /// Its name, in words.
        name: String,
        /// How much it is expected to be.
        expected: Expected,
    },
    /// Counts so far; they never run backwards.
    Progress {
        /// The counts.
        counts: Counts,
        /// How much may be taken from the source now, in bytes each second; none where that is not limited.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        limit: Option<NonZeroU64>,
    },
    /// A person has asked for something, and the worker has heard it.
    Wished {
        /// What, and who.
        asked: WishLine,
    },
    /// A person should know something.
    Finding(Finding),
    /// The task has ended; the last event of an order.
    Finished {
        /// The worst verdict.
        verdict: Verdict,
        /// The counts.
        counts: Counts,
        /// How many findings of each code there were, also of those that were not kept whole.
        findings: BTreeMap<String, u64>,
        /// What came out, unless the task failed.
        report: Option<TaskReport>,
    },
}

/// What the worker says once it is sealed in and begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// [`super::PROTOCOL`] of the worker.
    pub protocol: u32,
    /// The number that the order got.
    pub order: u64,
    /// The process number of the worker.
    pub pid: u32,
    /// Where the events of this order begin in the event log, in bytes.
    pub events_offset: u64,
}

/// How a worker begins: the one line that it writes to its standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// It is sealed in and works.
    Hello(Hello),
    /// It did not begin.
    Refused(Finding),
}
