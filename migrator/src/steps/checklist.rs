//! What only a person can do, item by item, and the record that it was done.

use protocol::ChecklistLine;

use super::source_poa::SOURCE_POA_ITEM;
use crate::controller::{Controller, StepError, StepOutcome};

/// One thing that a person does in the admin console or at the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Item {
    /// Its name, for `--confirm`.
    pub name: &'static str,
    /// What is to be done.
    pub text: &'static str,
}

const ITEMS: [Item; 5] = [
    Item {
        name: "objects-reconfigured",
        text: "The post office object and the POA object are reconfigured for the Linux location",
    },
    Item {
        name: "document-locations",
        text: "The new locations of the remote document storage areas are entered in the admin console",
    },
    Item {
        name: "ip-address",
        text: "The POA object has the new IP address and ports",
    },
    Item {
        name: "replicated",
        text: "These changes have replicated: they are seen at the web console of the source POA",
    },
    Item {
        name: SOURCE_POA_ITEM,
        text: "The POA at the source is stopped",
    },
];

/// The items of this job; that about document storage areas only where there are any.
pub fn items(controller: &Controller) -> Vec<Item> {
    let has_documents = !controller.worksheet.documents.is_empty();
    ITEMS
        .into_iter()
        .filter(|item| has_documents || item.name != "document-locations")
        .collect()
}

/// Whether a name can be confirmed at all.
pub fn is_item(name: &str) -> bool {
    name == super::convert_guardian::GUARDIAN_ITEM
        || super::identify_documents::is_item(name)
        || ITEMS.iter().any(|item| item.name == name)
}

/// The items that nobody has confirmed yet.
pub fn open_items(controller: &Controller, confirmed: &[ChecklistLine]) -> Vec<Item> {
    items(controller)
        .into_iter()
        .filter(|item| !confirmed.iter().any(|line| line.item == item.name))
        .collect()
}

/// Done where every item is confirmed.
///
/// # Errors
/// A finding that names the open items and how to confirm them.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let state = controller.state().await?;
    let open = open_items(controller, &state.checklist);
    if open.is_empty() {
        return Ok(StepOutcome::Done(format!(
            "{} items confirmed",
            items(controller).len()
        )));
    }
    for item in &open {
        controller
            .console()
            .note(&format!("[ ] {}: {}", item.name, item.text));
    }
    let names: Vec<&str> = open.iter().map(|item| item.name).collect();
    Err(StepError::person(
        "checklist-open",
        format!(
            "{} items of the checklist are not confirmed: {}",
            open.len(),
            names.join(", ")
        ),
        format!(
            "Do them, then run `gwmigrate prepare --confirm {}`",
            names.join(" --confirm ")
        ),
    ))
}
