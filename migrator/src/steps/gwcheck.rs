//! GWCheck at the destination, told to make the names in the guardian lower case (post-office-layout.md 3.2, 3.3).
//!
//! Structure check and fix of the guardian only.  A contents check is never asked for: with an incomplete post office
//! database it takes users for deleted and removes their mail.
//!
//! Where the keyword goes in the options file is not documented; the form made here is the one that administrators
//! remember.  So it is never relied on: what GWCheck did is looked at afterwards, and a file that its own window saved
//! can be used instead.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};
use roxmltree::{Document, Node};

use protocol::{Change, Finding, Verdict};

use crate::controller::{Controller, StepError};
use crate::remote::Output;

/// The keyword.
const KEYWORD: &str = "storelowercase";
/// What an options file must never ask for.
const DANGER: &str = "contents";
/// The folder of the job folder for options and log.
const FOLDER: &str = "gwcheck";
/// Its log there.
const LOG: &str = "gwcheck.log";
/// The options name the post office; they are nobody else's business.
const OPTIONS_MODE: u32 = 0o600;
/// How often one that outlived its connection is looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);
/// How many lines of trouble are shown.
const LINES_SHOWN: usize = 10;

fn options_path(controller: &Controller) -> PathBuf {
    controller
        .worksheet
        .destination
        .job_folder
        .join(FOLDER)
        .join("options.xml")
}

fn log_path(controller: &Controller) -> PathBuf {
    options_path(controller).with_file_name(LOG)
}

/// Where it is.
pub(super) fn program(controller: &Controller) -> Result<PathBuf, StepError> {
    match &controller.worksheet.guardian.gwcheck {
        Some(program) => Ok(program.clone()),
        None => Ok(controller.profile()?.agent.gwcheck),
    }
}

/// Whether it is installed.
pub(super) async fn is_there(controller: &Controller) -> Result<bool, StepError> {
    let entry = controller.entry(&program(controller)?).await?;
    Ok(entry.is_some_and(|entry| entry.is_program))
}

/// Writes the options file into the job folder; gives its path there.
pub(super) async fn write_options(controller: &Controller) -> Result<PathBuf, StepError> {
    let options = match &controller.worksheet.guardian.options_file {
        None => made_options(controller)?,
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| StepError::Local {
                operation: "read",
                path: path.display().to_string(),
                source,
            })?;
            let folder = &controller.worksheet.post_office.folder;
            refuse_unfit(&text, &folder.to_string_lossy())?;
            text.into_bytes()
        }
    };
    let path = options_path(controller);
    controller
        .write_file(&path, OPTIONS_MODE, options, None)
        .await?;
    Ok(path)
}

fn made_options(controller: &Controller) -> Result<Vec<u8>, StepError> {
    let sheet = &controller.worksheet;
    let folder = sheet.post_office.folder.to_string_lossy();
    let log = log_path(controller);
    options_for(&folder, &sheet.post_office.name, &log.to_string_lossy()).map_err(|error| {
        StepError::refused(
            "gwcheck-options",
            format!("The options file cannot be written: {error}"),
            "Say another name for the post office or its folder in the worksheet, or name a file that GWCheck's window saved in \
             [guardian] options_file",
        )
    })
}

/// An options file: structure and fix, the guardian alone, and the keyword.
fn options_for(folder: &str, post_office: &str, log: &str) -> io::Result<Vec<u8>> {
    let mut file = Writer::new_with_indent(Vec::new(), b' ', 2);
    file.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    file.create_element("GWCheck")
        .with_attribute(("database-path", folder))
        .write_inner_content(|file| {
            file.create_element("database-type")
                .write_inner_content(|file| {
                    file.create_element("post-office")
                        .write_inner_content(|file| {
                            file.create_element("post-office-name")
                                .write_text_content(BytesText::new(post_office))?;
                            Ok(())
                        })?;
                    Ok(())
                })?;
            file.create_element("action")
                .with_attribute(("name", "analyze-fix-database"))
                .write_inner_content(|file| {
                    file.create_element("structure").write_empty()?;
                    file.create_element("fix-problems").write_empty()?;
                    Ok(())
                })?;
            file.create_element("process-option")
                .write_inner_content(|file| {
                    file.create_element("databases")
                        .write_inner_content(|file| {
                            file.create_element("guardian").write_empty()?;
                            Ok(())
                        })?;
                    file.create_element("logging").write_inner_content(|file| {
                        file.create_element("log-file")
                            .write_text_content(BytesText::new(log))?;
                        file.create_element("verbose").write_empty()?;
                        Ok(())
                    })?;
                    file.create_element("misc")
                        .write_text_content(BytesText::new(KEYWORD))?;
                    Ok(())
                })?;
            Ok(())
        })?;
    Ok(file.into_inner())
}

