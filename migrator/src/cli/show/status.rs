//! Where a job stands, as `status` shows it.

use protocol::{Count, JobState, Life, Step, StepState, Wish};

use super::super::Terminal;
use crate::commands::status::StatusReport;
use crate::controller::{describe_holder, described};
use crate::numbers;

/// The list of the steps, a mark for each, and what comes next.
pub(in crate::cli) fn status(terminal: &Terminal, report: &StatusReport) {
    let status = &report.status;
    terminal.line(&format!(
        "Job {}",
        status.job.as_deref().unwrap_or("without a name")
    ));
    steps(terminal, status);
    passes(terminal, status);
    for line in &status.checklist {
        let text = format!("Confirmed by {}: {} {}", line.by, line.item, line.note);
        terminal.line(text.trim_end());
    }
    found(terminal, report);
    super::accepted(terminal, &status.accepted);
    for line in &status.words {
        terminal.line(&format!(
            "Said by {}: {:?}: {}",
            line.by, line.said, line.note
        ));
    }
    let life = match status.life.life {
        Life::NotLive => None,
        Life::Starting => Some("The Linux POA was to be started for users: they may have worked"),
        Life::Live => {
            Some("The Linux POA serves users: nothing is copied to the destination any more")
        }
    };
    if let Some(life) = life {
        terminal.line(life);
    }
    if let Some(at) = status.abandoned_milliseconds {
        terminal.line(&format!("The job was abandoned on {}", numbers::moment(at)));
    }
    for line in at_work(status) {
        terminal.line(&line);
    }
    terminal.line(&format!("Back: {}", report.back));
    terminal.line(&format!("Next: {}", report.next));
}

/// The list of the steps, a mark for each.
fn steps(terminal: &Terminal, status: &JobState) {
    let mut stage = None;
    for step in Step::ALL {
        if stage != Some(step.stage()) {
            stage = Some(step.stage());
            terminal.line(step.stage().title());
        }
        let line = status.steps.iter().find(|line| line.step == step);
        let mark = match line.map(|line| line.state) {
            None => "   ",
            Some(StepState::Begun) if is_at_work(status) => "...",
            Some(StepState::Begun) => "cut",
            Some(StepState::Done) if is_outdated(step, status) => "old",
            Some(StepState::Done) => " x ",
            Some(StepState::Skipped) => " - ",
            Some(StepState::Failed) => " ! ",
        };
        let detail = line.map_or("", |line| line.detail.as_str());
        let at = line.map_or_else(String::new, |line| {
            numbers::moment(line.ended_milliseconds.unwrap_or(line.began_milliseconds))
        });
        terminal.line(format!("  [{mark}] {:<30} {at:<23} {detail}", step.title()).trim_end());
    }
    terminal.line(
        "  x done, - nothing to do, ! stopped, cut: run the command again, old: done before the trees changed",
    );
}

fn passes(terminal: &Terminal, status: &JobState) {
    for pass in &status.passes {
        terminal.line(&format!(
            "Pass {} ({}): {} files copied ({}), {} unchanged, {} removed, {} set aside{}",
            pass.pass,
            pass.kind,
            numbers::count(pass.files_copied),
            numbers::bytes(pass.bytes_copied),
            numbers::count(pass.files_unchanged),
            numbers::count(pass.files_removed),
            numbers::count(pass.set_aside),
            if pass.ended_milliseconds.is_none() {
                "; not ended"
            } else {
                ""
            }
        ));
    }
}

/// What is for a person, by kind.
fn found(terminal: &Terminal, report: &StatusReport) {
    for found in &report.findings {
        let (open, accepted) = (numbers::count(found.open), numbers::count(found.accepted));
        let code = &found.code;
        let text = match (found.open, found.accepted) {
            (0, _) => continue,
            (_, 0) => format!("Found, for a person: {open} [{code}]"),
            _ => format!("Found, for a person: {open} [{code}], and {accepted} that were accepted"),
        };
        terminal.line(&format!(
            "{text}; `gwmigrate report --finding {code}` shows each"
        ));
    }
}

fn is_at_work(status: &JobState) -> bool {
    status.running.is_some() || status.controller.is_some()
}

/// Who is at work, since when, and how far it is.
fn at_work(status: &JobState) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(holder) = &status.controller {
        lines.push(format!("At work: {}", describe_holder(holder)));
    }
    if let Some(running) = &status.running {
        lines.push(described(running));
    }
    if let Some(progress) = &status.progress {
        let of = |expected: u64, shown: String| {
            if expected == 0 {
                String::new()
            } else {
                format!(" of {shown}")
            }
        };
        let (files, bytes) = (
            numbers::count_of(&progress.counts, Count::FilesSeen),
            numbers::count_of(&progress.counts, Count::BytesSeen),
        );
        let expected = progress.expected;
        lines.push(if files == 0 {
            progress.phase.clone()
        } else {
            format!(
                "{}: {}{} files, {}{}",
                progress.phase,
                numbers::count(files),
                of(expected.files, numbers::count(expected.files)),
                numbers::bytes(bytes),
                of(expected.bytes, numbers::bytes(expected.bytes)),
            )
        });
    }
    let wish = status
        .running
        .as_ref()
        .and_then(|running| running.wish.as_ref());
    if let Some(line) = wish.filter(|line| line.wish != Wish::Resume) {
        lines.push(super::wished(line));
    }
    lines
}

/// Whether what a step proved is proven no longer: an operation has changed the trees since.
fn is_outdated(step: Step, state: &JobState) -> bool {
    let is_taken = step.proves().is_some_and(|proof| !state.is_proven(proof));
    is_taken && !state.may_hold_new_mail()
}
