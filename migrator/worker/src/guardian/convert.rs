//! The built-in engine: the names of a known guardian become lower case, in it and in everything that could bring old
//! names back.

use postoffice::flaim::{DatabaseFile, LowercaseLimits, NameProfile, base_of};

use super::fall_backs::{may_bring_names_back, stage_empty_log, stage_fall_backs};
use super::{GUARDIAN, accepted, look, plan};
use crate::capabilities::Area;
use crate::database::{OpenDatabase, Swap, WorkingSet, change, lock, open_database, require_held};
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::store::JobStore;
use protocol::{Finding, GuardianReport, Proof, Verdict};

/// How many names that stay are reported one by one.
const LEFT_ALONE_SHOWN: usize = 20;

/// Converts the guardian of the destination with the built-in engine.
pub(super) fn convert(
    area: &Area,
    store: &JobStore,
    monitor: &dyn Monitor,
) -> Result<GuardianReport> {
    let (profile, limits) = (NameProfile::Guardian, LowercaseLimits::default());
    let place = &area.destination;
    let swap = Swap::begin(place)?;
    let lock = lock(place, GUARDIAN)?;
    let database = open_database(place, GUARDIAN)?;
    let plan = plan(&database)?;
    report_left_alone(&plan, monitor);
    let mut report = look::known(&database, &plan);
    if plan.is_empty() && !may_bring_names_back(place)? {
        swap.discard()?;
        if accepted::is_announced(store)? {
            // An earlier run put it in place and was cut off before it could say so.
            remove_logs(area, &database)?;
            accepted::accept(area, store, accepted::BUILT_IN)?;
        }
        store.record_proof(Proof::Guardian)?;
        return Ok(report);
    }
    if plan.is_empty() {
        report.fall_backs_replaced = stage_fall_backs(place, &database, swap.staging())?;
    } else {
        let mut copy = WorkingSet::copy(&database, base_of(GUARDIAN), swap.staging())?;
        let changed = change(&mut copy, GUARDIAN, &plan, &profile, limits)?;
        drop(copy);
        report.names_changed = changed.values as u64;
        report.indexes_rebuilt = changed.indexes.len() as u64;
        let converted = open_database(swap.staging(), GUARDIAN)?;
        report.fall_backs_replaced = stage_fall_backs(place, &converted, swap.staging())?;
    }
    stage_empty_log(place, swap.staging())?;
    accepted::announce(store)?;
    require_held(&lock, place, GUARDIAN)?;
    swap.commit()?;
    remove_logs(area, &database)?;
    accepted::accept(area, store, accepted::BUILT_IN)?;
    Ok(report)
}

/// Removes the roll-forward logs of the old guardian: the new one was closed cleanly and needs none, and a restore from
/// them would bring the old names back.
fn remove_logs(area: &Area, old: &OpenDatabase) -> Result<()> {
    for member in &old.members {
        if !matches!(member.file, DatabaseFile::RollForward(_)) {
            continue;
        }
        let failed = |errno| WorkerError::writing("remove", &member.path, errno);
        let Some((folder, name)) = member.path.split_last() else {
            continue;
        };
        let folder = area.destination.descend(&folder).map_err(failed)?;
        folder.remove_file(name).map_err(failed)?;
    }
    area.sync(1)
}

fn report_left_alone(plan: &postoffice::flaim::LowercasePlan, monitor: &dyn Monitor) {
    for left in plan.left_alone.iter().take(LEFT_ALONE_SHOWN) {
        monitor.finding(
            Finding::new(
                "guardian-name-kept",
                Verdict::NeedsAttention,
                format!(
                    "the guardian keeps this name as it is, because {}",
                    left.reason.words()
                ),
                "Nothing, unless it names a file of this post office",
            )
            .about(left.value.as_bytes()),
        );
    }
    let shown = plan.left_alone.len().min(LEFT_ALONE_SHOWN) as u64;
    let all = plan.left_alone.len() as u64 + plan.left_alone_further;
    if all > shown {
        monitor.finding(
            Finding::new(
                "guardian-name-kept",
                Verdict::NeedsAttention,
                format!(
                    "{} further names with capitals stay as they are",
                    all - shown
                ),
                "`gwmigrate database names FILE`, with the path of the guardian, lists them",
            )
            .about(GUARDIAN),
        );
    }
}
