//! Every library and its document storage area.
//!
//! What a library keeps outside the post office cannot be seen inside it.  So a library that keeps nothing inside is
//! either mapped by the worksheet, or a person says that it has no documents; stage two does not begin before that.

use std::fmt::Write as _;

use protocol::{ChecklistItem, DocumentReport, Fact, Finding, JobState, Library, Task, Verdict};

use crate::controller::{Controller, StepError, StepOutcome};
use crate::numbers;

/// Lists the libraries and asks for a mapping where one seems to be missing.
///
/// # Errors
/// What looking at the source says.
pub async fn run(controller: &mut Controller) -> Result<StepOutcome, StepError> {
    let libraries = look(controller).await?;
    let state = controller.state().await?;
    for library in &libraries {
        if library.mapped_to.is_some() {
            continue;
        }
        let (verdict, seen) = if !is_unmapped(library) {
            let inside = numbers::count(library.documents_inside);
            let seen = format!("keeps {inside} documents inside the post office");
            (Verdict::Done, seen)
        } else if is_confirmed(&state, &library.name) {
            let seen = "has no documents, as a person confirmed".to_owned();
            (Verdict::Done, seen)
        } else {
            let seen = "keeps no document inside the post office and has no mapped area".to_owned();
            (Verdict::NeedsAttention, seen)
        };
        controller.report(
            Finding::new(
                "library",
                verdict,
                seen,
                format!(
                    "If it keeps documents elsewhere, add [[documents.area]] with library = \"{}\", its share and \
                     destination to the worksheet, then run stage one again",
                    library.name
                ),
            )
            .about(library.name.as_bytes()),
        );
    }
    let mapped = libraries.iter().filter(|one| one.mapped_to.is_some());
    Ok(StepOutcome::Done(format!(
        "{} libraries, {} with a mapped storage area",
        libraries.len(),
        mapped.count()
    )))
}

/// Asks the worker for the libraries, and remembers which are not mapped.
async fn look(controller: &mut Controller) -> Result<Vec<Library>, StepError> {
    let report: DocumentReport = controller.report_of(Task::Documents).await?;
    let unmapped = report.libraries.iter().filter(|one| is_unmapped(one));
    let names = unmapped.map(|library| library.name.clone()).collect();
    controller.remember(Fact::UnmappedLibraries(names)).await?;
    Ok(report.libraries)
}

fn is_unmapped(library: &Library) -> bool {
    library.mapped_to.is_none() && library.documents_inside == 0
}

/// Looks again, now that the users are about to be out, and refuses to go on with a library that is not mapped.
///
/// # Errors
/// As [`require_mapped`].
pub(crate) async fn look_and_require_mapped(controller: &mut Controller) -> Result<(), StepError> {
    look(controller).await?;
    require_mapped(controller).await
}

/// Refuses to go on with a library whose documents are neither inside the post office nor mapped, unless a person said
/// that it has none.  It knows what was seen last.
///
/// # Errors
/// A finding with the lines that the worksheet lacks.
pub(crate) async fn require_mapped(controller: &Controller) -> Result<(), StepError> {
    let state = controller.state().await?;
    let open: Vec<&str> = unmapped(&state)
        .filter(|name| !is_confirmed(&state, name))
        .collect();
    let sheet = &controller.worksheet;
    let is_in_worksheet = |name: &&str| {
        let mut areas = sheet.documents.iter();
        areas.any(|area| area.library.eq_ignore_ascii_case(name))
    };
    let (new, missing): (Vec<&str>, Vec<&str>) = open.into_iter().partition(is_in_worksheet);
    if !missing.is_empty() {
        return Err(StepError::person(
            "library-unmapped",
            format!(
                "Nothing says where these libraries keep their documents, which are not inside the post office: {}",
                missing.join(", ")
            ),
            how_to_map(controller, &missing),
        ));
    }
    if !new.is_empty() {
        return Err(StepError::person(
            "area-not-copied",
            format!(
                "The worksheet maps these libraries, but stage one has not copied them yet: {}",
                new.join(", ")
            ),
            "Run `gwmigrate stage-one` again; users can work meanwhile",
        ));
    }
    Ok(())
}

/// The libraries that were not mapped when somebody looked last.
fn unmapped(state: &JobState) -> impl Iterator<Item = &str> {
    let names = state.facts.unmapped_libraries.iter().flatten();
    names.map(String::as_str)
}

/// The lines to add, ready to be copied into the worksheet.
fn how_to_map(controller: &Controller, libraries: &[&str]) -> String {
    let beside = controller.worksheet.post_office.folder.parent();
    let beside = beside.map_or_else(String::new, |folder| folder.display().to_string());
    let mut text =
        "Add these lines to the worksheet, with the right share, then run `gwmigrate stage-one`:\n"
            .to_owned();
    for library in libraries {
        let destination = format!("{}/documents/{library}", beside.trim_end_matches('/'));
        let way = match controller.worksheet.source.access.network() {
            Some(_) => "share = \"SHARE\"\nfolder = \"FOLDER\"",
            None => "source = \"/FOLDER/AS/MOUNTED\"",
        };
        let _ = writeln!(
            text,
            "\n[[documents.area]]\nlibrary = {}\n{way}\ndestination = {}",
            quoted(library),
            quoted(&destination)
        );
    }
    let _ = write!(
        text,
        "\nWhere one has no documents at all: gwmigrate prepare"
    );
    for library in libraries {
        let _ = write!(text, " --confirm {}", item(library));
    }
    text
}

/// A text as TOML writes it.
fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// The item of the checklist that says that a library has no documents.
fn item(library: &str) -> ChecklistItem {
    ChecklistItem::LibraryHasNoDocuments(library.to_owned())
}

fn is_confirmed(state: &JobState, library: &str) -> bool {
    state.confirmed(&item(library)).is_some()
}

/// Refuses an item about a library that does not need it.
///
/// # Errors
/// A finding that names the libraries that do.
pub(crate) async fn require_unmapped(
    controller: &Controller,
    item_of_library: &ChecklistItem,
) -> Result<(), StepError> {
    let state = controller.state().await?;
    let items: Vec<ChecklistItem> = unmapped(&state).map(item).collect();
    if items.contains(item_of_library) {
        return Ok(());
    }
    let remedy = if items.is_empty() {
        "Every library keeps documents inside or is mapped; leave the item out".to_owned()
    } else {
        let names: Vec<String> = items.iter().map(ToString::to_string).collect();
        format!("It has: {}", names.join(", "))
    };
    Err(Finding::new(
        "unknown-item",
        Verdict::Usage,
        format!("The checklist has no item {item_of_library}"),
        remedy,
    )
    .into())
}
