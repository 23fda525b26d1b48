//! The state machine of a job: what it has come to, what each event makes of that, and what may be done
//! (ARCHITECTURE.md rules 9a and 9c).
//!
//! ```text
//!             copied        proofs of one generation       start begun          answered
//!   nothing ----------> copied -------------------> sealed -----------> starting ---------> live
//!      ^                  | ^                         |                  |  ^
//!      +---- abandoned ---+ +--- any change of a tree-+                  |  +-- what a certain failure leaves as it was
//!                           ^-------------- a person says that nobody has worked, or it is certain
//! ```
//!
//! The store makes these transitions, in one transaction each; orders and commands ask [`Standing::refusal`] and
//! [`Life::refusal`]; `status` says what is next.

use std::collections::BTreeSet;

use super::{JobState, Life, Operation, Proof, Step};

/// What a job has come to, as far as it decides what may be done.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Standing {
    /// Whether stage one has copied the data once.
    pub is_copied: bool,
    /// What is proven of the trees as they are.
    pub proofs: BTreeSet<Proof>,
    /// Whether users may have worked at the destination.
    pub life: Life,
    /// The same, before the last start of the POA for users began.
    pub life_before_start: Life,
    /// Whether the job was abandoned, and has not begun again.
    pub is_abandoned: bool,
}

/// Something that happens to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobEvent {
    /// An operation that changes a tree is about to begin.
    Began(Operation),
    /// Something was proven of the trees.
    Proved(Proof),
    /// The first copy is whole.
    Copied,
    /// The POA is about to be started for users.
    StartBegan,
    /// It has answered.
    Answered,
    /// It is certain that the start that began last did not bring it up.
    StartFailed,
    /// It is certain, from a look or from a person's word, that nobody has worked at the destination.
    NobodyWorked,
    /// Everything at the destination was undone.
    Abandoned,
}

/// What a command wants to do with a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Intent {
    /// To write, rename, remove or seal at the destination, as stage one and its passes do.
    Change,
    /// The same with users out, on top of a first copy.
    StageTwo,
    /// To start the POA for users.
    Start,
}

/// Why something may not be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// Users work at the destination.
    Live,
    /// Users may have worked at the destination.
    MayHaveWorked,
    /// Stage one has not copied the data yet.
    NotCopied,
    /// Something is not proven of the destination as it is.
    NotProven(Proof),
}

/// What must be proven before users may work.
const PROOFS_OF_A_START: [Proof; 3] = [Proof::Seal, Proof::Guardian, Proof::Queues];

impl Life {
    /// Why nothing may be changed at the destination; none where nobody has worked there.
    pub fn refusal(self) -> Option<Refusal> {
        match self {
            Self::NotLive => None,
            Self::Starting => Some(Refusal::MayHaveWorked),
            Self::Live => Some(Refusal::Live),
        }
    }
}

impl Standing {
    /// That of a job.
    pub fn of(state: &JobState) -> Self {
        Self {
            is_copied: state.is_done(Step::CopyData),
            proofs: state.proofs.iter().map(|line| line.proof).collect(),
            life: state.life.life,
            life_before_start: state.life.life,
            is_abandoned: state.abandoned_milliseconds.is_some(),
        }
    }

    /// What an event makes of it.
    #[must_use]
    pub fn after(&self, event: JobEvent) -> Self {
        let mut after = self.clone();
        match event {
            JobEvent::Began(operation) => {
                for proof in operation.invalidates() {
                    after.proofs.remove(proof);
                }
                after.is_abandoned &= operation == Operation::Abandon;
            }
            JobEvent::Proved(proof) => {
                after.proofs.insert(proof);
            }
            JobEvent::Copied => after.is_copied = true,
            JobEvent::StartBegan => {
                after.life_before_start = self.life;
                after.life = self.life.max(Life::Starting);
            }
            JobEvent::Answered => after.life = Life::Live,
            // What an earlier start left open stays open.
            JobEvent::StartFailed => after.life = self.life_before_start,
            JobEvent::NobodyWorked => {
                after.life = Life::NotLive;
                after.life_before_start = Life::NotLive;
            }
            JobEvent::Abandoned => {
                after = Self {
                    is_abandoned: true,
                    life: self.life,
                    life_before_start: self.life_before_start,
                    ..Self::default()
                };
            }
        }
        after
    }

    /// Why something may not be done; none where it may.
    pub fn refusal(&self, intent: Intent) -> Option<Refusal> {
        let lived = self.life.refusal();
        let missing = PROOFS_OF_A_START
            .into_iter()
            .find(|proof| !self.proofs.contains(proof))
            .map(Refusal::NotProven);
        match intent {
            Intent::Change => lived,
            Intent::StageTwo => lived.or((!self.is_copied).then_some(Refusal::NotCopied)),
            // A POA that was started once may be started again, whatever users have changed since.
            Intent::Start => missing.filter(|_| lived.is_none()),
        }
    }
}
