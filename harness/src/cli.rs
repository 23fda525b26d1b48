//! The command line of `gwrehearse`.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write;
use std::path::PathBuf;

use clap::Parser;
use simulator::{GuardianKind, NameCase};
use worker::protocol::StepState;

use crate::rehearsal::{self, BackEnd, Fault, RehearsalOptions, RehearsalOutcome};

/// The exit code of a rehearsal after which something does not hold.
const FAILED: u8 = 1;

/// Rehearse a whole migration: make a post office, move it in both stages while it changes, and check the result.
#[derive(Debug, Parser)]
#[command(name = "gwrehearse", version, max_term_width = 100)]
struct Arguments {
    /// Where the simulated servers run.
    #[arg(long, value_enum, default_value_t = BackEnd::Embedded)]
    backend: BackEnd,

    /// How many files the post office has: tiny, small, medium, large, or a number.
    #[arg(long, default_value = "small", value_parser = simulator::parse_size)]
    size: usize,

    /// The case of its names.
    #[arg(long, value_enum, default_value_t = NameCase::Mixed)]
    case: NameCase,

    /// The generation of its guardian: one that the migrator can convert, or one that only GWCheck can.
    #[arg(long, value_enum, default_value_t = GuardianKind::Flaim)]
    guardian: GuardianKind,

    /// Who is to convert it: auto, built-in or gwcheck; the migrator chooses where nothing is said.
    #[arg(long, value_parser = ["auto", "built-in", "gwcheck"])]
    engine: Option<String>,

    /// What everything is derived from.
    #[arg(long, default_value_t = 1)]
    seed: u64,

    /// How many operations change the source before each repeated pass.
    #[arg(long, default_value_t = 60)]
    churn: usize,

    /// How many operations the agent of the source begins in a second while the second pass runs; 0 for no agent.
    #[arg(long, default_value_t = 25, value_name = "OPERATIONS")]
    source_rate: u64,

    /// How many faults strike, drawn from the seed.
    #[arg(long, default_value_t = 0, value_name = "HOW-MANY")]
    faults: usize,

    /// A fault that strikes a command: stage-one, stage-two or queues, then :kill=MOMENT (of the job's journal),
    /// :cut=BYTES (of the connection), :source-gone or :lock-held.
    #[arg(long = "fault", value_name = "COMMAND:FAULT")]
    fault: Vec<Fault>,

    /// The folder of the rehearsal; a new one in the folder for temporary files where none is named.
    #[arg(long)]
    folder: Option<PathBuf>,

    /// Keep both trees and the job folder; the reports are always kept.
    #[arg(long)]
    keep: bool,
}

/// Runs the program; `arguments` begin with its name.
pub fn run(arguments: Vec<OsString>, out: &mut dyn Write) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let _ = write!(out, "{error}");
            return if error.use_stderr() { 2 } else { 0 };
        }
    };
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            let _ = writeln!(out, "This program does not find itself: {error}");
            return FAILED;
        }
    };
    let options = RehearsalOptions {
        back_end: arguments.backend,
        faults: faults(&arguments),
        program,
        seed: arguments.seed,
        files: arguments.size,
        case: arguments.case,
        guardian: arguments.guardian,
        guardian_engine: arguments.engine.clone(),
        churn: arguments.churn,
        source_rate: arguments.source_rate,
        with_poa: true,
        folder: arguments.folder.clone(),
        keep: arguments.keep,
    };
    let outcome = rehearsal::run(&options, &mut |line| {
        let _ = writeln!(out, "{line}");
    });
    match outcome {
        Ok(outcome) => {
            let _ = print(&outcome, &arguments, out);
            u8::from(!outcome.holds())
        }
        Err(error) => {
            let mut text = error.to_string();
            let mut cause = std::error::Error::source(&error);
            while let Some(error) = cause {
                text = format!("{text}: {error}");
                cause = error.source();
            }
            let _ = writeln!(out, "The rehearsal could not be carried out: {text}");
            let _ = writeln!(out, "Repeat it with: {}", repeat(&arguments));
            FAILED
        }
    }
}

/// The faults that were named, then those that the seed draws.
fn faults(arguments: &Arguments) -> Vec<Fault> {
    let mut faults = arguments.fault.clone();
    faults.extend(Fault::draw(arguments.seed, arguments.faults));
    faults
}

fn repeat(arguments: &Arguments) -> String {
    let mut named = String::new();
    if arguments.guardian == GuardianKind::Opaque {
        named.push_str(" --guardian opaque");
    }
    if let Some(engine) = &arguments.engine {
        let _ = write!(named, " --engine {engine}");
    }
    for fault in faults(arguments) {
        let _ = write!(named, " --fault {fault}");
    }
    format!(
        "gwrehearse --size {} --case {} --seed {} --churn {} --source-rate {}{named} --keep",
        arguments.size, arguments.case, arguments.seed, arguments.churn, arguments.source_rate
    )
}

/// Prints what came of it, the most important line last.
fn print(
    outcome: &RehearsalOutcome,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    writeln!(out, "\nSteps")?;
    for line in &outcome.steps {
        let mark = match line.state {
            StepState::Begun => "cut",
            StepState::Done => "done",
            StepState::Skipped => "--",
            StepState::Failed => "STOP",
            StepState::NotBuilt => "BY HAND",
        };
        let took = line
            .ended_milliseconds
            .map_or(0, |ended| ended - line.began_milliseconds);
        writeln!(
            out,
            "  {mark:<8} {:<20} {took:>7} ms  {}",
            line.step, line.detail
        )?;
    }
    writeln!(out, "\nFound")?;
    let mut found = std::collections::BTreeMap::new();
    for finding in outcome.commands.iter().flat_map(|run| &run.findings) {
        *found
            .entry((finding.severity(), finding.code.clone()))
            .or_insert(0) += 1;
    }
    for ((severity, code), how_many) in found {
        writeln!(out, "  {how_many:>5} x {severity} {code}")?;
    }
    writeln!(out, "\nChecks, made without the migrator")?;
    for check in &outcome.checks {
        writeln!(
            out,
            "  {} {}",
            if check.holds() { "holds " } else { "FAILS " },
            check.name
        )?;
        for failure in check.failures.iter().take(10) {
            writeln!(out, "         {failure}")?;
        }
    }
    writeln!(out, "\nReports: {}", outcome.reports.display())?;
    let tenths = outcome.downtime_milliseconds / 100;
    writeln!(
        out,
        "Users' downtime: {}.{} s of {} s",
        tenths / 10,
        tenths % 10,
        outcome.milliseconds / 1000
    )?;
    if outcome.holds() {
        writeln!(out, "The migration is sealed and everything holds")
    } else {
        writeln!(out, "Repeat it with: {}", repeat(arguments))?;
        writeln!(out, "SOMETHING DOES NOT HOLD; the trees were kept")
    }
}
