//! Running the migrator as an administrator would.

use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use protocol::Finding;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::CommandRun;
use crate::error::{HarnessError, io_error};
use crate::site::Site;

/// Runs one command of the migrator; also gives what it printed.
///
/// # Errors
/// What starting it says, and output without a result.
pub fn migrate(site: &dyn Site, arguments: &[&str]) -> Result<(CommandRun, Vec<u8>), HarnessError> {
    let began = Instant::now();
    let output = command(site, arguments)
        .output()
        .map_err(io_error("run", &site.migrator()))?;
    understand(arguments, began, output)
}

/// The same, but the controller is killed after a while; where it has ended by then, it is as if nothing had been.
///
/// # Errors
/// As [`migrate`].
pub(super) fn migrate_killed(
    site: &dyn Site,
    arguments: &[&str],
    after: Duration,
) -> Result<(CommandRun, Vec<u8>), HarnessError> {
    let began = Instant::now();
    let child = command(site, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(io_error("run", &site.migrator()))?;
    let pid = Pid::from_child(&child);
    let output = std::thread::scope(|scope| {
        let waiting = scope.spawn(|| child.wait_with_output());
        std::thread::sleep(after);
        if !waiting.is_finished() {
            // It may end at this very moment, and then nobody is killed.
            let _ = kill_process(pid, Signal::KILL);
        }
        waiting
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    let output = output.map_err(io_error("wait for", &site.migrator()))?;
    if output.status.code().is_some() {
        return understand(arguments, began, output);
    }
    let run = command_run(arguments, began, &output, Vec::new(), Value::Null);
    Ok((run, output.stdout))
}

fn command(site: &dyn Site, arguments: &[&str]) -> Command {
    let mut command = Command::new(site.migrator());
    command
        .arg("--json")
        .arg("--worksheet")
        .arg(site.worksheet_path())
        .args(arguments)
        .stdin(Stdio::null());
    command
}

/// What came of a command that ended by itself.
fn understand(
    arguments: &[&str],
    began: Instant,
    output: Output,
) -> Result<(CommandRun, Vec<u8>), HarnessError> {
    let end: Value = output
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
    let run = command_run(arguments, began, &output, findings, end["result"].clone());
    Ok((run, output.stdout))
}

fn command_run(
    arguments: &[&str],
    began: Instant,
    output: &Output,
    findings: Vec<Finding>,
    result: Value,
) -> CommandRun {
    CommandRun {
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
        result,
    }
}

fn no_result(arguments: &[&str], cause: &str) -> HarnessError {
    HarnessError::NoResult {
        command: arguments.join(" "),
        cause: cause.to_owned(),
    }
}

pub(super) fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
