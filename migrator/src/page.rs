//! A job as one page for a browser, which needs nothing but itself.
//!
//! `gwmigrate report --html` makes it of a real job; a rehearsal makes the same page and adds what it knows besides.

mod curve;
mod findings;
mod timeline;

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};
use protocol::{
    Amount, ChecklistItem, JobState, Life, PassLine, SealDocument, StepLine, StepState,
};

pub use timeline::{Bar, scale};

use crate::commands::report::JobReport;
use crate::numbers::{bytes, count, milliseconds_between, moment, span};

/// The look of the page; it follows the reader's choice of light or dark.
const STYLE: &str = include_str!("page/style.css");

/// What a page shows.
#[derive(Debug)]
pub struct Page<'a> {
    /// Its heading.
    pub title: String,
    /// What all of it comes to, in a sentence without a full stop.
    pub verdict: String,
    /// Whether that is how it should be.
    pub is_well: bool,
    /// The job.
    pub report: &'a JobReport,
    /// How long `check` said that users would be out, in milliseconds; none where that is not known.
    pub estimated_milliseconds: Option<u64>,
    /// After how many seconds a browser loads the page again; none where it stays as it is.
    pub refresh_seconds: Option<u64>,
    /// Numbers with their names that come first.
    pub numbers: Vec<(&'static str, String)>,
    /// Sections with their headings that come first.
    pub more: Vec<(&'static str, Markup)>,
}

impl<'a> Page<'a> {
    /// That of a real job.
    pub fn of_job(report: &'a JobReport, estimated_milliseconds: Option<u64>) -> Self {
        let state = &report.status;
        let (verdict, is_well) = verdict(state);
        Self {
            title: format!(
                "Migration {}",
                state.job.as_deref().unwrap_or("without a name")
            ),
            verdict: verdict.to_owned(),
            is_well,
            report,
            estimated_milliseconds,
            refresh_seconds: None,
            numbers: Vec::new(),
            more: Vec::new(),
        }
    }

    /// The page as HTML.
    pub fn render(&self) -> String {
        let state = &self.report.status;
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    @if let Some(seconds) = self.refresh_seconds {
                        meta http-equiv="refresh" content=(seconds);
                    }
                    title { (self.title) }
                    style { (STYLE) }
                }
                body {
                    h1 { (self.title) }
                    p.verdict.fails[!self.is_well] { (self.verdict) }
                    (self.summary())
                    @for (heading, section) in &self.more {
                        h2 { (heading) }
                        (section)
                    }
                    h2 { "Users' downtime" }
                    (downtime(state, self.estimated_milliseconds))
                    h2 { "Timeline" }
                    (timeline::of(state))
                    h2 { "Passes" }
                    (passes(&state.passes))
                    (curve::of_passes(state, &self.report.orders))
                    h2 { "What is proven" }
                    (proven(state))
                    h2 { "Findings" }
                    (findings::of(&self.report.findings))
                    h2 { "Who confirmed what" }
                    (confirmed(state))
                    h2 { "Steps" }
                    (steps(&state.steps))
                    h2 { "How to go back from here" }
                    p { (self.report.back) }
                }
            }
        }
        .into_string()
    }

    fn summary(&self) -> Markup {
        let state = &self.report.status;
        html! {
            dl {
                @for (name, number) in &self.numbers {
                    dt { (name) } dd { (number) }
                }
                dt { "Next" } dd { (self.report.next) }
                dt { "Copied" } dd { (count(state.manifest_files)) " files, " (bytes(state.manifest_bytes)) }
                dt { "Passes" } dd { (state.passes.len()) }
                @if let (Some(running), Some(progress)) = (&state.running, &state.progress) {
                    dt { "At work" } dd { (running.task) ": " (progress.phase) }
                }
                dt { "As of" } dd { (moment(state.clock_milliseconds)) }
            }
        }
    }
}

/// What a job has come to, and whether that is how it should be.
fn verdict(state: &JobState) -> (&'static str, bool) {
    let stopped = state.last_step();
    match state.life.life {
        Life::Live => ("Users work at the destination", true),
        Life::Starting => (
            "The POA was to be started for users, and it is not known whether it came up",
            false,
        ),
        Life::NotLive if state.abandoned_milliseconds.is_some() => ("The job was undone", true),
        Life::NotLive if state.running.is_some() => ("A command is at work", true),
        Life::NotLive
            if stopped
                .is_some_and(|step| matches!(step.state, StepState::Failed | StepState::Begun)) =>
        {
            ("The last command stopped before its end", false)
        }
        Life::NotLive if state.is_sealed() => (
            "Both trees are proven equal; users do not work at the destination yet",
            true,
        ),
        Life::NotLive => ("Users work at the source", true),
    }
}

