//! `gwmigrate report`: everything that the job store knows, for keeping.

use protocol::{FindingLine, JobState, Reply, Request};
use serde::{Deserialize, Serialize};

use super::ending;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;

/// The report of a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobReport {
    /// Version of this document.
    pub report_version: u32,
    /// The state of the job.
    pub status: JobState,
    /// The findings that were kept.
    pub findings: Vec<FindingLine>,
}

/// Reads the report; changes nothing.
pub async fn run(controller: &mut Controller) -> (CommandOutcome, Option<JobReport>) {
    let outcome = read(controller).await;
    ending::end_reading(controller, outcome).await
}

async fn read(controller: &mut Controller) -> Result<JobReport, StepError> {
    steps::install_utility::attach(controller).await?;
    let status = controller.state().await?;
    Ok(JobReport {
        report_version: 1,
        findings: findings(controller, &status).await?,
        status,
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
        other => Err(StepError::Protocol {
            text: format!("{other:?}"),
        }),
    }
}
