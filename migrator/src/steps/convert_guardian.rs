//! Converting the names in the guardian at the destination: who can do it, and having it done.
//!
//! ```text
//! look ──▶ converted already, or nothing to change: done
//!     ├──▶ known to the built-in engine: the worker converts it
//!     ├──▶ anything else: GWCheck, where it is installed; its result is looked at, then accepted
//!     └──▶ neither: a person, with the exact command
//! ```
//!
//! Both stages need it: the test POA of stage one finds its databases through the guardian, as the live one does later.

use postoffice::names::printable;
use protocol::{ChecklistItem, Finding, GuardianAction, GuardianReport, Task, Verdict};

use super::gwcheck;
use crate::controller::{Controller, StepError, StepOutcome};
use crate::numbers;
use crate::worksheet::GuardianEngine;

/// Makes every file and folder name stored in the guardian lower case.
///
/// # Errors
/// What the conversion says.
pub(super) async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    convert(controller).await.map(StepOutcome::Done)
}

/// Who converts.
enum Engine {
    BuiltIn,
    GwCheck,
}

/// Has the names in the guardian converted; says in a sentence what came of it.
///
/// # Errors
/// A finding for a person where nothing here can do it; what stopped the conversion.
pub(crate) async fn convert(controller: &mut Controller) -> Result<String, StepError> {
    let look = order(controller, GuardianAction::Look).await?;
    if look.is_converted {
        return Ok("converted before, and nothing changed since".into());
    }
    if look.is_known && look.names_to_change == 0 {
        // Where an earlier run was cut off just before its end, this is what ends it.
        order(controller, GuardianAction::Convert).await?;
        return Ok(format!("{}: no name has a capital letter", shown(&look)));
    }
    match choose(controller, &look).await? {
        Engine::BuiltIn => {
            let done = order(controller, GuardianAction::Convert).await?;
            let kept = match done.left_alone {
                0 => String::new(),
                count => format!(", {} kept", numbers::count(count)),
            };
            Ok(format!(
                "built-in engine, {}: {} names{kept}, {} indexes rebuilt, {} fall-back copies replaced",
                shown(&done),
                numbers::count(done.names_changed),
                done.indexes_rebuilt,
                done.fall_backs_replaced.len()
            ))
        }
        Engine::GwCheck => {
            let said = gwcheck::run(controller).await?;
            let after = order(controller, GuardianAction::Look).await?;
            require_converted(&after)?;
            accept(controller, "gwcheck").await?;
            Ok(format!(
                "GWCheck, {said}; {} names seen in it are lower case",
                numbers::count(after.names_seen)
            ))
        }
    }
}

/// Takes the guardian as converted by somebody else, once what can be seen of its names is lower case.
///
/// # Errors
/// A refusal where a name with a capital letter is still in it.
pub(crate) async fn accept_by_hand(controller: &mut Controller) -> Result<(), StepError> {
    let look = order(controller, GuardianAction::Look).await?;
    if look.is_converted {
        return Ok(());
    }
    require_converted(&look)?;
    accept(controller, "by-hand").await
}

async fn accept(controller: &mut Controller, engine: &str) -> Result<(), StepError> {
    let engine = engine.to_owned();
    order(controller, GuardianAction::Accept { engine })
        .await
        .map(|_| ())
}

async fn order(
    controller: &mut Controller,
    action: GuardianAction,
) -> Result<GuardianReport, StepError> {
    controller.report_of(Task::Guardian { action }).await
}

fn require_converted(look: &GuardianReport) -> Result<(), StepError> {
    if look.names_to_change == 0 {
        return Ok(());
    }
    Err(StepError::refused(
        "guardian-names-left",
        format!(
            "{} names in the guardian still have capital letters, so the POA would not find its databases",
            numbers::count(look.names_to_change)
        ),
        "Look at the log of GWCheck; where its own window needs another form of options, save a file there and name it \
         in [guardian] options_file, then run the same command again",
    ))
}

/// What the guardian is, in a few words.
fn shown(look: &GuardianReport) -> String {
    match look.version {
        Some(version) => format!("FLAIM {}.{:02}", version / 100, version % 100),
        None => format!("not known to the built-in engine ({})", look.code),
    }
}

async fn choose(controller: &mut Controller, look: &GuardianReport) -> Result<Engine, StepError> {
    let settings = controller.worksheet.guardian.clone();
    match settings.engine {
        GuardianEngine::Auto | GuardianEngine::BuiltIn if look.is_known => Ok(Engine::BuiltIn),
        GuardianEngine::BuiltIn => Err(StepError::refused(
            "guardian-not-known",
            format!(
                "The built-in engine cannot convert this guardian: {}",
                look.why
            ),
            "Set [guardian] engine = \"gwcheck\" or \"auto\" in the worksheet, then run the same command again",
        )),
        GuardianEngine::Auto | GuardianEngine::GwCheck if gwcheck::is_there(controller).await? => {
            Ok(Engine::GwCheck)
        }
        GuardianEngine::GwCheck => Err(StepError::refused(
            "gwcheck-missing",
            format!(
                "GWCheck is not at {} on the destination",
                gwcheck::program(controller)?.display()
            ),
            "Install it, or correct [guardian] gwcheck in the worksheet, then run the same command again",
        )),
        GuardianEngine::Auto | GuardianEngine::None => {
            let options = gwcheck::write_options(controller).await?;
            let command = format!(
                "{} {}",
                gwcheck::program(controller)?.display(),
                options.display()
            );
            Err(by_hand(look, &command))
        }
    }
}

fn by_hand(look: &GuardianReport, command: &str) -> StepError {
    let why = if look.is_known {
        "the worksheet leaves it to a person".to_owned()
    } else {
        look.why.clone()
    };
    Finding::new(
        "guardian-by-hand",
        Verdict::NeedsAttention,
        format!(
            "The names in the guardian must become lower case before a POA is started on it, and nothing here may or can \
             do it: {why}"
        ),
        format!(
            "Run `{}` at the destination (structure and fix, never contents), then `gwmigrate prepare --confirm {}`, then the \
             same command again",
            printable(command.as_bytes()),
            ChecklistItem::GuardianConverted
        ),
    )
    .about(b"ngwguard.db")
    .into()
}
