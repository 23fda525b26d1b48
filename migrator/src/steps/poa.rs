//! The Linux POA: its software, its startup file, its control script, and whether it answers.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use postoffice::startup_file::{Conversion, Converted, Replacement, StartupFile};
use worker::finding::{Finding, Verdict};

use super::copy_certificates::{at_source, certificate_folder};
use super::copy_software::package_at_destination;
use crate::controller::{Controller, StepError};
use crate::remote::RemoteCommand;
use crate::worksheet::PackageKind;

/// Where the rpm and deb packages put the control script.
const SERVICE_CONTROL: &str = "/etc/init.d/grpwise";

/// How long a POA may take to answer on its port, and how often it is asked.
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);
const ANSWER_INTERVAL: Duration = Duration::from_millis(200);

/// The fact that says whether the Linux POA runs: `test`, `stopped` or `live`.
pub(crate) const POA_FACT: &str = "poa";

/// The control script at the destination; none where the worksheet names no software at all.
pub(crate) fn control(controller: &Controller) -> Option<PathBuf> {
    let poa = &controller.worksheet.poa;
    match (&poa.control, &poa.package) {
        (Some(control), _) => Some(control.clone()),
        (None, Some(package)) if package.kind == PackageKind::TarGz => {
            Some(poa.install_folder.join("bin/grpwise"))
        }
        (None, Some(_)) => Some(PathBuf::from(SERVICE_CONTROL)),
        (None, None) => None,
    }
}

/// The startup file that the agent is started with.
pub(crate) fn startup_path(controller: &Controller) -> PathBuf {
    let name = startup_name(controller);
    controller
        .worksheet
        .poa
        .install_folder
        .join("share")
        .join(name)
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

/// Installs the package.
pub(crate) async fn install(controller: &Controller) -> Result<String, StepError> {
    let (Some(package), Some(file)) = (
        &controller.worksheet.poa.package,
        package_at_destination(controller),
    ) else {
        return Ok("software was there already".into());
    };
    let link = controller.link()?;
    let folder = &controller.worksheet.poa.install_folder;
    let commands: Vec<RemoteCommand> = match package.kind {
        PackageKind::TarGz => vec![
            link.command("mkdir")
                .arguments(["-p", "--"])
                .argument(folder.clone()),
            // Replaces the files of an agent that was unpacked before, and keeps its startup files.
            link.command("tar")
                .arguments(["-x", "-z", "-f"])
                .argument(file)
                .argument("-C")
                .argument(folder.clone()),
        ],
        PackageKind::Rpm => vec![
            link.command("rpm")
                .arguments(["-U", "--replacepkgs", "--"])
                .argument(file),
        ],
        PackageKind::Deb => vec![link.command("dpkg").arguments(["-i", "--"]).argument(file)],
    };
    for command in commands {
        link.run(&command, Vec::new())
            .await?
            .require_success(&command)?;
    }
    Ok(format!("installed in {}", folder.display()))
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
    write(controller, &path, converted.file.to_bytes()).await?;
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

/// Writes a startup file at the destination.
pub(crate) async fn write(
    controller: &Controller,
    path: &std::path::Path,
    bytes: Vec<u8>,
) -> Result<(), StepError> {
    let link = controller.link()?;
    if let Some(folder) = path.parent() {
        let make = link
            .command("mkdir")
            .arguments(["-p", "--"])
            .argument(folder.to_owned());
        link.run(&make, Vec::new()).await?.require_success(&make)?;
    }
    link.remote().upload_bytes(bytes, path).await?;
    Ok(())
}

/// Puts the startup file that was converted in stage one in its place.
pub(crate) async fn use_kept_startup_file(controller: &Controller) -> Result<(), StepError> {
    let link = controller.link()?;
    let command = link
        .command("cp")
        .argument("--")
        .argument(kept_startup_path(controller))
        .argument(startup_path(controller));
    link.run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    Ok(())
}

/// Starts the agent and waits until it answers on its port; `address` is where it listens, seen from the destination.
pub(crate) async fn start(
    controller: &Controller,
    address: &str,
    state: &str,
) -> Result<(), StepError> {
    let Some(control) = control(controller) else {
        return Err(StepError::refused(
            "no-poa",
            "The worksheet names no POA software",
            "Name [poa] package or control",
        ));
    };
    let link = controller.link()?;
    let command = link
        .command(control)
        .argument("start")
        .argument(startup_path(controller));
    // Remembered before: whatever becomes of the start, the next pass makes sure that the agent is stopped.
    controller.remember(POA_FACT, state).await?;
    let output = link.run(&command, Vec::new()).await?;
    if !output.status.is_success() {
        let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
        return Err(StepError::refused(
            "poa-did-not-start",
            format!(
                "The Linux POA did not start ({}): {}",
                output.status,
                last_lines(&said)
            ),
            "Look at its log; 8209 and C06A mean that something has not the exact name that it looks for",
        ));
    }
    wait_for(controller, address, true).await
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    postoffice::names::printable(
        lines[lines.len().saturating_sub(5)..]
            .join(" / ")
            .as_bytes(),
    )
}

/// Stops the agent where the job says that it runs; says whether it did.
pub(crate) async fn stop_if_running(controller: &Controller) -> Result<bool, StepError> {
    let status = controller.status().await?;
    let state = status.facts.get(POA_FACT).map(String::as_str);
    let Some(control) = control(controller) else {
        return Ok(false);
    };
    if !matches!(state, Some("test" | "live")) {
        return Ok(false);
    }
    let link = controller.link()?;
    let command = link
        .command(control)
        .argument("stop")
        .argument(startup_path(controller));
    link.run(&command, Vec::new())
        .await?
        .require_success(&command)?;
    wait_for(controller, "127.0.0.1", false).await?;
    controller.remember(POA_FACT, "stopped").await?;
    Ok(true)
}

/// Waits until the port of the agent answers, or no longer does.
async fn wait_for(controller: &Controller, address: &str, answers: bool) -> Result<(), StepError> {
    let link = controller.link()?;
    let port = controller.worksheet.poa.http_port;
    let command = link
        .worker("probe")
        .argument("--address")
        .argument(address)
        .argument("--port")
        .argument(port.to_string());
    let until = Instant::now() + ANSWER_TIMEOUT;
    loop {
        let is_open = link.run(&command, Vec::new()).await?.status.is_success();
        if is_open == answers {
            return Ok(());
        }
        if Instant::now() >= until {
            let (code, text) = if answers {
                ("poa-does-not-answer", "does not answer")
            } else {
                ("poa-does-not-stop", "still answers")
            };
            return Err(StepError::refused(
                code,
                format!(
                    "The Linux POA {text} at {address}, port {port}, after {} s",
                    ANSWER_TIMEOUT.as_secs()
                ),
                "Look at its log at the destination, and whether a high-availability service starts it again",
            ));
        }
        tokio::time::sleep(ANSWER_INTERVAL).await;
    }
}