/// From when to when users were out; without the end while they still are, and nothing before they were.
fn users_out(state: &JobState) -> Option<(i64, Option<i64>)> {
    let stopped = state.confirmed(&ChecklistItem::SourcePoaStopped);
    let at_rest = || state.step(protocol::Step::ProveAtRest);
    let from = stopped
        .map(|line| line.at_milliseconds)
        .or_else(|| at_rest().map(|line| line.began_milliseconds))?;
    let until = (state.life.life == Life::Live).then_some(state.life.since_milliseconds);
    Some((from, until.filter(|until| *until >= from)))
}

/// The steps that users wait for, with their sum.
fn downtime(state: &JobState, estimated_milliseconds: Option<u64>) -> Markup {
    let parts = state.steps.iter();
    let parts = parts.filter(|line| line.step.stage().is_without_users());
    let parts: Vec<(&StepLine, Option<u64>)> =
        parts.map(|line| (line, line.milliseconds())).collect();
    let sum: u64 = parts.iter().filter_map(|(_, taken)| *taken).sum();
    html! {
        table {
            tr { th { "Step" } th { "Took" } th { "What came of it" } }
            @for (line, taken) in &parts {
                tr {
                    td { (line.step.title()) }
                    td { (took(*taken)) }
                    td { (line.detail) }
                }
            }
            tr.sum { td { "All of these steps" } td { (span(sum)) } td {} }
            @if let Some(estimated) = estimated_milliseconds {
                tr { td { "As estimated before" } td { (span(estimated)) } td {} }
            }
        }
        @match users_out(state) {
            None => p.detail { "Users were not out yet." },
            Some((from, None)) => p { "Users are out since " (moment(from)) "." },
            Some((from, Some(until))) => p {
                "Users were out from " (moment(from)) " to " (moment(until)) ": "
                (span(milliseconds_between(from, until)))
                ", with everything that people did in between."
            },
        }
    }
}

fn passes(passes: &[PassLine]) -> Markup {
    html! {
        table {
            tr {
                th { "Pass" } th { "Kind" } th { "Began" } th { "Took" } th { "Copied" } th { "Bytes" }
                th { "Unchanged" } th { "Removed" } th { "Set aside" }
            }
            @for pass in passes {
                tr {
                    td { (pass.pass) }
                    td { (pass.kind) }
                    td { (time(pass.began_milliseconds)) }
                    td { (took(pass.milliseconds())) }
                    td { (count(pass.files_copied)) }
                    td { (bytes(pass.bytes_copied)) }
                    td { (count(pass.files_unchanged)) }
                    td { (count(pass.files_removed)) }
                    td { (count(pass.set_aside)) }
                }
            }
        }
    }
}

fn proven(state: &JobState) -> Markup {
    let Some(seal) = &state.seal else {
        return html! { p.detail { "Nothing is sealed yet." } };
    };
    let SealDocument { report, .. } = seal;
    let amount = |amount: Amount| format!("{} files, {}", count(amount.files), bytes(amount.bytes));
    html! {
        dl {
            dt { "Sealed" } dd {
                (moment(seal.sealed_milliseconds)) ", generation " (seal.generation)
                @if !state.is_sealed() && !state.may_hold_new_mail() {
                    span.fails { " (a tree was changed since: it proves nothing any more)" }
                }
            }
            dt { "Source at rest since" } dd { (moment(seal.at_rest_milliseconds)) }
            dt { "Read whole by the seal" } dd { (amount(report.at_the_seal)) }
            dt { "Read whole before, unchanged since" } dd {
                (amount(report.before))
                @if let Some(oldest) = report.oldest_milliseconds { ", the oldest of them " (moment(oldest)) }
            }
            @for (area, digest) in &report.root_digests {
                dt { "Digest of " (area) } dd.wide { (digest) }
            }
        }
    }
}

fn confirmed(state: &JobState) -> Markup {
    if state.checklist.is_empty() && state.words.is_empty() && state.accepted.is_empty() {
        return html! { p.detail { "Nothing was confirmed or accepted." } };
    }
    let row = |at: i64, what: &str, by: &str, note: &str| {
        html! { tr { td { (moment(at)) } td.wide { (what) } td { (by) } td { (note) } } }
    };
    html! {
        table {
            tr { th { "When" } th { "What" } th { "By" } th { "Note" } }
            @for line in &state.checklist {
                (row(line.at_milliseconds, &line.item.text(), &line.by, &line.note))
            }
            @for line in &state.words {
                (row(line.at_milliseconds, said(line.said), &line.by, &line.note))
            }
            @for line in &state.accepted {
                (row(line.at_milliseconds, &format!("{} {} is accepted", line.code, line.subject), &line.by, &line.note))
            }
        }
    }
}

fn said(said: protocol::Said) -> &'static str {
    match said {
        protocol::Said::UsersHaveNotWorked => "Nobody has worked at the destination",
        protocol::Said::SourceIsGone => "The source is gone for good",
        protocol::Said::MountsHaveChanged => "The mounts are meant to be as they are",
    }
}

