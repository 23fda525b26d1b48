//! What can be said on the command line.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Parser, Subcommand};

use protocol::{Extent, Stage};

use super::database_command::DatabaseCommand;
use super::page_file::ReportArguments;
use super::profile_command::ProfileCommand;
use super::worker_command::WorkerCommand;
use crate::commands::accept::Acceptance;
use crate::controller::{Statement, Statements};
use crate::steps::secrets::Use;
use crate::worksheet::{Needed, SourceKind};

/// Move a GroupWise post office from NetWare or Windows to Linux in two stages.
///
/// The usual order: worksheet, check, stage-one (as often as wanted), test-mailbox, prepare, stage-two, finish.
/// `status` says at any time where the migration stands and which command comes next.
#[derive(Debug, Parser)]
#[command(name = "gwmigrate", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(super) struct Arguments {
    /// The worksheet of the job.
    #[arg(
        long,
        short,
        global = true,
        default_value = "worksheet.toml",
        value_name = "FILE"
    )]
    pub(super) worksheet: PathBuf,

    /// Print JSON, one object a line, instead of text.
    #[arg(long, global = true)]
    pub(super) json: bool,

    /// Take the job over from a controller that is still said to be at work on it.
    #[arg(long, global = true)]
    pub(super) take_over: bool,

    /// Say more: each finding and each part of a task; twice, also what the program does inside.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub(super) verbose: u8,

    /// Say less: findings, results and the last line alone.
    #[arg(long, global = true, conflicts_with_all = ["verbose", "json"])]
    pub(super) quiet: bool,

    /// When to use colors; NO_COLOR in the environment turns them off as well.
    #[arg(long, global = true, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    pub(super) color: Color,

    /// Append what this command does, says and finds to a file of this machine, with the time of each line.
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) log_file: Option<PathBuf>,

    #[command(subcommand)]
    pub(super) command: Command,
}

/// When colors are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Color {
    /// On a terminal.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

const EXIT_CODES: &str = "Exit codes: 0 done; 1 findings that need a person; 2 command line or worksheet; \
    3 nothing to do; 4 temporary, run again; 5 refused for safety; 6 data could not be proven; 130 interrupted";

