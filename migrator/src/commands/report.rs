//! `gwmigrate report`: everything that the job store knows, for keeping; also as a page for a browser.

use std::time::Duration;

use protocol::{FindingLine, JobState, OrderLine, Reply, Request};
use serde::{Deserialize, Serialize};

use super::ending;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;

/// How long to wait before a report that is watched is read again.
pub const WATCH_INTERVAL: Duration = Duration::from_secs(5);

/// The report of a job.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct JobReport {
    /// Version of this document.
    pub report_version: u32,
    /// The state of the job.
    pub status: JobState,
    /// The findings that were kept.
    pub findings: Vec<FindingLine>,
    /// The orders that its event log has.
    #[serde(default)]
    pub orders: Vec<OrderLine>,
    /// The command that comes next.
    #[serde(default)]
    pub next: String,
    /// How to go back from here.
    #[serde(default)]
    pub back: String,
}

impl JobReport {
    /// Whether anybody is at work on the job, so that it will say something else in a while.
    pub fn is_at_work(&self) -> bool {
        self.status.running.is_some() || self.status.controller.is_some()
    }
}

/// Reads the report; changes nothing.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<JobReport>) {
    let outcome = read(controller, |_| false).await;
    ending::end_reading(controller, outcome).await
}

/// Reads it again and again for as long as somebody is at work, and hands each one to `show`, which says whether it is to go on.
pub async fn watch(
    controller: &mut Controller,
    mut show: impl FnMut(&JobReport) -> bool,
) -> (CommandOutcome, Option<JobReport>) {
    let outcome = read(controller, |report| show(report) && report.is_at_work()).await;
    ending::end_reading(controller, outcome).await
}

/// Reads the report until `goes_on` is satisfied with it.
async fn read(
    controller: &mut Controller,
    mut goes_on: impl FnMut(&JobReport) -> bool,
) -> Result<JobReport, StepError> {
    steps::install_utility::attach(controller).await?;
    loop {
        let report = read_once(controller).await?;
        if !goes_on(&report) {
            return Ok(report);
        }
        tokio::time::sleep(WATCH_INTERVAL).await;
    }
}

async fn read_once(controller: &Controller) -> Result<JobReport, StepError> {
    let status = controller.state().await?;
    let orders = match controller.call(&Request::History).await? {
        Reply::History { orders } => orders,
        other => return Err(StepError::unexpected(&other)),
    };
    let advice = ending::advice(controller, &status);
    Ok(JobReport {
        report_version: 1,
        findings: findings(controller, &status).await?,
        status,
        orders,
        next: advice.next.text().to_owned(),
        back: advice.back.text().to_owned(),
    })
}

/// The findings that were kept, with what a person has accepted of them.
///
/// # Errors
/// What the connection says.
pub(super) async fn findings(
    controller: &Controller,
    status: &JobState,
) -> Result<Vec<FindingLine>, StepError> {
    match controller.call(&Request::Findings).await? {
        Reply::Findings { mut findings } => {
            for line in &mut findings {
                protocol::mark(&status.accepted, &mut line.finding);
            }
            Ok(findings)
        }
        other => Err(StepError::unexpected(&other)),
    }
}
