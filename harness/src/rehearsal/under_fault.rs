//! Running a command while a fault strikes, and then again until it has gone on.

use std::collections::BTreeMap;
use std::fs::File;
use std::time::Duration;

use worker::finding::Finding;

use super::fault::{Fault, FaultKind};
use super::play::Play;
use super::{CommandRun, RehearsalError, folder_in_any_case, io_error};
use crate::checks::Check;
use crate::faults::KILL_AT_JOURNAL;
use crate::site::{Absence, Site};

/// How often a command is run again before its fault counts as not survived.
const RUNS_MAX: usize = 3;

/// How long to wait until what a killed controller held is free.
const PAUSE: Duration = Duration::from_millis(200);

/// A fault that is in force until it is lifted.
enum InForce {
    Server,
    SourceGone(Absence),
    LockHeld(#[allow(dead_code)] File),
}

impl Play<'_> {
    /// Runs a command as the schedule wants it: under a fault first, where one is planned for it.
    pub(super) fn migrate(&mut self, arguments: &[&str]) -> Result<CommandRun, RehearsalError> {
        let planned = self
            .faults
            .iter()
            .position(|fault| fault.command == arguments[0]);
        let Some(planned) = planned else {
            return self.migrate_once(arguments, None);
        };
        let fault = self.faults.remove(planned);
        let in_force = strike(&*self.site, &fault)?;
        let run = self.migrate_once(arguments, Some(fault.clone()))?;
        let was_moved = matches!(in_force, InForce::SourceGone(_));
        let missed = lift(&*self.site, in_force)?;
        let mut failures = Vec::new();
        if was_moved {
            failures.extend(self.source_was_only_moved()?);
        }
        if !fault.may_end_with(run.exit_code) {
            failures.push(format!("the command ended with {:?}", run.exit_code));
        }
        if missed || !left_its_mark(&fault, &run) {
            failures.push("it did not strike".to_owned());
        }
        let mut last = run;
        for _ in 0..RUNS_MAX {
            // The next fault that is planned for this command strikes now.
            last = self.migrate(arguments)?;
            let is_held = |finding: &Finding| finding.code == "controller-busy";
            if fault.may_end_with(None) && last.findings.iter().any(is_held) {
                // The system has yet to close what the one that was killed held.
                std::thread::sleep(PAUSE);
            } else if last.exit_code != Some(4) {
                break;
            }
        }
        if !last.is_fine() {
            failures.push(format!("run again, it ended with {:?}", last.exit_code));
        }
        let name = format!("{fault} struck, and the same command went on");
        self.checks.push(Check::new(name, failures));
        Ok(last)
    }

    /// A fault that was planned and never came up would make the rehearsal say more than it did.
    pub(super) fn every_fault_struck(&mut self) {
        let left = self.faults.drain(..);
        let failures: Vec<String> = left.map(|fault| format!("{fault} never came up")).collect();
        if !failures.is_empty() {
            self.checks
                .push(Check::new("every planned fault came up", failures));
        }
    }
}

/// Whether a fault that must be seen in what the command found can be.
fn left_its_mark(fault: &Fault, run: &CommandRun) -> bool {
    let code = match fault.kind {
        FaultKind::ControllerKilled(_) => return run.exit_code.is_none(),
        FaultKind::Kill(_) => "worker-died",
        // Stage two does not even begin to copy.
        FaultKind::LockHeld if fault.command == "stage-two" => "lock-held",
        FaultKind::LockHeld => "database-deferred",
        FaultKind::Disturbed(..) | FaultKind::SourceGone | FaultKind::SourceEmpty => return true,
    };
    run.findings.iter().any(|finding| finding.code == code)
}

fn strike(site: &dyn Site, fault: &Fault) -> Result<InForce, RehearsalError> {
    match fault.kind {
        FaultKind::Kill(moment) => {
            let variable = (KILL_AT_JOURNAL.to_owned(), moment.to_string());
            site.set_environment(BTreeMap::from([variable]))?;
            Ok(InForce::Server)
        }
        // That is done by whoever starts it.
        FaultKind::ControllerKilled(_) => Ok(InForce::Server),
        FaultKind::Disturbed(network, disturbance) => {
            site.disturb(network, disturbance)?;
            Ok(InForce::Server)
        }
        FaultKind::SourceGone | FaultKind::SourceEmpty => {
            let absence = if fault.kind == FaultKind::SourceEmpty {
                Absence::Empty
            } else {
                Absence::Gone
            };
            site.source_goes(absence)?;
            Ok(InForce::SourceGone(absence))
        }
        FaultKind::LockHeld => {
            let path = folder_in_any_case(&site.seen().source, &["wphost.db"])?;
            let file = File::options()
                .read(true)
                .write(true)
                .open(&path)
                .map_err(io_error("open", &path))?;
            rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
                .map_err(|errno| io_error("lock", &path)(errno.into()))?;
            Ok(InForce::LockHeld(file))
        }
    }
}

/// Ends a fault; says whether it is still waiting to strike.
fn lift(site: &dyn Site, in_force: InForce) -> Result<bool, RehearsalError> {
    match in_force {
        InForce::Server => {
            site.set_environment(BTreeMap::new())?;
            Ok(!site.calm())
        }
        InForce::SourceGone(absence) => {
            site.source_comes_back(absence)?;
            Ok(false)
        }
        // Closing the file gives the lock back.
        InForce::LockHeld(_file) => Ok(false),
    }
}
