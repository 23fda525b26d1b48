//! The command line: arguments in, text or JSON out, an exit code.
//!
//! Nothing here reads the environment or writes to the terminal by itself; [`Terminal`] hands both in, so that the same
//! code runs behind `gwmigrate` and inside a rehearsal.

mod arguments;
mod color;
mod database_command;
mod diagnostics;
mod json;
mod page_file;
#[cfg(test)]
mod paper;
mod profile_command;
mod progress;
#[cfg(test)]
mod remedies;
mod show;
mod terminal;
mod worker_command;
mod wrap;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex};

use clap::Parser as _;
use protocol::{Finding, Stage, Verdict, Wish, worst};
use worker::run::Wrap;

use crate::commands;
use crate::commands::lowercase::LowercaseAction::{Plan, Undo};
use crate::commands::prepare::PrepareOptions;
use crate::controller::{CommandOutcome, Console, Controller};
use crate::groups;
use crate::local_machine::LocalMachine;
use crate::mount;
use crate::steps::secrets;
use crate::worksheet::{Needed, Worksheet};
use arguments::{Arguments, Color, Command, Explained};

/// The exit code of a command line that cannot be understood.
const USAGE: u8 = 2;

/// Where text goes, and how.
#[derive(Clone)]
pub struct Terminal {
    /// Results.
    pub out: Arc<Mutex<dyn Write + Send>>,
    /// Mistakes on the command line, and what a hidden command says of its failure.
    pub error: Arc<Mutex<dyn Write + Send>>,
    /// Whether a person watches, so that bars make sense.
    pub is_interactive: bool,
    /// How wide its lines are, where they are to be broken between words.
    pub columns: Option<usize>,
    /// Whether the environment wants no colors, or the terminal has none.
    pub no_color: bool,
    /// Whether colors are used; decided by the command line.
    pub is_colored: bool,
    /// How much is said; decided by the command line.
    pub loudness: Loudness,
    /// Which diagnostics the environment wants on standard error.
    pub diagnostics: Option<String>,
}

/// How much a command says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Loudness {
    /// Findings, results and the last line.
    Quiet,
    /// Steps and progress as well.
    Normal,
    /// Each finding, and each part of a task.
    Verbose,
}

impl Terminal {
    /// A text for people, broken between words where it is too long for the screen.
    fn line(&self, text: &str) {
        let text = match self.columns {
            Some(columns) => wrap::wrap(text, columns),
            None => text.to_owned(),
        };
        self.raw_line(&if self.is_colored {
            color::paint(&text)
        } else {
            text
        });
    }

    /// The same terminal, as a command line wants it.
    fn as_wanted(&self, arguments: &Arguments) -> Self {
        let loudness = match arguments.verbose {
            _ if arguments.quiet => Loudness::Quiet,
            0 => Loudness::Normal,
            _ => Loudness::Verbose,
        };
        let is_colored = match arguments.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => self.is_interactive && !self.no_color,
        };
        Self {
            is_colored,
            loudness,
            ..self.clone()
        }
    }

    /// What is to be copied or read by a program.
    fn raw_line(&self, text: &str) {
        let mut out = self
            .out
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        // A reader that has gone away is no reason to stop a migration.
        let _ = writeln!(out, "{text}");
    }

    /// The same for output that is only worth making while somebody reads it; says whether somebody does.
    fn try_line(&self, text: &str) -> bool {
        let mut out = self
            .out
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        writeln!(out, "{text}").is_ok()
    }

    fn error_line(&self, text: &str) {
        let mut error = self
            .error
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        let _ = writeln!(error, "{text}");
    }
}

/// The command line, as manual pages and completions are made from it.
#[cfg(feature = "packages")]
pub fn command() -> clap::Command {
    <Arguments as clap::CommandFactory>::command()
}

