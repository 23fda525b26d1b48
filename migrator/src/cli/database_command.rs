//! `gwmigrate database …` on the command line.

use std::path::PathBuf;

use clap::Subcommand;
use postoffice::flaim::{FieldSelection, NameProfile, NameSeen, NameState};
use postoffice::names::printable;
use protocol::{Explain as _, Verdict};
use serde_json::json;
use worker::error::WorkerError;

use super::Terminal;
use crate::database;

/// How many lines of a plan are printed.
const PLAN_LINES_MAX: usize = 50;

#[derive(Debug, Subcommand)]
pub(super) enum DatabaseCommand {
    /// Say what a file is: a database of a known version, or what was seen instead.
    Probe {
        /// The control file, such as ngwguard.db.
        file: PathBuf,
    },
    /// Find everything that is wrong with a database.
    Check {
        /// The control file.
        file: PathBuf,
    },
    /// Print every record, one JSON object a line.
    Dump {
        /// Print the keys of the indexes too.
        #[arg(long)]
        keys: bool,
        /// The control file.
        file: PathBuf,
    },
    /// List the names of files and folders that a database keeps.
    Names {
        #[command(flatten)]
        fields: Fields,
        /// The control file.
        file: PathBuf,
    },
    /// Lower-case those names, and rebuild the indexes on them.
    Lowercase {
        /// Only show what would be changed.
        #[arg(long)]
        plan: bool,
        #[command(flatten)]
        fields: Fields,
        /// The control file.
        file: PathBuf,
    },
}

/// Which values are names; without these, the fields that a guardian keeps names in, and only what looks like one.
#[derive(Debug, clap::Args)]
pub(super) struct Fields {
    /// The number of a container, all of whose values of a field are names.
    #[arg(long, requires = "field")]
    container: Option<u16>,
    /// The number of that field.
    #[arg(long, requires = "container")]
    field: Option<u16>,
}

impl Fields {
    fn profile(&self) -> NameProfile {
        match (self.container, self.field) {
            (Some(container), Some(field)) => {
                NameProfile::Selected(vec![FieldSelection { container, field }])
            }
            _ => NameProfile::Guardian,
        }
    }
}

/// Runs one of them; gives the exit code.
pub(super) fn run(command: &DatabaseCommand, json: bool, terminal: &Terminal) -> u8 {
    let out = Output { json, terminal };
    let outcome = match command {
        DatabaseCommand::Probe { file } => database::probe(file).map(|found| out.probe(&found)),
        DatabaseCommand::Check { file } => database::check(file).map(|found| out.check(&found)),
        DatabaseCommand::Dump { keys, file } => {
            let mut see = |line: serde_json::Value| terminal.try_line(&line.to_string());
            database::dump(file, *keys, &mut see).map(|()| Verdict::Done)
        }
        DatabaseCommand::Names { fields, file } => {
            database::names(file, &fields.profile(), &mut |name| out.name(name))
                .map(|counts| out.names(counts))
        }
        DatabaseCommand::Lowercase { plan, fields, file } => {
            database::lowercase(file, &fields.profile(), *plan)
                .map(|done| out.lowercase(&done, *plan))
        }
    };
    let verdict = outcome.unwrap_or_else(|error| out.error(&error));
    verdict.exit_code()
}

struct Output<'a> {
    json: bool,
    terminal: &'a Terminal,
}

