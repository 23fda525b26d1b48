//! A rehearsal as one page for a browser, which needs nothing but itself.

use gwmigrate::page::{Bar, Page, scale};
use maud::{Markup, html};
use protocol::Severity;

use super::{CommandRun, RehearsalOutcome};

/// The page: that of the job, with what the rehearsal knows besides.
pub(super) fn page(outcome: &RehearsalOutcome) -> String {
    let verdict = if outcome.holds() {
        "The migration is sealed and everything holds"
    } else {
        "Something does not hold"
    };
    let page = Page {
        title: format!("Rehearsal with seed {}", outcome.seed),
        verdict: verdict.to_owned(),
        is_well: outcome.holds(),
        report: &outcome.job,
        estimated_milliseconds: outcome.estimated_milliseconds,
        refresh_seconds: None,
        numbers: vec![
            ("Users' downtime", seconds(outcome.downtime_milliseconds)),
            ("Everything together", seconds(outcome.milliseconds)),
            ("Commands", outcome.commands.len().to_string()),
        ],
        more: vec![
            ("Checks, made without the migrator", checks(outcome)),
            ("Commands", timeline(outcome)),
            ("Findings of each command", findings(&outcome.commands)),
        ],
    };
    page.render()
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
    let milliseconds = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let bars = outcome.commands.iter().map(|run| Bar {
        name: run.arguments.first().cloned().unwrap_or_default(),
        began: milliseconds(run.began_milliseconds),
        ended: milliseconds(run.began_milliseconds.saturating_add(run.milliseconds)),
        fails: run.fault.is_some() || !run.is_fine(),
        is_hatched: run.while_users_worked,
        note: run
            .fault
            .as_ref()
            .map(|fault| format!("under the fault {fault}")),
    });
    let bars: Vec<Bar> = bars.collect();
    html! {
        (scale(&bars, 0, milliseconds(outcome.milliseconds)))
        p.detail { "Hatched: the agent of the source was at work meanwhile. Red: under a fault, or not to its end." }
    }
}

fn findings(commands: &[CommandRun]) -> Markup {
    let how_many: usize = commands.iter().map(|run| run.findings.len()).sum();
    html! {
        details {
        summary { (how_many) " in all" }
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
}

fn seconds(milliseconds: u64) -> String {
    format!("{}.{:02} s", milliseconds / 1000, milliseconds % 1000 / 10)
}

#[cfg(test)]
mod tests {
    use gwmigrate::commands::report::JobReport;
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
            job: JobReport::default(),
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
