//! Lower-casing the names in a database, as a copy that is put in place as a whole.

use std::path::Path;

use postoffice::flaim::{LowercaseLimits, LowercasePlan, LowercaseReport, NameProfile};
use serde::Serialize;
use worker::database::{lowercase_names, plan_names};
use worker::error::WorkerError;

/// What was planned, and what was done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseLowercase {
    /// The plan.
    pub plan: LowercasePlan,
    /// What was done; none for a plan alone, and where there was nothing to do.
    pub report: Option<LowercaseReport>,
}

/// Plans, and unless it is `plan_only` carries out.
///
/// # Errors
/// What forbids it; the database stays as it was.
pub fn lowercase(
    file: &Path,
    profile: &NameProfile,
    plan_only: bool,
) -> Result<DatabaseLowercase, WorkerError> {
    let (folder, control) = super::locate(file)?;
    let limits = LowercaseLimits::default();
    if plan_only {
        let plan = plan_names(&folder, &control, profile, limits);
        let plan = plan.map_err(|error| super::not_there(file, error))?;
        return Ok(DatabaseLowercase { plan, report: None });
    }
    let done = lowercase_names(&folder, &control, profile, limits);
    let (plan, report) = done.map_err(|error| super::not_there(file, error))?;
    Ok(DatabaseLowercase { plan, report })
}
