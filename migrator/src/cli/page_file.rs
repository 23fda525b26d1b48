//! `gwmigrate report --html FILE`: the page of a job, written where the administrator wants it.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use protocol::{Explain, Verdict};
use serde_json::Value;

use super::{Terminal, shown};
use crate::commands;
use crate::commands::check::estimated_downtime;
use crate::commands::report::{JobReport, WATCH_INTERVAL};
use crate::controller::{CommandOutcome, Controller};
use crate::page::Page;

/// What of the report is shown, or where its page goes and what it is made of besides the job.
#[derive(Debug, clap::Args)]
pub(super) struct ReportArguments {
    /// Show every finding of this code that was kept, and nothing else.
    #[arg(long, value_name = "CODE", conflicts_with = "html")]
    finding: Option<String>,
    /// Write it as a page for a browser, one file that needs no other.
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// What `gwmigrate --json check` printed before: the page shows its estimate beside what came.
    #[arg(long, value_name = "FILE", requires = "html")]
    check: Option<PathBuf>,
    /// Write the page anew every few seconds for as long as somebody is at work on the job.
    #[arg(long, requires = "html")]
    watch: bool,
}

/// Shows the report of a job, or writes its page.
pub(super) async fn report(
    controller: &mut Controller,
    arguments: ReportArguments,
    screen: Option<&Terminal>,
) -> (CommandOutcome, Option<Value>) {
    let Some(file) = &arguments.html else {
        let given = commands::report::run(controller).await;
        return shown(given, screen, |terminal, report| {
            super::show::report(terminal, report, arguments.finding.as_deref());
        });
    };
    let estimated = match arguments.check.as_deref().map(estimate).transpose() {
        Ok(estimated) => estimated,
        Err(error) => return (failed(controller, &error), None),
    };
    let mut problem = None;
    let refresh = arguments.watch.then_some(WATCH_INTERVAL.as_secs());
    let (mut outcome, report) = commands::report::watch(controller, |report| {
        let refresh_seconds = refresh.filter(|_| report.is_at_work());
        problem = write(file, report, estimated, refresh_seconds).err();
        arguments.watch && problem.is_none()
    })
    .await;
    if let Some(error) = &problem {
        outcome = failed(controller, error);
    } else if let (Some(screen), Some(_)) = (screen, &report) {
        screen.line(&format!("Page: {}", file.display()));
    }
    (
        outcome,
        report.and_then(|report| serde_json::to_value(report).ok()),
    )
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
enum PageError {
    #[error("{why}")]
    Check { file: PathBuf, why: String },
    #[error("The page could not be written: {source}")]
    Write {
        file: PathBuf,
        source: std::io::Error,
    },
}

impl Explain for PageError {
    fn code(&self) -> &'static str {
        match self {
            Self::Check { .. } => "check-unreadable",
            Self::Write { .. } => "page-not-written",
        }
    }

    fn verdict(&self) -> Verdict {
        Verdict::Usage
    }

    fn guidance(&self) -> String {
        match self {
            Self::Check { .. } => {
                "Name what `gwmigrate --json check` printed, or leave `--check` out; nothing was changed"
            }
            Self::Write { .. } => "Name another file with `--html`; nothing else was changed",
        }
        .to_owned()
    }

    fn subject(&self) -> Vec<u8> {
        let (Self::Check { file, .. } | Self::Write { file, .. }) = self;
        file.as_os_str().as_encoded_bytes().to_vec()
    }
}

fn failed(controller: &mut Controller, error: &PageError) -> CommandOutcome {
    controller.report(error.to_finding());
    controller.finish(None)
}

/// How long `check` said that users would be out, in milliseconds.
fn estimate(file: &Path) -> Result<u64, PageError> {
    let unreadable = |why: String| PageError::Check {
        file: file.to_owned(),
        why,
    };
    let text = fs::read_to_string(file).map_err(|error| unreadable(error.to_string()))?;
    let last = text.lines().rev().find(|line| !line.trim().is_empty());
    let last: Value = serde_json::from_str(last.unwrap_or_default())
        .map_err(|error| unreadable(format!("Its last line is no result: {error}")))?;
    estimated_downtime(&last["result"]).ok_or_else(|| unreadable("It has no estimate".to_owned()))
}

/// Writes the page beside its place and moves it there, so that a browser never loads half of one.
fn write(
    file: &Path,
    report: &JobReport,
    estimated_milliseconds: Option<u64>,
    refresh_seconds: Option<u64>,
) -> Result<(), PageError> {
    let mut page = Page::of_job(report, estimated_milliseconds);
    page.refresh_seconds = refresh_seconds;
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let write = || {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(page.render().as_bytes())?;
        temporary.persist(file)?;
        Ok(())
    };
    write().map_err(|source| PageError::Write {
        file: file.to_owned(),
        source,
    })
}