impl Output<'_> {
    fn line(&self, text: &str) {
        self.terminal.raw_line(text);
    }

    fn result(&self, value: &impl serde::Serialize) {
        self.line(&serde_json::to_string(value).unwrap_or_default());
    }

    fn error(&self, error: &WorkerError) -> Verdict {
        let finding = error.to_finding();
        if self.json {
            self.line(&json!({ "finding": finding }).to_string());
        } else {
            self.terminal.error_line(&finding.to_string());
        }
        finding.verdict
    }

    fn probe(&self, found: &database::DatabaseProbe) -> Verdict {
        let verdict = if found.is_known {
            Verdict::Done
        } else {
            Verdict::Refused
        };
        if self.json {
            self.result(found);
            return verdict;
        }
        self.line(&format!("Files: {}", found.files.join(" ")));
        match (found.version, &found.seen) {
            (Some(version), _) => self.line(&format!(
                "FLAIM database, version {}.{:02}, blocks of {} bytes, {}",
                version / 100,
                version % 100,
                found.block_bytes.unwrap_or(0),
                if found.is_clean == Some(true) {
                    "closed cleanly"
                } else {
                    "not closed cleanly: shown and converted as recovery would leave it"
                }
            )),
            (None, seen) => self.line(&format!(
                "Not known to the built-in engine [{}]: {}",
                found.code.unwrap_or_default(),
                seen.as_deref().unwrap_or_default()
            )),
        }
        verdict
    }

    fn check(&self, found: &database::DatabaseCheck) -> Verdict {
        let verdict = if found.is_sound {
            Verdict::Done
        } else {
            Verdict::Unproven
        };
        if self.json {
            self.result(found);
            return verdict;
        }
        for finding in &found.findings {
            self.line(&format!("{}: {}", finding.code, finding.text));
        }
        if found.findings_left_out > 0 {
            self.line(&format!("and {} more", found.findings_left_out));
        }
        for line in &found.not_compared {
            self.line(&format!("not compared: {line}"));
        }
        self.line(&format!(
            "{} blocks, {} of them free; {} records, {} references",
            found.blocks, found.blocks_free, found.records, found.references
        ));
        let how_many = found.findings.len() as u64 + found.findings_left_out;
        if found.is_sound {
            self.line("Sound");
        } else {
            self.line(&format!("DAMAGED: {how_many} findings, see above"));
        }
        verdict
    }

    fn name(&self, name: &NameSeen) {
        if self.json {
            self.result(name);
            return;
        }
        let state = match name.state {
            NameState::Lower => "lower".to_owned(),
            NameState::Changes => "change".to_owned(),
            NameState::Stays(reason) => format!("stays: {}", reason.words()),
        };
        self.line(&format!(
            "{:>6} {:>8} {:>5}  {}  [{state}]",
            name.container,
            name.record,
            name.field,
            printable(name.value.as_bytes())
        ));
    }

    fn names(&self, counts: database::DatabaseNames) -> Verdict {
        if self.json {
            self.result(&counts);
        } else {
            self.line(&format!(
                "{} names; {} would change, {} with capitals would stay",
                counts.names, counts.to_change, counts.left_alone
            ));
        }
        Verdict::Done
    }

    fn lowercase(&self, done: &database::DatabaseLowercase, plan_only: bool) -> Verdict {
        let verdict = if done.plan.is_empty() {
            Verdict::NothingToDo
        } else {
            Verdict::Done
        };
        if self.json {
            self.result(done);
            return verdict;
        }
        for change in done.plan.changes.iter().take(PLAN_LINES_MAX) {
            self.line(&format!(
                "{:>6} {:>8} {:>5}  {} -> {}",
                change.container,
                change.record,
                change.field,
                printable(change.old.as_bytes()),
                printable(change.new.as_bytes())
            ));
        }
        let further = done.plan.changes.len().saturating_sub(PLAN_LINES_MAX);
        if further > 0 {
            self.line(&format!("and {further} more; --json lists all"));
        }
        for left in done.plan.left_alone.iter().take(PLAN_LINES_MAX) {
            let value = printable(left.value.as_bytes());
            self.line(&format!("stays, because {}: {value}", left.reason.words()));
        }
        for index in &done.plan.rebuilt {
            self.line(&format!("index {} {} is rebuilt", index.index, index.name));
        }
        let how_many = done.plan.changes.len();
        match &done.report {
            Some(report) => self.line(&format!(
                "Done: {} names changed, {} indexes rebuilt, the result checked sound",
                report.values,
                report.indexes.len()
            )),
            None if plan_only && how_many > 0 => {
                self.line(&format!(
                    "{how_many} names would change; nothing was written"
                ));
            }
            None if done.plan.fields.is_empty() => self.line(
                "Nothing to do: no field of its dictionary is known to hold names; say which does with --container and --field",
            ),
            None => self.line("Nothing to do: no name has a capital letter"),
        }
        verdict
    }
}
