//! Results as people read them; the most important line comes last.

use std::collections::BTreeMap;

use serde_json::json;
use worker::finding::{Finding, Severity, Verdict};
use worker::monitor::Count;
use worker::protocol::{
    AcceptedLine, Extent, JobState, Life, LowercaseReport, Proof, QueueReport, SealReport,
    StepState,
};

use super::Terminal;
use crate::commands::abandon::AbandonPlan;
use crate::commands::prepare::ChecklistItem;
use crate::commands::report::JobReport;
use crate::commands::status::StatusReport;
use crate::controller::{CommandOutcome, describe_holder};
use crate::step::Step;
use crate::steps::{seal, words};

/// What a command found, once more, its last line, and its exit code.
pub(super) fn end(
    terminal: &Terminal,
    json: bool,
    outcome: &CommandOutcome,
    result: Option<&serde_json::Value>,
) -> u8 {
    // What stopped a command at once stands right above.
    let is_alone = outcome.steps.is_empty() && outcome.findings.len() == 1;
    let is_right_above = outcome.is_stopped && is_alone;
    if !json && !is_right_above {
        findings(terminal, outcome);
    }
    last(terminal, json, outcome, result)
}

/// The last line of a command, and its exit code.
pub(super) fn last(
    terminal: &Terminal,
    json: bool,
    outcome: &CommandOutcome,
    result: Option<&serde_json::Value>,
) -> u8 {
    let code = outcome.verdict.exit_code();
    if json {
        let end = json!({
            "console": "end",
            "verdict": outcome.verdict,
            "exit_code": code,
            "findings": outcome.findings,
            "steps": outcome.steps,
            "result": result,
        });
        terminal.raw_line(&end.to_string());
        return code;
    }
    let how_many = |severity: Severity| {
        let counted = outcome
            .findings
            .iter()
            .filter(|finding| finding.severity() == severity)
            .count();
        if counted == 1 {
            "1 finding".to_owned()
        } else {
            format!("{counted} findings")
        }
    };
    let accepted = outcome.findings.iter();
    let accepted = accepted.filter(|finding| finding.counts_as() != finding.verdict);
    let done = match accepted.count() {
        0 => "Done".to_owned(),
        1 => "Done, with 1 finding that was accepted".to_owned(),
        many => format!("Done, with {many} findings that were accepted"),
    };
    let errors = how_many(Severity::Error);
    let warnings = how_many(Severity::Warning);
    let mut text = match outcome.verdict {
        Verdict::Done => done,
        Verdict::NothingToDo => "Nothing to do".to_owned(),
        Verdict::Person if outcome.is_stopped => {
            format!("Stopped: {warnings} for a person, see above")
        }
        Verdict::Person => format!("Done, with {warnings} for a person"),
        Verdict::Usage => {
            format!("{errors} in the command line or the worksheet; nothing was changed")
        }
        Verdict::Temporary => "Stopped by something passing; run the same command again".to_owned(),
        Verdict::Refused => format!("Refused for safety: {errors}, see above"),
        Verdict::Unproven => format!("NOT PROVEN: {errors}, see above; do not start the POA"),
        Verdict::Interrupted => {
            "Interrupted; run the same command again, or `gwmigrate status`".to_owned()
        }
    };
    if let (false, Some(next)) = (outcome.is_stopped, &outcome.next) {
        text = format!("{text}. Next: {next}");
    }
    if let (true, Some(back)) = (outcome.is_stopped, &outcome.back) {
        terminal.line(&format!("Back: {back}"));
    }
    terminal.line(&text);
    code
}

