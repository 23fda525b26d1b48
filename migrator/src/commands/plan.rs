//! `gwmigrate stage-one --plan` and `stage-two --plan`: what would be done at the destination, step by step, and nothing done.
//!
//! Made from what the steps themselves are made from: the table of steps, the plans of the mounts, and the list of programs
//! that the sudoers file is printed from.

use protocol::{Changes, JobState, PassLine, Stage, Step};
use serde::{Deserialize, Serialize};

use super::ending;
use crate::controller::{CommandOutcome, Controller, PROGRAM_FILE, StepError};
use crate::profile::{self, RunInStep};
use crate::steps::{self, mount_source};

/// What a command would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// The steps, in their order.
    pub steps: Vec<PlannedStep>,
    /// What is known of bytes and time from this job; none where it has not begun.
    pub known: Option<KnownAmounts>,
}

/// What a step would do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Which.
    pub step: Step,
    /// What it changes, in words.
    pub changes: String,
    /// Programs that are run at the destination.
    pub runs: Vec<RunInStep>,
    /// How long its last run took, in milliseconds, where it has ended.
    pub last_milliseconds: Option<u64>,
}

/// What is known of bytes and time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAmounts {
    /// Files that the job has copied.
    pub files: u64,
    /// How many bytes they have.
    pub bytes: u64,
    /// The last pass, where there was one.
    pub last_pass: Option<PassLine>,
}

/// Plans the steps of a stage; takes no lease, writes nothing, and begins nothing.
pub async fn run(controller: &mut Controller, stage: Stage) -> (CommandOutcome, Option<Plan>) {
    let (steps, next) = match stage {
        Stage::StageTwo => {
            let steps = Step::slice(Step::StopTestPoa, Step::Unmount);
            (
                [&[Step::MountSource], steps].concat(),
                "`gwmigrate stage-two` does all of this",
            )
        }
        _ => (
            Step::slice(Step::Connect, Step::CleanUp).to_vec(),
            "`gwmigrate stage-one` does all of this",
        ),
    };
    let outcome = plan(controller, &steps).await;
    let (mut summary, plan) = ending::end_reading(controller, outcome).await;
    summary.next = Some(next.to_owned());
    (summary, plan)
}

async fn plan(controller: &mut Controller, steps: &[Step]) -> Result<Plan, StepError> {
    steps::connect::run(controller).await?;
    let link = controller.link()?;
    let has_begun = link.exists(&link.job_folder().join(PROGRAM_FILE)).await?;
    let state = if has_begun {
        Some(controller.state().await?)
    } else {
        None
    };
    let profile = controller.profile()?;
    let planned = |&step: &Step| {
        let mut runs = profile::run_in(step, &controller.worksheet, &profile);
        if step == Step::MountSource {
            runs.extend(mounts(controller)?);
        }
        Ok(PlannedStep {
            step,
            changes: in_words(step).to_owned(),
            runs,
            last_milliseconds: state
                .as_ref()
                .and_then(|state| state.step(step)?.milliseconds()),
        })
    };
    let steps = steps.iter().map(planned);
    Ok(Plan {
        steps: steps.collect::<Result<_, StepError>>()?,
        known: state.as_ref().map(known),
    })
}

/// The mounts, as they would be made.
fn mounts(controller: &Controller) -> Result<Vec<RunInStep>, StepError> {
    let mounts = mount_source::mounts(controller)?.into_iter();
    Ok(mounts
        .map(|mount| {
            let text = mount.plan.to_string();
            let commands: Vec<String> = text.lines().map(str::to_owned).collect();
            RunInStep {
                purpose: if commands.is_empty() {
                    format!("{}: nothing, somebody else has mounted it", mount.what)
                } else {
                    format!("{}: mounted to be read only", mount.what)
                },
                commands,
            }
        })
        .collect())
}

fn in_words(step: Step) -> &'static str {
    match step.changes() {
        Changes::Nothing => "changes nothing that outlives the command, but for a mount",
        Changes::System => "changes the system of the destination or the job folder",
        Changes::Trees(_) => "changes the post office at the destination",
        Changes::Life => "the destination serves users from then on",
    }
}

fn known(state: &JobState) -> KnownAmounts {
    KnownAmounts {
        files: state.manifest_files,
        bytes: state.manifest_bytes,
        last_pass: state.passes.last().cloned(),
    }
}