/// Runs `gwmigrate`.
///
/// `arguments` begin with its name; `wrap` puts a monitor around that of a worker and is the identity in
/// production.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    local: LocalMachine,
    terminal: &Terminal,
    wrap: Wrap<'_>,
) -> u8 {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            let text = error.render().to_string();
            // Help and version are what was asked for; everything else is a mistake.
            return if error.use_stderr() {
                terminal.error_line(text.trim_end());
                USAGE
            } else {
                terminal.raw_line(text.trim_end());
                0
            };
        }
    };
    let terminal = &terminal.as_wanted(&arguments);
    let log_file = arguments.log_file.as_deref();
    if let Err(finding) = diagnostics::begin(terminal, arguments.verbose, log_file) {
        terminal.error_line(&finding.to_string());
        return USAGE;
    }
    diagnostics::say(&format!(
        "version {}: {:?}",
        env!("CARGO_PKG_VERSION"),
        arguments.command
    ));
    match arguments.command {
        // Before any other thread exists: a worker closes its sandbox in this very thread.
        Command::Worker { command } => worker_command::run(command, local, terminal, wrap),
        Command::Worksheet { kind } => {
            terminal.raw_line(crate::worksheet::template(kind).trim_end());
            0
        }
        Command::Check {
            explain: Some(Explained::Mount),
            ..
        } => {
            explain_mounts(arguments.json, terminal);
            0
        }
        Command::Database { command } => database_command::run(&command, arguments.json, terminal),
        Command::Profile { command } => {
            profile_command::run(&command, &arguments.worksheet, arguments.json, terminal)
        }
        command => with_worksheet(
            command,
            &arguments.worksheet,
            arguments.json,
            LocalMachine {
                take_over: arguments.take_over,
                ..local
            },
            terminal,
        ),
    }
}

/// Prints the options of all kinds of mounts with their reasons.
fn explain_mounts(json: bool, terminal: &Terminal) {
    if !json {
        return terminal.raw_line(&mount::explain());
    }
    for table in mount::OPTION_TABLES {
        terminal.raw_line(&serde_json::to_string(&table).unwrap_or_default());
    }
}

fn with_worksheet(
    command: Command,
    file: &Path,
    json: bool,
    local: LocalMachine,
    terminal: &Terminal,
) -> u8 {
    let console: Arc<dyn Console> = if json {
        Arc::new(json::JsonConsole::new(terminal.clone()))
    } else {
        let console = terminal::TerminalConsole::new(terminal.clone());
        Arc::new(console.with_headings(command.part()))
    };
    let console: Arc<dyn Console> = Arc::new(diagnostics::Logged(console));
    let is_offline = matches!(command, Command::Check { offline: true, .. });
    let read = read_worksheet(file, command.needed()).and_then(|worksheet| {
        if !is_offline {
            secrets::ask(&local, &worksheet, command.uses())?;
        }
        Ok(worksheet)
    });
    let worksheet = match read {
        Ok(worksheet) if !is_offline => worksheet,
        read => return end_at_once(read.err().unwrap_or_default(), &console, json, terminal),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            terminal.error_line(&format!("error [runtime]: {error}"));
            return Verdict::Temporary.exit_code();
        }
    };
    let mut controller = Controller::new(worksheet, local, Arc::clone(&console));
    let interrupt = controller.interrupt();
    // What changes something ends by itself at the next step or order; asked twice, it is left where it is.
    let times = if command.may_be_left() { 1 } else { 2 };
    let looks_on = matches!(command, Command::Watch);
    let code = runtime.block_on(async {
        interrupt.listen();
        tokio::select! {
            code = dispatch(command, &mut controller, json, terminal) => Some(code),
            () = interrupt.happened(times) => None,
        }
    });
    // A connection that does not answer is not waited for.
    runtime.shutdown_background();
    code.unwrap_or_else(|| left(&console, looks_on, json, terminal))
}

