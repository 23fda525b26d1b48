//! The command line of `gwrehearse`.

use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand};
use protocol::StepState;
use simulator::{GuardianKind, NameCase, describe_error};

use crate::back_end::BackEnd;
use crate::interrupt::{self, Interrupt};
use crate::rehearsal::{self, Fault, RehearsalOptions, RehearsalOutcome};
use crate::soak::{self, SoakOptions, SoakedCase};

/// The exit code of a rehearsal after which something does not hold.
const FAILED: u8 = 1;

/// The exit code of a command line that cannot be followed.
const USAGE: u8 = 2;

/// Rehearse a whole migration: make a post office, move it in both stages while it changes, and check the result.
#[derive(Debug, Parser)]
#[command(
    name = "gwrehearse",
    version,
    max_term_width = 100,
    args_conflicts_with_subcommands = true
)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    rehearsal: Arguments,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Rehearse again and again, each time another migration with other faults, and say how many a minute.
    Soak {
        /// How many rehearsals.
        #[arg(long, default_value_t = 100)]
        cases: u64,

        /// The seed of the first; the others follow.
        #[arg(long, default_value_t = 1)]
        seed: u64,

        /// How many at once.
        #[arg(long, default_value_t = 2)]
        at_once: usize,

        /// Where the simulated servers run.
        #[arg(long, value_enum, default_value_t = BackEnd::Embedded)]
        backend: BackEnd,
    },
    /// Make the page of a rehearsal anew from its summary, and say where it is.
    Report {
        /// The folder of the rehearsal, or its folder of reports.
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
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

    /// A fault that strikes a command: stage-one, stage-two or queues, then :kill=MOMENT (of the job's journal), :controller-killed=MILLISECONDS,
    /// :source-gone, :source-empty, :lock-held or :cut=BYTES (of the connection).  Where servers have a network, the link of the controller can
    /// also have :reset=BYTES, :silent=SECONDS, :latency=MILLISECONDS and :throttle=BYTES-A-SECOND, and the share all five with share- before
    /// them (:share-cut=BYTES); :source-empty is for --backend embedded alone.
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
    let CommandLine { command, rehearsal } = match CommandLine::try_parse_from(arguments) {
        Ok(command_line) => command_line,
        Err(error) => {
            let _ = write!(out, "{error}");
            return if error.use_stderr() { USAGE } else { 0 };
        }
    };
    let back_end = match &command {
        Some(Command::Soak { backend, .. }) => *backend,
        _ => rehearsal.backend,
    };
    if !back_end.is_built() {
        let _ = writeln!(out, "{}", back_end.not_built());
        return USAGE;
    }
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => {
            let _ = writeln!(out, "This program does not find itself: {error}");
            return FAILED;
        }
    };
    match command {
        None => rehearse(&rehearsal, program, out),
        Some(Command::Soak {
            cases,
            seed,
            at_once,
            backend,
        }) => {
            let interrupt = remove_containers_when_interrupted(backend, out);
            let code = soak(
                &SoakOptions {
                    program,
                    back_end: backend,
                    seed,
                    cases,
                    at_once,
                },
                out,
            );
            leave_the_end_to(interrupt.as_ref());
            code
        }
        Some(Command::Report { folder }) => report(&folder, out),
    }
}

/// An interrupted rehearsal leaves no container behind.
fn remove_containers_when_interrupted(back_end: BackEnd, out: &mut dyn Write) -> Option<Interrupt> {
    if !back_end.has_share() {
        return None;
    }
    match interrupt::remove_containers_when_interrupted() {
        Ok(interrupt) => Some(interrupt),
        Err(error) => {
            let _ = writeln!(out, "An interrupt would leave containers behind: {error}");
            None
        }
    }
}

/// What comes of a rehearsal whose containers an interrupt takes away is said by nobody.
fn leave_the_end_to(interrupt: Option<&Interrupt>) {
    if let Some(interrupt) = interrupt {
        interrupt.leave_the_end_to_it();
    }
}

