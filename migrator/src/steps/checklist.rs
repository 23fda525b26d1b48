//! What only a person can do, item by item, and the record that it was done.

use protocol::{ChecklistItem, JobState};

use crate::controller::{Controller, StepError, StepOutcome};
use crate::numbers;

/// The items of this job.
pub fn items(controller: &Controller) -> Vec<ChecklistItem> {
    let sheet = &controller.worksheet;
    let mut items = ChecklistItem::asked_for(!sheet.documents.is_empty());
    // No POA serves a copy.
    items.retain(|item| sheet.source.live || *item != ChecklistItem::SourcePoaStopped);
    items
}

/// The items that nobody has confirmed yet.
pub fn open_items(controller: &Controller, state: &JobState) -> Vec<ChecklistItem> {
    let mut open = items(controller);
    open.retain(|item| state.confirmed(item).is_none());
    open
}

/// Done where every item is confirmed.
///
/// # Errors
/// A finding that names the open items and how to confirm them.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let open = open_items(controller, &controller.state().await?);
    if open.is_empty() {
        return Ok(StepOutcome::Done(format!(
            "{} items confirmed",
            items(controller).len()
        )));
    }
    for item in &open {
        let text = format!("[ ] {item}: {}", item.text());
        controller.console().note(&text);
    }
    let names: Vec<String> = open.iter().map(ToString::to_string).collect();
    Err(StepError::person(
        "checklist-open",
        format!(
            "{} of the checklist not confirmed: {}",
            numbers::things(open.len() as u64, "item"),
            names.join(", ")
        ),
        format!(
            "Do them, then run `gwmigrate prepare --confirm {}`",
            names.join(" --confirm ")
        ),
    ))
}
