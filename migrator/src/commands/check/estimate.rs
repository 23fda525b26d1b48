//! How long the stages will take, guessed from how fast the source was walked and a sample of it was read, and from what an
//! order to the destination takes by itself.
//!
//! Small files take what opening one takes, large ones what their bytes take.  Nothing is written by a check, so the
//! destination is taken to be no slower than the source.

use postoffice::layout::{CopyRule, FileClass};
use protocol::{Bandwidth, InventoryReport, ReadAgain};

use super::report::{Estimate, Judged, milliseconds};
use crate::numbers;

/// How much of a post office is taken to change between the last pass of stage one and stage two.
const CHANGED_PERCENT: u64 = 1;

/// Requests to the destination with users out: the journal of each step, and what is asked of the system.
const REQUESTS: f64 = 30.0;
/// Orders to the worker with users out.
const ORDERS: f64 = 7.0;

/// What is known besides of how long something takes.
#[derive(Debug, Clone)]
pub(super) struct Costs {
    /// For how long nothing may change at the source, in seconds.
    pub(super) quiet_seconds: u64,
    /// For how long an item of a queue must stand still, in seconds.
    pub(super) still_seconds: u64,
    /// What the seal reads.
    pub(super) read_again: ReadAgain,
    /// The limit for what is taken from the source in stage one.
    pub(super) bandwidth: Option<Bandwidth>,
    /// How long a request to the destination takes.
    pub(super) request_seconds: f64,
    /// How long an order takes by itself.
    pub(super) order_seconds: f64,
}

// Counts and times are far below what a double holds exactly.
#[allow(clippy::cast_precision_loss)]
pub(super) fn estimate(inventory: &InventoryReport, costs: &Costs) -> Option<Estimate> {
    let sample = inventory.survey.as_ref()?.sample;
    let files = inventory.areas.iter().map(|area| area.files).sum::<u64>() as f64;
    let bytes = inventory.areas.iter().map(|area| area.bytes).sum::<u64>() as f64;
    let rate = |what: u64, microseconds: u64| what as f64 * 1e6 / microseconds.max(1) as f64;
    let small = rate(sample.small_files, sample.small_microseconds);
    let large = rate(sample.large_bytes, sample.large_microseconds);
    let seconds = |what: f64, rate: f64| if rate > 0.0 { what / rate } else { 0.0 };
    let walk = |files: f64| seconds(files, inventory.files_per_second);
    let read = seconds(files, small) + seconds(sample.large_bytes_at_source as f64, large);
    let limit = costs.bandwidth.as_ref().and_then(|limit| limit.mean(large));
    let read_limited = limit.map_or(read, |limit| read.max(bytes / limit));
    let changed = read * CHANGED_PERCENT as f64 / 100.0;
    let (database_files, database_bytes) = databases(inventory);
    let seal = match costs.read_again {
        ReadAgain::Everything => read,
        ReadAgain::Unproven => {
            changed + seconds(database_files, small) + seconds(database_bytes, large)
        }
    };
    let delta = walk(files) + changed;
    // Items of the queues stand still while the source is watched and the pass runs; only the rest is waited for.
    let quiet = costs.quiet_seconds as f64;
    let still = (costs.still_seconds as f64 - quiet - delta).max(0.0);
    let waits = quiet + still + REQUESTS * costs.request_seconds + ORDERS * costs.order_seconds;
    // At rest, the pass, the sweep, and the seal with its last look.
    let looks = 2.0 * walk(database_files) + delta + walk(files) + 2.0 * walk(files);
    Some(Estimate {
        stage_one_seconds: 2.0 * (walk(files) + read_limited),
        delta_seconds: delta,
        downtime_seconds: waits + looks + seal,
        small_files_per_second: small,
        large_bytes_per_second: large,
        changed_percent: CHANGED_PERCENT,
    })
}

/// Files and bytes that are read with users out in any case.
#[allow(clippy::cast_precision_loss)]
fn databases(inventory: &InventoryReport) -> (f64, f64) {
    let is_database = |name: &str| {
        let class = FileClass::ALL
            .iter()
            .find(|class| class.to_string() == name);
        let rule = class.map(|class| class.copy_rule());
        matches!(rule, Some(CopyRule::UnderLock | CopyRule::AtomicSet))
    };
    let sum = |of: &std::collections::BTreeMap<String, u64>| {
        let of_databases = of.iter().filter(|(name, _)| is_database(name));
        of_databases.map(|(_, number)| number).sum::<u64>() as f64
    };
    let areas = inventory.areas.iter();
    areas.fold((0.0, 0.0), |(files, bytes), area| {
        (files + sum(&area.classes), bytes + sum(&area.class_bytes))
    })
}

pub(super) fn judge(estimate: &Estimate) -> Judged {
    let span = |seconds: f64| numbers::span(milliseconds(seconds));
    Judged::pass(format!(
        "about {} for stage one, {} for a pass that finds {} % changed, {} without users; guessed from a sample, and the \
         destination may be slower",
        span(estimate.stage_one_seconds),
        span(estimate.delta_seconds),
        estimate.changed_percent,
        span(estimate.downtime_seconds),
    ))
}
