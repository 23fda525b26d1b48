//! The state of a job: what has been proven, and whether users may have worked at the destination.
//!
//! A proof holds for the trees as they are.  So the job has a generation: every operation that changes a tree begins a
//! new one, in the job store, before its first change, and takes the proofs with it that it makes untrue
//! (ARCHITECTURE.md rule 9a).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    AcceptedLine, ChecklistItem, ChecklistLine, LeaseHolder, PassLine, Running, Said, SealDocument,
    Step, StepLine, StepState,
};
use crate::counts::{Counts, Expected};
use crate::finding::Verdict;

/// An operation that changes a tree at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Folders that every post office has were missing and are made.
    CreateFolders,
    /// A pass of either stage.
    Pass,
    /// Names become lower case.
    Lowercase,
    /// Names get their capitals back.
    UndoLowercase,
    /// The guardian is converted, or taken as converted by somebody else.
    Guardian,
    /// Items of the queues are carried over.
    Queues,
    /// The job is undone.
    Abandon,
    /// Users, or an agent, may have worked there, as a person says that they have not.
    Agent,
}

/// Something that is true of the trees of the current generation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Every name at the destination is lower case.
    Names,
    /// The names in the guardian are lower case.
    Guardian,
    /// What stands in the queues of the source stands in those of the destination.
    Queues,
    /// Both trees were read and are equal.
    Seal,
}

impl Operation {
    /// What is no longer proven once it has begun.
    pub fn invalidates(self) -> &'static [Proof] {
        use Proof::{Guardian, Names, Queues, Seal};
        match self {
            Self::CreateFolders => &[Seal],
            Self::Lowercase | Self::UndoLowercase => &[Names, Seal],
            Self::Guardian => &[Guardian, Seal],
            Self::Queues => &[Queues, Seal],
            Self::Pass | Self::Abandon | Self::Agent => &[Names, Guardian, Queues, Seal],
        }
    }
}

/// A proof that holds now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofLine {
    /// What is proven.
    pub proof: Proof,
    /// The generation in which it was proven; no later one has made it untrue.
    pub generation: u64,
    /// When, in milliseconds since 1970.
    pub at_milliseconds: i64,
}

/// A generation of the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenerationLine {
    /// Its number, from 1.
    pub generation: u64,
    /// The operation that began it.
    pub operation: Operation,
    /// When, in milliseconds since 1970.
    pub at_milliseconds: i64,
}

/// Whether users may have worked at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Life {
    /// Nobody has: the Linux POA was never started for users, or it is certain that it did not come up.
    #[default]
    NotLive,
    /// The POA was to be started for users, and nothing says that it came up, nor that it did not.
    Starting,
    /// The POA has answered users.  This is so for ever; only a person's word takes it back.
    Live,
}

impl Life {
    /// Whether users may have worked at the destination.
    pub fn may_hold_new_mail(self) -> bool {
        self != Self::NotLive
    }
}

/// Whether users may have worked, since when, and who said so.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LifeLine {
    /// Whether they may.
    pub life: Life,
    /// Since when, in milliseconds since 1970; 0 where it was never otherwise.
    pub since_milliseconds: i64,
    /// Who brought it about.
    pub by: String,
    /// What they wanted to be remembered.
    pub note: String,
}

/// What the Linux POA was last told to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AgentRun {
    /// To run where nobody but the administrator reaches it.
    Test,
    /// To run for users.
    Users,
    /// To stop, and it did.
    Stopped,
}

/// Something that only a person can say, and that lets a command go on which would be refused otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WordLine {
    /// What was said.
    pub said: Said,
    /// By whom.
    pub by: String,
    /// What they wanted to be remembered.
    pub note: String,
    /// When, in milliseconds since 1970.
    pub at_milliseconds: i64,
}

/// A port of the source's POA that this job has seen open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SeenPort {
    /// The address, as the worksheet has it.
    pub address: String,
    /// The port.
    pub port: u16,
    /// When it was seen open last, in milliseconds since 1970.
    pub at_milliseconds: i64,
}

/// Something small that the controller has the job remember; a newer one of its kind takes the place of the older.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "fact", content = "value", rename_all = "kebab-case")]
pub enum Fact {
    /// What the Linux POA was last told to do.
    Agent(AgentRun),
    /// Whether this job has stopped the high-availability service.
    GwhaHeld(bool),
    /// The user that everything at the destination was given to.
    RunsAs(String),
    /// The libraries that keep nothing inside the post office and have no mapped area.
    UnmappedLibraries(Vec<String>),
    /// From what the source, or a document storage area, is mounted.
    Mounted(MountedArea),
    /// Folders of the system that this job made, for the logs of the agent and the like.
    MadeFolder(String),
    /// A file of the system that this job put into its place where there was none: the startup file, certificate and key.
    PlacedFile(String),
    /// One of those that is this job's no more: another agent of the server uses it by now, or it is not there.
    SharedFile(String),
}

/// From what an area is mounted at the source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountedArea {
    /// The number of the area; the post office is 0.
    pub area: u32,
    /// What is mounted, as the file system names it, control bytes escaped.
    pub source: String,
    /// The type of the file system.
    pub file_system: String,
    /// Where.
    pub mount_point: String,
}

