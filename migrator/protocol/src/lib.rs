//! What controller and worker say to each other: orders, events, requests, findings, the state of a job, and the table of its
//! steps.
//!
//! An order is one JSON document; the worker answers with events, one JSON line each, in the event log of the job
//! folder.  Requests are small questions to the job store that are answered at once.  All carry [`PROTOCOL`];
//! a controller and a worker of different protocols refuse each other.  File contents never appear in any of them.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

mod accepted;
mod bandwidth;
mod checklist;
mod counts;
mod event;
mod finding;
mod history;
mod host;
pub mod mounts;
pub mod numbers;
mod order;
pub mod places;
mod port;
mod report;
mod request;
mod standing;
mod state;
mod step;
mod survey;
mod wish;

pub use accepted::{AcceptedLine, Extent, GROUP_FROM, mark};
pub use bandwidth::{Bandwidth, NotABandwidth, limit_in_words};
pub use checklist::{ChecklistItem, PROBE, UnknownItem};
pub use counts::{Count, Counts, Expected};
pub use event::{Event, EventKind, Hello, Protections, Started};
pub use finding::{Accepted, Explain, Finding, Severity, Verdict, worst};
pub use history::{CURVE_POINTS_MAX, CurvePoint, ORDERS_MAX, OrderLine};
pub use host::{
    Account, Answer, Change, Entry, FileBytes, FolderAbilities, Inability, Process, Question,
    digest,
};
pub use order::{
    AreaKind, AreaOrder, CLOCK_ALLOWANCE_SECONDS_MAX, CopyOptions, GuardianAction, Order, PassKind,
    ReadAgain, Secret, Task,
};
pub use port::{ask_port, has_address};
pub use report::{
    AbandonLine, AbandonReport, Amount, AreaInventory, AtRestReport, DocumentReport, FetchReport,
    GuardianReport, InventoryReport, Library, LowercaseReport, OwnerReport, PassReport,
    ProveReport, QueueReport, RenameLine, SealDocument, SealReport, TaskReport, UnmovedReport,
    VerifySourceReport,
};
pub use request::{
    ChecklistLine, FindingLine, LeaseAnswer, LeaseHolder, PassLine, Reply, Request, Running, Said,
    StepLine, StepState,
};
pub use standing::{Intent, JobEvent, Refusal, Standing};
pub use state::{
    AgentRun, Fact, GenerationLine, JobState, KnownFacts, Life, LifeLine, MountedArea, Operation,
    Progress, Proof, ProofLine, SeenPort, WordLine,
};
pub use step::{Changes, Stage, Step};
pub use survey::{FileSystem, LockReach, Offline, Sample, Survey};
pub use wish::{Wish, WishLine};

/// The version of everything in this module.  It changes with every change that an older side would misread.
pub const PROTOCOL: u32 = 7;

/// Name of the store in the job folder: where it is, there is a job.
pub const STORE_FILE: &str = "job.sqlite";

/// How this build names itself: controller and worker must be of the same.
pub fn build() -> String {
    format!("{} (protocol {PROTOCOL})", env!("CARGO_PKG_VERSION"))
}
