//! What the migrator has to say: findings, and how each decides the exit code.
//!
//! A finding is something a person should know: what was seen, where, what it means and what to do.  An error is
//! a finding that stopped the work; [`Explain`] turns every typed error of the project into one.  The exit code of
//! a command is the worst [`Verdict`] among its findings, so nothing can be silent.

use std::borrow::Cow;
use std::fmt;

use postoffice::names::printable;
use serde::{Deserialize, Serialize};

/// What a finding means for the run that met it; the order is from harmless to worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing is wrong.
    Done,
    /// There was nothing to do.
    NothingToDo,
    /// The work went on, and a person should look at this.
    #[serde(rename = "person")]
    NeedsAttention,
    /// The command line or the worksheet is wrong.
    Usage,
    /// Something passing was in the way; running the same command again is right.
    Temporary,
    /// Going on could have lost mail, so the step was refused.
    Refused,
    /// Data could not be proven to be what they must be.
    Unproven,
    /// The administrator or the system interrupted the run.
    Interrupted,
}

impl Verdict {
    /// The exit code of a command whose worst finding has this verdict.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::NeedsAttention => 1,
            Self::Usage => 2,
            Self::NothingToDo => 3,
            Self::Temporary => 4,
            Self::Refused => 5,
            Self::Unproven => 6,
            Self::Interrupted => 130,
        }
    }

    /// How loud a finding with this verdict is.
    pub fn severity(self) -> Severity {
        match self {
            Self::Done | Self::NothingToDo => Severity::Note,
            Self::NeedsAttention => Severity::Warning,
            _ => Severity::Error,
        }
    }

    /// Whether running the same command again can help without anything else being changed.
    pub fn try_again(self) -> bool {
        matches!(self, Self::Temporary | Self::Interrupted)
    }
}

/// How loud a finding is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Good to know.
    Note,
    /// A person should look at it.
    Warning,
    /// It stopped something, or data are in doubt.
    Error,
}

impl fmt::Display for Severity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A person's word that a finding is known, and decides nothing any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accepted {
    /// Who says so.
    pub by: String,
    /// Why.
    pub note: String,
}

/// One thing that a person should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Stable name of the kind of finding, for scripts and for looking it up: lower case, words joined by `-`.
    pub code: Cow<'static, str>,
    /// What it means for the run.
    pub verdict: Verdict,
    /// The file, folder, host or setting it is about, control bytes escaped; empty where it is about the whole job.
    pub subject: String,
    /// What was seen and what it means, in a sentence without a full stop.
    pub text: String,
    /// What to do about it, in a sentence without a full stop.
    pub remedy: String,
    /// Who has accepted it, where somebody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Accepted>,
}

impl Finding {
    /// A finding about the whole job.
    pub fn new(
        code: &'static str,
        verdict: Verdict,
        text: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            code: Cow::Borrowed(code),
            verdict,
            subject: String::new(),
            text: text.into(),
            remedy: remedy.into(),
            accepted: None,
        }
    }

    /// The same finding about a file or folder, whose name is escaped.
    #[must_use]
    pub fn about(mut self, name: &[u8]) -> Self {
        self.subject = printable(name);
        self
    }

    /// What it comes to for the exit code.  Only what was left to a person can be accepted; what protects mail counts
    /// whatever anybody says.
    pub fn counts_as(&self) -> Verdict {
        match self.verdict {
            Verdict::NeedsAttention if self.accepted.is_some() => Verdict::Done,
            verdict => verdict,
        }
    }

    /// How loud it is.
    pub fn severity(&self) -> Severity {
        self.counts_as().severity()
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let accepted = self.accepted.as_ref();
        let accepted = accepted.filter(|_| self.counts_as() != self.verdict);
        match accepted {
            Some(_) => write!(formatter, "accepted [{}]: ", self.code)?,
            None => write!(formatter, "{} [{}]: ", self.severity(), self.code)?,
        }
        if !self.subject.is_empty() {
            write!(formatter, "{}: ", self.subject)?;
        }
        formatter.write_str(&self.text)?;
        match accepted {
            Some(Accepted { by, note }) => write!(formatter, "\n    accepted by {by}: {note}"),
            None if self.remedy.is_empty() => Ok(()),
            None => write!(formatter, "\n    {}", self.remedy),
        }
    }
}

/// What every typed error of the project can say about itself.
pub trait Explain: std::error::Error {
    /// Stable code, as in [`Finding::code`].
    fn code(&self) -> &'static str;

    /// What the error means for the run; [`Verdict::try_again`] says whether to run again.
    fn verdict(&self) -> Verdict;

    /// What to do about it, in a sentence without a full stop.
    fn guidance(&self) -> String;

    /// What it is about, as raw bytes of a name or as text; empty where it is about the whole job.
    fn subject(&self) -> Vec<u8> {
        Vec::new()
    }

    /// The error as a finding: its own message, then those of its causes.
    fn to_finding(&self) -> Finding {
        let mut text = self.to_string();
        let mut cause = self.source();
        while let Some(error) = cause {
            let message = error.to_string();
            if !text.contains(&message) {
                text.push_str(": ");
                text.push_str(&message);
            }
            cause = error.source();
        }
        Finding::new(
            self.code(),
            self.verdict(),
            printable(text.as_bytes()),
            self.guidance(),
        )
        .about(&self.subject())
    }
}

/// What the findings come to: the worst of them that nobody has accepted; [`Verdict::Done`] where there is none.
pub fn worst<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Verdict {
    findings
        .into_iter()
        .map(Finding::counts_as)
        .max()
        .unwrap_or(Verdict::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exit_codes_are_those_of_the_contract() {
        let table = [
            (Verdict::Done, 0),
            (Verdict::NeedsAttention, 1),
            (Verdict::Usage, 2),
            (Verdict::NothingToDo, 3),
            (Verdict::Temporary, 4),
            (Verdict::Refused, 5),
            (Verdict::Unproven, 6),
            (Verdict::Interrupted, 130),
        ];
        for (verdict, code) in table {
            assert_eq!(verdict.exit_code(), code, "{verdict:?}");
        }
    }

    #[test]
    fn what_protects_mail_counts_also_where_it_is_accepted() {
        for (verdict, counts_as) in [
            (Verdict::Done, Verdict::Done),
            (Verdict::NeedsAttention, Verdict::Done),
            (Verdict::Usage, Verdict::Usage),
            (Verdict::Temporary, Verdict::Temporary),
            (Verdict::Refused, Verdict::Refused),
            (Verdict::Unproven, Verdict::Unproven),
        ] {
            let mut finding = Finding::new("x", verdict, "seen", "look");
            finding.accepted = Some(Accepted {
                by: "Ann".into(),
                note: "known".into(),
            });
            assert_eq!(worst([&finding]), counts_as);
            let is_shown = finding.to_string().contains("accepted by Ann: known");
            assert_eq!(is_shown, verdict == Verdict::NeedsAttention, "{finding}");
        }
    }

    #[test]
    fn names_in_findings_are_escaped() {
        let finding =
            Finding::new("x", Verdict::NeedsAttention, "seen", "look").about(b"a\n\x1b[2Jb");
        assert_eq!(
            finding.to_string(),
            "warning [x]: a\\x0a\\x1b[2Jb: seen\n    look"
        );
    }
}
