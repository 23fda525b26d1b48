//! The controller: it drives a migration over ssh, step by step, and journals each step at the destination.
//!
//! It keeps nothing that matters.  The journal, the manifest and the findings are in the job folder; any machine with
//! the worksheet and the key can carry on.

mod client;
mod console;
mod error;
mod interrupt;
mod journal;
mod link;
mod notify;
mod orders;
mod outcome;
mod questions;
mod statements;
mod watching;

pub use client::Finished;
pub use console::Console;
pub use error::{GoesOn, StepError};
pub use interrupt::Interrupt;
pub(crate) use link::PRIVATE_FOLDER;
pub use link::{Link, PROGRAM_FILE};
pub use notify::Notice;
pub use outcome::{CommandOutcome, StepOutcome};
pub(crate) use questions::could_not_ask;
pub use statements::{Statement, Statements};

use std::sync::Arc;
use std::time::Duration;

use protocol::{
    self, AcceptedLine, Change, Explain as _, Fact, Finding, JobState, MountedArea, Reply, Request,
    Step, StepState, Verdict,
};

use crate::local_machine::LocalMachine;
use crate::profile::{self, Profile};
use crate::worksheet::Worksheet;
use journal::Journal;
pub(crate) use link::describe as describe_holder;
pub(crate) use watching::described;

/// For how long an interrupted command asks what goes on at the destination.
const ASK_AT_INTERRUPT: Duration = Duration::from_secs(10);

/// A controller at work on one job.
pub struct Controller {
    /// What is to be done.
    pub worksheet: Worksheet,
    /// What a person says with this command.
    pub statements: Statements,
    /// What it takes from its machine.
    pub local: LocalMachine,
    console: Arc<dyn Console>,
    interrupt: Interrupt,
    link: Option<Link>,
    journal: Journal,
    findings: Vec<Finding>,
    /// What a person has accepted of them.
    accepted: Vec<AcceptedLine>,
    /// Whether a job that has begun is known, while this command works in a folder of its own.
    is_beside_a_job: bool,
    steps: Vec<outcome::StepSummary>,
    /// What this command found mounted, and what that is to people.
    pub(crate) mounted: Vec<(MountedArea, String)>,
}

impl Controller {
    /// A controller that has not connected yet.
    pub fn new(worksheet: Worksheet, local: LocalMachine, console: Arc<dyn Console>) -> Self {
        Self {
            worksheet,
            statements: Statements::default(),
            local,
            console,
            interrupt: Interrupt::default(),
            link: None,
            journal: Journal::default(),
            findings: Vec::new(),
            accepted: Vec::new(),
            is_beside_a_job: false,
            steps: Vec::new(),
            mounted: Vec::new(),
        }
    }

    /// What it reports to.
    pub fn console(&self) -> Arc<dyn Console> {
        Arc::clone(&self.console)
    }

    /// What hears Ctrl-C, once it listens.
    pub fn interrupt(&self) -> Interrupt {
        self.interrupt.clone()
    }

    /// The error of a command that was interrupted: what goes on at the destination is asked there.
    pub(crate) async fn interrupted(&self) -> StepError {
        let goes_on = if self.link.is_none() {
            GoesOn::NoWorker
        } else {
            match tokio::time::timeout(ASK_AT_INTERRUPT, self.state()).await {
                Ok(Ok(state)) => match &state.running {
                    None => GoesOn::NoWorker,
                    Some(running) if running.pause().is_some() => {
                        GoesOn::Paused(running.task.clone())
                    }
                    Some(running) => GoesOn::Worker(running.task.clone()),
                },
                Ok(Err(_)) | Err(_) => GoesOn::NotKnown,
            }
        };
        StepError::Interrupted { goes_on }
    }

    /// Uses a connection from now on.
    pub fn use_link(&mut self, link: Link) {
        self.link = Some(link);
    }

    /// The connection.
    ///
    /// # Errors
    /// Where no step has connected yet; a mistake of the calling command.
    pub fn link(&self) -> Result<&Link, StepError> {
        self.link.as_ref().ok_or_else(not_connected)
    }

    /// The connection, for changing it.
    ///
    /// # Errors
    /// As [`Controller::link`].
    pub fn link_mut(&mut self) -> Result<&mut Link, StepError> {
        self.link.as_mut().ok_or_else(not_connected)
    }

    /// Shows a finding and counts it, unless a person has accepted it.
    pub fn report(&mut self, mut finding: Finding) {
        protocol::mark(&self.accepted, &mut finding);
        self.report_as_it_is(finding);
    }

    /// The same for what stops the command: that counts whatever anybody has accepted.
    pub(crate) fn report_as_it_is(&mut self, finding: Finding) {
        self.console.finding(&finding);
        self.findings.push(finding);
    }

    /// Whether anything with this code was found by this command.
    pub fn has_found(&self, code: &str) -> bool {
        self.findings.iter().any(|finding| finding.code == code)
    }

    /// Whether this very finding was shown already.
    pub fn has_reported(&self, finding: &Finding) -> bool {
        self.findings.contains(finding)
    }

    /// Asks the job store.
    ///
    /// # Errors
    /// What the connection says, or the worker's refusal.
    pub async fn call(&self, request: &Request) -> Result<Reply, StepError> {
        client::call(self.link()?, request).await
    }

    /// The state of the job.
    ///
    /// # Errors
    /// As [`Controller::call`].
    pub async fn state(&self) -> Result<JobState, StepError> {
        match self.call(&Request::Status).await? {
            Reply::Status(status) => Ok(*status),
            other => Err(StepError::unexpected(&other)),
        }
    }

    /// Remembers a small fact of the job.
    ///
    /// # Errors
    /// As [`Controller::call`].
    pub async fn remember(&self, fact: Fact) -> Result<(), StepError> {
        self.call(&Request::Remember { fact }).await.map(|_| ())
    }

