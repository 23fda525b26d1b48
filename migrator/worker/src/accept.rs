//! A person's word about a finding: which can be accepted, and what is said where it cannot.

use crate::error::Result;
use crate::store::{Found, JobStore};
use protocol::{Extent, Finding, Reply, Verdict};

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
    Ok(match store.accept(code, extent, subject, by, note)? {
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

/// Takes an acceptance back.
pub(crate) fn withdraw(
    store: &JobStore,
    code: &str,
    extent: Extent,
    subject: &str,
) -> Result<Reply> {
    if store.withdraw_acceptance(code, extent, subject)? {
        return Ok(Reply::Done);
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