fn steps(steps: &[StepLine]) -> Markup {
    html! {
        table {
            tr { th { "Step" } th { "State" } th { "Runs" } th { "Began" } th { "Took" } th { "What came of it" } }
            @for step in steps {
                tr.fails[matches!(step.state, StepState::Failed | StepState::Begun)] {
                    td { (step.step) }
                    td { (step.state.words()) }
                    td { (step.runs) }
                    td { (time(step.began_milliseconds)) }
                    td { (took(step.milliseconds())) }
                    td { (step.detail) }
                }
            }
        }
    }
}

/// Day and time in UTC; nothing where it is none.
fn time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map(|time| time.strftime("%b %d, %H:%M:%S").to_string())
        .unwrap_or_default()
}

fn took(milliseconds: Option<u64>) -> String {
    milliseconds.map_or_else(|| "cut off".to_owned(), span)
}

#[cfg(test)]
mod tests {
    use protocol::{CurvePoint, Finding, FindingLine, OrderLine, PassKind, Step, Verdict};

    use super::*;

    /// A job of two passes whose seal holds.
    fn report() -> JobReport {
        let step = |step, began, ended| StepLine {
            step,
            state: StepState::Done,
            runs: 1,
            began_milliseconds: began,
            ended_milliseconds: Some(ended),
            detail: "a & b".to_owned(),
        };
        let pass = PassLine {
            pass: 1,
            kind: PassKind::StageOne,
            began_milliseconds: 1_000,
            ended_milliseconds: Some(61_000),
            files_copied: 1234,
            bytes_copied: 5 << 20,
            files_unchanged: 0,
            files_removed: 0,
            set_aside: 0,
        };
        let point = |at_milliseconds, files, bytes| CurvePoint {
            at_milliseconds,
            files,
            bytes,
        };
        let finding = |subject: &[u8]| FindingLine {
            at_milliseconds: 2_000,
            origin: "copy-data".to_owned(),
            finding: Finding::new("a-code", Verdict::NeedsAttention, "<script>", "look")
                .about(subject),
        };
        let mut findings: Vec<FindingLine> = (0..1000)
            .map(|number| finding(format!("file {number}").as_bytes()))
            .collect();
        findings[7].finding.accepted = Some(protocol::Accepted {
            by: "root".to_owned(),
            note: "known".to_owned(),
        });
        JobReport {
            report_version: 1,
            status: JobState {
                job: Some("po <1>".to_owned()),
                steps: vec![
                    step(Step::CopyData, 1_000, 61_000),
                    step(Step::CopyModified, 90_000_000, 90_002_500),
                    step(Step::Seal, 90_002_500, 90_004_000),
                ],
                passes: vec![pass],
                ..JobState::default()
            },
            findings,
            orders: vec![OrderLine {
                order: 1,
                task: "stage-one-pass".to_owned(),
                began_milliseconds: 990,
                last_milliseconds: 61_010,
                verdict: Some(Verdict::Done),
                curve: vec![
                    point(1_010, 0, 0),
                    point(30_000, 600, 2 << 20),
                    point(60_990, 1234, 5 << 20),
                ],
            }],
            next: "gwmigrate finish".to_owned(),
            back: "Start the POA at the source again".to_owned(),
        }
    }

    #[test]
    fn what_is_shown_is_text_and_never_markup() {
        let report = report();
        let page = Page::of_job(&report, Some(5_000)).render();
        for wanted in [
            "po &lt;1&gt;",
            "&lt;script&gt;",
            "a &amp; b",
            "gwmigrate finish",
            "Start the POA at the source again",
            "<polyline",
        ] {
            assert!(page.contains(wanted), "{wanted} in {page}");
        }
        assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("https:"));
    }

    #[test]
    fn downtime_is_the_sum_of_its_steps_beside_the_estimate() {
        let report = report();
        let page = Page::of_job(&report, Some(5_000)).render();
        assert!(
            page.contains("<td>All of these steps</td><td>4.0 s</td>"),
            "{page}"
        );
        assert!(page.contains("<td>As estimated before</td><td>5.0 s</td>"));
        let page = Page::of_job(&report, None).render();
        assert!(!page.contains("As estimated"));
    }

    #[test]
    fn a_thousand_findings_of_a_kind_are_one_row_and_accepted_ones_are_folded() {
        let report = report();
        let page = Page::of_job(&report, None).render();
        assert!(page.contains("999 times"), "{page}");
        assert!(page.contains("<summary>1 accepted</summary>"));
        assert_eq!(page.matches("<summary>").count(), 2);
    }

    #[test]
    fn what_lies_a_day_apart_has_scales_of_its_own() {
        let report = report();
        let page = Page::of_job(&report, None).render();
        assert_eq!(page.matches("class=\"timeline\"").count(), 2);
    }
}
