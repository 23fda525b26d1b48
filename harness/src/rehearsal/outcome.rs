//! What came of a rehearsal.

use std::path::PathBuf;

use gwmigrate::commands::check::estimated_downtime;
use gwmigrate::commands::report::JobReport;
use protocol::{Finding, PassLine, StepLine, Verdict};
use serde::{Deserialize, Serialize};

use super::Fault;
use crate::checks::Check;

/// What is found when the agent does not start; a database that it looks for may not be there yet.
pub(super) const AGENT_MISSES_SOMETHING: &str = "poa-did-not-start";

/// One command of the migrator that was run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CommandRun {
    /// Its arguments.
    pub arguments: Vec<String>,
    /// Its exit code; none where a signal ended it.
    pub exit_code: Option<i32>,
    /// When it began, in milliseconds since the rehearsal did.
    pub began_milliseconds: u64,
    /// How long it took.
    pub milliseconds: u64,
    /// The fault that struck meanwhile, where the schedule has one.
    pub fault: Option<Fault>,
    /// Whether the agent of the source worked meanwhile.
    pub while_users_worked: bool,
    /// What it found.
    pub findings: Vec<Finding>,
    /// Its result, where it has one.
    pub result: serde_json::Value,
}

impl CommandRun {
    /// Whether the command came to its end, and found nothing that stops a migration.
    pub fn is_fine(&self) -> bool {
        matches!(self.exit_code, Some(0 | 1 | 3))
    }

    /// Whether the agent did not start because the pass left to the next one, or did not yet see, a database that the
    /// guardian names; that may be while users work.
    pub(super) fn is_for_the_next_pass(&self) -> bool {
        let is_missing = |finding: &Finding| finding.code == AGENT_MISSES_SOMETHING;
        self.while_users_worked
            && matches!(self.exit_code, Some(4 | 5))
            && self.findings.iter().any(is_missing)
    }

    /// Findings that nobody expected.
    pub fn unexpected(&self, expected: &[&str]) -> Vec<&Finding> {
        self.findings
            .iter()
            .filter(|finding| {
                finding.verdict > Verdict::NothingToDo && !expected.contains(&&*finding.code)
            })
            .collect()
    }
}

/// What came of a rehearsal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RehearsalOutcome {
    /// What everything was derived from.
    pub seed: u64,
    /// The commands, in their order.
    pub commands: Vec<CommandRun>,
    /// The steps of the migration, as the job store has them.
    pub steps: Vec<StepLine>,
    /// The passes, as the job store has them.
    pub passes: Vec<PassLine>,
    /// What the migrator itself says of the job at the end.
    #[serde(default)]
    pub job: JobReport,
    /// What must hold, and whether it does.
    pub checks: Vec<Check>,
    /// How long users would have been out: the steps of stage two and those after it.
    pub downtime_milliseconds: u64,
    /// How long `check` said that they would be out, before anything was copied; none where it could not say.
    #[serde(default)]
    pub estimated_milliseconds: Option<u64>,
    /// How long everything took.
    pub milliseconds: u64,
    /// Where the reports are.
    pub reports: PathBuf,
}

impl RehearsalOutcome {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.checks.iter().all(Check::holds)
    }
}

/// What `check` said of that.
pub(super) fn estimated(commands: &[CommandRun]) -> Option<u64> {
    let check = commands.iter().find(|run| run.arguments == ["check"])?;
    estimated_downtime(&check.result)
}

/// How long users would be out: from the proof that the source is at rest to the started POA.
pub(super) fn downtime(steps: &[StepLine]) -> u64 {
    steps
        .iter()
        .filter(|line| line.step.stage().is_without_users())
        .filter_map(StepLine::milliseconds)
        .sum()
}
