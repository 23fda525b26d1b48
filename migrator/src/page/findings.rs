//! The findings of a job, grouped by kind; what was accepted is folded.

use maud::{Markup, html};
use protocol::{Finding, FindingLine, Severity, Verdict};

use crate::groups::{Group, by_origin};
use crate::numbers::count;

/// How many of a kind are shown before the rest is folded.
const SHOWN: usize = 3;

/// Findings of one kind, and the step or task that they are from.
type Row<'a> = (&'a str, Group<'a>);

/// All findings that mean anything, the worst first.
pub(super) fn of(lines: &[FindingLine]) -> Markup {
    let told = lines
        .iter()
        .filter(|line| line.finding.verdict > Verdict::NothingToDo);
    let rows = by_origin(told).into_iter().flat_map(|(origin, groups)| {
        let groups = groups.into_iter();
        groups.map(move |group| (origin, group))
    });
    let (accepted, mut open): (Vec<Row<'_>>, Vec<Row<'_>>) =
        rows.partition(|(_, group)| group.findings()[0].severity() == Severity::Note);
    open.sort_by_key(|(_, group)| std::cmp::Reverse(group.findings()[0].verdict));
    let how_many: usize = accepted
        .iter()
        .map(|(_, group)| group.findings().len())
        .sum();
    html! {
        @if open.is_empty() {
            p { "No finding is open." }
        } @else {
            (table(&open))
        }
        @if !accepted.is_empty() {
            details {
                summary { (count(how_many as u64)) " accepted" }
                (table(&accepted))
            }
        }
    }
}

fn table(rows: &[Row<'_>]) -> Markup {
    html! {
        table {
            tr { th { "From" } th { "Severity" } th { "Code" } th { "What was seen, and what to do" } }
            @for (origin, group) in rows {
                @let findings = group.findings();
                @let first = findings[0];
                tr.fails[first.severity() == Severity::Error] {
                    td { (origin) }
                    td { (first.verdict.severity()) }
                    td { (first.code) }
                    td {
                        @if findings.len() > 1 {
                            div { (count(findings.len() as u64)) " times:" }
                        }
                        @for finding in findings.iter().take(SHOWN) { (one(finding)) }
                        @if findings.len() > SHOWN {
                            details {
                                summary { (count((findings.len() - SHOWN) as u64)) " more" }
                                @for finding in findings.iter().skip(SHOWN) { (one(finding)) }
                            }
                        }
                        div.detail { (first.remedy) }
                    }
                }
            }
        }
    }
}

fn one(finding: &Finding) -> Markup {
    html! {
        div {
            @if !finding.subject.is_empty() { span.subject { (finding.subject) } ": " }
            (finding.text)
            @if let Some(accepted) = &finding.accepted {
                span.detail { ", accepted by " (accepted.by) ": " (accepted.note) }
            }
        }
    }
}
