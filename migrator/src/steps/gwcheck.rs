//! GWCheck at the destination, told to make the names in the guardian lower case (post-office-layout.md 3.2, 3.3).
//!
//! Structure check and fix of the guardian only.  A contents check is never asked for: with an incomplete post office
//! database it takes users for deleted and removes their mail.
//!
//! Where the keyword goes in the options file is not documented; the form made here is the one that administrators
//! remember.  So it is never relied on: what GWCheck did is looked at afterwards, and a file that its own window saved
//! can be used instead.

use std::path::PathBuf;

use protocol::{Change, Finding, Verdict};

use crate::controller::{Controller, StepError};

/// The keyword.
const KEYWORD: &str = "storelowercase";
/// What an options file must never ask for.
const DANGER: &str = "<contents";
/// The folder of the job folder for options and log.
const FOLDER: &str = "gwcheck";
/// Its log there.
const LOG: &str = "gwcheck.log";
/// The options name the post office; they are nobody else's business.
const OPTIONS_MODE: u32 = 0o600;
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
        None => made_options(controller),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|source| StepError::Local {
                operation: "read",
                path: path.display().to_string(),
                source,
            })?;
            let folder = &controller.worksheet.post_office.folder;
            refuse_unfit(&text, &folder.to_string_lossy())?;
            text
        }
    };
    let path = options_path(controller);
    controller
        .write_file(&path, OPTIONS_MODE, options.into_bytes(), None)
        .await?;
    Ok(path)
}

fn made_options(controller: &Controller) -> String {
    let sheet = &controller.worksheet;
    let folder = escaped(&sheet.post_office.folder.to_string_lossy());
    let name = escaped(&sheet.post_office.name);
    let log = escaped(&log_path(controller).to_string_lossy());
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<GWCheck database-path="{folder}">
  <database-type><post-office><post-office-name>{name}</post-office-name></post-office></database-type>
  <action name="analyze-fix-database"><structure/><fix-problems/></action>
  <process-option>
    <databases><guardian/></databases>
    <logging><log-file>{log}</log-file><verbose/></logging>
    <misc>{KEYWORD}</misc>
  </process-option>
</GWCheck>
"#
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

/// Refuses an options file of the administrator that asks for something else than what is wanted here.
fn refuse_unfit(options: &str, folder: &str) -> Result<(), StepError> {
    let lower = options.to_ascii_lowercase();
    let what = if lower.contains(DANGER) {
        "asks for a contents check, which can remove users whose records are not complete yet"
    } else if !lower.contains(KEYWORD) {
        "does not hold the keyword storelowercase"
    } else if !options.contains(&escaped(folder)) {
        "does not name the post office folder of the worksheet"
    } else {
        return Ok(());
    };
    Err(StepError::refused(
        "gwcheck-options",
        format!("The options file of the worksheet {what}"),
        "Save another one in GWCheck's window: structure and fix problems, the guardian alone, storelowercase in Misc",
    ))
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
    let link = controller.link()?;
    let command = link.command(program(controller)?).argument(options);
    let output = link.run(&command, Vec::new()).await?;
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
            Verdict::Person,
            format!("GWCheck says: {line}"),
            "Look at gwcheck/gwcheck.log in the job folder",
        ));
    }
    Ok(match trouble.len() {
        0 => "without problems in its log".into(),
        count => format!("with {count} problems in its log"),
    })
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
    fn an_options_file_that_is_dangerous_or_does_nothing_is_refused() {
        let good = r#"<GWCheck database-path="/gw/po"><misc>StoreLowerCase</misc></GWCheck>"#;
        assert!(refuse_unfit(good, "/gw/po").is_ok());
        for (bad, word) in [
            (good.replace("<misc>", "<Contents/><misc>"), "contents"),
            (good.replace("StoreLowerCase", ""), "keyword"),
            (good.replace("/gw/po", "/gw/other"), "folder"),
        ] {
            let error = refuse_unfit(&bad, "/gw/po").unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
        }
    }
}
