//! `gwmigrate prepare`: the Linux POA stopped, and the checklist worked off.

use serde::Serialize;
use worker::finding::{Finding, Verdict};
use worker::protocol::{ChecklistLine, Request};

use super::{keep, stage_two};
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::step::Step;
use crate::steps::convert_guardian::{self, GUARDIAN_ITEM};
use crate::steps::probe::{PROBE, Probed, probe};
use crate::steps::{self, checklist, identify_documents};

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

/// One item of the checklist as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChecklistItem {
    /// Its name, for `--confirm`.
    pub name: &'static str,
    /// What is to be done.
    pub text: &'static str,
    /// By whom it is confirmed, where it is.
    pub confirmed: Option<ChecklistLine>,
    /// What a probe saw now, where there is one.
    pub probed: Option<Probed>,
}

/// Stops the Linux POA, probes and confirms items, and says which are open.
pub async fn run(
    controller: &mut Controller,
    options: &PrepareOptions,
) -> (CommandOutcome, Option<Vec<ChecklistItem>>) {
    let mut items = None;
    let outcome = steps_of(controller, options, &mut items).await;
    (keep::end(controller, "prepare", outcome).await, items)
}

async fn steps_of(
    controller: &mut Controller,
    options: &PrepareOptions,
    items: &mut Option<Vec<ChecklistItem>>,
) -> Result<(), StepError> {
    refuse_unknown(controller, &options.confirm)?;
    stage_two::attach(controller).await?;
    let status = controller.status().await?;
    let is_live = status.facts.get("poa").map(String::as_str) == Some("live");
    if !is_live {
        controller
            .step(Step::StopTestPoa, steps::stop_test_poa::run)
            .await?;
    }
    for item in &options.confirm {
        if identify_documents::is_item(item) {
            identify_documents::require_unmapped(controller, item).await?;
        }
        if item == GUARDIAN_ITEM && !is_live {
            // What can be seen of the guardian must bear it out, and no pass may copy the old one over it.
            convert_guardian::accept_by_hand(controller).await?;
        }
        let who = controller.surroundings.who.clone();
        let by = options.by.clone().unwrap_or(who);
        confirm(controller, item, by, options.note.clone()).await?;
    }
    *items = Some(probe_open_items(controller).await?);
    identify_documents::require_mapped(controller).await?;
    controller
        .step(Step::Checklist, steps::checklist::run)
        .await
}

fn refuse_unknown(controller: &Controller, confirm: &[String]) -> Result<(), StepError> {
    let Some(unknown) = confirm.iter().find(|name| !checklist::is_item(name)) else {
        return Ok(());
    };
    let items = checklist::items(controller);
    let names: Vec<&str> = items.iter().map(|item| item.name).collect();
    Err(Finding::new(
        "unknown-item",
        Verdict::Usage,
        format!("The checklist has no item {unknown}"),
        format!("It has: {}, {GUARDIAN_ITEM}", names.join(", ")),
    )
    .into())
}

async fn confirm(
    controller: &Controller,
    item: &str,
    by: String,
    note: String,
) -> Result<(), StepError> {
    let item = item.to_owned();
    let request = Request::Confirm { item, by, note };
    controller.call(&request).await.map(|_| ())
}

/// Confirms by a probe what nobody has confirmed and a probe can see; gives all items as they stand then.
async fn probe_open_items(controller: &Controller) -> Result<Vec<ChecklistItem>, StepError> {
    let confirmed = controller.status().await?.checklist;
    let mut items = Vec::new();
    for item in checklist::items(controller) {
        let probed = probe(controller, item.name).await;
        let is_open = !confirmed.iter().any(|line| line.item == item.name);
        if let Some(probed) = probed.as_ref().filter(|probed| is_open && probed.holds) {
            confirm(controller, item.name, PROBE.into(), probed.seen.clone()).await?;
        }
        items.push((item, probed));
    }
    let confirmed = controller.status().await?.checklist;
    let shown = items.into_iter().map(|(item, probed)| ChecklistItem {
        name: item.name,
        text: item.text,
        confirmed: confirmed
            .iter()
            .find(|line| line.item == item.name)
            .cloned(),
        probed,
    });
    Ok(shown.collect())
}
