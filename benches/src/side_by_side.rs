//! The tool beside those that people would use instead: same tree, same file system, in turns.
//!
//! Ours runs as in production: one process for each order, sealed in, hashing all that it copies and committing its
//! manifest durably.  The others are given as they come.  A result of ours that is wrong is an error and no number.

mod bare;
mod check;
mod downtime;
mod field;
mod growth;
mod limits;
mod machine;
mod measure;
mod options;
mod ours;
mod peers;
mod places;
mod report;
mod rounds;
mod slow;
mod trees;
mod works;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use options::{Command, Options};

/// Anything that ends a run.
type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Result<T> = std::result::Result<T, BoxError>;

/// What a run ends with that did not do its work; no verdict of a worker has this exit code.
const FAILED: u8 = 70;

/// Runs what the command line asks for.
pub fn main() -> ExitCode {
    let options = Options::parse();
    let outcome = match &options.command {
        None => works::run(&options).map(|()| ExitCode::SUCCESS),
        Some(Command::Measure { plan }) => measure::carry_out(plan).map(|()| ExitCode::SUCCESS),
        Some(Command::Order { job_folder }) => ours::work(job_folder).map(ExitCode::from),
        Some(Command::Bare(options)) => bare::run(options).and_then(|files| {
            say(&files.to_string())?;
            Ok(ExitCode::SUCCESS)
        }),
    };
    outcome.unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "{error}");
        ExitCode::from(FAILED)
    })
}

/// Prints a line.
fn say(line: &str) -> Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