/// What can be explained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Explained {
    /// The options of each kind of mount.
    Mount,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a commented worksheet to fill in.
    Worksheet {
        /// How the destination reaches the source.
        #[arg(long, value_enum, default_value_t = SourceKind::Mounted)]
        kind: SourceKind,
    },
    /// Look at both servers before anything is changed.
    Check {
        /// Look at the worksheet alone, and connect to nothing.
        #[arg(long)]
        offline: bool,
        /// Print the reasons for what would be done, and look at nothing.
        #[arg(long, value_enum, conflicts_with = "offline")]
        explain: Option<Explained>,
    },
    /// Do all that can be done while users work; run it again for another pass.
    StageOne {
        /// Print what would be done at the destination, and do nothing.
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        nobody_worked: NobodyWorked,
        /// Say that the mounts of source and destination are meant to be as they are now.
        #[arg(long, requires_all = ["by", "note"])]
        accept_mounts: bool,
    },
    /// Compare a mailbox of the migrated post office with the same one at the source.
    TestMailbox,
    /// Stop the Linux POA and work off the checklist.
    Prepare {
        /// Confirm an item of the checklist.
        #[arg(long, value_name = "ITEM")]
        confirm: Vec<String>,
        /// Take the confirmation of an item back.
        #[arg(long, value_name = "ITEM")]
        withdraw: Vec<String>,
        /// Who confirms it.
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// What is to be remembered with it.
        #[arg(long, value_name = "TEXT", default_value = "")]
        note: String,
    },
    /// Do what must be done while users are out, and seal the result.
    StageTwo {
        /// Print what would be done at the destination, and do nothing.
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        nobody_worked: NobodyWorked,
    },
    /// Look at the renamings of stage two, or take them back.
    #[command(group = clap::ArgGroup::new("action").required(true))]
    Lowercase {
        /// Print what would be renamed and change nothing.
        #[arg(long, group = "action")]
        plan: bool,
        /// Give renamed files and folders their old names again.
        #[arg(long, group = "action")]
        undo: bool,
        #[command(flatten)]
        nobody_worked: NobodyWorked,
    },
    /// Carry over what arrived in the queues of the source after stage two.
    Queues,
    /// Look at the source once more and start the Linux POA for users.
    Finish {
        /// Do not look at the source any more: it is gone for good.
        #[arg(long, requires_all = ["by", "note"])]
        source_is_gone: bool,
        /// Who says so.
        #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
        by: Option<String>,
        /// Why.
        #[arg(long, value_name = "WHY", value_parser = NonEmptyStringValueParser::new())]
        note: Option<String>,
    },
    /// Say that a finding is known: it is shown as accepted, and decides no exit code until it says something else.
    Accept(AcceptArguments),
    /// Show every step with a mark, and the command that comes next.
    Status,
    /// Show what the worker is doing now, until its order ends; from any terminal.
    Watch,
    /// Halt the worker that is at work, from any terminal: it begins nothing new, and holds no lock of the source.
    Pause,
    /// Let a paused worker go on.
    Resume,
    /// End the worker that is at work in order; the command that gave the order goes on from there when it is run again.
    Stop,
    /// Compare the destination with its seal, or the source with what was proven of it.
    Verify {
        /// Read the source once more, while users work at the destination: all that was not read since it came to rest. Run
        /// again, it goes on.
        #[arg(long)]
        source: bool,
        /// Bring what the source has of this file into the job folder.
        #[arg(long, value_name = "ENTRY", conflicts_with = "source")]
        fetch: Option<String>,
    },
    /// Show everything that is known about the job, or write it as a page for a browser.
    Report(ReportArguments),
    /// Undo the job at the destination; the source is not touched.
    Abandon {
        /// Do it; without this, it is only shown.
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        nobody_worked: NobodyWorked,
    },
    /// Look at one database where it lies, or lower-case the names in it; needs no worksheet.
    Database {
        #[command(subcommand)]
        command: DatabaseCommand,
    },
    /// Show what is known of the generations of GroupWise, and which commands need root.
    Profile {
        #[command(subcommand)]
        command: ProfileCommand,
    },
    /// What the controller runs at the destination.
    #[command(hide = true)]
    Worker {
        #[command(subcommand)]
        command: WorkerCommand,
    },
}

impl Command {
    /// Which files that the worksheet names it needs.
    pub(super) fn needed(&self) -> Needed {
        match self {
            Self::Check { .. } | Self::StageOne { .. } => Needed::All,
            _ => Needed::Always,
        }
    }

    /// Its name, where its end is told to whom the worksheet names: what only looks is not.
    pub(super) fn told_as(&self) -> Option<&'static str> {
        Some(match self {
            Self::Check { .. } => "check",
            Self::StageOne { plan: false, .. } => "stage-one",
            Self::TestMailbox => "test-mailbox",
            Self::Prepare { .. } => "prepare",
            Self::StageTwo { plan: false, .. } => "stage-two",
            Self::Lowercase { .. } => "lowercase",
            Self::Queues => "queues",
            Self::Finish { .. } => "finish",
            Self::Accept(_) => "accept",
            Self::Verify { .. } => "verify",
            Self::Abandon { .. } => "abandon",
            Self::Pause => "pause",
            Self::Resume => "resume",
            Self::Stop => "stop",
            Self::Worksheet { .. }
            | Self::StageOne { plan: true, .. }
            | Self::StageTwo { plan: true, .. }
            | Self::Status
            | Self::Watch
            | Self::Report(_)
            | Self::Database { .. }
            | Self::Profile { .. }
            | Self::Worker { .. } => return None,
        })
    }

    /// The part of a migration that it begins with; none where it has no place of its own in their order.
    pub(super) fn part(&self) -> Option<Stage> {
        match self {
            Self::StageOne { .. } => Some(Stage::StageOne),
            Self::TestMailbox | Self::Prepare { .. } | Self::StageTwo { .. } => {
                Some(Stage::Between)
            }
            Self::Finish { .. } => Some(Stage::After),
            _ => None,
        }
    }

    /// Whether it only looks, or asks something of others, so that leaving it leaves nothing undone.
    pub(super) fn may_be_left(&self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::StageOne { plan: true, .. }
                | Self::StageTwo { plan: true, .. }
                | Self::Report(_)
                | Self::Watch
                | Self::Pause
                | Self::Resume
                | Self::Stop
        )
    }

    /// What it needs secrets for.
    pub(super) fn uses(&self) -> &'static [Use] {
        match self {
            Self::Check { .. } | Self::StageOne { plan: false, .. } => {
                &[Use::Mounts, Use::Certificate]
            }
            Self::StageOne { plan: true, .. }
            | Self::StageTwo { .. }
            | Self::Queues
            | Self::Verify { source: true, .. }
            | Self::Verify { fetch: Some(_), .. }
            | Self::Abandon { yes: true, .. }
            | Self::Finish {
                source_is_gone: false,
                ..
            } => &[Use::Mounts],
            Self::TestMailbox => &[Use::Mailbox],
            _ => &[],
        }
    }
}

