//! The acts of a rehearsal, on whichever back end.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use gwmigrate::commands::report::JobReport;
use simulator::{ChurnOptions, truth};

use super::command::{migrate, migrate_killed, milliseconds};
use super::{CommandRun, Fault, FaultKind, RehearsalOptions};
use crate::checks::{Check, Snapshot, compare_post_offices, compare_trees, queued_items};
use crate::error::{HarnessError, io_error};
use crate::site::Site;
use crate::source_agent::SourceAgent;

/// Every item of the checklist that the person in this play confirms.
const CONFIRMED: [&str; 5] = [
    "objects-reconfigured",
    "document-locations",
    "ip-address",
    "replicated",
    "source-poa-stopped",
];

/// A rehearsal that is being played.
pub(super) struct Play<'a> {
    pub(super) options: &'a RehearsalOptions,
    pub(super) note: &'a mut dyn FnMut(&str),
    pub(super) site: Box<dyn Site>,
    pub(super) commands: Vec<CommandRun>,
    pub(super) checks: Vec<Check>,
    /// What has yet to strike.
    pub(super) faults: Vec<Fault>,
    began: Instant,
    churned: u64,
    source: Snapshot,
    /// The agent of the source, while it runs.
    pub(super) agent: Option<SourceAgent>,
    /// Whether it changes the source.
    pub(super) users_work: bool,
    /// How many items came into the queues of the source since the last seal.
    pub(super) new_queue_items: u64,
}

impl<'a> Play<'a> {
    pub(super) fn begin(
        options: &'a RehearsalOptions,
        mut site: Box<dyn Site>,
        began: Instant,
        note: &'a mut dyn FnMut(&str),
    ) -> Result<Self, HarnessError> {
        let folder = site.folder().to_owned();
        if options
            .faults
            .iter()
            .any(|fault| fault.kind == FaultKind::LockHeld)
        {
            // A lock that is held for ever need not be waited for as long as in life.
            let line = ("copy".to_owned(), "lock_wait_seconds = 1".to_owned());
            site.sheet_mut().extra.push(line);
            site.write_worksheet()?;
        }
        fs::create_dir_all(folder.join("reports")).map_err(io_error("create", &folder))?;
        note(&format!(
            "{:<44} {:>8} ms  {} files, {} users, names in {} case",
            format!("made post office {}", site.created().post_office),
            milliseconds(began),
            site.created().files,
            site.created().users,
            options.case
        ));
        let source = Snapshot::take(&folder.join("source")).map_err(io_error("read", &folder))?;
        Ok(Self {
            options,
            note,
            site,
            commands: Vec::new(),
            checks: Vec::new(),
            faults: options.faults.clone(),
            began,
            churned: 0,
            source,
            agent: None,
            users_work: false,
            new_queue_items: 0,
        })
    }

    pub(super) fn stage_one(&mut self) -> Result<(), HarnessError> {
        self.migrate(&["check"])?;
        self.migrate(&["stage-one"])?;
        if self.options.with_poa {
            self.site.software_is_installed()?;
        }
        self.churn()?;
        self.users_begin_to_work()?;
        self.migrate(&["stage-one"])?;
        Ok(())
    }

    pub(super) fn between(&mut self) -> Result<(), HarnessError> {
        self.users_go_home()?;
        self.leave_something_at_the_destination()?;
        self.test_mailbox()?;
        self.source_agent_stops()?;
        let mut arguments = vec![
            "prepare",
            "--by",
            "rehearsal",
            "--note",
            "played by the rehearsal",
        ];
        for item in CONFIRMED {
            arguments.extend(["--confirm", item]);
        }
        self.migrate(&arguments)?;
        // The last work of the users before they are out.
        self.churn()
    }

    pub(super) fn stage_two(&mut self) -> Result<(), HarnessError> {
        self.migrate(&["stage-two"])?;
        self.site.look_at_destination()?;
        self.check_trees()?;
        self.check_mail()?;
        self.check_set_aside();
        self.migrate(&["verify"])?;
        Ok(())
    }

    pub(super) fn after(&mut self) -> Result<(), HarnessError> {
        self.migrate(&["finish"])?;
        self.site.look_at_destination()?;
        self.check_what_finish_left()?;
        self.check_answers()?;
        self.check_user()?;
        self.straggler()?;
        self.verify_source()?;
        self.check_source_untouched()?;
        let refused = self.site.refused_commands()?;
        let name = "the destination let the migrator run every command";
        self.checks.push(Check::new(name, refused));
        self.stop_poa()
    }

    /// What a test POA leaves behind: a message in a queue, and an attachment.
    fn leave_something_at_the_destination(&self) -> Result<(), HarnessError> {
        for name in LEFT_BEHIND {
            self.site
                .leave_at_destination(name, b"made by the test POA")?;
        }
        Ok(())
    }

