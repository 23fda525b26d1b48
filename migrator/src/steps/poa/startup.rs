//! The startup file: that of the source converted, kept in the job folder, and put in its place.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use postoffice::startup_file::{
    Change, ChangeKind, Conversion, Converted, OnLinux, PathValue, Replacement, StartupFile,
    ValueKind, known_switch,
};
use protocol::{Finding, Verdict};

use super::service;
use crate::controller::{Controller, StepError, could_not_ask};
use crate::steps::copy_certificates::{at_source, place_of};
use crate::steps::system_files;

/// Its owner alone reads it: it may hold the password of the web console.
pub(super) const STARTUP_MODE: u32 = 0o600;

/// The switches that tell the agent the password of its key.
const KEY_PASSWORD: [&str; 2] = ["keypasswd", "keypassword"];

/// The switches with an address at which the agent listens.
const LISTENED_AT: [&str; 2] = ["ip", "mtpinipaddr"];

/// The startup file that the agent is started with.
///
/// Never in the post office: until the job is sealed, a file there that the source does not have is a stranger.
pub(crate) fn startup_path(controller: &Controller) -> Result<PathBuf, StepError> {
    let folder = controller.profile()?.agent.startup_folder;
    Ok(folder.join(startup_name(controller)))
}

/// The converted startup file, kept in the job folder until the agent is started for users.
fn kept_startup_path(controller: &Controller) -> PathBuf {
    controller
        .worksheet
        .destination
        .job_folder
        .join("startup")
        .join(startup_name(controller))
}

fn startup_name(controller: &Controller) -> String {
    format!(
        "{}.poa",
        controller.worksheet.post_office.name.to_ascii_lowercase()
    )
}

/// The startup file of the source, converted, and what a person must look at.
pub(crate) struct Foreseen {
    /// What the agent is to be started with.
    pub(crate) file: StartupFile,
    /// What is to be corrected in it before users are in.
    pub(crate) findings: Vec<Finding>,
    /// What of the old file is not in it, and why.
    pub(crate) left_out: Vec<String>,
}

/// Converts the startup file of the source; changes nothing.
///
/// # Errors
/// A startup file that is not there or cannot be converted; a question that could not be asked.
pub(crate) async fn foresee(controller: &Controller) -> Result<Foreseen, StepError> {
    let path = match &controller.worksheet.poa.startup_file {
        Some(file) => Some(at_source(controller, file)),
        None => find_startup_file(controller).await?,
    };
    let mut findings = Vec::new();
    let bytes = match path {
        None => {
            findings.push(Finding::new(
                "no-startup-file",
                Verdict::NeedsAttention,
                "The source has no startup file in the folder of the post office; one with the settings of the worksheet is made",
                "Name the file in [poa] startup_file if there is one elsewhere, then run stage one again",
            ));
            Vec::new()
        }
        Some(path) => controller.content(&path).await?.ok_or_else(|| {
            StepError::refused(
                "startup-file",
                format!("The source has no startup file {}", path.display()),
                "Correct [poa] startup_file in the worksheet, or leave it out, which takes the one in the folder of the post office",
            )
        })?,
    };
    let converted = convert(controller, &bytes)?;
    require_key_password(controller, &converted.file)?;
    let copy = kept_startup_path(controller);
    findings.extend(
        converted
            .warnings
            .iter()
            .map(|warning| of_the_old_server(warning, &copy)),
    );
    let mut left_out = Vec::new();
    for note in &converted.notes {
        match note.on_linux {
            OnLinux::Same => {}
            OnLinux::LeftOut(why) => left_out.push(format!("--{} is left out: {why}", note.switch)),
            OnLinux::Told(why) => findings.push(of_another_meaning(note.switch, why, &copy)),
        }
    }
    Ok(Foreseen {
        file: converted.file,
        findings,
        left_out,
    })
}

/// The agent must be able to open its key, as the worksheet can.
fn require_key_password(controller: &Controller, file: &StartupFile) -> Result<(), StepError> {
    let certificate = controller.worksheet.poa.certificate.as_ref();
    let is_encrypted = certificate.is_some_and(|files| files.key_password.is_some());
    if !is_encrypted || KEY_PASSWORD.iter().any(|name| file.contains(name)) {
        return Ok(());
    }
    Err(StepError::refused(
        "startup-file",
        "The startup file does not tell the POA the password of its key, which the worksheet has as encrypted",
        "Add the line --keypassword PASSWORD to the startup file at the source; where the key is not encrypted, take key_password out \
         of [poa]",
    ))
}

