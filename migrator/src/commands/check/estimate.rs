//! How long the stages will take, guessed from how fast the source was walked and a sample of it was read.
//!
//! Small files take what opening one takes, large ones what their bytes take.  Nothing is written by a check, so the
//! destination is taken to be no slower than the source.

use protocol::InventoryReport;

use super::report::{Estimate, Judged};
use crate::numbers;

/// How much of a post office is taken to change between the last pass of stage one and stage two.
const CHANGED_PERCENT: u64 = 1;

/// How often stage two walks the source beside the pass and the seal: at both ends of the proof that it is at rest.
const WALKS_AT_REST: f64 = 2.0;

// Counts and times are far below what a double holds exactly.
#[allow(clippy::cast_precision_loss)]
pub(super) fn estimate(inventory: &InventoryReport, quiet_seconds: u64) -> Option<Estimate> {
    let sample = inventory.survey.as_ref()?.sample;
    let files = inventory.areas.iter().map(|area| area.files).sum::<u64>() as f64;
    let rate = |what: u64, microseconds: u64| what as f64 * 1e6 / microseconds.max(1) as f64;
    let small = rate(sample.small_files, sample.small_microseconds);
    let large = rate(sample.large_bytes, sample.large_microseconds);
    let seconds = |what: f64, rate: f64| if rate > 0.0 { what / rate } else { 0.0 };
    let walk = seconds(files, inventory.files_per_second);
    let read = seconds(files, small) + seconds(sample.large_bytes_at_source as f64, large);
    let delta = walk + read * CHANGED_PERCENT as f64 / 100.0;
    let seal = walk + read;
    Some(Estimate {
        stage_one_seconds: walk + read,
        delta_seconds: delta,
        downtime_seconds: quiet_seconds as f64 + walk * WALKS_AT_REST + delta + seal,
        small_files_per_second: small,
        large_bytes_per_second: large,
        changed_percent: CHANGED_PERCENT,
    })
}

pub(super) fn judge(estimate: &Estimate) -> Judged {
    // Neither negative nor beyond what a count of milliseconds holds.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let span = |seconds: f64| numbers::span((seconds * 1000.0) as u64);
    Judged::pass(format!(
        "about {} for stage one, {} for a pass that finds {} % changed, {} without users; guessed from a sample, and the \
         destination may be slower",
        span(estimate.stage_one_seconds),
        span(estimate.delta_seconds),
        estimate.changed_percent,
        span(estimate.downtime_seconds),
    ))
}