    fn check_set_aside(&mut self) {
        let quarantine = self.site.trees().job_folder.join("quarantine/0");
        let mut failures = Vec::new();
        for name in LEFT_BEHIND {
            let kept = fs::read(quarantine.join(name)).unwrap_or_default();
            if kept != b"made by the test POA" {
                failures.push(format!("{name} was not set aside"));
            }
        }
        self.checks.push(Check::new(
            "what the test POA made is set aside, not delivered",
            failures,
        ));
    }

    pub(super) fn check_trees(&mut self) -> Result<(), HarnessError> {
        let failures = self.differences()?;
        self.checks.push(Check::new(
            "the destination is the source, byte for byte, names in lower case, also in the guardian",
            failures,
        ));
        self.check_source_untouched()
    }

    /// The start of the agent, and giving the files to its user, leave everything as it was but what the agent opens.
    fn check_what_finish_left(&mut self) -> Result<(), HarnessError> {
        let mut failures = self.differences()?;
        failures.retain(|line| {
            let is_opened = AGENT_OPENS.iter().any(|start| line.starts_with(start));
            !is_opened && !line.contains(AGENT_LOG)
        });
        let name = "what the agent does not open is as it was sealed once it runs";
        self.checks.push(Check::new(name, failures));
        Ok(())
    }

    /// How the destination differs from the source.
    fn differences(&self) -> Result<Vec<String>, HarnessError> {
        let trees = self.site.trees();
        let step = trees.time_step_nanoseconds;
        let mut failures = compare_post_offices(&trees.source, &trees.destination, step)
            .map_err(io_error("compare", &trees.destination))?;
        if let Some((source, destination)) = &trees.documents {
            failures.extend(
                compare_trees(source, destination, step)
                    .map_err(io_error("compare", destination))?,
            );
        }
        Ok(failures)
    }

    /// Who has which messages, read from the records of both sides.
    pub(super) fn check_mail(&mut self) -> Result<(), HarnessError> {
        let trees = self.site.trees();
        let (source, destination) = (truth(&trees.source)?, truth(&trees.destination));
        let failures = match destination {
            Err(error) => vec![error.to_string()],
            Ok(destination) if destination == source => Vec::new(),
            Ok(_) => vec!["somebody has other messages, or other folders".to_owned()],
        };
        let how_many = source.messages.len();
        let name = format!("every user has the same messages, {how_many} in all mailboxes");
        self.checks.push(Check::new(name, failures));
        Ok(())
    }

    pub(super) fn check_source_untouched(&mut self) -> Result<(), HarnessError> {
        let folder = self.site.folder().join("source");
        let now = Snapshot::take(&folder).map_err(io_error("read", &folder))?;
        let name = format!("the source was not written, look {}", self.checks.len());
        self.checks
            .push(Check::new(name, self.source.differences(&now)));
        Ok(())
    }

    /// Changes the source as users do; what the migrator did to it before that is looked at first.
    pub(super) fn churn(&mut self) -> Result<(), HarnessError> {
        self.check_source_untouched()?;
        self.churned += 1;
        let report = simulator::churn(
            &self.site.trees().source,
            &ChurnOptions {
                seed: self.options.seed.wrapping_add(self.churned),
                operations: self.options.churn,
                time: None,
            },
        )?;
        (self.note)(&format!(
            "users at work: {} operations on the source",
            report.operations.len()
        ));
        self.take_snapshot()
    }

    /// What else changed at the source than the folders that a move away and back gives other times.
    pub(super) fn source_was_only_moved(&mut self) -> Result<Vec<String>, HarnessError> {
        let before = self.source.clone();
        self.take_snapshot()?;
        let mut differences = before.differences(&self.source);
        let moved = [" has other attributes", "/PO has other attributes"];
        differences.retain(|line| !moved.contains(&line.as_str()));
        Ok(differences)
    }

    pub(super) fn take_snapshot(&mut self) -> Result<(), HarnessError> {
        let folder = self.site.folder().join("source");
        self.source = Snapshot::take(&folder).map_err(io_error("read", &folder))?;
        Ok(())
    }