fn rehearse(arguments: &Arguments, program: PathBuf, out: &mut dyn Write) -> u8 {
    let options = RehearsalOptions {
        back_end: arguments.backend,
        faults: faults(arguments),
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
    let interrupt = remove_containers_when_interrupted(options.back_end, out);
    let outcome = rehearsal::run(&options, &mut |line| {
        let _ = writeln!(out, "{line}");
    });
    leave_the_end_to(interrupt.as_ref());
    match outcome {
        Ok(outcome) => {
            let _ = print(&outcome, &options, out);
            u8::from(!outcome.holds())
        }
        Err(error) => {
            let text = describe_error(&error);
            let _ = writeln!(out, "The rehearsal could not be carried out: {text}");
            let _ = writeln!(out, "Repeat it with: {} --keep", options.command_line());
            FAILED
        }
    }
}

fn soak(options: &SoakOptions, out: &mut dyn Write) -> u8 {
    let (sender, receiver) = std::sync::mpsc::channel::<String>();
    let soaked = std::thread::scope(|scope| {
        let soaking = scope.spawn(move || {
            soak::soak(options, &|case| {
                // Whoever printed these has gone.
                let _ = sender.send(line_of(case));
            })
        });
        for line in receiver {
            let _ = writeln!(out, "{line}");
        }
        soaking
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    match soaked {
        Ok(soaked) => {
            if soaked.left_out > 0 {
                let _ = writeln!(
                    out,
                    "{} times file systems within the destination were left out, because nothing can be mounted here: run as root, or \
                     `unshare -rm gwrehearse soak ...`",
                    soaked.left_out
                );
            }
            let tenths = soaked.tenths_per_minute();
            let _ = writeln!(
                out,
                "{} cases, {} of which fail; {}.{} cases a minute",
                soaked.cases,
                soaked.failed.len(),
                tenths / 10,
                tenths % 10
            );
            u8::from(!soaked.failed.is_empty())
        }
        Err(error) => {
            let text = describe_error(&error);
            let _ = writeln!(out, "A case could not be carried out: {text}");
            FAILED
        }
    }
}

/// Seconds with one place behind the point.
fn seconds(milliseconds: u64) -> String {
    let tenths = milliseconds / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// A line of the table that a soak prints, and what does not hold below it.
fn line_of(case: &SoakedCase) -> String {
    let estimated = case
        .estimated_milliseconds
        .map_or_else(String::new, seconds);
    let faults: Vec<String> = case.options.faults.iter().map(Fault::to_string).collect();
    let state = if case.failures.is_empty() {
        "holds"
    } else {
        "FAILS"
    };
    let mut line = format!(
        "seed {}: {state}, {:>4} s, downtime {:>7} (estimated {estimated:>7}), names {:<5}  {}",
        case.options.seed,
        case.milliseconds / 1000,
        seconds(case.downtime_milliseconds),
        case.options.case.to_string(),
        if faults.is_empty() {
            "no fault".to_owned()
        } else {
            faults.join(" ")
        }
    );
    for failure in &case.failures {
        line.push_str("\n         ");
        line.push_str(failure);
    }
    if !case.failures.is_empty() {
        line.push_str("\n  repeat it with: ");
        line.push_str(&case.options.command_line());
        line.push_str(" --keep");
    }
    line
}

fn report(folder: &Path, out: &mut dyn Write) -> u8 {
    match rehearsal::make_page_again(folder) {
        Ok(page) => {
            let _ = writeln!(out, "{}", page.display());
            0
        }
        Err(error) => {
            let text = describe_error(&error);
            let _ = writeln!(out, "There is no rehearsal to report: {text}");
            FAILED
        }
    }
}

/// The faults that were named, then those that the seed draws.
fn faults(arguments: &Arguments) -> Vec<Fault> {
    let mut faults = arguments.fault.clone();
    faults.extend(Fault::draw_on(
        arguments.backend,
        arguments.seed,
        arguments.faults,
    ));
    faults
}

/// Prints what came of it, the most important line last.
fn print(
    outcome: &RehearsalOutcome,
    options: &RehearsalOptions,
    out: &mut dyn Write,
) -> std::io::Result<()> {
    writeln!(out, "\nSteps")?;
    for line in &outcome.steps {
        let mark = match line.state {
            StepState::Begun => "cut",
            StepState::Done => "done",
            StepState::Skipped => "--",
            StepState::Failed => "STOP",
        };
        let took = line.milliseconds().unwrap_or(0);
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
    let estimated = outcome.estimated_milliseconds;
    writeln!(
        out,
        "Users' downtime: {} of {} s{}",
        seconds(outcome.downtime_milliseconds),
        outcome.milliseconds / 1000,
        estimated.map_or_else(String::new, |estimated| {
            format!("; estimated before: {}", seconds(estimated))
        })
    )?;
    if outcome.holds() {
        writeln!(out, "The migration is sealed and everything holds")
    } else {
        writeln!(out, "Repeat it with: {} --keep", options.command_line())?;
        writeln!(out, "SOMETHING DOES NOT HOLD; the trees were kept")
    }
}
