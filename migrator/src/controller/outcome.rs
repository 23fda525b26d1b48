//! What came of a step and of a command.

use protocol::{Finding, Step, StepState, Verdict};
use serde::{Deserialize, Serialize};

/// What came of a step that did not fail.
#[derive(Debug, Clone, PartialEq)]
pub enum StepOutcome {
    /// It is done.
    Done(String),
    /// There was nothing to do.
    Skipped(String),
}

impl StepOutcome {
    /// How it is journaled.
    pub fn state(&self) -> StepState {
        match self {
            Self::Done(_) => StepState::Done,
            Self::Skipped(_) => StepState::Skipped,
        }
    }

    /// One line that a person should know.
    pub fn detail(&self) -> &str {
        match self {
            Self::Done(detail) | Self::Skipped(detail) => detail,
        }
    }
}

/// One step of a command, for its report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepSummary {
    /// Which.
    pub step: Step,
    /// How it ended.
    pub state: StepState,
    /// How long it took, in milliseconds.
    pub milliseconds: u64,
    /// One line that a person should know.
    pub detail: String,
}

/// What came of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandOutcome {
    /// The worst of it, which decides the exit code.
    pub verdict: Verdict,
    /// Whether a step stopped it before its end.
    pub is_stopped: bool,
    /// What was found.
    pub findings: Vec<Finding>,
    /// The steps.
    pub steps: Vec<StepSummary>,
    /// The command that comes next, where that is known.
    pub next: Option<String>,
    /// How to go back from here, where that is known.
    pub back: Option<String>,
}
