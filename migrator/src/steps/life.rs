//! Whether users may have worked at the destination, and what lets a command go on that would write over their work.

use protocol::{Finding, JobState, Life, Operation, Request, Said, Task, UnmovedReport, Verdict};

use super::poa;
use crate::controller::{Controller, Statement, StepError};
use crate::numbers;

/// Makes sure that nothing of users is written over: nobody has worked at the destination, or a person says so, which the job
/// remembers.
///
/// Where the POA was to be started for users and nothing says what became of that, the destination is looked at: where no agent
/// runs and nothing has changed since the seal, nobody has worked.
///
/// # Errors
/// A refusal with the code `already-live` or `users-may-have-worked`; a question that could not be asked.
pub(crate) async fn require_nobody_worked(controller: &mut Controller) -> Result<(), StepError> {
    match why_nobody_worked(controller).await? {
        Reason::NotStarted => Ok(()),
        Reason::Said(statement) => statement.say(controller, Said::UsersHaveNotWorked).await,
        Reason::Looked => {
            let request = Request::NobodyWorked {
                by: controller.local.who.clone(),
                note: "no agent runs, and nothing at the destination has changed since the seal"
                    .into(),
            };
            controller.call(&request).await?;
            report_look(controller);
            Ok(())
        }
    }
}

/// The same for a command that only shows what it would do: the job remembers nothing of it, because a person who reads the plan
/// may leave it at that, and what was live must still be so then.
///
/// # Errors
/// As [`require_nobody_worked`].
pub(crate) async fn foresee_nobody_worked(controller: &mut Controller) -> Result<(), StepError> {
    if let Reason::Looked = why_nobody_worked(controller).await? {
        report_look(controller);
    }
    Ok(())
}

/// Why nothing of users is written over.
enum Reason {
    /// No POA was started for users.
    NotStarted,
    /// A person says so.
    Said(Statement),
    /// The destination is as it was sealed, and no agent runs.
    Looked,
}

async fn why_nobody_worked(controller: &mut Controller) -> Result<Reason, StepError> {
    let life = controller.state().await?.life.life;
    if !life.may_hold_new_mail() {
        return Ok(Reason::NotStarted);
    }
    if let Some(statement) = controller.statements.users_have_not_worked.clone() {
        return Ok(Reason::Said(statement));
    }
    if life == Life::Live {
        return Err(StepError::refused(
            "already-live",
            "The Linux POA of this job serves users already; copying over it would lose their new mail",
            format!(
                "Use `gwmigrate queues` for stragglers; to begin again, use a new job with another destination folder. {SAY}"
            ),
        ));
    }
    if let Some(why) = why_somebody_may_have_worked(controller).await? {
        return Err(StepError::refused(
            "users-may-have-worked",
            format!("The Linux POA was to be started for users, and {why}"),
            format!("Run `gwmigrate finish` again where they are to work there. {SAY}"),
        ));
    }
    Ok(Reason::Looked)
}

fn report_look(controller: &mut Controller) {
    controller.report(Finding::new(
        "nobody-worked",
        Verdict::Done,
        "The Linux POA was to be started for users and did not come up: no agent runs, and nothing at the destination has \
         changed since the seal",
        "Nothing",
    ));
}

const SAY: &str = "Where it is certain that nobody has worked there, say so: the same command with \
                   --users-have-not-worked --by NAME --note WHY";

async fn why_somebody_may_have_worked(
    controller: &mut Controller,
) -> Result<Option<String>, StepError> {
    if let Some(runs) = poa::why_it_may_run(controller).await? {
        return Ok(Some(runs));
    }
    let report: UnmovedReport = controller.report_of(Task::LookForWork).await?;
    Ok((report.changed > 0).then(|| {
        format!(
            "{} files of the destination are not as they were sealed",
            numbers::count(report.changed)
        )
    }))
}

/// Makes sure that the trees are sealed as they are; once users may have worked, they are as users left them.
///
/// # Errors
/// A refusal that says which operation came after the seal.
pub(crate) fn require_sealed(state: &JobState) -> Result<(), StepError> {
    if state.is_sealed() || (state.seal.is_some() && state.may_hold_new_mail()) {
        return Ok(());
    }
    let text = match (&state.seal, state.generations.last()) {
        (Some(seal), Some(last)) if last.generation > seal.generation => format!(
            "The seal of this job is of generation {}, and the trees are of generation {}: after the seal came {}",
            seal.generation,
            last.generation,
            operation(last.operation)
        ),
        _ => {
            "This job is not sealed: nothing proves yet that the destination is equal to the source"
                .to_owned()
        }
    };
    Err(StepError::refused(
        "not-sealed",
        text,
        "Run `gwmigrate stage-two` to its end first",
    ))
}

/// An operation in words.
fn operation(operation: Operation) -> &'static str {
    match operation {
        Operation::CreateFolders => "the making of missing folders",
        Operation::Pass => "a pass",
        Operation::Lowercase => "renamings to lower case",
        Operation::UndoLowercase => "renamings back to capitals",
        Operation::Guardian => "a conversion of the guardian",
        Operation::Queues => "items of the queues",
        Operation::Abandon => "an abandonment",
        Operation::Agent => "an agent that was started for users",
    }
}
