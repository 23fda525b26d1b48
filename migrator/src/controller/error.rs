//! Why a step of the controller stopped.

use protocol::{Explain, Finding, Reply, Verdict};
use thiserror::Error;

use crate::remote::RemoteError;
use crate::worksheet::SecretError;

/// Why a step stopped.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StepError {
    /// The connection, or a command at the destination.
    #[error(transparent)]
    Remote(#[from] RemoteError),
    /// The worker, or a check of the controller, says so in a finding.
    #[error("{}", .0.text)]
    Finding(Box<Finding>),
    /// The task at the destination ended with findings that stop the step; they have been shown.
    #[error("The task {task} stopped: {worst}")]
    Task {
        /// Name of the task.
        task: String,
        /// What it means.
        verdict: Verdict,
        /// The text of the finding that stopped it.
        worst: String,
    },
    /// The worker ended without its last event.
    #[error("The worker ended before its work was done")]
    WorkerDied {
        /// Name of the task.
        task: String,
    },
    /// What the worker says cannot be understood.
    #[error("The worker said something that this controller does not understand: {text}")]
    Protocol {
        /// What it said.
        text: String,
    },
    /// A local file could not be used.
    #[error("Could not {operation} {path}")]
    Local {
        /// What was being done, as a verb.
        operation: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The administrator interrupted the controller.
    #[error("Interrupted; {goes_on}")]
    Interrupted {
        /// What goes on at the destination.
        goes_on: GoesOn,
    },
}

/// What goes on at the destination although the controller was interrupted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum GoesOn {
    /// No worker; a program that was begun through ssh comes to its end.
    NoWorker,
    /// A worker at this task.
    Worker(String),
    /// A worker that is paused in this task.
    Paused(String),
    /// It could not be asked.
    NotKnown,
}

impl std::fmt::Display for GoesOn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoWorker => formatter.write_str("no worker is at work at the destination"),
            Self::Worker(task) => {
                write!(formatter, "the worker at the destination goes on: {task}")
            }
            Self::Paused(task) => write!(
                formatter,
                "the worker at the destination stays paused, in {task}"
            ),
            Self::NotKnown => formatter.write_str(
                "it could not be asked whether the worker at the destination goes on; it does, unless it had ended before",
            ),
        }
    }
}

impl GoesOn {
    /// What can be done about it.
    fn guidance(&self) -> &'static str {
        match self {
            Self::NoWorker => {
                "Run the same command again to go on; `gwmigrate status` shows where the job stands"
            }
            Self::Worker(_) | Self::NotKnown => {
                "`gwmigrate watch` shows it, `gwmigrate pause` halts it, `gwmigrate stop` ends it in order; the same command again sees \
                 it to its end"
            }
            Self::Paused(_) => {
                "`gwmigrate resume` lets it go on, `gwmigrate stop` ends it in order; the same command again sees it to its end"
            }
        }
    }
}

impl StepError {
    /// The worker answered a request with a reply of another kind.
    pub(crate) fn unexpected(reply: &Reply) -> Self {
        Self::Protocol {
            text: format!("{reply:?}"),
        }
    }

    /// A refusal with its reason and remedy.
    pub fn refused(code: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Finding(Box::new(Finding::new(code, Verdict::Refused, text, remedy)))
    }

    /// Something that only a person can do is missing.
    pub fn person(code: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Finding(Box::new(Finding::new(
            code,
            Verdict::NeedsAttention,
            text,
            remedy,
        )))
    }
}

impl From<Finding> for StepError {
    fn from(finding: Finding) -> Self {
        Self::Finding(Box::new(finding))
    }
}

impl From<SecretError> for StepError {
    fn from(error: SecretError) -> Self {
        error.to_finding().into()
    }
}

impl Explain for StepError {
    fn code(&self) -> &'static str {
        match self {
            Self::Remote(error) => error.code(),
            Self::Finding(_) => "finding",
            Self::Task { .. } => "task-stopped",
            Self::WorkerDied { .. } => "worker-died",
            Self::Protocol { .. } => "protocol",
            Self::Local { .. } => "local-file",
            Self::Interrupted { .. } => "interrupted",
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Remote(error) => error.verdict(),
            Self::Finding(finding) => finding.verdict,
            Self::Task { verdict, .. } => *verdict,
            Self::WorkerDied { .. } => Verdict::Temporary,
            Self::Protocol { .. } => Verdict::Refused,
            Self::Local { .. } => Verdict::Usage,
            Self::Interrupted { .. } => Verdict::Interrupted,
        }
    }

    fn guidance(&self) -> String {
        match self {
            Self::Remote(error) => error.guidance(),
            Self::Finding(finding) => finding.remedy.clone(),
            Self::Task { .. } => "See the findings above".into(),
            Self::WorkerDied { .. } => {
                "Look at worker.log in the job folder of the destination, then run the same command again; what was \
                 copied is kept"
                    .into()
            }
            Self::Protocol { .. } => "Use the version of gwmigrate that began this job".into(),
            Self::Local { .. } => "Correct the path in the worksheet or on the command line".into(),
            Self::Interrupted { goes_on } => goes_on.guidance().into(),
        }
    }

    fn subject(&self) -> Vec<u8> {
        match self {
            Self::Remote(error) => error.subject(),
            Self::Finding(finding) => finding.subject.clone().into_bytes(),
            Self::Task { task, .. } | Self::WorkerDied { task } => task.clone().into_bytes(),
            _ => Vec::new(),
        }
    }

    fn to_finding(&self) -> Finding {
        if let Self::Finding(finding) = self {
            return (**finding).clone();
        }
        let mut text = self.to_string();
        if let Some(cause) = std::error::Error::source(self) {
            let cause = cause.to_string();
            if !text.contains(&cause) {
                text = format!("{text}: {cause}");
            }
        }
        Finding::new(self.code(), self.verdict(), text, self.guidance()).about(&self.subject())
    }
}
