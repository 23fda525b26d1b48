//! Measuring a command: a small process of its own runs it, so that what the kernel counts is of this command alone.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use serde::{Deserialize, Serialize};

use super::{Result, say};

/// One command.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Step {
    /// The program and its arguments.
    pub(super) command: Vec<String>,
    /// What stands on its standard input; nothing where there is none.
    pub(super) input: Option<PathBuf>,
    /// The exit codes that mean that it did its work.
    pub(super) accepted: Vec<i32>,
}

impl Step {
    /// A command that ends with 0 when it did its work.
    pub(super) fn new<T: Into<String>>(command: impl IntoIterator<Item = T>) -> Self {
        Self {
            command: command.into_iter().map(Into::into).collect(),
            input: None,
            accepted: vec![0],
        }
    }

    /// Its command line, for people.
    pub(super) fn line(&self) -> String {
        self.command.join(" ")
    }
}

/// Commands that run one after the other.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Plan {
    /// The commands.
    pub(super) steps: Vec<Step>,
    /// A folder whose file system is written out afterwards, which is measured by itself.
    pub(super) written: PathBuf,
    /// Where the commands say what they have to say.
    pub(super) log: PathBuf,
}

/// What a plan took.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Sample {
    /// Wall time of the commands.
    pub(super) seconds: f64,
    /// Time of the processors in programs and in the kernel, of all children together.
    pub(super) processor_seconds: f64,
    /// The largest process, in KiB.
    pub(super) peak_kib: i64,
    /// What all children together read, of whatever file or pipe, in bytes.
    pub(super) read_bytes: u64,
    /// How long it then took until everything was on the disk.
    pub(super) settle_seconds: f64,
}

/// Runs a plan in a process of its own.
pub(super) fn measure(plan: &Plan, folder: &Path) -> Result<Sample> {
    let file = folder.join("plan.json");
    std::fs::write(&file, serde_json::to_vec(plan)?)?;
    let output = Command::new(std::env::current_exe()?)
        .arg("measure")
        .arg(&file)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    if !output.status.success() {
        return Err(format!(
            "{} failed; see {}",
            plan.steps.first().map(Step::line).unwrap_or_default(),
            plan.log.display()
        )
        .into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

/// Carries out the plan in a file and prints the sample.
pub(super) fn carry_out(file: &Path) -> Result<()> {
    let plan: Plan = serde_json::from_slice(&std::fs::read(file)?)?;
    let log = File::create(&plan.log)?;
    let read_before = read_bytes()?;
    let began = Instant::now();
    for step in &plan.steps {
        run(step, &log)?;
    }
    let seconds = began.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let began = Instant::now();
    rustix::fs::syncfs(File::open(&plan.written)?)?;
    let sample = Sample {
        seconds,
        processor_seconds: seconds_of(usage.user_time()) + seconds_of(usage.system_time()),
        peak_kib: usage.max_rss(),
        read_bytes: read_bytes()?.saturating_sub(read_before),
        settle_seconds: began.elapsed().as_secs_f64(),
    };
    say(&serde_json::to_string(&sample)?)
}

fn run(step: &Step, log: &File) -> Result<()> {
    let (program, arguments) = step.command.split_first().ok_or("an empty command")?;
    let input = match &step.input {
        Some(path) => File::open(path)?.into(),
        None => Stdio::null(),
    };
    let status = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(input)
        .stdout(log.try_clone()?)
        .stderr(log.try_clone()?)
        .status()
        .map_err(|error| format!("{program}: {error}"))?;
    match status.code() {
        Some(code) if step.accepted.contains(&code) => Ok(()),
        _ => Err(format!("{}: {status}", step.line()).into()),
    }
}

/// What this process and those children of it that have ended have read (proc(5), `rchar`).
fn read_bytes() -> Result<u64> {
    let counters = std::fs::read_to_string("/proc/self/io")?;
    let line = counters
        .lines()
        .find_map(|line| line.strip_prefix("rchar: "));
    Ok(line.ok_or("the kernel does not count reads")?.parse()?)
}

// Microseconds of a run are far below what a double holds exactly.
#[allow(clippy::cast_precision_loss)]
fn seconds_of(time: nix::sys::time::TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}
