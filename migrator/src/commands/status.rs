//! `gwmigrate status`: the list of the steps with a mark each, who is at work, and the command that comes next.

use std::collections::{BTreeMap, BTreeSet};

use protocol::{Extent, FindingLine, JobState, Running, Verdict};
use serde::{Deserialize, Serialize};

use super::{ending, report};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;

/// Where a job stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusReport {
    /// What the job store says.
    pub status: JobState,
    /// What the last run of each step and task has found, by code.
    #[serde(default)]
    pub findings: Vec<FoundCode>,
    /// The command that comes next.
    pub next: String,
    /// How to go back from here.
    pub back: String,
}

/// How many findings of a code there are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundCode {
    /// The code.
    pub code: String,
    /// How many a person has to look at.
    pub open: u64,
    /// How many a person has accepted.
    pub accepted: u64,
}

/// Counts what has to be looked at, and what was; notes are left out.
fn by_code(status: &JobState, findings: &[FindingLine]) -> Vec<FoundCode> {
    let mut codes: BTreeMap<&str, FoundCode> = BTreeMap::new();
    // A task and the step that gave its order have found the same.
    let mut seen = BTreeSet::new();
    let mut kept: BTreeMap<&str, u64> = BTreeMap::new();
    let for_people = findings.iter().map(|line| &line.finding);
    for finding in for_people.filter(|found| found.verdict >= Verdict::NeedsAttention) {
        *kept.entry(&finding.code).or_default() += 1;
        if !seen.insert((&finding.code, &finding.subject, &finding.text)) {
            continue;
        }
        let found = codes.entry(&finding.code).or_insert_with(|| FoundCode {
            code: finding.code.to_string(),
            open: 0,
            accepted: 0,
        });
        if finding.counts_as() == Verdict::Done {
            found.accepted += 1;
        } else {
            found.open += 1;
        }
    }
    let whole = |code: &str| {
        let mut accepted = status.accepted.iter();
        accepted.any(|line| line.code == code && line.extent == Extent::Code)
    };
    for found in codes.values_mut() {
        // What was counted and not kept cannot have been accepted one by one.
        let counted = status.findings.get(&found.code).copied().unwrap_or(0);
        let more = counted.saturating_sub(kept.get(found.code.as_str()).copied().unwrap_or(0));
        if whole(&found.code) {
            found.accepted += more;
        } else {
            found.open += more;
        }
    }
    codes.into_values().collect()
}

/// Reads where the job stands; changes nothing and needs no lease.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<StatusReport>) {
    let outcome = read(controller).await;
    ending::end_reading(controller, outcome).await
}

async fn read(controller: &mut Controller) -> Result<StatusReport, StepError> {
    steps::install_utility::attach(controller).await?;
    let status = controller.state().await?;
    let advice = ending::advice(controller, &status);
    let pause = status.running.as_ref().and_then(Running::pause);
    let next = pause.map_or(
        advice.next.text(),
        |_| "gwmigrate resume, so that the worker goes on; gwmigrate stop, so that it ends in order",
    );
    let findings = report::findings(controller, &status).await?;
    Ok(StatusReport {
        findings: by_code(&status, &findings),
        next: next.to_owned(),
        status,
        back: advice.back.text().to_owned(),
    })
}
