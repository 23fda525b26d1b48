//! What a check says: one line for each thing that it looked at.

use protocol::{Explain as _, Finding, InventoryReport, Verdict};
use serde::{Deserialize, Serialize};

use crate::controller::{Controller, StepError};

/// How long it will take, by guess.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Estimate {
    /// The first pass of stage one.
    pub stage_one_seconds: f64,
    /// A later pass, where little has changed.
    pub delta_seconds: f64,
    /// Stage two, while users are out.
    pub downtime_seconds: f64,
    /// Small files that can be read in a second; 0 where there was none to try.
    pub small_files_per_second: f64,
    /// Bytes of large files that can be read in a second; 0 where there was none to try.
    pub large_bytes_per_second: f64,
    /// How much is taken to change before stage two, in percent.
    pub changed_percent: u64,
}

/// Seconds of an estimate in milliseconds.
pub(super) fn milliseconds(seconds: f64) -> u64 {
    // Neither negative nor beyond what a count of milliseconds holds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let milliseconds = (seconds * 1000.0) as u64;
    milliseconds
}

/// How long the result of a check says that users will be out, in milliseconds; none where it has no estimate.
pub fn estimated_downtime(result: &serde_json::Value) -> Option<u64> {
    result["estimate"]["downtime_seconds"]
        .as_f64()
        .map(milliseconds)
}

/// The names of all checks, in their order; they never change.
pub const CHECKS: [&str; 30] = [
    "connect",
    "privilege",
    "stays-running",
    "places",
    "mount-possible",
    "source-mounted",
    "source-read-only",
    "worker-runs",
    "destination-abilities",
    "protections",
    "source-readable",
    "locks-shared",
    "source-busy",
    "time-granularity",
    "change-times",
    "source-clock",
    "destination-clock",
    "names",
    "stale-queues",
    "agent-logs",
    "offline-files",
    "destination-room",
    "destination-inodes",
    "estimate",
    "certificate",
    "startup-file",
    "destination-ports",
    "poa-package",
    "run-as-user",
    "source-poa",
];

/// One line of the check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckLine {
    /// Stable name of the check, one of [`CHECKS`].
    pub check: String,
    /// Whether it is fine: the worst of what it found.
    pub verdict: Verdict,
    /// What was seen.
    pub text: String,
    /// What to do about it; empty where it is fine.
    pub remedy: String,
}

/// What the check saw.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct CheckReport {
    /// Its lines.
    pub lines: Vec<CheckLine>,
    /// What the source holds.
    pub inventory: Option<InventoryReport>,
    /// How long it will take, by guess.
    pub estimate: Option<Estimate>,
}

/// What was found about one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Judged {
    pub(super) verdict: Verdict,
    pub(super) text: String,
    pub(super) remedy: String,
    /// Whether a finding about it has been shown already.
    pub(super) is_told: bool,
}

impl Judged {
    pub(super) fn pass(text: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Done,
            text: text.into(),
            remedy: String::new(),
            is_told: true,
        }
    }

    pub(super) fn warning(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::NeedsAttention,
            text: text.into(),
            remedy: remedy.into(),
            is_told: false,
        }
    }

    pub(super) fn fail(text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            verdict: Verdict::Refused,
            ..Self::warning(text, remedy)
        }
    }

    /// What a later step would say when it stops, said now.
    pub(super) fn stopped(error: &StepError) -> Self {
        let finding = error.to_finding();
        Self {
            verdict: finding.verdict,
            text: finding.text,
            remedy: finding.remedy,
            is_told: false,
        }
    }

    /// The same, where a finding says it already.
    pub(super) fn told(self) -> Self {
        Self {
            is_told: true,
            ..self
        }
    }
}

/// Adds a line; what is not fine is a finding as well, so that the end of the command admits it.
pub(super) fn add(
    controller: &mut Controller,
    report: &mut CheckReport,
    check: &'static str,
    judged: Judged,
) {
    debug_assert!(CHECKS.contains(&check), "{check} is in the list");
    let mark = match judged.verdict {
        Verdict::Done | Verdict::NothingToDo => "pass",
        Verdict::NeedsAttention => "warning",
        _ => "fail",
    };
    let line = format!("{mark:<8}{check}: {}", judged.text);
    controller.console().note(&line);
    if !judged.is_told {
        let (text, remedy) = (judged.text.clone(), judged.remedy.clone());
        controller.report(Finding::new(check, judged.verdict, text, remedy));
    }
    report.lines.push(CheckLine {
        check: check.to_owned(),
        verdict: judged.verdict,
        text: judged.text,
        remedy: judged.remedy,
    });
}

/// Adds a line about something without which the check cannot go on; its error is shown when the check ends.
pub(super) fn require(
    controller: &mut Controller,
    report: &mut CheckReport,
    check: &'static str,
    outcome: Result<String, StepError>,
) -> Result<(), StepError> {
    let judged = match &outcome {
        Ok(text) => Judged::pass(text.clone()),
        Err(error) => Judged {
            verdict: error.verdict(),
            text: error.to_string(),
            remedy: error.guidance(),
            is_told: true,
        },
    };
    add(controller, report, check, judged);
    outcome.map(|_| ())
}