/// What was found, once more: one line for all of a kind, the worst last.
fn findings(terminal: &Terminal, outcome: &CommandOutcome) {
    let mut kinds: BTreeMap<(Verdict, bool, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in outcome
        .findings
        .iter()
        .filter(|one| one.verdict >= Verdict::Person)
    {
        let counts = finding.counts_as();
        let is_counted_only = finding.subject.is_empty();
        let kind = (counts, is_counted_only, &*finding.code);
        kinds.entry(kind).or_default().push(finding);
    }
    if !kinds.is_empty() {
        terminal.line("Findings:");
    }
    for findings in kinds.values() {
        let mut shown = findings[0].clone();
        if findings.len() > 1 {
            let more = words::count(findings.len() as u64 - 1);
            shown.text = format!("{} ({more} more of this kind)", shown.text);
        }
        terminal.line(&format!("  {}", shown.to_string().replace('\n', "\n  ")));
    }
}

/// The checklist, a mark for each item: by whom it is confirmed, and what a probe saw.
pub(super) fn checklist(terminal: &Terminal, json: bool, items: Option<&[ChecklistItem]>) {
    for item in items.unwrap_or_default().iter().filter(|_| !json) {
        let mark = if item.confirmed.is_some() { "x" } else { " " };
        let by = item.confirmed.as_ref().map_or_else(String::new, |line| {
            format!("confirmed by {} {}", line.by, line.note)
        });
        let seen = item
            .probed
            .as_ref()
            .map_or_else(String::new, |probed| format!("; seen now: {}", probed.seen));
        terminal.line(&format!("[{mark}] {:<24} {}{seen}", item.name, by.trim()));
    }
}

/// What is accepted.
pub(super) fn accepted(terminal: &Terminal, json: bool, lines: Option<&[AcceptedLine]>) {
    for line in lines.unwrap_or_default().iter().filter(|_| !json) {
        let about = match (line.extent, line.subject.as_str()) {
            (Extent::Code, _) => "everything with this code",
            (Extent::Finding, "") => "about the whole job",
            (Extent::Finding, subject) => subject,
        };
        terminal.line(&format!(
            "Accepted by {}: [{}] {about}: {}",
            line.by, line.code, line.note
        ));
    }
}

/// The list of the steps, a mark for each, and what comes next.
pub(super) fn status(terminal: &Terminal, report: &StatusReport) {
    let status = &report.status;
    terminal.line(&format!(
        "Job {}",
        status.job.as_deref().unwrap_or("without a name")
    ));
    let mut stage = None;
    for step in Step::ALL {
        if stage != Some(step.stage()) {
            stage = Some(step.stage());
            terminal.line(step.stage().title());
        }
        let line = status.steps.iter().find(|line| line.step == step.name());
        let mark = match line.map(|line| line.state) {
            None => "   ",
            Some(StepState::Begun) if is_at_work(status) => "...",
            Some(StepState::Begun) => "cut",
            Some(StepState::Done) if is_outdated(step, status) => "old",
            Some(StepState::Done) => " x ",
            Some(StepState::Skipped) => " - ",
            Some(StepState::Failed) => " ! ",
            Some(StepState::NotBuilt) => " ? ",
        };
        let detail = line.map_or("", |line| line.detail.as_str());
        let at = line.map_or_else(String::new, |line| {
            words::moment(line.ended_milliseconds.unwrap_or(line.began_milliseconds))
        });
        terminal.line(format!("  [{mark}] {:<30} {at:<23} {detail}", step.title()).trim_end());
    }
    terminal.line(
        "  x done, - nothing to do, ! stopped, ? by hand, cut: run the command again, old: done before the trees changed",
    );
    for pass in &status.passes {
        terminal.line(&format!(
            "Pass {} ({}): {} files copied ({}), {} unchanged, {} removed, {} set aside{}",
            pass.pass,
            pass.kind,
            words::count(pass.files_copied),
            words::bytes(pass.bytes_copied),
            words::count(pass.files_unchanged),
            words::count(pass.files_removed),
            words::count(pass.set_aside),
            if pass.ended_milliseconds.is_none() {
                "; not ended"
            } else {
                ""
            }
        ));
    }
    for line in &status.checklist {
        let text = format!("Confirmed by {}: {} {}", line.by, line.item, line.note);
        terminal.line(text.trim_end());
    }
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
        terminal.line(&format!("The job was abandoned on {}", words::moment(at)));
    }
    for line in at_work(status) {
        terminal.line(&line);
    }
    terminal.line(&format!("Back: {}", report.back));
    terminal.line(&format!("Next: {}", report.next));
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
        let since = words::moment(running.began_milliseconds);
        lines.push(format!(
            "A worker is at work: {}, since {since} (process {})",
            running.task, running.pid
        ));
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
            words::of(&progress.counts, Count::FilesSeen),
            words::of(&progress.counts, Count::BytesSeen),
        );
        let expected = progress.expected;
        lines.push(if files == 0 {
            progress.phase.clone()
        } else {
            format!(
                "{}: {}{} files, {}{}",
                progress.phase,
                words::count(files),
                of(expected.files, words::count(expected.files)),
                words::bytes(bytes),
                of(expected.bytes, words::bytes(expected.bytes)),
            )
        });
    }
    lines
}