/// Refuses an options file of the administrator that asks for something else than what is wanted here.
///
/// Which elements GWCheck reads is not documented, so what is dangerous is refused wherever it stands in the file.
fn refuse_unfit(options: &str, folder: &str) -> Result<(), StepError> {
    let Some(what) = why_unfit(options, folder) else {
        return Ok(());
    };
    Err(StepError::refused(
        "gwcheck-options",
        format!("The options file of the worksheet {what}"),
        "Save another one in GWCheck's window: structure and fix problems, the guardian alone, storelowercase in Misc",
    ))
}

fn why_unfit(options: &str, folder: &str) -> Option<String> {
    let document = match Document::parse(options) {
        Ok(document) => document,
        Err(error) => return Some(format!("is no XML: {error}")),
    };
    let elements = || document.descendants().filter(Node::is_element);
    let attributes = || elements().flat_map(|element| element.attributes());
    let says = |wanted: &str| {
        let texts = document.descendants().filter(Node::is_text);
        let mut texts = texts.filter_map(|node| node.text());
        let is_word = |text: &str| {
            text.split_whitespace()
                .any(|word| word.eq_ignore_ascii_case(wanted))
        };
        texts.any(is_word) || attributes().any(|attribute| is_word(attribute.value()))
    };
    let is_named = |wanted: &str| {
        elements().any(|element| element.tag_name().name().eq_ignore_ascii_case(wanted))
            || attributes().any(|attribute| attribute.name().eq_ignore_ascii_case(wanted))
    };
    let mut folders = attributes().filter(|attribute| attribute.name() == "database-path");
    let is_of_the_folder =
        folders.clone().count() > 0 && folders.all(|attribute| attribute.value() == folder);
    if is_named(DANGER) || says(DANGER) {
        Some(
            "asks for a contents check, which can remove users whose records are not complete yet"
                .into(),
        )
    } else if !says(KEYWORD) {
        Some("does not hold the keyword storelowercase".into())
    } else if !is_of_the_folder {
        Some("does not name the post office folder of the worksheet, or another one as well".into())
    } else {
        None
    }
}

/// Refuses while one that this job has started is at work still: it outlives the connection that it was started by, and goes on
/// writing into a guardian that would be copied, converted or removed.
///
/// # Errors
/// A refusal; a question that could not be asked.
pub(super) async fn require_ended(controller: &Controller) -> Result<(), StepError> {
    let options = options_path(controller);
    if controller.entry(&options).await?.is_none() {
        return Ok(());
    }
    match controller.process_with(&options).await? {
        None => Ok(()),
        Some(process) => Err(StepError::refused(
            "gwcheck-running",
            format!(
                "GWCheck, which this job has started, is still at work on the guardian (process {})",
                process.pid
            ),
            "Wait until it has ended, then run the same command again; nothing was changed",
        )),
    }
}

/// Runs it; says in a few words how it ended.
///
/// # Errors
/// An end with another code than 0; trouble in the log is a finding and does not stop, because the guardian is looked at
/// afterwards.
pub(super) async fn run(controller: &mut Controller) -> Result<String, StepError> {
    let options = write_options(controller).await?;
    let log = log_path(controller);
    let name = format!("{FOLDER}/{LOG}");
    let change = Change::RemoveFromJobFolder { name };
    controller.change(change).await?;
    let output = run_alone(controller, &options).await?;
    let mut text = output.text();
    if let Some(kept) = controller.content(&log).await? {
        text.push('\n');
        text.push_str(&String::from_utf8_lossy(&kept));
    }
    let trouble = trouble_in(&text);
    if !output.status.is_success() {
        let said = trouble.first().cloned().unwrap_or_else(|| {
            let error = String::from_utf8_lossy(&output.stderr);
            error.trim().to_owned()
        });
        return Err(StepError::refused(
            "gwcheck-failed",
            format!("GWCheck ended with {}: {said}", output.status),
            "Look at gwcheck/gwcheck.log in the job folder, then run the same command again; the guardian is copied anew",
        ));
    }
    for line in trouble.iter().take(LINES_SHOWN) {
        controller.report(Finding::new(
            "gwcheck-log",
            Verdict::NeedsAttention,
            format!("GWCheck says: {line}"),
            "Look at gwcheck/gwcheck.log in the job folder",
        ));
    }
    Ok(match trouble.len() {
        0 => "without problems in its log".into(),
        count => format!("with {count} problems in its log"),
    })
}