/// Ends a command that was left at once.
fn left(console: &Arc<dyn Console>, looks_on: bool, json: bool, terminal: &Terminal) -> u8 {
    console.ends();
    let (text, remedy) = if looks_on {
        (
            "The worker at the destination goes on; nobody looks on here any more",
            "`gwmigrate watch` shows it again, `gwmigrate pause` halts it, `gwmigrate stop` ends it in order",
        )
    } else {
        (
            "Left at once; what the worker at the destination was doing goes on",
            "`gwmigrate status` shows what is at work, `gwmigrate stop` ends it in order; the same command again goes on from here",
        )
    };
    let finding = Finding::new("interrupted", Verdict::Interrupted, text, remedy);
    end_at_once(vec![finding], console, json, terminal)
}

/// Ends a command that connects to nothing, or that must not.
fn end_at_once(
    findings: Vec<Finding>,
    console: &Arc<dyn Console>,
    json: bool,
    terminal: &Terminal,
) -> u8 {
    for finding in &findings {
        if json {
            console.finding(finding);
        } else {
            // All of them, however many of a kind there are.
            terminal.line(&finding.to_string());
        }
    }
    let outcome = CommandOutcome {
        verdict: worst(&findings),
        is_stopped: !findings.is_empty(),
        findings,
        steps: Vec::new(),
        next: None,
        back: None,
    };
    show::last(terminal, json, &outcome, None)
}

fn read_worksheet(file: &Path, needed: Needed) -> Result<Worksheet, Vec<Finding>> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        let text = format!("The worksheet cannot be read: {error}");
        let remedy =
            "Name it with --worksheet, or make one with `gwmigrate worksheet > worksheet.toml`";
        let finding = Finding::new("worksheet-unreadable", Verdict::Usage, text, remedy);
        vec![finding.about(file.as_os_str().as_encoded_bytes())]
    })?;
    let folder = file.parent().unwrap_or(Path::new(""));
    let worksheet =
        Worksheet::parse_in(folder, &text, needed).map_err(|problems| problems.findings())?;
    // Told before anything begins, as everything that is wrong with a worksheet.
    crate::profile::of(&worksheet).map_err(|error| vec![error.to_finding()])?;
    Ok(worksheet)
}

/// The commands that look at what was proven.
async fn verify(
    controller: &mut Controller,
    source: bool,
    fetch: Option<String>,
    screen: Option<&Terminal>,
) -> (CommandOutcome, Option<serde_json::Value>) {
    if let Some(subject) = fetch {
        let given = commands::verify::fetch(controller, subject).await;
        shown(given, screen, |terminal, report| {
            show::fetched(terminal, controller, report);
        })
    } else if source {
        let given = commands::verify::source(controller).await;
        shown(given, screen, show::verify_source)
    } else {
        let given = commands::verify::run(controller).await;
        shown(given, screen, show::verify)
    }
}

/// What a command came to, and what it gave, as JSON has it.
type Given = (CommandOutcome, Option<serde_json::Value>);

async fn dispatch(
    command: Command,
    controller: &mut Controller,
    json: bool,
    terminal: &Terminal,
) -> u8 {
    let screen = Some(terminal).filter(|_| !json);
    // What a check finds is in no job store, unless there is one already.
    let list: fn(&str) -> String = match command {
        Command::Check { .. } => |_| "`gwmigrate check -v`".to_owned(),
        _ => groups::in_the_report,
    };
    let told_as = command.told_as();
    let given = match command {
        Command::Status => {
            let (outcome, standing) = commands::status::run(controller).await;
            if let (Some(terminal), Some(standing)) = (screen, &standing) {
                // Its last line is the command that comes next; nothing matters more.
                show::status(terminal, standing);
                return outcome.verdict.exit_code();
            }
            Some(shown((outcome, standing), None, |_, _| {}))
        }
        command if command.may_be_left() => look(command, controller, screen).await,
        command => work(command, controller, screen).await,
    };
    let Some((mut outcome, result)) = given else {
        return USAGE;
    };
    if let Some(name) = told_as {
        controller.tell_end(name, &mut outcome).await;
    }
    show::end(terminal, json, &outcome, result.as_ref(), &list)
}

