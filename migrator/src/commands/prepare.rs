//! `gwmigrate prepare`: the Linux POA stopped, and the checklist worked off.

use protocol::{ChecklistItem, ChecklistLine, Finding, PROBE, Request, Step, Verdict};
use serde::Serialize;

use super::{ending, stage_two};
use crate::controller::{CommandOutcome, Controller, Notice, StepError};
use crate::steps::convert_guardian;
use crate::steps::probe::{Probed, probe};
use crate::steps::{self, checklist, identify_documents};

/// What is confirmed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrepareOptions {
    /// Names of the items.
    pub confirm: Vec<String>,
    /// Names of items whose confirmation is taken back.
    pub withdraw: Vec<String>,
    /// Who confirms them; the administrator at work where nobody is named.
    pub by: Option<String>,
    /// What they want to be remembered.
    pub note: String,
}

/// One item of the checklist as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ItemShown {
    /// Its name, for `--confirm`.
    pub name: ChecklistItem,
    /// What is to be done.
    pub text: String,
    /// By whom it is confirmed, where it is.
    pub confirmed: Option<ChecklistLine>,
    /// What a probe saw now, where there is one.
    pub probed: Option<Probed>,
}

/// Stops the Linux POA, probes and confirms items, and says which are open.
pub async fn run(
    controller: &mut Controller,
    options: &PrepareOptions,
) -> (CommandOutcome, Option<Vec<ItemShown>>) {
    let mut items = None;
    let outcome = steps_of(controller, options, &mut items).await;
    (
        ending::end_command(controller, "prepare", outcome).await,
        items,
    )
}

async fn steps_of(
    controller: &mut Controller,
    options: &PrepareOptions,
    items: &mut Option<Vec<ItemShown>>,
) -> Result<(), StepError> {
    let confirmed = known_items(controller, &options.confirm)?;
    let withdrawn = known_items(controller, &options.withdraw)?;
    let who = controller.local.who.clone();
    let by = options.by.clone().unwrap_or(who);
    if by == PROBE {
        return Err(Finding::new(
            "unknown-person",
            Verdict::Usage,
            format!("Here {PROBE} means gwmigrate"),
            "Say --by with the name of a person",
        )
        .into());
    }
    stage_two::attach(controller).await?;
    for item in &withdrawn {
        withdraw(controller, item).await?;
    }
    let may_hold_new_mail = controller.state().await?.may_hold_new_mail();
    if !may_hold_new_mail {
        steps::run(controller, &[Step::StopTestPoa]).await?;
    }
    // What users wait for comes last, when nothing else can be in the way of stage two any more.
    let (goes_out, others): (Vec<_>, Vec<_>) = confirmed
        .into_iter()
        .partition(|item| *item == ChecklistItem::SourcePoaStopped);
    for item in others.iter().chain(&goes_out) {
        if *item == ChecklistItem::SourcePoaStopped && !may_hold_new_mail {
            stage_two::require_stage_one(controller).await?;
            identify_documents::require_mapped(controller).await?;
        }
        if matches!(item, ChecklistItem::LibraryHasNoDocuments(_)) {
            identify_documents::require_unmapped(controller, item).await?;
        }
        if *item == ChecklistItem::GuardianConverted && !may_hold_new_mail {
            // What can be seen of the guardian must bear it out, and no pass may copy the old one over it.
            convert_guardian::accept_by_hand(controller).await?;
        }
        refuse_contradicted(controller, item).await?;
        confirm(controller, item, by.clone(), options.note.clone()).await?;
    }
    *items = Some(probe_items(controller, &withdrawn).await?);
    if !may_hold_new_mail {
        stage_two::require_stage_one(controller).await?;
    }
    identify_documents::require_mapped(controller).await?;
    steps::run(controller, &[Step::Checklist]).await
}

fn known_items(controller: &Controller, names: &[String]) -> Result<Vec<ChecklistItem>, StepError> {
    let known = |name: &String| {
        name.parse().map_err(|_| {
            let mut items = checklist::items(controller);
            items.push(ChecklistItem::GuardianConverted);
            let items: Vec<String> = items.iter().map(ToString::to_string).collect();
            Finding::new(
                "unknown-item",
                Verdict::Usage,
                format!("The checklist has no item {name}"),
                format!("It has: {}", items.join(", ")),
            )
            .into()
        })
    };
    names.iter().map(known).collect()
}

async fn confirm(
    controller: &mut Controller,
    item: &ChecklistItem,
    by: String,
    note: String,
) -> Result<(), StepError> {
    let were_out = controller.state().await?.confirmed(item).is_some();
    let item = item.clone();
    let goes_out = item == ChecklistItem::SourcePoaStopped && !were_out;
    let request = Request::Confirm { item, by, note };
    controller.call(&request).await?;
    if goes_out {
        controller.tell(&Notice::UsersOut).await;
    }
    Ok(())
}

async fn withdraw(controller: &mut Controller, item: &ChecklistItem) -> Result<(), StepError> {
    let item = item.clone();
    controller.call(&Request::Withdraw { item }).await?;
    Ok(())
}

/// Refuses to have confirmed what is seen to be otherwise.
async fn refuse_contradicted(
    controller: &mut Controller,
    item: &ChecklistItem,
) -> Result<(), StepError> {
    match probe(controller, item).await? {
        Some(probed) if probed.holds == Some(false) => {
            withdraw(controller, item).await?;
            Err(StepError::refused(
                "confirmation-contradicted",
                format!("{item} cannot be confirmed: {}", probed.seen),
                format!(
                    "Do what the item asks for, then run `gwmigrate prepare --confirm {item}` again"
                ),
            ))
        }
        _ => Ok(()),
    }
}

/// Confirms by a probe what nobody has confirmed and a probe can see, and withdraws what is seen to be otherwise; gives all
/// items as they stand then.  What was `withdrawn` just now is not confirmed again by what a probe saw.
async fn probe_items(
    controller: &mut Controller,
    withdrawn: &[ChecklistItem],
) -> Result<Vec<ItemShown>, StepError> {
    let mut items = Vec::new();
    for item in checklist::items(controller) {
        let probed = probe(controller, &item).await?;
        let state = controller.state().await?;
        let confirmed = state.confirmed(&item);
        match (&probed, confirmed) {
            (Some(probed), None) if probed.holds == Some(true) && !withdrawn.contains(&item) => {
                confirm(controller, &item, PROBE.into(), probed.seen.clone()).await?;
            }
            (Some(probed), Some(line)) if probed.holds == Some(false) => {
                let seen = &probed.seen;
                let text = format!(
                    "{item} was confirmed by {}, and {seen}; the confirmation is withdrawn",
                    line.by
                );
                let remedy = format!(
                    "Do what the item asks for, then run `gwmigrate prepare --confirm {item}`"
                );
                withdraw(controller, &item).await?;
                controller.report(Finding::new(
                    "confirmation-withdrawn",
                    Verdict::NeedsAttention,
                    text,
                    remedy,
                ));
            }
            _ => {}
        }
        items.push((item, probed));
    }
    let state = controller.state().await?;
    let shown = items.into_iter().map(|(item, probed)| ItemShown {
        text: item.text(),
        confirmed: state.confirmed(&item).cloned(),
        name: item,
        probed,
    });
    Ok(shown.collect())
}
