//! The guardian at the destination: lower-casing the names in it, and proving that this is all that changed.
//!
//! ```text
//! look ──▶ known to the engine:   convert here (a copy, proven, put in place with its fall-back copies)
//!     └──▶ anything else:         the controller runs GWCheck, or a person does ──▶ accept
//! seal ──▶ prove: source and destination beside each other, whoever converted it
//! ```
//!
//! The guardian, its fall-back copies and its logs are one unit (ARCHITECTURE.md rule 4): no agent may find an older
//! copy or a log that brings old names back.

mod accepted;
mod catalogue;
mod convert;
mod fall_backs;
mod files;
mod look;
mod prove;

pub(crate) use accepted::{Accepted, accepted, doubt, forget};
pub(crate) use catalogue::prove_catalogue;
pub(crate) use files::guardian_files;
pub(crate) use prove::{prove_copy, prove_guardian};

use postoffice::flaim::{
    self, Database, Limits, LowercaseLimits, LowercasePlan, NameProfile, each_name,
};
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::database::{self, OpenDatabase, open_database};
use crate::error::{Result, WorkerError};
use crate::marker::begin_generation;
use crate::monitor::Monitor;
use crate::store::JobStore;
use protocol::{AreaKind, Expected, GuardianAction, GuardianReport, Operation, Proof};

/// The name of the guardian at the destination.
pub(crate) const GUARDIAN: &[u8] = b"ngwguard.db";

/// Looks at the guardian, converts it, or takes it as converted.
///
/// # Errors
/// What ends the work; where it ends, the guardian is as it was, or the next run finishes putting the new one in place.
pub fn guardian(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    action: &GuardianAction,
) -> Result<GuardianReport> {
    let area = post_office(capabilities)?;
    monitor.phase("guardian", Expected::default());
    match action {
        GuardianAction::Look => {
            let mut report = look::look(area)?;
            if let Some(accepted) = accepted(store)? {
                report.is_converted = accepted.is_unchanged(area)?;
            }
            if report.is_converted {
                // A pass that copied nothing of it has left it converted, also in this generation.
                store.record_proof(Proof::Guardian)?;
            }
            Ok(report)
        }
        GuardianAction::Convert => {
            begin_generation(capabilities, store, Operation::Guardian)?;
            convert::convert(area, store, monitor)
        }
        GuardianAction::Accept { engine } => {
            begin_generation(capabilities, store, Operation::Guardian)?;
            accepted::take_over(area, store, engine)?;
            look::look(area)
        }
    }
}

/// What lower-casing the names in a guardian would do.
///
/// # Errors
/// [`WorkerError::Refused`] where no field of it is known to hold names, or none of those has a value while names are seen
/// elsewhere: that none has a capital letter would be no answer.  As [`database::plan`].
fn plan(database: &OpenDatabase) -> Result<LowercasePlan> {
    let limits = LowercaseLimits::default();
    let plan = database::plan(database, GUARDIAN, &NameProfile::Guardian, limits)?;
    let is_seen = !plan.changes.is_empty() || !plan.left_alone.is_empty();
    if is_seen
        || (!plan.fields.is_empty() && (has_names(database)? || !has_visible_capitals(database)?))
    {
        return Ok(plan);
    }
    Err(WorkerError::Refused {
        code: "guardian-fields-unknown",
        text: "No field of this guardian is known to hold the names in it".into(),
        remedy: "Convert it with GWCheck; or say with `gwmigrate database lowercase FILE --container 1 --field 2` which \
                 field holds them (`gwmigrate database dump FILE` shows what is in it)"
            .into(),
    })
}

/// Whether the fields that are known to hold names have any value.
fn has_names(database: &OpenDatabase) -> Result<bool> {
    let failed = database::in_database(GUARDIAN);
    let opened = Database::open(&database.files, Limits::default()).map_err(&failed)?;
    let mut names = 0_u64;
    each_name(
        &opened,
        &NameProfile::Guardian,
        |_| -> Result<(), flaim::Error> {
            names += 1;
            Ok(())
        },
    )
    .map_err(&failed)?;
    Ok(names > 0)
}

fn has_visible_capitals(database: &OpenDatabase) -> Result<bool> {
    let seen = look::visible_names(database)?;
    Ok(seen.names.iter().flatten().any(u8::is_ascii_uppercase))
}

/// The guardian of the destination, open; none where it is not there or is no file, which a comparison of the trees says.
fn open_at_destination(area: &Area) -> Result<Option<OpenDatabase>> {
    match open_database(&area.destination, GUARDIAN) {
        Ok(database) => Ok(Some(database)),
        Err(WorkerError::FileSystem {
            source: Errno::NOENT | Errno::LOOP | Errno::INVAL | Errno::NXIO,
            ..
        }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The area of the post office.
fn post_office(capabilities: &Capabilities) -> Result<&Area> {
    let mut areas = capabilities.areas.iter();
    areas
        .find(|area| area.kind == AreaKind::PostOffice)
        .ok_or_else(|| WorkerError::Order {
            text: "The order has no post office".into(),
        })
}
