//! The names stored in the guardian database.

use worker::finding::{Finding, Verdict};

use crate::controller::{Controller, StepError, StepOutcome};

/// Name of the item of the checklist by which a person confirms that it was done by hand.
pub const GUARDIAN_ITEM: &str = "guardian-converted";

/// Says that this version cannot do it, and what a person must do instead.
///
/// # Errors
/// None yet.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let folder = controller
        .worksheet
        .post_office
        .folder
        .display()
        .to_string();
    Ok(StepOutcome::NotBuilt {
        detail: "not built yet: convert the guardian by hand with GWCheck".into(),
        finding: Finding::new(
            "not-built-guardian",
            Verdict::Person,
            "This version cannot change the names stored in ngwguard.db yet; they still have the case that they had \
             at the source",
            format!(
                "Before the POA is started, run gwcheckt at the destination on {folder} with an options file that holds \
                 storelowercase (structure and fix of the guardian only, never a contents check), then confirm it with \
                 `gwmigrate prepare --confirm {GUARDIAN_ITEM}`"
            ),
        )
        .about(b"ngwguard.db"),
    })
}