    /// Takes the lease of the job, from whoever holds it where that was asked for; says from whom.
    ///
    /// # Errors
    /// A finding with the code `controller-busy` where another controller has it.
    pub async fn take_lease(&mut self) -> Result<(), StepError> {
        let LocalMachine { who, take_over, .. } = &self.local;
        if let Some(holder) = self.link()?.take_lease(who, *take_over).await? {
            self.report(Finding::new(
                "taken-over",
                Verdict::Done,
                format!("The job was taken over from {}", link::describe(&holder)),
                "Nothing: its next request is refused",
            ));
        }
        Ok(())
    }

    /// From here on the job store can be reached: what was journaled so far is written into it, and what a person has
    /// accepted is known.
    ///
    /// # Errors
    /// As [`Controller::call`].
    pub async fn open_journal(&mut self) -> Result<(), StepError> {
        let link = self.link.as_ref().ok_or_else(not_connected)?;
        self.journal.open(link).await?;
        // A password that a run left behind which was cut off while it mounted the source, in whatever way.
        let name = PRIVATE_FOLDER.to_owned();
        self.change(Change::RemoveFromJobFolder { name }).await?;
        self.accepted = self.state().await?.accepted;
        // What was found before the store could be reached.
        for finding in &mut self.findings {
            protocol::mark(&self.accepted, finding);
        }
        Ok(())
    }

    /// Knows what a person has accepted in a job that has begun, for a command that works beside it.  Where that cannot be asked,
    /// nothing is accepted.
    pub(crate) async fn know_accepted(&mut self) {
        match self.state().await {
            Ok(state) => {
                self.accepted = state.accepted;
                self.is_beside_a_job = true;
                for finding in &mut self.findings {
                    protocol::mark(&self.accepted, finding);
                }
            }
            Err(error) => tracing::debug!(%error, "what was accepted is not known"),
        }
    }

    /// Keeps what was found so far in the store of the job beside which this command works, where there is one, so that a person
    /// can accept it.
    pub(crate) async fn keep_findings(&self, origin: &str) {
        if !self.is_beside_a_job {
            return;
        }
        let request = Request::KeepFindings {
            origin: origin.to_owned(),
            findings: self.findings.clone(),
        };
        if let Err(error) = self.call(&request).await {
            tracing::debug!(%error, "the findings were not kept");
        }
    }

    /// Whether the job store can be reached.
    pub fn is_journal_open(&self) -> bool {
        self.journal.is_open()
    }

    /// What differs between generations of GroupWise, as this worksheet has it.
    ///
    /// # Errors
    /// What is wrong with the profile, which a command tells before it begins.
    pub fn profile(&self) -> Result<Profile, StepError> {
        profile::of(&self.worksheet).map_err(|error| StepError::from(error.to_finding()))
    }

    /// The folder of the post office at the source, as mounted on the destination.
    pub fn source_folder(&self) -> std::path::PathBuf {
        self.worksheet.source.access.path()
    }

    /// Runs one step: journals its beginning and its end, and shows both.
    ///
    /// # Errors
    /// What stopped the step; it has been journaled and shown.
    pub async fn step(
        &mut self,
        step: Step,
        body: impl AsyncFnOnce(&mut Self) -> Result<StepOutcome, StepError>,
    ) -> Result<(), StepError> {
        self.console.step_begins(step);
        let began = std::time::Instant::now();
        let findings_before = self.findings.len();
        let breaks_before = self.link.as_ref().map_or(0, Link::breaks);
        self.journal.begin(self.link.as_ref(), step).await?;
        let interrupt = self.interrupt();
        let outcome = tokio::select! {
            outcome = body(self) => Some(outcome),
            () = interrupt.happened(1) => None,
        };
        let outcome = match outcome {
            Some(outcome) => outcome,
            None => Err(self.interrupted().await),
        };
        let (state, detail) = match &outcome {
            Ok(outcome) => (outcome.state(), outcome.detail().to_owned()),
            Err(error) => (StepState::Failed, error.to_string()),
        };
        if let Err(error) = &outcome
            && !matches!(error, StepError::Task { .. })
        {
            // A task that stopped has shown its findings already; everything else is shown here, once.
            self.report_as_it_is(error.to_finding());
        }
        let breaks = self.link.as_ref().map_or(0, Link::breaks);
        if breaks > breaks_before {
            let times = breaks - breaks_before;
            self.console.note(&format!(
                "The connection broke and was made again {times} times"
            ));
        }
        let findings = &self.findings[findings_before..];
        let journaled = self
            .journal
            .end(self.link.as_ref(), step, state, &detail, findings)
            .await;
        self.console.step_ends(step, state, &detail);
        self.steps.push(outcome::StepSummary {
            step,
            state,
            milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
            detail,
        });
        outcome?;
        journaled
    }

    /// What the command came to; `error` is what stopped it.
    pub fn finish(&mut self, error: Option<&StepError>) -> CommandOutcome {
        self.console.ends();
        let stopped = error.map_or(Verdict::Done, protocol::Explain::verdict);
        CommandOutcome {
            verdict: protocol::worst(&self.findings).max(stopped),
            is_stopped: error.is_some(),
            findings: std::mem::take(&mut self.findings),
            steps: std::mem::take(&mut self.steps),
            next: None,
            back: None,
        }
    }

    /// Ends the lease and the connection.
    pub async fn disconnect(&mut self) {
        if let Some(link) = self.link.take() {
            link.end().await;
        }
    }
}

/// The clock of this machine, in milliseconds since 1970.
pub(crate) fn now_milliseconds() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

fn not_connected() -> StepError {
    StepError::Protocol {
        text: "the controller has not connected yet".into(),
    }
}
