//! Logging in to a mailbox of the migrated post office.

use worker::finding::{Finding, Verdict};

use crate::controller::{Controller, StepError, StepOutcome};

/// Says that this version cannot do it.
///
/// # Errors
/// None yet.
pub async fn run(_controller: &mut Controller) -> Result<StepOutcome, StepError> {
    Ok(StepOutcome::NotBuilt {
        detail: "not built yet: compare a mailbox by hand".into(),
        finding: Finding::new(
            "not-built-test-mailbox",
            Verdict::Person,
            "This version cannot compare mailboxes over IMAP yet; nothing was tested",
            "Log in to a mailbox of the Linux POA with a client and compare it with the same mailbox at the source",
        ),
    })
}