/// Runs it with these options; once more where the connection broke, when the one before has ended, of whose end nobody knows.
async fn run_alone(controller: &Controller, options: &Path) -> Result<Output, StepError> {
    let program = program(controller)?;
    let link = controller.link()?;
    let command = link.command(program).argument(options);
    loop {
        if let Some(output) = link.run_once(&command).await? {
            return Ok(output);
        }
        while controller.process_with(options).await?.is_some() {
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
    }
}

/// The lines of a log that tell of trouble: an error number, or a line that begins with `Error`.
fn trouble_in(log: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for line in log.lines().map(str::trim) {
        let has_number = line.split_once("(0x").is_some_and(|(_, rest)| {
            rest.chars().take(4).filter(char::is_ascii_hexdigit).count() == 4
        });
        let is_error = line
            .get(..5)
            .is_some_and(|start| start.eq_ignore_ascii_case("error"));
        let line = postoffice::names::printable(line.as_bytes());
        if (has_number || is_error) && !seen.contains(&line) {
            seen.push(line);
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_found_in_a_log() {
        let log = "Reading Guardian Database store catalog info\n\
                   - 47/5356 dmdd002f.db\n\
                   Problem 91- Database not found STORE_FILE_NOT_FOUND (0xC05D)\n\
                   ERROR: something\n  Error 8209 again\nTotal errors: 0\nTerrors\n";
        let trouble = trouble_in(log);
        assert_eq!(trouble.len(), 3, "{trouble:?}");
        assert!(trouble[0].contains("C05D"));
    }

    #[test]
    fn the_options_file_that_is_made_is_one_that_would_be_taken() {
        let (folder, name) = ("/gw/<a> & \"b\"", "R&D");
        let made = options_for(folder, name, "/job/gwcheck.log").expect("written");
        let text = String::from_utf8(made).expect("text");
        assert_eq!(why_unfit(&text, folder), None, "{text}");
        let document = Document::parse(&text).expect("XML");
        let of = |tag: &str| {
            let mut found = document.descendants().filter(|node| node.has_tag_name(tag));
            found.next().and_then(|node| node.text())
        };
        assert_eq!(of("post-office-name"), Some(name));
        assert_eq!(of("log-file"), Some("/job/gwcheck.log"));
    }

    #[test]
    fn an_options_file_that_is_dangerous_or_does_nothing_is_refused() {
        let good = r#"<GWCheck database-path="/gw/po"><!-- no contents --><misc>StoreLowerCase</misc></GWCheck>"#;
        assert!(refuse_unfit(good, "/gw/po").is_ok());
        for (bad, word) in [
            (good.replace("<misc>", "<Contents/><misc>"), "contents"),
            (good.replace("<misc>", "< contents/><misc>"), "no XML"),
            (
                good.replace("<misc>", "<x:contents xmlns:x=\"y\"/><misc>"),
                "contents",
            ),
            (
                good.replace("<misc>", "<action contents=\"1\"/><misc>"),
                "contents",
            ),
            (
                good.replace("<misc>", "<action name=\"Contents\"/><misc>"),
                "contents",
            ),
            (good.replace("<misc>", "<misc>contents "), "contents"),
            (good.replace("StoreLowerCase", ""), "keyword"),
            (
                good.replace("StoreLowerCase", "nostorelowercase"),
                "keyword",
            ),
            (
                good.replace("<misc>StoreLowerCase</misc>", "<!-- storelowercase -->"),
                "keyword",
            ),
            (good.replace("/gw/po", "/gw/other"), "folder"),
            (good.replace("/gw/po", "/gw/po2"), "folder"),
            (
                good.replace("<misc>", "<and database-path=\"/gw/other\"/><misc>"),
                "folder",
            ),
            (good.replace("</GWCheck>", ""), "no XML"),
        ] {
            let error = refuse_unfit(&bad, "/gw/po").unwrap_err();
            assert!(error.to_string().contains(word), "{bad}: {error}");
        }
    }
}
