//! The findings of a job, grouped by kind; what was accepted is folded.

use maud::{Markup, html};
use protocol::{Finding, FindingLine, Severity, Verdict};

use crate::numbers::count;

/// How many of a kind are shown before the rest is folded.
const SHOWN: usize = 3;

/// Findings of one kind, from one step or task.
struct Group<'a> {
    origin: &'a str,
    findings: Vec<&'a Finding>,
}

/// All findings that mean anything, the worst first.
pub(super) fn of(lines: &[FindingLine]) -> Markup {
    let told = |line: &&FindingLine| line.finding.verdict > Verdict::NothingToDo;
    let (accepted, open): (Vec<_>, Vec<_>) = lines
        .iter()
        .filter(told)
        .partition(|line| line.finding.severity() == Severity::Note);
    html! {
        @if open.is_empty() {
            p { "No finding is open." }
        } @else {
            (table(&groups(&open)))
        }
        @if !accepted.is_empty() {
            details {
                summary { (count(accepted.len() as u64)) " accepted" }
                (table(&groups(&accepted)))
            }
        }
    }
}

fn groups<'a>(lines: &[&'a FindingLine]) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    for line in lines {
        let finding = &line.finding;
        let same = groups.iter_mut().find(|group| {
            group.origin == line.origin
                && group
                    .findings
                    .first()
                    .is_some_and(|first| first.code == finding.code)
        });
        match same {
            Some(group) => group.findings.push(finding),
            None => groups.push(Group {
                origin: &line.origin,
                findings: vec![finding],
            }),
        }
    }
    groups.sort_by_key(|group| {
        let worst = group.findings.iter().map(|finding| finding.verdict).max();
        std::cmp::Reverse(worst)
    });
    groups
}

fn table(groups: &[Group<'_>]) -> Markup {
    html! {
        table {
            tr { th { "From" } th { "Severity" } th { "Code" } th { "What was seen, and what to do" } }
            @for group in groups {
                @if let Some(first) = group.findings.first() {
                    tr.fails[first.severity() == Severity::Error] {
                        td { (group.origin) }
                        td { (first.verdict.severity()) }
                        td { (first.code) }
                        td {
                            @if group.findings.len() > 1 {
                                div { (count(group.findings.len() as u64)) " times:" }
                            }
                            @for finding in group.findings.iter().take(SHOWN) { (one(finding)) }
                            @if group.findings.len() > SHOWN {
                                details {
                                    summary { (count((group.findings.len() - SHOWN) as u64)) " more" }
                                    @for finding in group.findings.iter().skip(SHOWN) { (one(finding)) }
                                }
                            }
                            div.detail { (first.remedy) }
                        }
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
