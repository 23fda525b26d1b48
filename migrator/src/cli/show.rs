//! Results as people read them; the most important line comes last.

mod status;

use std::collections::BTreeMap;

use protocol::{
    AcceptedLine, Extent, FetchReport, Finding, LowercaseReport, QueueReport, SealReport, Severity,
    Verdict, VerifySourceReport,
};
use serde_json::json;

pub(super) use status::status;

use super::Terminal;
use crate::commands::abandon::AbandonPlan;
use crate::commands::prepare::ItemShown;
use crate::commands::report::JobReport;
use crate::controller::{CommandOutcome, Controller};
use crate::numbers;
use crate::steps::trees::{amount, seal_in_words};

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
        Verdict::NeedsAttention if outcome.is_stopped => {
            format!("Stopped: {warnings} for a person, see above")
        }
        Verdict::NeedsAttention => format!("Done, with {warnings} for a person"),
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
        .filter(|one| one.verdict >= Verdict::NeedsAttention)
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
            let more = numbers::count(findings.len() as u64 - 1);
            shown.text = format!("{} ({more} more of this kind)", shown.text);
        }
        terminal.line(&format!("  {}", shown.to_string().replace('\n', "\n  ")));
    }
}

/// The checklist, a mark for each item: by whom it is confirmed, and what a probe saw.
pub(super) fn checklist(terminal: &Terminal, items: &[ItemShown]) {
    for item in items {
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
pub(super) fn accepted(terminal: &Terminal, lines: &[AcceptedLine]) {
    for line in lines {
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

/// The plan of the renamings.
pub(super) fn lowercase(terminal: &Terminal, report: &LowercaseReport) {
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
            numbers::count(report.planned - shown)
        ));
    }
    terminal.line(&format!(
        "{} names looked at, {} planned, {} renamed, {} kept",
        numbers::count(report.names),
        numbers::count(report.planned),
        numbers::count(report.renamed),
        numbers::count(report.kept)
    ));
}

/// What was carried over.
pub(super) fn queues(terminal: &Terminal, report: &QueueReport) {
    terminal.line(&format!(
        "{} items carried over, {} stand in the queues of the source",
        numbers::count(report.carried),
        numbers::count(report.standing)
    ));
}

/// What the comparison with the seal said.
pub(super) fn verify(terminal: &Terminal, report: &SealReport) {
    terminal.line(&seal_in_words(report));
    if report.differences > 0 {
        terminal.line(&format!(
            "{} differences",
            numbers::count(report.differences)
        ));
    }
}

/// How far the source has been read since it came to rest.
pub(super) fn verify_source(terminal: &Terminal, report: &VerifySourceReport) {
    let at_rest = numbers::moment(report.at_rest_milliseconds);
    terminal.line(&format!(
        "{} read now, {} before; at rest since {at_rest}",
        amount(report.now),
        amount(report.before)
    ));
    terminal.line(&if report.differences == 0 {
        "Every byte of the source has been read since it came to rest, and is what was proven"
            .to_owned()
    } else {
        format!(
            "{} entries are not proven",
            numbers::count(report.differences)
        )
    });
}

/// Where what was fetched is.
pub(super) fn fetched(terminal: &Terminal, controller: &Controller, report: &FetchReport) {
    let folder = controller.worksheet.destination.job_folder.display();
    for place in &report.places {
        terminal.line(&format!("At the destination: {folder}/{place}"));
    }
}

/// What is or would be undone, and what stays.
pub(super) fn abandon(terminal: &Terminal, plan: &AbandonPlan) {
    for line in &plan.lines {
        terminal.line(&format!(
            "  {:<40} {} files, {}, {} entries to be set aside",
            line.path,
            numbers::count(line.files),
            numbers::bytes(line.bytes),
            numbers::count(line.set_aside)
        ));
    }
    for path in plan.system.files.iter().chain(&plan.system.folders) {
        terminal.line(&format!("  {}", path.display()));
    }
    for staying in &plan.system.staying {
        terminal.line(&format!("Stays: {}: {}", staying.what, staying.why));
    }
    let (removed, bytes, aside) = (
        numbers::count(plan.files_removed),
        numbers::bytes(plan.bytes_removed),
        numbers::count(plan.set_aside),
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
            .map_or_else(|| "not ended".to_owned(), numbers::span);
        terminal.line(&format!(
            "{:<22} {:?} after {took}, run {}: {}",
            step.step, step.state, step.runs, step.detail
        ));
    }
    terminal.line(&format!(
        "Manifest: {} files, {}",
        numbers::count(report.status.manifest_files),
        numbers::bytes(report.status.manifest_bytes)
    ));
    for line in &report.findings {
        terminal.line(&format!("{}: {}", line.origin, line.finding));
    }
    accepted(terminal, &report.status.accepted);
    let how_many: u64 = report.status.findings.values().sum();
    terminal.line(&format!(
        "{} findings in all, by the last run of each step",
        numbers::count(how_many)
    ));
}
