//! Findings that a person has accepted: shown, and deciding no exit code any more.
//!
//! An acceptance is of one finding, by its code, by what it is about and by what it says; or, where somebody says so, of a
//! whole code.  Nothing can be accepted but what was left to a person ([`Finding::counts_as`]).

use serde::{Deserialize, Serialize};

use crate::finding::{Accepted, Finding, Verdict};

/// From so many findings of a code on, they are a group: shown as one, and accepted as one where no entry is named.
pub const GROUP_FROM: usize = 4;

/// How much an acceptance covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    /// One finding, about one thing, as long as it says the same.
    Finding,
    /// Every finding of the code.
    Code,
}

/// What a person has accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AcceptedLine {
    /// The code.
    pub code: String,
    /// How much of it.
    pub extent: Extent,
    /// [`Finding::subject`]; empty where it is about the whole job, and where the whole code is accepted.
    pub subject: String,
    /// [`Finding::text`] at that time; empty where the whole code is accepted.
    pub said: String,
    /// Who.
    pub by: String,
    /// Why.
    pub note: String,
    /// When, in milliseconds since 1970.
    pub at_milliseconds: i64,
}

impl AcceptedLine {
    /// Whether a finding is one of those that were accepted.
    pub fn covers(&self, finding: &Finding) -> bool {
        let is_meant = match self.extent {
            Extent::Code => true,
            // An entry of the source and its copy have one name but for its case: two that differ in nothing else stop the job.
            Extent::Finding => {
                self.subject.eq_ignore_ascii_case(&finding.subject) && self.said == finding.text
            }
        };
        is_meant && self.code == finding.code && finding.verdict == Verdict::NeedsAttention
    }
}

/// Notes in a finding who has accepted it, where somebody has.
pub fn mark(accepted: &[AcceptedLine], finding: &mut Finding) {
    if let Some(line) = accepted.iter().find(|line| line.covers(finding)) {
        finding.accepted = Some(Accepted {
            by: line.by.clone(),
            note: line.note.clone(),
        });
    }
}
