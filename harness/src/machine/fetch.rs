//! What lies at the emulated destination, brought to where the checks read it: with owners, modes and full times.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::MachineError;
use super::terminal::Terminal;

/// Makes `here` what `there` is; where nothing is there, `here` is empty afterwards.
///
/// # Errors
/// What either side says.
pub(super) fn fetch(terminal: &Terminal, there: &str, here: &Path) -> Result<(), MachineError> {
    fs::remove_dir_all(here)?;
    fs::create_dir(here)?;
    let unpacking = Command::new("tar")
        .args(["--extract", "--numeric-owner", "--preserve-permissions"])
        .arg("--directory")
        .arg(here)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut unpacking = unpacking.map_err(|cause| MachineError::NoProgram {
        program: "tar",
        package: "tar",
        cause,
    })?;
    // This format alone has times finer than a second.
    let packing = format!(
        "tar --create --format=posix --numeric-owner --ignore-failed-read --directory {there} --file - ."
    );
    let packed = match unpacking.stdin.take() {
        Some(mut input) => terminal.pass_on(&packing, &mut input),
        None => Ok(()),
    };
    let output = unpacking.wait_with_output()?;
    packed?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(MachineError::Command {
        command: "tar --extract".into(),
        code: output.status.code().unwrap_or(-1),
        said,
    })
}