/// What is accepted, and by whom.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct AcceptArguments {
    /// The code of the finding.
    #[arg(value_name = "CODE")]
    code: String,
    /// What it is about, as it is shown; nothing where it is about the whole job, or for all of a group that is shown as one.
    #[arg(value_name = "ENTRY", default_value = "", hide_default_value = true)]
    entry: String,
    /// Accept everything with this code, also what comes later.
    #[arg(long, conflicts_with = "entry")]
    all: bool,
    /// Take it back.
    #[arg(long, conflicts_with_all = ["by", "note"])]
    withdraw: bool,
    /// Who accepts it.
    #[arg(long, value_name = "NAME", required_unless_present = "withdraw", value_parser = NonEmptyStringValueParser::new())]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "WHY", required_unless_present = "withdraw", value_parser = NonEmptyStringValueParser::new())]
    note: Option<String>,
}

impl AcceptArguments {
    pub(super) fn acceptance(self) -> Acceptance {
        let extent = if self.all {
            Extent::Code
        } else {
            Extent::Finding
        };
        Acceptance {
            code: self.code,
            extent,
            subject: self.entry,
            statement: statement(!self.withdraw, self.by.as_ref(), self.note.as_ref()),
        }
    }
}

/// A person's word that nothing of users is lost where a command writes over the destination.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct NobodyWorked {
    /// Say that nobody has worked at the destination, although the Linux POA was started for users.
    #[arg(long, requires_all = ["by", "note"])]
    users_have_not_worked: bool,
    /// Who says so.
    #[arg(long, value_name = "NAME", value_parser = NonEmptyStringValueParser::new())]
    by: Option<String>,
    /// Why.
    #[arg(long, value_name = "WHY", value_parser = NonEmptyStringValueParser::new())]
    note: Option<String>,
}

impl NobodyWorked {
    /// That nobody has worked, where that is said.
    pub(super) fn statements(&self) -> Statements {
        let said = self.users_have_not_worked;
        Statements {
            users_have_not_worked: statement(said, self.by.as_ref(), self.note.as_ref()),
            ..Statements::default()
        }
    }

    /// The same, and that the mounts are meant to be as they are, where that is said as well.
    pub(super) fn statements_with_mounts(&self, accept_mounts: bool) -> Statements {
        Statements {
            mounts_have_changed: statement(accept_mounts, self.by.as_ref(), self.note.as_ref()),
            ..self.statements()
        }
    }
}

/// Something that a person says, where they do.
pub(super) fn statement(
    is_said: bool,
    by: Option<&String>,
    note: Option<&String>,
) -> Option<Statement> {
    let (by, note) = (by?.clone(), note?.clone());
    is_said.then_some(Statement { by, note })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_table_of_arguments_is_sound() {
        Arguments::command().debug_assert();
    }
}