fn of_the_old_server(value: &PathValue, copy: &Path) -> Finding {
    Finding::new(
        "startup-file-path",
        Verdict::NeedsAttention,
        format!(
            "--{} says {}, which names something of the old server, or may",
            value.switch,
            postoffice::names::printable(&value.value)
        ),
        correct_in(copy),
    )
    .about(value.switch.as_bytes())
}

fn of_another_meaning(switch: &str, why: &str, copy: &Path) -> Finding {
    Finding::new(
        "startup-file-switch",
        Verdict::NeedsAttention,
        format!("With --{switch} in the startup file, {why}"),
        format!("Where it is not meant so: {}", correct_in(copy)),
    )
    .about(switch.as_bytes())
}

fn correct_in(copy: &Path) -> String {
    format!(
        "Correct it in {} at the destination, after the last pass of stage one, which makes that file anew; then run \
         `gwmigrate finish`, which starts the POA with it",
        copy.display()
    )
}

/// Converts the startup file of the source; keeps the result in the job folder and reports what a person must look at.
pub(crate) async fn configure(controller: &mut Controller) -> Result<StartupFile, StepError> {
    let Foreseen {
        file,
        findings,
        left_out,
    } = foresee(controller).await?;
    for text in left_out {
        controller.console().note(&format!("Startup file: {text}"));
    }
    for finding in findings {
        controller.report(finding);
    }
    let path = kept_startup_path(controller);
    controller
        .write_file(&path, STARTUP_MODE, file.to_bytes(), None)
        .await?;
    Ok(file)
}

/// How the file is corrected that the agent is started with for users.
pub(crate) fn correct_kept(controller: &Controller) -> String {
    correct_in(&kept_startup_path(controller))
}

/// Makes sure that the file which was converted in stage one says what the worksheet says now, and nothing that is certainly of the
/// old server: its address where the agent is to listen, and paths that no Linux has.  Whatever else looks like one may be meant so,
/// and was told in stage one.
///
/// # Errors
/// The first thing that is to be corrected.
pub(crate) fn require_ready(controller: &Controller, file: &StartupFile) -> Result<(), StepError> {
    let converted = convert(controller, &file.to_bytes())?;
    let copy = kept_startup_path(controller);
    if let Some(finding) = converted
        .changes
        .iter()
        .find_map(|change| differs(change, &copy))
    {
        return Err(finding.into());
    }
    let old_address = controller.worksheet.source.address.as_deref();
    let is_left = |value: &&PathValue| {
        let known = known_switch(&value.switch).map(|known| known.value_kind);
        let is_listened_at = LISTENED_AT.contains(&value.switch.as_str());
        (is_listened_at && old_address.is_some_and(|old| value.value == old.as_bytes()))
            || (known == Some(ValueKind::Path) && !value.value.starts_with(b"/"))
    };
    converted
        .warnings
        .iter()
        .find(is_left)
        .map_or(Ok(()), |value| Err(of_the_old_server(value, &copy).into()))
}

/// A switch with another value than the worksheet gives it now: the agent would be started with the one and waited for by the other.
fn differs(change: &Change, copy: &Path) -> Option<Finding> {
    let printable = |value: &[u8]| postoffice::names::printable(value);
    let switch = &change.switch;
    let text = match &change.kind {
        ChangeKind::Replaced { from, to } => format!(
            "{} says --{switch} {}, and by the worksheet it is {}",
            copy.display(),
            printable(from),
            printable(to)
        ),
        ChangeKind::Added => format!(
            "{} has no --{switch}, and the worksheet has what it is to say",
            copy.display()
        ),
        ChangeKind::Style | ChangeKind::Removed => return None,
    };
    let remedy = format!(
        "Where the file is right, have [poa] and [post_office] of the worksheet say so. Where the worksheet is: {}",
        correct_in(copy)
    );
    let finding = Finding::new("startup-file-differs", Verdict::Refused, text, remedy);
    Some(finding.about(switch.as_bytes()))
}