    /// A message that arrives at the source when everything is over.
    fn straggler(&mut self) -> Result<(), HarnessError> {
        self.check_source_untouched()?;
        // The agents of the destination are at work by now.
        let taken = self.queued_items()?;
        for item in &taken {
            self.site.remove_at_destination(item)?;
        }
        let queue = folder_in_any_case(&self.site.trees().source, &["wpcsin", "4"])?;
        let path = queue.join("STRAGGLE.001");
        fs::write(&path, b"a late message").map_err(io_error("write", &path))?;
        self.take_snapshot()?;
        self.new_queue_items += 1;
        self.migrate(&["queues"])?;
        let standing = self.queued_items()?;
        let arrived = self.site.trees().destination.join("wpcsin/4/straggle.001");
        let failures = match fs::read(&arrived) {
            Ok(bytes) if bytes == b"a late message" => Vec::new(),
            _ => vec!["the straggler is not in its queue at the destination".into()],
        };
        self.checks
            .push(Check::new("a straggler was carried over", failures));
        let again = standing.intersection(&taken);
        let failures = again.map(|item| format!("{} came again", item.display()));
        let name = format!("none of {} items was delivered twice", taken.len());
        self.checks.push(Check::new(name, failures.collect()));
        Ok(())
    }

    /// What stands in the queues of the destination.
    fn queued_items(&self) -> Result<BTreeSet<PathBuf>, HarnessError> {
        self.site.look_at_destination()?;
        let destination = &self.site.trees().destination;
        queued_items(destination).map_err(io_error("list", destination))
    }

    /// Reads the source once more, while users work at the destination.
    fn verify_source(&mut self) -> Result<(), HarnessError> {
        let run = self.migrate(&["verify", "--source"])?;
        let read = ["now", "before"].map(|part| run.result[part]["files"].as_u64().unwrap_or(0));
        let failures = match run.result["differences"].as_u64() {
            Some(0) if read.iter().sum::<u64>() > 0 => Vec::new(),
            _ => vec![format!("it says {}", run.result)],
        };
        self.checks.push(Check::new(
            "every byte of the source was read after it had come to rest",
            failures,
        ));
        Ok(())
    }

    fn stop_poa(&self) -> Result<(), HarnessError> {
        if !self.options.with_poa {
            return Ok(());
        }
        self.site.stop_poa()
    }

    /// What the migrator knows of the job.
    pub(super) fn report(&mut self) -> Result<JobReport, HarnessError> {
        let run = self.migrate(&["report"])?;
        serde_json::from_value(run.result).map_err(|error| HarnessError::NoResult {
            command: "report".into(),
            cause: error.to_string(),
        })
    }

    /// Runs the migrator as the administrator would, with `--json`; `fault` is what strikes meanwhile.
    pub(super) fn migrate_once(
        &mut self,
        arguments: &[&str],
        fault: Option<Fault>,
    ) -> Result<CommandRun, HarnessError> {
        let began_milliseconds = milliseconds(self.began);
        let run = match fault.as_ref().map(|fault| fault.kind) {
            Some(FaultKind::ControllerKilled(milliseconds)) => {
                let after = Duration::from_millis(milliseconds);
                migrate_killed(&*self.site, arguments, after)?
            }
            _ => migrate(&*self.site, arguments)?,
        };
        let log = format!("{:02}-{}.jsonl", self.commands.len() + 1, arguments[0]);
        let path = self.site.folder().join("reports").join(log);
        fs::write(&path, &run.1).map_err(io_error("write", &path))?;
        let mut run = run.0;
        run.began_milliseconds = began_milliseconds;
        run.fault = fault;
        run.while_users_worked = self.users_work;
        let code = run
            .exit_code
            .map_or_else(|| "killed".to_owned(), |code| format!("exit code {code}"));
        let under = run
            .fault
            .as_ref()
            .map_or_else(String::new, |fault| format!("  under the fault {fault}"));
        (self.note)(&format!(
            "{:<44} {:>8} ms  {code}{under}",
            format!("gwmigrate {}", arguments[0]),
            run.milliseconds
        ));
        self.commands.push(run.clone());
        Ok(run)
    }
}

/// What the agent opens when it begins, and what its logs are called.
const AGENT_OPENS: [&str; 2] = ["/wphost.", "/ofuser/"];
const AGENT_LOG: &str = "poa.";

const LEFT_BEHIND: [&str; 2] = ["wpcsin/0/testpoa.001", "offiles/fd0/testpoa.blb"];

/// A folder of the source, whatever the case of its names.
pub fn folder_in_any_case(root: &Path, names: &[&str]) -> Result<PathBuf, HarnessError> {
    names.iter().try_fold(root.to_owned(), |folder, wanted| {
        let entries = fs::read_dir(&folder).map_err(io_error("list", &folder))?;
        let found = entries.filter_map(Result::ok).find(|entry| {
            entry
                .file_name()
                .to_str()
                .is_some_and(|name| name.eq_ignore_ascii_case(wanted))
        });
        let missing =
            || io_error("find", &folder.join(wanted))(std::io::ErrorKind::NotFound.into());
        found.map(|entry| entry.path()).ok_or_else(missing)
    })
}
