//! Results as people read them; the most important line comes last.

mod status;

use std::collections::{BTreeMap, HashSet};

use protocol::{
    AcceptedLine, Extent, FetchReport, FindingLine, GROUP_FROM, LowercaseReport, QueueReport,
    SealReport, Severity, StepState, Verdict, VerifySourceReport, Wish, WishLine,
};
use serde_json::json;

pub(super) use status::status;

use super::Terminal;
use crate::commands::abandon::AbandonPlan;
use crate::commands::plan::Plan;
use crate::commands::prepare::ItemShown;
use crate::commands::report::JobReport;
use crate::commands::wish::WishReport;
use crate::controller::{CommandOutcome, Controller};
use crate::groups;
use crate::numbers;
use crate::steps::trees::{amount, seal_in_words};

/// What a command found, once more, its last line, and its exit code; `list` says what shows each finding of a code.
pub(super) fn end(
    terminal: &Terminal,
    json: bool,
    outcome: &CommandOutcome,
    result: Option<&serde_json::Value>,
    list: &dyn Fn(&str) -> String,
) -> u8 {
    // What stopped a command at once stands right above.
    let is_alone = outcome.steps.is_empty() && outcome.findings.len() == 1;
    let is_right_above = outcome.is_stopped && is_alone;
    if !json && !is_right_above {
        findings(terminal, outcome, list);
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
            "is_stopped": outcome.is_stopped,
            "findings": outcome.findings,
            "steps": outcome.steps,
            "next": outcome.next,
            "back": outcome.back,
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
            format!("{errors} in the command line or the worksheet, see above")
        }
        Verdict::Temporary => "Stopped by something passing; run the same command again".to_owned(),
        Verdict::Refused => format!("Refused for safety: {errors}, see above"),
        Verdict::Unproven => format!("NOT PROVEN: {errors}, see above; do not start the POA"),
        Verdict::Interrupted => {
            "Interrupted; what goes on stands above, and the same command again goes on from here"
                .to_owned()
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

/// What was found, once more: those of a kind together, the worst last.
fn findings(terminal: &Terminal, outcome: &CommandOutcome, list: &dyn Fn(&str) -> String) {
    let findings = outcome.findings.iter();
    let for_people = findings.filter(|one| one.verdict >= Verdict::NeedsAttention);
    let groups = groups::groups(for_people);
    if !groups.is_empty() {
        terminal.line("Findings:");
    }
    for group in groups {
        terminal.line(&format!("  {}", group.text(list).replace('\n', "\n  ")));
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

/// What a command would do.
pub(super) fn plan(terminal: &Terminal, plan: &Plan) {
    for planned in &plan.steps {
        let took = planned.last_milliseconds.map_or_else(String::new, |took| {
            format!("; its last run took {}", numbers::span(took))
        });
        terminal.line(&format!(
            "  {:<30} {}{took}",
            planned.step.title(),
            planned.changes
        ));
        for run in &planned.runs {
            terminal.line(&format!("      {}", run.purpose));
            for command in &run.commands {
                // To be read as it is run.
                terminal.raw_line(&format!("        {command}"));
            }
        }
    }
    match &plan.known {
        None => terminal.line(
            "The job has not begun; `gwmigrate check` estimates bytes and times from a sample",
        ),
        Some(known) => {
            terminal.line(&format!(
                "Copied so far: {} files, {}",
                numbers::count(known.files),
                numbers::bytes(known.bytes)
            ));
            let pass = known.last_pass.as_ref();
            if let Some((pass, took)) = pass.and_then(|pass| Some((pass, pass.milliseconds()?))) {
                terminal.line(&format!(
                    "The last pass ({}) copied {} files ({}) in {}; the next one copies what changed since",
                    pass.kind,
                    numbers::count(pass.files_copied),
                    numbers::bytes(pass.bytes_copied),
                    numbers::span(took)
                ));
            }
        }
    }
    terminal.line("* stands for what is known only then; nothing was changed");
}

/// What was asked of a worker, and what that means.
pub(super) fn wished(line: &WishLine) -> String {
    let at = numbers::moment(line.at_milliseconds);
    let by = &line.by;
    match line.wish {
        Wish::Pause if line.users_wait => format!(
            "PAUSED by {by} on {at}, and USERS ARE OUT AND WAIT: nothing new is begun until `gwmigrate resume`"
        ),
        Wish::Pause => format!(
            "Paused by {by} on {at}: what is in hand comes to its end, and nothing new is begun until `gwmigrate resume`"
        ),
        Wish::Resume => format!("Resumed by {by} on {at}"),
        Wish::Stop => format!("Asked to stop by {by} on {at}: it ends with what it has in hand"),
    }
}

/// What came of a wish.
pub(super) fn wish(terminal: &Terminal, report: &WishReport) {
    let task = &report.worker.task;
    terminal.line(&match report.wish {
        Wish::Pause => format!(
            "Paused: {task}. What is in hand comes to its end, a file or one database, and its locks are let go with it; nothing new \
             is begun. The pause stays when this terminal, or the command that waits for the worker, is gone"
        ),
        Wish::Resume => format!("{task} goes on"),
        Wish::Stop if report.came_to_its_end => {
            format!("{task} came to its end before it heard that; it was not stopped")
        }
        Wish::Stop => format!(
            "Stopped: {task}. What is durable was recorded; the command that gave the order goes on from there when it is run again"
        ),
    });
    if report.wish == Wish::Pause {
        if report.worker.users_wait {
            terminal.line("USERS ARE OUT AND WAIT for this worker: do not leave it paused");
        }
        terminal.line("`gwmigrate resume` lets it go on, `gwmigrate stop` ends it in order");
    }
}

/// What is accepted: entries that one person has accepted for one reason together.
pub(super) fn accepted(terminal: &Terminal, lines: &[AcceptedLine]) {
    let mut together: BTreeMap<(&str, &str, &str), Vec<String>> = BTreeMap::new();
    for line in lines {
        let about = match (line.extent, line.subject.as_str()) {
            (Extent::Code, _) => "everything with this code",
            (Extent::Finding, "") => "about the whole job",
            (Extent::Finding, subject) => subject,
        };
        let kind = (line.by.as_str(), line.code.as_str(), line.note.as_str());
        together.entry(kind).or_default().push(about.to_owned());
    }
    for ((by, code, note), about) in together {
        let mut named = about;
        if named.len() >= GROUP_FROM {
            let more = numbers::count(named.len() as u64 - 1);
            named = vec![format!("{} and {more} more", named[0])];
        }
        for about in named {
            terminal.line(&format!("Accepted by {by}: [{code}] {about}: {note}"));
        }
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
            "  {:<40} {}, {}{}",
            line.path,
            numbers::things(line.files, "file"),
            numbers::bytes(line.bytes),
            match line.set_aside {
                0 => String::new(),
                many => format!(", {} to be set aside", numbers::things(many, "entry")),
            }
        ));
    }
    for path in plan.system.files.iter().chain(&plan.system.folders) {
        terminal.line(&format!("  {}", path.display()));
    }
    for staying in &plan.system.staying {
        terminal.line(&format!("Stays: {}: {}", staying.what, staying.why));
    }
    let (removed, bytes, aside) = (
        numbers::things(plan.files_removed, "file"),
        numbers::bytes(plan.bytes_removed),
        numbers::things(plan.set_aside, "entry"),
    );
    if plan.is_done {
        terminal.line(&format!(
            "{removed} ({bytes}) removed at the destination, {aside} set aside"
        ));
    } else {
        terminal.line(&format!(
            "Would remove {removed} ({bytes}) at the destination and set {aside} aside"
        ));
        // Where a person's word came with it, it is needed then as well.
        terminal.line("Nothing was changed; the same command with --yes does it");
    }
}

/// The report of a job; with a code, every finding that was kept of that, and nothing else.
pub(super) fn report(terminal: &Terminal, report: &JobReport, code: Option<&str>) {
    if let Some(code) = code {
        let lines = report.findings.iter();
        let mut shown = 0;
        let mut said = HashSet::new();
        for line in lines.filter(|line| line.finding.code == code) {
            shown += 1;
            if said.insert(what(line)) {
                terminal.line(&format!("{}: {}", line.origin, line.finding));
            }
        }
        let counted = report.status.findings.get(code).copied().unwrap_or(0);
        if counted > shown {
            let more = numbers::count(counted - shown);
            terminal.line(&format!(
                "{more} more were counted: findings.jsonl in the job folder of the destination has each"
            ));
        }
        if counted == 0 && shown == 0 {
            terminal.line(&format!(
                "The last runs found no {code}; `gwmigrate report` shows what they found, each with its code"
            ));
        }
        return;
    }
    for step in &report.status.steps {
        let took = step
            .milliseconds()
            .map_or_else(|| "not ended".to_owned(), numbers::span);
        terminal.line(&format!(
            "  {:<30} {:<13} {took:>10}, run {}: {}",
            step.step.title(),
            words(step.state),
            step.runs,
            step.detail
        ));
    }
    terminal.line(&format!(
        "Manifest: {} files, {}",
        numbers::count(report.status.manifest_files),
        numbers::bytes(report.status.manifest_bytes)
    ));
    let mut said = HashSet::new();
    let findings = report.findings.iter();
    let findings = findings.filter(|line| said.insert(what(line)));
    for (origin, groups) in groups::by_origin(findings) {
        for group in groups {
            let text = group.text(&groups::in_the_report);
            terminal.line(&format!("{origin}: {text}"));
        }
    }
    accepted(terminal, &report.status.accepted);
    let how_many: u64 = report.status.findings.values().sum();
    terminal.line(&format!(
        "{} in all, by the last run of each step",
        numbers::things(how_many, "finding")
    ));
}

/// What a finding says, whoever found it: what an order found is a finding of its step as well.
fn what(line: &FindingLine) -> (&str, &str, &str) {
    let finding = &line.finding;
    (&finding.code, &finding.subject, &finding.text)
}

/// What came of a step; what a person must not overlook is in capitals.
fn words(state: StepState) -> &'static str {
    match state {
        StepState::Failed => "STOPPED",
        other => other.words(),
    }
}

#[cfg(test)]
mod tests {
    use protocol::Finding;

    use super::*;
    use crate::cli::paper::{Paper, text};

    #[test]
    fn the_last_line_for_programs_says_whether_it_was_stopped_what_is_next_and_the_way_back() {
        let finding = Finding::new(
            "checklist-open",
            Verdict::NeedsAttention,
            "It is open",
            "Do it",
        );
        let outcome = CommandOutcome {
            verdict: Verdict::NeedsAttention,
            is_stopped: true,
            findings: vec![finding],
            steps: Vec::new(),
            next: Some("gwmigrate prepare".to_owned()),
            back: Some("Start the POA".to_owned()),
        };
        let paper = Paper::default();
        let code = last(&Terminal::on(&paper), true, &outcome, None);
        let line: serde_json::Value = serde_json::from_str(&text(&paper)).expect("an object");
        assert_eq!((code, &line["exit_code"]), (1, &json!(1)));
        assert_eq!(line["is_stopped"], true);
        assert_eq!(line["next"], "gwmigrate prepare");
        assert_eq!(line["back"], "Start the POA");
        assert_eq!(line["findings"][0]["code"], "checklist-open");
    }
}
