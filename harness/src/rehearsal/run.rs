//! The order of a rehearsal, from the post office that is made to the reports that are kept.

use std::time::Instant;

use super::command::milliseconds;
use super::expected::expected_findings;
use super::folder::{folder_of, keep_reports, remove_trees};
use super::outcome::{downtime, estimated};
use super::play::Play;
use super::{CommandRun, RehearsalOptions, RehearsalOutcome};
use crate::back_end::BackEnd;
use crate::checks::Check;
use crate::error::HarnessError;
use crate::site::Site;

/// Runs a rehearsal; `note` hears of each part as it ends.
///
/// # Errors
/// What kept it from being carried out; a migration that fails is an outcome.
pub fn run(
    options: &RehearsalOptions,
    note: &mut dyn FnMut(&str),
) -> Result<RehearsalOutcome, HarnessError> {
    let began = Instant::now();
    let folder = folder_of(options)?;
    let site = options.back_end.start(&folder, options.site(), note)?;
    run_at(site, began, options, note)
}

/// The same at servers that were started for these options, in the empty folder that they name; `began` is when that was.
///
/// # Errors
/// The same.
pub fn run_at(
    site: Box<dyn Site>,
    began: Instant,
    options: &RehearsalOptions,
    note: &mut dyn FnMut(&str),
) -> Result<RehearsalOutcome, HarnessError> {
    let folder = site.folder().to_owned();
    let mut play = Play::begin(options, site, began, note)?;
    play.stage_one()?;
    play.between()?;
    play.stage_two()?;
    play.after()?;
    let job = play.report()?;
    let downtime_milliseconds = downtime(&job.status.steps);
    play.every_fault_struck();
    let Play {
        site,
        commands,
        checks,
        ..
    } = play;
    site.look_at_destination()?;
    let job_folder = site.trees().job_folder.clone();
    site.stop();
    let mut outcome = RehearsalOutcome {
        seed: options.seed,
        estimated_milliseconds: estimated(&commands),
        commands,
        steps: job.status.steps.clone(),
        passes: job.status.passes.clone(),
        job,
        checks,
        downtime_milliseconds,
        milliseconds: milliseconds(began),
        reports: folder.join("reports"),
    };
    outcome
        .checks
        .push(commands_went_well(options.back_end, &outcome.commands));
    keep_reports(&folder, &job_folder, &outcome)?;
    if !options.keep && outcome.holds() {
        remove_trees(&folder)?;
    }
    Ok(outcome)
}

fn commands_went_well(back_end: BackEnd, commands: &[CommandRun]) -> Check {
    let failures = commands
        .iter()
        // What a fault may do to the command that it strikes is a check of its own.
        .filter(|run| run.fault.is_none())
        .flat_map(|run| {
            let name = &run.arguments[0];
            // The pass after the users went home must be fine.
            let is_for_later = back_end.has_share() && run.is_for_the_next_pass();
            let stopped = (!run.is_fine() && !is_for_later)
                .then(|| format!("{name} ended with {:?}", run.exit_code));
            let surprises = run.unexpected(&expected_findings(back_end, run));
            stopped.into_iter().chain(
                surprises
                    .into_iter()
                    .map(move |finding| format!("{name}: {finding}")),
            )
        })
        .collect();
    Check::new(
        "every command came to its end and found nothing that was not expected",
        failures,
    )
}
