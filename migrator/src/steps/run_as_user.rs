//! The POA as its own user.

use worker::finding::{Finding, Verdict};

use crate::controller::{Controller, StepError, StepOutcome};

/// Says that this version cannot do it, where the worksheet asks for it.
///
/// # Errors
/// None yet.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let Some(user) = controller.worksheet.poa.run_as_user.clone() else {
        return Ok(StepOutcome::Skipped("the worksheet names no user".into()));
    };
    Ok(StepOutcome::NotBuilt {
        detail: "not built yet: give the files to the user by hand".into(),
        finding: Finding::new(
            "not-built-run-as-user",
            Verdict::Person,
            format!(
                "This version cannot make the POA run as {user} yet; it is started as the user of the connection"
            ),
            "Give the post office to that user and name it in the agents' uid.conf by hand",
        ),
    })
}
