//! Making every name at the destination lower case: planned, checked for collisions, recorded, and only then done.

mod apply;
mod plan;
mod undo;

use crate::capabilities::Capabilities;
use crate::error::Result;
use crate::monitor::{Monitor, Tally};
use crate::store::{FolderRenames, JobStore};
use postoffice::names::printable;
use protocol::{CopyOptions, Count, Expected, LowercaseReport, Proof, RenameLine};

pub use undo::undo_lowercase;

/// How many lines of the plan a report shows.
const LINES_SHOWN: usize = 1000;

/// Plans the sweep, and carries it out unless only the plan is wanted.
///
/// # Errors
/// [`crate::error::WorkerError::Refused`] where two names would become one; nothing was renamed then.
pub fn lowercase(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    tally: &Tally,
    options: &CopyOptions,
    plan_only: bool,
) -> Result<LowercaseReport> {
    monitor.phase("plan the lower-case names", Expected::default());
    apply::settle(capabilities, store)?;
    let (names, kept) = plan::plan(capabilities, store, monitor, options)?;
    let (planned, first) = store.planned_renames(LINES_SHOWN)?;
    let before = tally.get(Count::Renamed);
    if !plan_only {
        monitor.phase(
            "rename",
            Expected {
                files: planned,
                ..Expected::default()
            },
        );
        apply::apply(capabilities, store, monitor, options)?;
        store.record_proof(Proof::Names)?;
    }
    Ok(LowercaseReport {
        names,
        planned,
        renamed: tally.get(Count::Renamed) - before,
        kept,
        lines: first.iter().flat_map(lines).take(LINES_SHOWN).collect(),
    })
}

fn lines(row: &FolderRenames) -> impl Iterator<Item = RenameLine> {
    row.renames.iter().map(|rename| RenameLine {
        area: row.area,
        folder: row.folder.to_string(),
        old: printable(rename.old.as_bytes()),
        new: printable(rename.new.as_bytes()),
    })
}
