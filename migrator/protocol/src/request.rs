//! Quick requests to the job store, and what they answer.

use serde::{Deserialize, Serialize};

use super::{
    Change, ChecklistItem, Extent, Fact, JobState, Life, OrderLine, PassKind, Step, Wish, WishLine,
};
use crate::finding::Finding;

/// A quick request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// Make the job store where there is none, and say who answers.
    Hello {
        /// Name of the job.
        job: String,
    },
    /// A step begins.
    BeginStep {
        /// Which.
        step: Step,
        /// When, in milliseconds since 1970 by the clock of the controller, where it began before the store could be
        /// reached.
        at_milliseconds: Option<i64>,
    },
    /// A step has ended.
    EndStep {
        /// Which.
        step: Step,
        /// How.
        state: StepState,
        /// What a person should know about it, one line.
        detail: String,
        /// What was found.
        findings: Vec<Finding>,
    },
    /// A person or a probe confirms an item of the checklist.
    Confirm {
        /// Which.
        item: ChecklistItem,
        /// Who, or which probe.
        by: String,
        /// What they want to be remembered.
        note: String,
    },
    /// Take the confirmation of an item of the checklist back.
    Withdraw {
        /// Which.
        item: ChecklistItem,
    },
    /// Remember something small.
    Remember {
        /// What.
        fact: Fact,
    },
    /// Remember ports of the source's POA that answered.
    SawPorts {
        /// Address and port of each.
        ports: Vec<(String, u16)>,
    },
    /// The POA is about to be started for users: only where the seal holds, or where users may have worked already.
    BeginLife {
        /// Who starts it.
        by: String,
    },
    /// How the start that began last has ended.
    EndStart {
        /// Live where the POA has answered, not live where it is certain that this start did not bring it up.
        life: Life,
        /// Who started it.
        by: String,
        /// What was seen.
        note: String,
    },
    /// A look at the destination has shown that nobody has worked there, although the POA was to be started for users.
    NobodyWorked {
        /// Who looked.
        by: String,
        /// What was seen.
        note: String,
    },
    /// A person says something that only a person can.
    Say {
        /// What.
        said: Said,
        /// Who.
        by: String,
        /// What they want to be remembered.
        note: String,
    },
    /// Change something of the destination beside the two trees.
    Change(Change),
    /// Remove the files of the system that this job has put into place, and the folders that it has made, where they are empty.
    RemovePlaced,
    /// End the worker that is at work, so that the job can be undone.
    StopWorker,
    /// Ask something of the worker that is at work, from any terminal, whoever holds the lease; answered once it has heard it.
    Wish {
        /// What.
        wish: Wish,
        /// Who.
        by: String,
    },
    /// A person accepts what the last runs found.
    Accept {
        /// The code.
        code: String,
        /// How much of it.
        extent: Extent,
        /// What it is about; empty for the whole job, and for the whole code.
        subject: String,
        /// Who.
        by: String,
        /// Why.
        note: String,
    },
    /// Take that back.
    WithdrawAcceptance {
        /// The code.
        code: String,
        /// How much of it.
        extent: Extent,
        /// As in [`Request::Accept`].
        subject: String,
    },
    /// Keep what a command has found that works beside the job, in place of what it found before.
    KeepFindings {
        /// The command.
        origin: String,
        /// What it has found.
        findings: Vec<Finding>,
    },
    /// Keep a report under the next number; it is never written over.
    KeepReport {
        /// The command that it is about.
        command: String,
        /// The report.
        report: serde_json::Value,
    },
    /// Everything that `status` shows.
    Status,
    /// The findings that were kept.
    Findings,
    /// What the event log says of the orders that there were.
    History,
}

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", rename_all = "kebab-case")]
pub enum Reply {
    /// Who answers.
    Hello {
        /// [`super::PROTOCOL`] of the worker.
        protocol: u32,
        /// Version of the worker.
        version: String,
    },
    /// It was done.
    Done,
    /// To [`Request::Change`].
    Changed {
        /// How many files and folders were removed, where it was to remove some.
        removed: u64,
    },
    /// A report was kept.
    Kept {
        /// Its file, below the job folder.
        file: String,
    },
    /// To [`Request::Wish`]: the worker that has heard it.
    Heard(Running),
    /// The state of the job.
    Status(Box<JobState>),
    /// The findings, oldest first.
    Findings {
        /// The findings.
        findings: Vec<FindingLine>,
    },
    /// The latest orders, oldest first.
    History {
        /// The orders.
        orders: Vec<OrderLine>,
    },
    /// It was not done.
    Failed(Finding),
}

