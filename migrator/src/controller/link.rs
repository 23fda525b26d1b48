//! The connection to the destination together with what depends on it: the lease of this controller.

use std::path::{Path, PathBuf};

use super::error::StepError;
use crate::remote::{ConnectOptions, Connected, Held, Privilege, Remote, RemoteCommand};
use worker::finding::{Finding, Verdict};

/// Name of the worker's program in the job folder.
pub const PROGRAM_FILE: &str = "gwmigrate";

/// A connection, and the lease of the job where it is held.
#[derive(Debug)]
pub struct Link {
    remote: Remote,
    options: ConnectOptions,
    job_folder: PathBuf,
    privilege: Privilege,
    lease: Option<Held>,
    who: Option<String>,
}

impl Link {
    /// A link over a connection that was made.
    pub fn new(connected: Connected, options: ConnectOptions, job_folder: PathBuf, privilege: Privilege) -> Self {
        Self { remote: connected.remote, options, job_folder, privilege, lease: None, who: None }
    }

    /// The connection.
    pub fn remote(&self) -> &Remote {
        &self.remote
    }

    /// The job folder at the destination.
    pub fn job_folder(&self) -> &Path {
        &self.job_folder
    }

    /// Uses another job folder from now on, for looking around without a job.
    pub fn use_job_folder(&mut self, folder: PathBuf) {
        self.job_folder = folder;
    }

    /// A command of the destination, with the privilege that the worksheet asks for.
    pub fn command(&self, program: impl Into<std::ffi::OsString>) -> RemoteCommand {
        RemoteCommand::new(program).privileged(self.privilege)
    }

    /// A command of the worker.
    pub fn worker(&self, verb: &str) -> RemoteCommand {
        RemoteCommand::new(self.job_folder.join(PROGRAM_FILE))
            .privileged(self.privilege)
            .argument("worker")
            .argument(verb)
            .argument("--job-folder")
            .argument(self.job_folder.clone())
    }

    /// Takes the lease of the job for this controller; held until the link ends.
    ///
    /// # Errors
    /// A finding with the code `controller-busy` where another controller has it.
    pub async fn take_lease(&mut self, who: &str) -> Result<(), StepError> {
        if self.lease.is_some() {
            return Ok(());
        }
        let command = self.worker("hold").argument("--who").argument(who);
        let held = self.remote.hold(&command).await?;
        let answer: std::collections::BTreeMap<String, String> = serde_json::from_slice(&held.first_line)
            .map_err(|error| StepError::Protocol { text: error.to_string() })?;
        if let Some(holder) = answer.get("busy") {
            return Err(StepError::from(
                Finding::new(
                    "controller-busy",
                    Verdict::Refused,
                    format!("Another controller is at work on this job: {holder}"),
                    "Wait until it is done, or end it; `gwmigrate status` may be used meanwhile",
                )
                .about(self.job_folder.as_os_str().as_encoded_bytes()),
            ));
        }
        if !answer.contains_key("held") {
            return Err(StepError::Protocol { text: String::from_utf8_lossy(&held.first_line).into_owned() });
        }
        self.who = Some(who.to_owned());
        self.lease = Some(held);
        Ok(())
    }

    /// Makes the connection anew, and takes the lease again where it was held.
    ///
    /// # Errors
    /// What connecting says.
    pub async fn reconnect(&mut self) -> Result<(), StepError> {
        self.lease = None;
        self.remote = Remote::connect(self.options.clone()).await?.remote;
        match self.who.clone() {
            Some(who) => self.take_lease(&who).await,
            None => Ok(()),
        }
    }

    /// Ends the lease.
    pub async fn end(mut self) {
        if let Some(lease) = self.lease.take()
            && let Err(error) = lease.close().await
        {
            tracing::debug!(%error, "the lease ended with the connection");
        }
    }
}
