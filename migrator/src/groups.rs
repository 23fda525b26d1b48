//! Findings as people read them: those of a kind are one, with the first few names, how many more there are, and where all are.

use std::collections::BTreeMap;

use protocol::{Finding, FindingLine, GROUP_FROM, Verdict};

use crate::numbers;

/// How many things are named of those that findings of a kind are about.
const NAMED: usize = 3;

/// Findings of a kind.
pub(crate) struct Group<'a>(Vec<&'a Finding>);

/// Sorts findings into kinds, those that count most last.
pub(crate) fn groups<'a>(findings: impl IntoIterator<Item = &'a Finding>) -> Vec<Group<'a>> {
    let mut kinds: BTreeMap<(Verdict, bool, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        let is_counted_only = finding.subject.is_empty();
        let kind = (finding.counts_as(), is_counted_only, &*finding.code);
        kinds.entry(kind).or_default().push(finding);
    }
    kinds.into_values().map(Group).collect()
}

/// The same for each step or task that has found something, in the order in which they first did.
pub(crate) fn by_origin<'a>(
    lines: impl IntoIterator<Item = &'a FindingLine>,
) -> Vec<(&'a str, Vec<Group<'a>>)> {
    let mut origins: Vec<(&str, Vec<&Finding>)> = Vec::new();
    for line in lines {
        match origins
            .iter_mut()
            .find(|(origin, _)| *origin == line.origin)
        {
            Some((_, findings)) => findings.push(&line.finding),
            None => origins.push((&line.origin, vec![&line.finding])),
        }
    }
    let origins = origins.into_iter();
    origins
        .map(|(origin, findings)| (origin, groups(findings)))
        .collect()
}

impl Group<'_> {
    /// The findings, of which there is one at least.
    pub(crate) fn findings(&self) -> &[&Finding] {
        &self.0
    }

    /// The text for people; `list` says what shows each of a code.
    pub(crate) fn text(&self, list: &dyn Fn(&str) -> String) -> String {
        let mut shown = self.0[0].clone();
        let named = self.0.iter().map(|finding| finding.subject.as_str());
        let named: Vec<&str> = named.take(NAMED).collect();
        shown.subject = named.join(", ");
        let more = self.0.len() - named.len();
        if more > 0 {
            let more = numbers::count(more as u64);
            shown.text = format!("{} ({more} more of this kind)", shown.text);
        }
        if self.0.len() < GROUP_FROM {
            return shown.to_string();
        }
        let how_many = numbers::count(self.0.len() as u64);
        format!("{shown}\n    All {how_many}: {}", list(&shown.code))
    }
}

/// What shows every finding of a code once it is in the job store.
pub(crate) fn in_the_report(code: &str) -> String {
    format!(
        "`gwmigrate report --finding {code}`, or findings.jsonl in the job folder of the destination"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn many(how_many: usize) -> Vec<Finding> {
        let one = |number: usize| {
            let finding = Finding::new("odd", Verdict::NeedsAttention, "it is odd", "Look at it");
            finding.about(format!("f{number}").as_bytes())
        };
        (0..how_many).map(one).collect()
    }

    fn text(how_many: usize) -> Vec<String> {
        let findings = many(how_many);
        let groups = groups(&findings);
        groups
            .iter()
            .map(|group| group.text(&|code| format!("see {code}")))
            .collect()
    }

    #[test]
    fn a_thousand_of_a_kind_are_one_with_the_first_names_and_where_all_are() {
        assert_eq!(
            text(1_003),
            [
                "warning [odd]: f0, f1, f2: it is odd (1,000 more of this kind)\n    Look at it\n    All 1,003: see odd"
            ]
        );
        assert_eq!(
            text(2),
            ["warning [odd]: f0, f1: it is odd\n    Look at it"]
        );
    }

    #[test]
    fn what_was_accepted_and_what_was_only_counted_are_groups_of_their_own() {
        let mut findings = many(3);
        findings[0].accepted = Some(protocol::Accepted {
            by: "Ann".into(),
            note: "known".into(),
        });
        findings.push(Finding::new(
            "odd",
            Verdict::NeedsAttention,
            "5 more were counted",
            "",
        ));
        let groups = groups(&findings);
        let sizes: Vec<usize> = groups.iter().map(|group| group.0.len()).collect();
        assert_eq!(sizes, [1, 2, 1]);
        assert!(
            groups[0]
                .text(&|_| String::new())
                .starts_with("accepted [odd]: f0")
        );
    }
}
