//! A person's word about a finding: which can be accepted, and what is said where it cannot.

use std::collections::BTreeSet;

use crate::error::Result;
use crate::store::{Found, JobStore};
use protocol::{Extent, Finding, GROUP_FROM, Reply, Verdict};

/// How many of the things that findings are about are named.
const NAMED: usize = 10;

/// Accepts what the last runs found of a code.
pub(crate) fn accept(
    store: &JobStore,
    code: &str,
    extent: Extent,
    subject: &str,
    by: &str,
    note: &str,
) -> Result<Reply> {
    let what = in_words(code, extent, subject);
    let found = match store.accept(code, extent, subject, by, note)? {
        Found::Nothing(subjects) if extent == Extent::Finding && subject.is_empty() => {
            accept_group(store, code, subjects, by, note)?
        }
        found => found,
    };
    Ok(match found {
        Found::Accepted => Reply::Done,
        Found::Protected => Reply::Failed(
            Finding::new(
                "cannot-be-accepted",
                Verdict::Refused,
                format!(
                    "{what} protects mail or stopped the work, and counts whatever anybody says"
                ),
                "Do what its remedy says; `gwmigrate report` shows it",
            )
            .about(code.as_bytes()),
        ),
        Found::Nothing(subjects) => {
            let named: Vec<&str> = subjects.iter().map(String::as_str).take(NAMED).collect();
            let remedy = if named.is_empty() {
                "`gwmigrate report` shows what was found, each with its code and what it is about"
                    .into()
            } else {
                format!(
                    "There are findings of this code about: {}",
                    named.join(", ")
                )
            };
            let text = format!("The last runs found nothing to accept: {what}");
            Reply::Failed(
                Finding::new("nothing-to-accept", Verdict::Usage, text, remedy)
                    .about(code.as_bytes()),
            )
        }
    })
}

/// Accepts a group of findings that is shown as one: each of them as long as it says the same, or the code where not all of them
/// were kept, so that nobody can tell one of the others from a new one.
fn accept_group(
    store: &JobStore,
    code: &str,
    subjects: BTreeSet<String>,
    by: &str,
    note: &str,
) -> Result<Found> {
    if subjects.len() < GROUP_FROM {
        return Ok(Found::Nothing(subjects));
    }
    let counted = store.status()?.findings.get(code).copied().unwrap_or(0);
    let findings = store.findings()?.into_iter().map(|line| line.finding);
    let kept: Vec<Finding> = findings.filter(|finding| finding.code == code).collect();
    if counted > kept.len() as u64 {
        return store.accept(code, Extent::Code, "", by, note);
    }
    // All of them or none.
    let is_acceptable = |subject: &String| {
        let mut of_it = kept.iter().filter(|finding| finding.subject == *subject);
        of_it.any(|finding| finding.verdict == Verdict::NeedsAttention)
    };
    if !subjects.iter().all(is_acceptable) {
        return Ok(Found::Protected);
    }
    let mut found = Found::Nothing(BTreeSet::new());
    for subject in &subjects {
        found = store.accept(code, Extent::Finding, subject, by, note)?;
        if found != Found::Accepted {
            break;
        }
    }
    Ok(found)
}

/// Takes an acceptance back; without a subject, that of a whole group.
pub(crate) fn withdraw(
    store: &JobStore,
    code: &str,
    extent: Extent,
    subject: &str,
) -> Result<Reply> {
    if store.withdraw_acceptance(code, extent, subject)? {
        return Ok(Reply::Done);
    }
    if extent == Extent::Finding && subject.is_empty() {
        let accepted = store.status()?.accepted;
        let group = accepted
            .iter()
            .filter(|line| line.code == code && line.extent == extent);
        let mut is_one = false;
        for line in group {
            is_one |= store.withdraw_acceptance(code, extent, &line.subject)?;
        }
        if is_one {
            return Ok(Reply::Done);
        }
    }
    let text = format!("Nobody has accepted {}", in_words(code, extent, subject));
    let remedy = "`gwmigrate report` shows what was accepted";
    Ok(Reply::Failed(
        Finding::new("not-accepted", Verdict::Usage, text, remedy).about(code.as_bytes()),
    ))
}

fn in_words(code: &str, extent: Extent, subject: &str) -> String {
    match (extent, subject) {
        (Extent::Code, _) => format!("everything with the code {code}"),
        (Extent::Finding, "") => format!("{code} about the whole job"),
        (Extent::Finding, subject) => format!("{code} about {subject}"),
    }
}