/// The controller that holds the lease of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseHolder {
    /// Who is at work.
    pub who: String,
    /// A text that no other controller has.
    pub token: String,
    /// Since when, in milliseconds since 1970, by the clock of the controller.
    pub since_milliseconds: i64,
}

impl LeaseHolder {
    /// The holder that wrote this about itself; none where it has not yet, or where it cannot be read.
    pub fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }
}

/// The answer to a controller that asks for the lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "lease", rename_all = "kebab-case")]
pub enum LeaseAnswer {
    /// It has it.
    Held {
        /// From whom it was taken, where another one had it.
        from: Option<LeaseHolder>,
    },
    /// Another one has it.
    Busy {
        /// Which; none where that cannot be read.
        holder: Option<LeaseHolder>,
    },
    /// It had it, and another one has had it since.
    Lost {
        /// What is said of that.
        finding: Box<Finding>,
    },
    /// It could not be taken.
    Failed {
        /// Why.
        text: String,
    },
}

/// What only a person can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Said {
    /// Nobody has worked at the destination, although the POA was started for users.
    UsersHaveNotWorked,
    /// The source is gone for good and cannot be looked at any more.
    SourceIsGone,
    /// The mounts are meant to be as they are.
    MountsHaveChanged,
}

/// How a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepState {
    /// It was begun and has not ended; where nothing is running, it was cut off and can be run again.
    Begun,
    /// It is done.
    Done,
    /// There was nothing to do.
    Skipped,
    /// It stopped; see its findings.
    Failed,
}

impl StepState {
    /// What came of the step, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::Begun => "cut off",
            Self::Done => "done",
            Self::Skipped => "nothing to do",
            Self::Failed => "stopped",
        }
    }
}

/// The last run of one step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepLine {
    /// Which.
    pub step: Step,
    /// How it stands.
    pub state: StepState,
    /// How often it was begun.
    pub runs: u64,
    /// When its last run began, in milliseconds since 1970.
    pub began_milliseconds: i64,
    /// When that run ended.
    pub ended_milliseconds: Option<i64>,
    /// What a person should know about it.
    pub detail: String,
}

impl StepLine {
    /// How long it took, in milliseconds; none where it has not ended.
    pub fn milliseconds(&self) -> Option<u64> {
        took(self.began_milliseconds, self.ended_milliseconds)
    }
}

/// One pass.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassLine {
    /// Its number.
    pub pass: i64,
    /// Which.
    pub kind: PassKind,
    /// When it began, in milliseconds since 1970.
    pub began_milliseconds: i64,
    /// When it ended; none where it was cut off or is running.
    pub ended_milliseconds: Option<i64>,
    /// Files copied.
    pub files_copied: u64,
    /// Bytes copied.
    pub bytes_copied: u64,
    /// Files whose copy was still good.
    pub files_unchanged: u64,
    /// Files removed.
    pub files_removed: u64,
    /// Entries set aside.
    pub set_aside: u64,
}

impl PassLine {
    /// How long it took, in milliseconds; none where it has not ended.
    pub fn milliseconds(&self) -> Option<u64> {
        took(self.began_milliseconds, self.ended_milliseconds)
    }
}

/// How long something took; none where it has not ended, or where the clock went back.
fn took(began: i64, ended: Option<i64>) -> Option<u64> {
    u64::try_from(ended? - began).ok()
}

/// One item of the checklist that has been confirmed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChecklistLine {
    /// Which.
    pub item: ChecklistItem,
    /// Who confirmed it.
    pub by: String,
    /// Their note.
    pub note: String,
    /// When, in milliseconds since 1970.
    pub at_milliseconds: i64,
}

/// One finding and where it comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FindingLine {
    /// When, in milliseconds since 1970.
    pub at_milliseconds: i64,
    /// The step or task that met it.
    pub origin: String,
    /// The finding.
    #[serde(flatten)]
    pub finding: Finding,
}

/// The worker that is running now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// Its process number.
    pub pid: u32,
    /// The order it works on.
    pub order: u64,
    /// The task.
    pub task: String,
    /// When it began, in milliseconds since 1970.
    pub began_milliseconds: i64,
    /// Where its events begin in the event log, in bytes.
    pub events_offset: u64,
    /// [`super::Order::token`].
    #[serde(default)]
    pub token: String,
    /// Whether users are out and wait for it.
    #[serde(default)]
    pub users_wait: bool,
    /// The last wish that it has heard; none where nobody asked anything of it.
    #[serde(default)]
    pub wish: Option<WishLine>,
}

impl Running {
    /// The wish by which it is paused; none where it works.
    pub fn pause(&self) -> Option<&WishLine> {
        self.wish.as_ref().filter(|line| line.wish == Wish::Pause)
    }
}