/// The commands that only look, or ask something of others.
async fn look(
    command: Command,
    controller: &mut Controller,
    screen: Option<&Terminal>,
) -> Option<Given> {
    Some(match command {
        Command::StageOne { .. } => shown(
            commands::plan::run(controller, Stage::StageOne).await,
            screen,
            show::plan,
        ),
        Command::StageTwo { .. } => shown(
            commands::plan::run(controller, Stage::StageTwo).await,
            screen,
            show::plan,
        ),
        Command::Watch => (commands::watch::run(controller).await, None),
        Command::Pause => wish(controller, Wish::Pause, screen).await,
        Command::Resume => wish(controller, Wish::Resume, screen).await,
        Command::Stop => wish(controller, Wish::Stop, screen).await,
        Command::Report(arguments) => page_file::report(controller, arguments, screen).await,
        _ => return None,
    })
}

async fn wish(controller: &mut Controller, wish: Wish, screen: Option<&Terminal>) -> Given {
    let given = commands::wish::run(controller, wish).await;
    shown(given, screen, show::wish)
}

/// The commands that do something; none where it is one that needs no worksheet.
async fn work(
    command: Command,
    controller: &mut Controller,
    screen: Option<&Terminal>,
) -> Option<Given> {
    Some(match command {
        Command::Check { .. } => {
            let (outcome, report) = commands::check::run(controller).await;
            // Its lines were findings.
            shown((outcome, Some(report)), None, |_, _| {})
        }
        Command::StageOne {
            nobody_worked,
            accept_mounts,
            ..
        } => {
            controller.statements = nobody_worked.statements_with_mounts(accept_mounts);
            (commands::stage_one::run(controller).await, None)
        }
        Command::TestMailbox => (commands::test_mailbox::run(controller).await, None),
        Command::Prepare {
            confirm,
            withdraw,
            by,
            note,
        } => {
            let options = PrepareOptions {
                confirm,
                withdraw,
                by,
                note,
            };
            let given = commands::prepare::run(controller, &options).await;
            shown(given, screen, |terminal, items| {
                show::checklist(terminal, items);
            })
        }
        Command::StageTwo { nobody_worked, .. } => {
            controller.statements = nobody_worked.statements();
            (commands::stage_two::run(controller).await, None)
        }
        Command::Lowercase {
            plan,
            nobody_worked,
            ..
        } => {
            let action = if plan { Plan } else { Undo };
            controller.statements = nobody_worked.statements();
            let given = commands::lowercase::run(controller, action).await;
            shown(given, screen, show::lowercase)
        }
        Command::Queues => shown(
            commands::queues::run(controller).await,
            screen,
            show::queues,
        ),
        Command::Finish {
            source_is_gone,
            by,
            note,
        } => {
            let said = arguments::statement(source_is_gone, by.as_ref(), note.as_ref());
            controller.statements.source_is_gone = said;
            (commands::finish::run(controller).await, None)
        }
        Command::Accept(arguments) => {
            let given = commands::accept::run(controller, arguments.acceptance()).await;
            shown(given, screen, |terminal, lines| {
                show::accepted(terminal, lines);
            })
        }
        Command::Verify { source, fetch } => verify(controller, source, fetch, screen).await,
        Command::Abandon { yes, nobody_worked } => {
            controller.statements = nobody_worked.statements();
            let given = commands::abandon::run(controller, yes).await;
            shown(given, screen, show::abandon)
        }
        _ => return None,
    })
}

/// Shows what a command gave on a screen, where there is one, and gives it as JSON has it.
fn shown<T: serde::Serialize>(
    (outcome, given): (CommandOutcome, Option<T>),
    screen: Option<&Terminal>,
    show: impl FnOnce(&Terminal, &T),
) -> (CommandOutcome, Option<serde_json::Value>) {
    if let (Some(terminal), Some(given)) = (screen, &given) {
        show(terminal, given);
    }
    (outcome, serde_json::to_value(given).ok())
}
