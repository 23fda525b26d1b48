//! Every library and its document storage area.

use worker::finding::{Finding, Verdict};
use worker::protocol::{Task, TaskReport};

use super::words;
use crate::controller::{Controller, StepError, StepOutcome};

/// Lists the libraries and asks for a mapping where one seems to be missing.
///
/// # Errors
/// What looking at the source says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let finished = controller.order(Task::Documents).await?;
    let Some(TaskReport::Documents(report)) = finished.report else {
        return Err(StepError::Protocol {
            text: "no list of libraries".into(),
        });
    };
    for library in &report.libraries {
        if library.mapped_to.is_some() {
            continue;
        }
        let (verdict, seen) = if library.documents_inside == 0 {
            (
                Verdict::Person,
                "keeps no document inside the post office and has no mapped area".to_owned(),
            )
        } else {
            let inside = words::count(library.documents_inside);
            (
                Verdict::Done,
                format!("keeps {inside} documents inside the post office"),
            )
        };
        controller.report(
            Finding::new(
                "library",
                verdict,
                seen,
                format!(
                    "If it keeps documents elsewhere, add [[documents.area]] with library = \"{}\", source and \
                     destination to the worksheet, then run stage one again",
                    library.name
                ),
            )
            .about(library.name.as_bytes()),
        );
    }
    let mapped = report
        .libraries
        .iter()
        .filter(|library| library.mapped_to.is_some())
        .count();
    Ok(StepOutcome::Done(format!(
        "{} libraries, {mapped} with a mapped storage area",
        report.libraries.len()
    )))
}
