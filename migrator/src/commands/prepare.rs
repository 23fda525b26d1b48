//! `gwmigrate prepare`: the Linux POA stopped, and the checklist worked off.

use worker::protocol::Request;

use super::{keep, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::step::Step;
use crate::steps::convert_guardian::GUARDIAN_ITEM;
use crate::steps::{self, checklist};

/// What is confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrepareOptions {
    /// Names of the items.
    pub confirm: Vec<String>,
    /// Who confirms them; the administrator at work where nobody is named.
    pub by: Option<String>,
    /// What they want to be remembered.
    pub note: String,
}

/// Stops the Linux POA, confirms items, and says which are open.
pub async fn run(controller: &mut Controller, options: &PrepareOptions) -> CommandOutcome {
    let outcome = steps_of(controller, options).await;
    keep::end(controller, "prepare", outcome).await
}

async fn steps_of(controller: &mut Controller, options: &PrepareOptions) -> Result<(), StepError> {
    if let Some(unknown) = options
        .confirm
        .iter()
        .find(|name| !checklist::is_item(name))
    {
        let names: Vec<&str> = checklist::items(controller)
            .iter()
            .map(|item| item.name)
            .collect();
        return Err(StepError::from(worker::finding::Finding::new(
            "unknown-item",
            worker::finding::Verdict::Usage,
            format!("The checklist has no item {unknown}"),
            format!("It has: {}, {}", names.join(", "), GUARDIAN_ITEM),
        )));
    }
    stage_two::attach(controller).await?;
    let is_live = controller
        .status()
        .await?
        .facts
        .get("poa")
        .map(String::as_str)
        == Some("live");
    if !is_live {
        controller
            .step(Step::StopTestPoa, steps::stop_test_poa::run)
            .await?;
    }
    for item in &options.confirm {
        if item == GUARDIAN_ITEM && !is_live {
            // What can be seen of the guardian must bear it out, and no pass may copy the old one over it.
            steps::convert_guardian::accept_by_hand(controller).await?;
        }
        let by = options
            .by
            .clone()
            .unwrap_or_else(|| controller.surroundings.who.clone());
        controller
            .call(&Request::Confirm {
                item: item.clone(),
                by,
                note: options.note.clone(),
            })
            .await?;
    }
    controller
        .step(Step::Checklist, steps::checklist::run)
        .await
}
