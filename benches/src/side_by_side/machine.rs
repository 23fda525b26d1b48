//! What a run was measured on, and emptying the caches before it.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Result;

/// Where the kernel is told to forget what it holds in memory.
const DROP_CACHES: &str = "/proc/sys/vm/drop_caches";

/// Lines about the machine, for the report.
pub(super) fn describe(folder: &Path) -> Vec<String> {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease").trim().to_owned();
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let value = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map_or_else(
            || "unknown".to_owned(),
            |(_, value)| value.trim().to_owned(),
        )
    };
    let processor = value(&read("/proc/cpuinfo"), "model name");
    let memory = value(&read("/proc/meminfo"), "MemTotal");
    // What else the machine does decides what a wall time is worth.
    let load = read("/proc/loadavg");
    let load = load.split(' ').take(3).collect::<Vec<_>>().join(", ");
    vec![
        format!("{cores} cores ({processor}), {memory} of memory"),
        format!("Load before the first run, over 1, 5 and 15 minutes: {load}"),
        format!("Linux {kernel}, file system {}", file_system_of(folder)),
    ]
}

/// The type of the file system that a folder lies on.
fn file_system_of(folder: &Path) -> String {
    let output = Command::new("df")
        .arg("--output=fstype")
        .arg(folder)
        .output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    let text = text.unwrap_or_default();
    // The first line is a heading.
    text.lines().nth(1).unwrap_or("unknown").trim().to_owned()
}

/// The version of a program, as it says itself; none where there is no such program.
pub(super) fn version_of(program: &str, argument: &str) -> Option<String> {
    let output = Command::new(program).arg(argument).output().ok()?;
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text);
    let has_digit = |line: &&str| line.bytes().any(|byte| byte.is_ascii_digit());
    // Some print what else they have to say first.
    let named = text
        .lines()
        .find(|line| has_digit(line) && line.contains(program_name(program)));
    let line = named.or_else(|| text.lines().find(has_digit));
    Some(line.unwrap_or_default().trim().to_owned())
}

fn program_name(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// Writes everything out and empties the caches of the kernel.
pub(super) fn empty_caches() -> Result<()> {
    rustix::fs::sync();
    fs::write(DROP_CACHES, "3").map_err(|error| format!("{DROP_CACHES}: {error}").into())
}

/// Whether caches can be emptied here; if not, every run is a warm one, and the report says so.
pub(super) fn can_empty_caches() -> bool {
    empty_caches().is_ok()
}