fn convert(controller: &Controller, bytes: &[u8]) -> Result<Converted, StepError> {
    let sheet = &controller.worksheet;
    let number = |port: u16| Replacement::Value(port.to_string().into_bytes());
    let mut conversion = Conversion::new(sheet.post_office.folder.as_os_str().as_encoded_bytes())
        .with("httpport", number(sheet.poa.http_port))
        .with("port", number(sheet.poa.client_port));
    if let Some(ip) = &sheet.poa.ip {
        conversion = conversion.with("ip", Replacement::Value(ip.clone().into_bytes()));
    }
    if let Some(files) = &sheet.poa.certificate {
        let moved = |file: &std::path::Path| {
            let place = place_of(controller, file).into_os_string();
            Replacement::Value(place.into_encoded_bytes())
        };
        conversion = conversion
            .with("certfile", moved(&files.certificate))
            .with("keyfile", moved(&files.key));
    }
    let wrong = |error: postoffice::startup_file::StartupFileError| {
        StepError::refused(
            "startup-file",
            format!("The startup file of the source cannot be converted: {error}"),
            "Correct the startup file, or name another one in [poa] startup_file",
        )
    };
    let mut converted = StartupFile::parse(bytes)
        .and_then(|file| file.convert(&conversion))
        .map_err(wrong)?;
    // What the worksheet says holds even where the old file left it to a default.
    for (switch, value) in [
        (
            "home",
            sheet.post_office.folder.to_string_lossy().into_owned(),
        ),
        ("httpport", sheet.poa.http_port.to_string()),
        ("port", sheet.poa.client_port.to_string()),
    ] {
        if !converted.file.contains(switch) {
            converted.file.set(switch, value).map_err(wrong)?;
        }
    }
    Ok(converted)
}

async fn find_startup_file(controller: &Controller) -> Result<Option<PathBuf>, StepError> {
    let folder = controller.source_folder();
    let found = controller.files_ending(&folder, ".poa").await?;
    let mut found = found.ok_or_else(|| could_not_ask(&folder, "it is not there"))?;
    if found.len() > 1 {
        return Err(StepError::refused(
            "startup-file",
            format!(
                "The source has {} startup files in the folder of the post office",
                found.len()
            ),
            "Name the right one in [poa] startup_file of the worksheet",
        ));
    }
    Ok(found.pop())
}

/// Makes sure that the startup file and the section of the agent can be put where they are looked for, and write over nothing of
/// somebody else, whom `placed` does not name; changes nothing.
///
/// # Errors
/// As [`system_files::may_place`]; a section of another agent.
pub(crate) async fn require_place(
    controller: &Controller,
    placed: &BTreeSet<String>,
    file: &StartupFile,
) -> Result<(), StepError> {
    let path = startup_path(controller)?;
    system_files::may_place(controller, placed, &path, &digest(file)).await?;
    service::require_registrable(controller).await
}

/// Puts a startup file where the agent looks for it; says whether it is this job's own there.
pub(crate) async fn place(controller: &Controller, file: &StartupFile) -> Result<bool, StepError> {
    let path = startup_path(controller)?;
    let is_own = system_files::claim(controller, &path, &digest(file)).await?;
    if is_own {
        controller
            .write_file(&path, STARTUP_MODE, file.to_bytes(), None)
            .await?;
    }
    Ok(is_own)
}

fn digest(file: &StartupFile) -> String {
    blake3::hash(&file.to_bytes()).to_hex().to_string()
}

/// The startup file that was converted in stage one.
pub(crate) async fn kept(controller: &Controller) -> Result<StartupFile, StepError> {
    let path = kept_startup_path(controller);
    let bytes = controller.content(&path).await?.ok_or_else(|| {
        StepError::refused(
            "startup-file",
            format!(
                "{} is not there, so stage one never converted a startup file",
                path.display()
            ),
            "Put one for Linux there by hand; or run `gwmigrate stage-one` again, which converts that of the source, and takes the seal \
             where there is one",
        )
    })?;
    StartupFile::parse(&bytes).map_err(|error| {
        StepError::refused(
            "startup-file",
            format!("{} cannot be read: {error}", path.display()),
            "Correct it by hand, then run the same command again",
        )
    })
}