impl std::fmt::Display for MountedArea {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            source,
            file_system,
            mount_point,
            ..
        } = self;
        write!(formatter, "{source} ({file_system}) at {mount_point}")
    }
}

/// What the job remembers of the things in [`Fact`].
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownFacts {
    /// See [`Fact::Agent`]; none where it was never told anything.
    pub agent: Option<AgentRun>,
    /// See [`Fact::GwhaHeld`].
    pub gwha_held: bool,
    /// See [`Fact::RunsAs`].
    pub runs_as: Option<String>,
    /// See [`Fact::UnmappedLibraries`]; none where nobody has looked yet.
    pub unmapped_libraries: Option<Vec<String>>,
    /// See [`Fact::Mounted`], once for each area.
    pub mounted: Vec<MountedArea>,
    /// See [`Fact::MadeFolder`].
    pub made_folders: BTreeSet<String>,
    /// See [`Fact::PlacedFile`].
    pub placed_files: BTreeSet<String>,
}

/// How far a worker is in the part of its task that it is at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// The part, in words.
    pub phase: String,
    /// How much it is expected to be.
    pub expected: Expected,
    /// How much was done.
    pub counts: Counts,
}

/// The state of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobState {
    /// Name of the job; none before a controller has said it.
    pub job: Option<String>,
    /// The generation of the trees; 0 before anything was done to them.
    pub generation: u64,
    /// Which operation began which generation.
    pub generations: Vec<GenerationLine>,
    /// What is proven of the trees as they are.
    pub proofs: Vec<ProofLine>,
    /// The last seal, whether it still holds or not; see [`JobState::is_sealed`].
    pub seal: Option<SealDocument>,
    /// Whether users may have worked at the destination.
    pub life: LifeLine,
    /// What only a person could say.
    pub words: Vec<WordLine>,
    /// Findings that a person has accepted.
    #[serde(default)]
    pub accepted: Vec<AcceptedLine>,
    /// Ports of the source's POA that were seen open.
    pub seen_ports: Vec<SeenPort>,
    /// When the job was abandoned, in milliseconds since 1970, where it was and has not begun again.
    pub abandoned_milliseconds: Option<i64>,
    /// What the controller had it remember.
    pub facts: KnownFacts,
    /// The steps that were ever begun, in the order in which they were begun first.
    pub steps: Vec<StepLine>,
    /// The passes.
    pub passes: Vec<PassLine>,
    /// What was confirmed.
    pub checklist: Vec<ChecklistLine>,
    /// Findings of the last run of each step, by code.
    pub findings: BTreeMap<String, u64>,
    /// The worst verdict among them.
    pub worst: Option<Verdict>,
    /// The worker that is running now.
    pub running: Option<Running>,
    /// How far it is.
    pub progress: Option<Progress>,
    /// The controller that is at work now.
    pub controller: Option<LeaseHolder>,
    /// Files in the manifest.
    pub manifest_files: u64,
    /// How many bytes they have together.
    pub manifest_bytes: u64,
    /// The clock of the destination, in milliseconds since 1970.
    pub clock_milliseconds: i64,
}

impl JobState {
    /// Whether something is proven of the trees as they are.
    pub fn is_proven(&self, proof: Proof) -> bool {
        self.proofs.iter().any(|line| line.proof == proof)
    }

    /// Whether both trees were proven equal, and no operation has changed one since.
    pub fn is_sealed(&self) -> bool {
        let sealed = self.seal.as_ref().map(|seal| seal.generation);
        self.is_proven(Proof::Seal) && sealed == Some(self.generation)
    }

    /// Whether users may have worked at the destination.
    pub fn may_hold_new_mail(&self) -> bool {
        self.life.life.may_hold_new_mail()
    }

    /// How the last run of a step ended; none where it was never begun.
    pub fn step(&self, step: Step) -> Option<&StepLine> {
        self.steps.iter().find(|line| line.step == step)
    }

    /// The step that was begun last; none where none was.
    pub fn last_step(&self) -> Option<&StepLine> {
        self.steps.iter().max_by_key(|line| line.began_milliseconds)
    }

    /// Whether users may work and this job starts no POA for them: a person does.
    pub fn is_started_by_hand(&self) -> bool {
        let start = self.step(Step::StartPoa);
        self.may_hold_new_mail() && start.is_some_and(|line| line.state == StepState::Skipped)
    }

    /// Whether a step has come to its end.
    pub fn is_done(&self, step: Step) -> bool {
        self.step(step)
            .is_some_and(|line| matches!(line.state, StepState::Done | StepState::Skipped))
    }

    /// Who confirmed an item of the checklist; none where nobody did.
    pub fn confirmed(&self, item: &ChecklistItem) -> Option<&ChecklistLine> {
        self.checklist.iter().find(|line| line.item == *item)
    }

    /// Whether a port of the source's POA was seen open by this job.
    pub fn has_seen_open(&self, address: &str, port: u16) -> bool {
        let mut seen = self.seen_ports.iter();
        seen.any(|seen| seen.address == address && seen.port == port)
    }
}
