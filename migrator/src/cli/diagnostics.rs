//! Where the diagnostics of the program go: standard error, and the log file of a command.
//!
//! The log file has as well what the command says and finds, so that a night can be read afterwards: [`Logged`] is the
//! console that writes it there.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use protocol::{Event, EventKind, Finding, Step, StepState, Verdict};
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

use super::Terminal;
use crate::controller::Console;

/// What a command says, which is on the screen already.
const SAID: &str = "gwmigrate::said";

/// The crates of this project.
const OURS: [&str; 3] = ["gwmigrate", "worker", "protocol"];

/// Sends diagnostics where this command line wants them.
///
/// # Errors
/// A finding about a log file that cannot be written.
pub(super) fn begin(
    terminal: &Terminal,
    verbose: u8,
    log_file: Option<&Path>,
) -> Result<(), Box<Finding>> {
    let log_file = log_file.map(open).transpose()?;
    let ours = |level: LevelFilter| Targets::new().with_targets(OURS.map(|name| (name, level)));
    let on_screen = match (&terminal.diagnostics, verbose) {
        (Some(filter), _) => filter.parse::<Targets>().ok(),
        (None, 0 | 1) => None,
        (None, 2) => Some(ours(LevelFilter::DEBUG)),
        (None, _) => Some(ours(LevelFilter::TRACE)),
    };
    if on_screen.is_none() && log_file.is_none() {
        return Ok(());
    }
    let screen = on_screen.map(|filter| {
        let layer = fmt::layer().with_writer(std::io::stderr);
        layer.with_filter(filter.with_target(SAID, LevelFilter::OFF))
    });
    let file = log_file.map(|file| {
        let layer = fmt::layer().with_ansi(false).with_writer(Mutex::new(file));
        layer.with_filter(ours(LevelFilter::DEBUG))
    });
    // A program that has a place for its diagnostics already keeps it.
    let _ = tracing_subscriber::registry()
        .with(screen)
        .with(file)
        .try_init();
    Ok(())
}

fn open(path: &Path) -> Result<File, Box<Finding>> {
    let mut options = OpenOptions::new();
    // Names of users and files are in it.
    options.append(true).create(true).mode(0o600);
    options.open(path).map_err(|error| {
        let finding = Finding::new(
            "log-file",
            Verdict::Usage,
            format!("The log file cannot be written: {error}"),
            "Name another one with --log-file; nothing was begun",
        );
        Box::new(finding.about(path.as_os_str().as_encoded_bytes()))
    })
}

/// Writes a line into the log file, where there is one.
pub(super) fn say(text: &str) {
    tracing::info!(target: SAID, "{text}");
}

/// A console whose words are written into the log file as well.
pub(super) struct Logged(pub(super) Arc<dyn Console>);

impl Console for Logged {
    fn step_begins(&self, step: Step) {
        say(&format!("{step} begins"));
        self.0.step_begins(step);
    }

    fn step_ends(&self, step: Step, state: StepState, detail: &str) {
        say(&format!("{step}: {state:?}: {detail}"));
        self.0.step_ends(step, state, detail);
    }

    fn upload(&self, what: &str, bytes: u64) {
        self.0.upload(what, bytes);
    }

    fn progress(&self, what: &str, how_far: &str) {
        self.0.progress(what, how_far);
    }

    fn event(&self, event: &Event) {
        // Progress is in the event log of the job.
        if !matches!(event.what, EventKind::Progress { .. }) {
            say(&serde_json::to_string(event).unwrap_or_default());
        }
        self.0.event(event);
    }

    fn finding(&self, finding: &Finding) {
        say(&finding.to_string());
        self.0.finding(finding);
    }

    fn ends(&self) {
        self.0.ends();
    }

    fn note(&self, text: &str) {
        say(text);
        self.0.note(text);
    }
}
