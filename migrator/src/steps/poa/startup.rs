//! The startup file: that of the source converted, kept in the job folder, and put in its place.

use std::path::PathBuf;

use postoffice::startup_file::{Conversion, Converted, Replacement, StartupFile};
use worker::finding::{Finding, Verdict};

use super::file;
use crate::controller::{Controller, StepError};
use crate::steps::copy_certificates::{at_source, certificate_folder};
use crate::steps::system_files;

/// Its owner alone reads it: it may hold the password of the web console.
pub(super) const STARTUP_MODE: &str = "600";

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

/// Converts the startup file of the source; keeps the result in the job folder and reports what a person must look at.
pub(crate) async fn configure(controller: &mut Controller) -> Result<StartupFile, StepError> {
    let (bytes, from) = source_startup_file(controller).await?;
    let converted = convert(controller, &bytes)?;
    for warning in &converted.warnings {
        let line = postoffice::names::printable(&warning.value);
        controller.report(
            Finding::new(
                "startup-file-path",
                Verdict::Person,
                format!("line {}: --{} still says {line}, which names something of the old server", warning.line,
                    warning.switch),
                "Decide what it must be on Linux and change it in the startup file before the POA is started for users",
            )
            .about(from.as_bytes()),
        );
    }
    let path = kept_startup_path(controller);
    file::put(
        controller,
        &path,
        STARTUP_MODE,
        converted.file.to_bytes(),
        None,
    )
    .await?;
    Ok(converted.file)
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
        let folder = certificate_folder(controller);
        let moved = |file: &std::path::Path| {
            let name = file
                .file_name()
                .map(|name| name.as_encoded_bytes().to_vec())
                .unwrap_or_default();
            let name = postoffice::names::destination_name(&name);
            Replacement::Value([folder.as_os_str().as_encoded_bytes(), b"/", &name].concat())
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

/// Reads the startup file of the source; an empty one where there is none.
async fn source_startup_file(controller: &mut Controller) -> Result<(Vec<u8>, String), StepError> {
    let link = controller.link()?;
    let path = match &controller.worksheet.poa.startup_file {
        Some(file) => Some(at_source(controller, file)),
        None => find_startup_file(controller).await?,
    };
    let Some(path) = path else {
        controller.report(Finding::new(
            "no-startup-file",
            Verdict::Person,
            "The source has no startup file in the folder of the post office; one with the settings of the worksheet \
             was made",
            "Name the file in [poa] startup_file if there is one elsewhere, then run stage one again",
        ));
        return Ok((Vec::new(), "startup file".into()));
    };
    let command = link.command("cat").argument("--").argument(path.clone());
    let output = link
        .run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    Ok((output.stdout, path.display().to_string()))
}

async fn find_startup_file(controller: &Controller) -> Result<Option<PathBuf>, StepError> {
    use std::os::unix::ffi::OsStringExt as _;
    let link = controller.link()?;
    let command = link
        .command("find")
        .argument(controller.source_folder())
        .arguments(["-maxdepth", "1", "-type", "f", "-iname", "*.poa", "-print0"]);
    let output = link
        .run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    let mut found: Vec<Vec<u8>> = output
        .stdout
        .split(|&byte| byte == 0)
        .filter(|path| !path.is_empty())
        .map(<[u8]>::to_vec)
        .collect();
    found.sort();
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
    Ok(found
        .pop()
        .map(|path| PathBuf::from(std::ffi::OsString::from_vec(path))))
}

/// Puts a startup file where the agent looks for it.
pub(crate) async fn place(controller: &Controller, file: &StartupFile) -> Result<(), StepError> {
    let path = startup_path(controller)?;
    system_files::remember(controller, &path).await?;
    file::put(controller, &path, STARTUP_MODE, file.to_bytes(), None).await
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
            "Run `gwmigrate stage-one` again",
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
