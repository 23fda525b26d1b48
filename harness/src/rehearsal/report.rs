//! A rehearsal as one page for a browser, which needs nothing but itself.

use jiff::Timestamp;
use maud::{DOCTYPE, Markup, html};
use protocol::{PassLine, Severity, StepLine, StepState};

use super::{CommandRun, RehearsalOutcome};

/// The look of the page; it follows the reader's choice of light or dark.
const STYLE: &str = include_str!("report/style.css");

/// The page.
pub(super) fn page(outcome: &RehearsalOutcome) -> String {
    let verdict = if outcome.holds() {
        "The migration is sealed and everything holds"
    } else {
        "Something does not hold"
    };
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { "Rehearsal with seed " (outcome.seed) }
                style { (STYLE) }
            }
            body {
                h1 { "Rehearsal with seed " (outcome.seed) }
                p.verdict.fails[!outcome.holds()] { (verdict) }
                dl {
                    dt { "Users' downtime" } dd { (seconds(outcome.downtime_milliseconds)) }
                    @if let Some(estimated) = outcome.estimated_milliseconds {
                        dt { "As estimated before" } dd { (seconds(estimated)) }
                    }
                    dt { "Everything together" } dd { (seconds(outcome.milliseconds)) }
                    dt { "Commands" } dd { (outcome.commands.len()) }
                    dt { "Passes" } dd { (outcome.passes.len()) }
                }
                h2 { "Checks, made without the migrator" }
                (checks(outcome))
                h2 { "Timeline" }
                (timeline(outcome))
                h2 { "Passes" }
                (passes(&outcome.passes))
                h2 { "Steps" }
                (steps(&outcome.steps))
                h2 { "Findings" }
                (findings(&outcome.commands))
            }
        }
    }
    .into_string()
}

fn checks(outcome: &RehearsalOutcome) -> Markup {
    html! {
        table {
            @for check in &outcome.checks {
                tr.fails[!check.holds()] {
                    td { @if check.holds() { "holds" } @else { "FAILS" } }
                    td {
                        (check.name)
                        @for failure in &check.failures { div.detail { (failure) } }
                    }
                }
            }
        }
    }
}

/// Commands as bars, each where it lay in the time of the whole rehearsal.
fn timeline(outcome: &RehearsalOutcome) -> Markup {
    let whole = outcome.milliseconds.max(1);
    let percent = |milliseconds: u64| {
        let thousandths = milliseconds.saturating_mul(100_000) / whole;
        format!("{}.{:03}%", thousandths / 1000, thousandths % 1000)
    };
    html! {
        div.timeline {
            @for run in &outcome.commands {
                div.row {
                    span.name { (run.arguments.first().map_or("", String::as_str)) }
                    span.track {
                        span.bar.fails[run.fault.is_some() || !run.is_fine()]
                            .living[run.while_users_worked]
                            style={
                                "left:" (percent(run.began_milliseconds))
                                ";width:" (percent(run.milliseconds))
                            } {}
                    }
                    span.time { (seconds(run.milliseconds)) }
                }
                @if let Some(fault) = &run.fault {
                    div.detail { "under the fault " (fault) }
                }
            }
        }
        p.detail { "Hatched: the agent of the source was at work meanwhile. Red: under a fault, or not to its end." }
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
                    td { (span(pass.began_milliseconds, pass.ended_milliseconds)) }
                    td { (pass.files_copied) }
                    td { (pass.bytes_copied) }
                    td { (pass.files_unchanged) }
                    td { (pass.files_removed) }
                    td { (pass.set_aside) }
                }
            }
        }
    }
}

fn steps(steps: &[StepLine]) -> Markup {
    html! {
        table {
            tr { th { "Step" } th { "State" } th { "Runs" } th { "Began" } th { "Took" } th { "What came of it" } }
            @for step in steps {
                tr.fails[matches!(step.state, StepState::Failed | StepState::Begun)] {
                    td { (step.step) }
                    td { (state(step.state)) }
                    td { (step.runs) }
                    td { (time(step.began_milliseconds)) }
                    td { (span(step.began_milliseconds, step.ended_milliseconds)) }
                    td { (step.detail) }
                }
            }
        }
    }
}

fn findings(commands: &[CommandRun]) -> Markup {
    html! {
        table {
            tr { th { "Command" } th { "Severity" } th { "Code" } th { "About" } th { "What was seen, and what to do" } }
            @for run in commands {
                @for finding in &run.findings {
                    tr.fails[finding.severity() == Severity::Error] {
                        td { (run.arguments.first().map_or("", String::as_str)) }
                        td { (finding.severity()) }
                        td { (finding.code) }
                        td.wide { (finding.subject) }
                        td { (finding.text) div.detail { (finding.remedy) } }
                    }
                }
            }
        }
    }
}

fn state(state: StepState) -> &'static str {
    match state {
        StepState::Begun => "cut off",
        StepState::Done => "done",
        StepState::Skipped => "nothing to do",
        StepState::Failed => "stopped",
        StepState::NotBuilt => "by hand",
    }
}

/// A time of day in UTC; nothing where it is none.
fn time(milliseconds: i64) -> String {
    Timestamp::from_millisecond(milliseconds)
        .map(|time| time.strftime("%H:%M:%S").to_string())
        .unwrap_or_default()
}

fn span(began: i64, ended: Option<i64>) -> String {
    let taken = ended.and_then(|ended| u64::try_from(ended - began).ok());
    taken.map_or_else(|| "cut off".to_owned(), seconds)
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use protocol::{Finding, Verdict};

    use super::*;
    use crate::checks::Check;

    #[test]
    fn what_is_shown_is_text_and_never_markup() {
        let finding = Finding::new("a-code", Verdict::Unproven, "<script>", "a & b");
        let outcome = RehearsalOutcome {
            seed: 7,
            commands: vec![CommandRun {
                arguments: vec!["stage-two".to_owned()],
                exit_code: Some(6),
                began_milliseconds: 250,
                milliseconds: 500,
                fault: None,
                while_users_worked: true,
                findings: vec![finding],
                result: serde_json::Value::Null,
            }],
            steps: Vec::new(),
            passes: Vec::new(),
            checks: vec![Check::new("a check", vec!["<b>lost</b>".to_owned()])],
            downtime_milliseconds: 1234,
            estimated_milliseconds: Some(1500),
            milliseconds: 1000,
            reports: "reports".into(),
        };
        let page = page(&outcome);
        for wanted in [
            "&lt;script&gt;",
            "a &amp; b",
            "&lt;b&gt;lost&lt;/b&gt;",
            "Something does not hold",
            "1.23 s",
            "left:25.000%;width:50.000%",
        ] {
            assert!(page.contains(wanted), "{wanted} in {page}");
        }
        assert!(!page.contains("<script") && !page.contains("http"));
    }
}
