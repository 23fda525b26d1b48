//! Running the migrator as an administrator would.

use std::process::{Command, Stdio};
use std::time::Instant;

use worker::finding::Finding;

use super::{CommandRun, RehearsalError, io_error};
use crate::embedded::Embedded;

/// Runs one command of the migrator; also gives what it printed.
///
/// # Errors
/// What starting it says, and output without a result.
pub fn migrate(
    embedded: &Embedded,
    arguments: &[&str],
) -> Result<(CommandRun, Vec<u8>), RehearsalError> {
    let began = Instant::now();
    let output = Command::new(&embedded.migrator)
        .arg("--json")
        .arg("--worksheet")
        .arg(embedded.worksheet_path())
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(io_error("run", &embedded.migrator))?;
    let end: serde_json::Value = output
        .stdout
        .split(|&byte| byte == b'\n')
        .rev()
        .find(|line| !line.is_empty())
        .map(serde_json::from_slice)
        .transpose()
        .map_err(|error| no_result(arguments, &error.to_string()))?
        .unwrap_or_default();
    if end["console"] != "end" {
        return Err(no_result(
            arguments,
            &String::from_utf8_lossy(&output.stderr),
        ));
    }
    let findings: Vec<Finding> = serde_json::from_value(end["findings"].clone())
        .map_err(|error| no_result(arguments, &error.to_string()))?;
    let run = CommandRun {
        arguments: arguments
            .iter()
            .map(|&argument| argument.to_owned())
            .collect(),
        exit_code: output.status.code(),
        began_milliseconds: 0,
        milliseconds: milliseconds(began),
        fault: None,
        while_users_worked: false,
        findings,
        result: end["result"].clone(),
    };
    Ok((run, output.stdout))
}

fn no_result(arguments: &[&str], cause: &str) -> RehearsalError {
    RehearsalError::NoResult {
        command: arguments.join(" "),
        cause: cause.to_owned(),
    }
}

pub(super) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