/// Whether what a step proved is proven no longer: an operation has changed the trees since.
fn is_outdated(step: Step, state: &JobState) -> bool {
    let proof = match step {
        Step::Lowercase => Proof::Names,
        Step::LowercaseGuardian => Proof::Guardian,
        Step::CopyQueues => Proof::Queues,
        Step::Seal => Proof::Seal,
        _ => return false,
    };
    !state.is_proven(proof) && !state.may_hold_new_mail()
}

/// The plan of the renamings.
pub(super) fn lowercase(terminal: &Terminal, json: bool, report: Option<&LowercaseReport>) {
    let (false, Some(report)) = (json, report) else {
        return;
    };
    for line in &report.lines {
        let folder = if line.folder.is_empty() {
            String::new()
        } else {
            format!("{}/", line.folder)
        };
        terminal.line(&format!("  {folder}{} -> {}", line.old, line.new));
    }
    let shown = report.lines.len() as u64;
    if report.planned > shown {
        terminal.line(&format!(
            "  and {} more",
            words::count(report.planned - shown)
        ));
    }
    terminal.line(&format!(
        "{} names looked at, {} planned, {} renamed, {} kept",
        words::count(report.names),
        words::count(report.planned),
        words::count(report.renamed),
        words::count(report.kept)
    ));
}

/// What was carried over.
pub(super) fn queues(terminal: &Terminal, json: bool, report: Option<&QueueReport>) {
    let (false, Some(report)) = (json, report) else {
        return;
    };
    terminal.line(&format!(
        "{} items carried over, {} stand in the queues of the source",
        words::count(report.carried),
        words::count(report.standing)
    ));
}

/// What the comparison with the seal said.
pub(super) fn verify(terminal: &Terminal, json: bool, report: Option<&SealReport>) {
    let (false, Some(report)) = (json, report) else {
        return;
    };
    terminal.line(&seal::in_words(report));
    if report.differences > 0 {
        terminal.line(&format!("{} differences", words::count(report.differences)));
    }
}

/// What is or would be undone, and what stays.
pub(super) fn abandon(terminal: &Terminal, json: bool, plan: Option<&AbandonPlan>) {
    let (false, Some(plan)) = (json, plan) else {
        return;
    };
    for line in &plan.lines {
        terminal.line(&format!(
            "  {:<40} {} files, {}, {} entries to be set aside",
            line.path,
            words::count(line.files),
            words::bytes(line.bytes),
            words::count(line.set_aside)
        ));
    }
    for path in plan.system.files.iter().chain(&plan.system.folders) {
        terminal.line(&format!("  {}", path.display()));
    }
    for staying in &plan.system.staying {
        terminal.line(&format!("Stays: {}: {}", staying.what, staying.why));
    }
    let (removed, bytes, aside) = (
        words::count(plan.files_removed),
        words::bytes(plan.bytes_removed),
        words::count(plan.set_aside),
    );
    if plan.is_done {
        terminal.line(&format!(
            "{removed} files ({bytes}) removed at the destination, {aside} entries set aside"
        ));
    } else {
        terminal.line(&format!(
            "Would remove {removed} files ({bytes}) at the destination and set {aside} entries aside"
        ));
        terminal.line("Nothing was changed; `gwmigrate abandon --yes` does it");
    }
}

/// The report of a job.
pub(super) fn report(terminal: &Terminal, report: &JobReport) {
    for step in &report.status.steps {
        let took = step
            .ended_milliseconds
            .and_then(|ended| u64::try_from(ended - step.began_milliseconds).ok())
            .map_or_else(|| "not ended".to_owned(), words::span);
        terminal.line(&format!(
            "{:<22} {:?} after {took}, run {}: {}",
            step.step, step.state, step.runs, step.detail
        ));
    }
    terminal.line(&format!(
        "Manifest: {} files, {}",
        words::count(report.status.manifest_files),
        words::bytes(report.status.manifest_bytes)
    ));
    for line in &report.findings {
        terminal.line(&format!("{}: {}", line.origin, line.finding));
    }
    accepted(terminal, false, Some(&report.status.accepted));
    let how_many: u64 = report.status.findings.values().sum();
    terminal.line(&format!(
        "{} findings in all, by the last run of each step",
        words::count(how_many)
    ));
}
