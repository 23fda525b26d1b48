//! The steps that are one order to the worker on the two trees: passes, the proof of rest, the sweep, the queues, the seal.

use protocol::{
    Amount, AtRestReport, Count, LowercaseReport, PassKind, ProveReport, QueueReport, SealReport,
    Task,
};

use super::{poa, source_poa};
use crate::controller::{Controller, StepError, StepOutcome};
use crate::numbers;

/// Counts what there is before the first pass, then copies what differs.
///
/// # Errors
/// What stops a pass; what was copied is kept.
pub(super) async fn copy_data(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    // A running test POA would change files while they are compared and replaced.
    poa::stop_if_running(controller).await?;
    let state = controller.state().await?;
    let is_first = state.passes.is_empty();
    if is_first {
        controller
            .order(Task::Inventory { only_count: true })
            .await?;
    }
    let finished = controller
        .order(Task::Pass {
            kind: PassKind::StageOne,
        })
        .await?;
    let which = if is_first {
        "first pass"
    } else {
        "repeated pass"
    };
    let seen = numbers::things(
        numbers::count_of(&finished.counts, Count::FilesSeen),
        "file",
    );
    Ok(StepOutcome::Done(format!(
        "{which} over {seen}: {}",
        numbers::pass(&finished.counts)
    )))
}

/// Proves the copies that are not proven, so that the seal need not read them while users are out.
///
/// # Errors
/// What stops it; what was proven is kept, and the next run goes on.
pub(super) async fn prove_data(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let report: ProveReport = controller.report_of(Task::Prove).await?;
    let mut said = format!(
        "{} proven equal, {} of them now",
        amount(report.now + report.before),
        amount(report.now)
    );
    if report.waiting > 0 {
        let waiting = numbers::things(report.waiting, "file");
        said = format!("{said}; {waiting} changed after the copy, for the next pass");
    }
    Ok(StepOutcome::Done(said))
}

/// So many files, and bytes in them.
pub(crate) fn amount(amount: Amount) -> String {
    format!(
        "{} ({})",
        numbers::things(amount.files, "file"),
        numbers::bytes(amount.bytes)
    )
}

/// Ports closed, locks free, and nothing modified during a quiet window; nothing of it is asked of a copy that nobody works on,
/// in which the seal and `finish` would still see a change.
///
/// # Errors
/// A refusal that names what still works there; nothing was changed.
pub(super) async fn prove_at_rest(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    if !controller.worksheet.source.live {
        let text = format!("{}: nothing to wait for", source_poa::NOT_LIVE);
        return Ok(StepOutcome::Done(text));
    }
    let off = source_poa::require_off(controller).await?;
    let quiet_seconds = controller.worksheet.copy.quiet_seconds;
    let report: AtRestReport = controller.report_of(Task::AtRest { quiet_seconds }).await?;
    Ok(StepOutcome::Done(format!(
        "{off}, {} locks free, no database or queue modified for {} s",
        report.locks_tried, report.quiet_seconds
    )))
}

/// The one pass that counts.
///
/// # Errors
/// What stops a pass; what was copied is kept.
pub(super) async fn copy_modified(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let finished = controller
        .order(Task::Pass {
            kind: PassKind::StageTwo,
        })
        .await?;
    Ok(StepOutcome::Done(numbers::pass(&finished.counts)))
}

/// Renames what is not lower case.
///
/// # Errors
/// Two names that would become one; nothing is renamed then.
pub(super) async fn lowercase(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let report: LowercaseReport = controller
        .report_of(Task::Lowercase { plan_only: false })
        .await?;
    Ok(StepOutcome::Done(format!(
        "{} names looked at, {} renamed, {} kept",
        numbers::count(report.names),
        numbers::count(report.renamed),
        numbers::count(report.kept)
    )))
}

/// Carries them over, until a listing of the source brings nothing new.
///
/// # Errors
/// What stops the step; what was carried is kept.
pub(super) async fn copy_queues(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let report: QueueReport = controller.report_of(Task::Queues { live: false }).await?;
    Ok(StepOutcome::Done(format!(
        "{} items carried, {} stand in the queues, {} listings",
        numbers::count(report.carried),
        numbers::count(report.standing),
        report.rounds
    )))
}

/// Seals the result.
///
/// # Errors
/// Differences, as findings; no seal is written then.
pub(super) async fn seal(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let report: SealReport = controller.report_of(Task::Seal).await?;
    Ok(StepOutcome::Done(seal_in_words(&report)))
}

/// What a seal says, in one line.
pub(crate) fn seal_in_words(report: &SealReport) -> String {
    let digest = report
        .root_digests
        .values()
        .next()
        .map_or("", |digest| &digest[..digest.len().min(16)]);
    let before = report
        .oldest_milliseconds
        .map_or_else(String::new, |oldest| {
            format!(
                ": {} read by the seal, {} proven before, the oldest of them {}",
                amount(report.at_the_seal),
                amount(report.before),
                numbers::moment(oldest)
            )
        });
    format!(
        "{} files, {} proven equal{before}; digest {digest}",
        numbers::count(report.files),
        numbers::bytes(report.bytes)
    )
}
