//! Running a command while a fault strikes, and then again until it has gone on.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use protocol::Finding;

use super::fault::{Fault, FaultKind};
use super::late_item::{self, LateItem};
use super::play::Play;
use super::{CommandRun, folder_in_any_case};
use crate::checks::{Check, QUEUES};
use crate::error::{HarnessError, io_error};
use crate::faults::{KILL_AT_JOURNAL, KILL_IN_PHASE};
use crate::site::Absence;

/// How often a command is run again before its fault counts as not survived.
const RUNS_MAX: usize = 3;

/// How long to wait until what a killed controller held is free.
const PAUSE: Duration = Duration::from_millis(200);

/// How far the times of a shifted clock are.
const HOUR: Duration = Duration::from_hours(1);

const DID_NOT_STRIKE: &str = "it did not strike";

/// A fault that is in force until it is lifted.
enum InForce {
    /// Nothing has to be undone.
    Happened,
    Server,
    SourceGone(Absence),
    LockHeld(#[allow(dead_code)] File),
    WentBack,
    PoaMayNotStart,
    LateItem(LateItem),
}

impl Play<'_> {
    /// Runs a command as the schedule wants it: under a fault first, where one is planned for it.
    pub(super) fn migrate(&mut self, arguments: &[&str]) -> Result<CommandRun, HarnessError> {
        let planned = self
            .faults
            .iter()
            .position(|fault| fault.strikes(arguments));
        let Some(planned) = planned else {
            return self.migrate_once(arguments, None);
        };
        let fault = self.faults.remove(planned);
        let in_force = self.strike(&fault)?;
        if fault.kind == FaultKind::SecondStageTwo {
            // What it leads to is the command that was to come, and other faults may strike that.
            return self.migrate(arguments);
        }
        let run = self.migrate_once(arguments, Some(fault.clone()))?;
        let mut failures = self.lift(in_force)?;
        if !fault.may_end_with(run.exit_code) {
            failures.push(format!("the command ended with {:?}", run.exit_code));
        }
        if !left_its_mark(&fault, &run) {
            failures.push(DID_NOT_STRIKE.to_owned());
        }
        if fault.kind == FaultKind::ShiftedClock {
            failures.extend(self.carried_only_new_items(&run));
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
        if fault.kind == FaultKind::LateItem {
            self.site.look_at_destination()?;
            let trees = self.site.trees();
            failures.extend(late_item::failures(
                &trees.source,
                &trees.destination,
                true,
            )?);
        }
        let name = format!("{fault} struck, and the same command went on");
        self.checks.push(Check::new(name, failures));
        Ok(last)
    }

    fn strike(&mut self, fault: &Fault) -> Result<InForce, HarnessError> {
        match fault.kind {
            FaultKind::Kill(moment) => {
                let variable = (KILL_AT_JOURNAL.to_owned(), moment.to_string());
                self.site.set_environment(BTreeMap::from([variable]))?;
                Ok(InForce::Server)
            }
            FaultKind::KilledIn(phase) => {
                let variable = (KILL_IN_PHASE.to_owned(), phase.name().to_owned());
                self.site.set_environment(BTreeMap::from([variable]))?;
                Ok(InForce::Server)
            }
            // That is done by whoever starts it.
            FaultKind::ControllerKilled(_) => Ok(InForce::Server),
            FaultKind::Disturbed(network, disturbance) => {
                self.site.disturb(network, disturbance)?;
                Ok(InForce::Server)
            }
            FaultKind::SourceGone => self.source_goes(Absence::Gone),
            FaultKind::SourceEmpty => self.source_goes(Absence::Empty),
            FaultKind::LockHeld => self.hold_lock(),
            FaultKind::InnerMounts => {
                self.site.mount_inner_file_systems()?;
                Ok(InForce::Happened)
            }
            FaultKind::SecondStageTwo => {
                self.churn()?;
                self.stage_two_again()?;
                Ok(InForce::Happened)
            }
            FaultKind::WayBack => {
                self.churn()?;
                self.migrate(&["stage-one"])?;
                Ok(InForce::WentBack)
            }
            FaultKind::AgentDoesNotStart => {
                self.site.let_poa_start(false)?;
                Ok(InForce::PoaMayNotStart)
            }
            FaultKind::LateItem => {
                self.new_queue_items += 1;
                Ok(InForce::LateItem(LateItem::begin(
                    &self.site.trees().source,
                )?))
            }
            FaultKind::ShiftedClock => {
                self.check_source_untouched()?;
                for queues in QUEUES {
                    let folder = folder_in_any_case(&self.site.trees().source, &[queues])?;
                    shift_times(&folder).map_err(io_error("change times in", &folder))?;
                }
                self.take_snapshot()?;
                Ok(InForce::Happened)
            }
        }
    }

    /// Ends a fault; says what did not hold.
    fn lift(&mut self, in_force: InForce) -> Result<Vec<String>, HarnessError> {
        match in_force {
            // Closing the file gives the lock back.
            InForce::Happened | InForce::LockHeld(_) => {}
            InForce::Server => {
                self.site.set_environment(BTreeMap::new())?;
                if !self.site.calm() {
                    return Ok(vec![DID_NOT_STRIKE.to_owned()]);
                }
            }
            InForce::SourceGone(absence) => {
                self.site.source_comes_back(absence)?;
                return self.source_was_only_moved();
            }
            InForce::WentBack => self.stage_two_again()?,
            InForce::PoaMayNotStart => self.site.let_poa_start(true)?,
            InForce::LateItem(item) => {
                self.site.look_at_destination()?;
                let trees = self.site.trees();
                let failures = late_item::failures(&trees.source, &trees.destination, false)?;
                item.end()?;
                self.take_snapshot()?;
                return Ok(failures);
            }
        }
        Ok(Vec::new())
    }

    fn source_goes(&mut self, absence: Absence) -> Result<InForce, HarnessError> {
        self.site.source_goes(absence)?;
        Ok(InForce::SourceGone(absence))
    }

    /// Holds the lock of the post office database.
    fn hold_lock(&self) -> Result<InForce, HarnessError> {
        let path = folder_in_any_case(&self.site.trees().source, &["wphost.db"])?;
        let file = File::options()
            .read(true)
            .write(true)
            .open(&path)
            .map_err(io_error("open", &path))?;
        rustix::fs::fcntl_lock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive)
            .map_err(|errno| io_error("lock", &path)(errno.into()))?;
        Ok(InForce::LockHeld(file))
    }

    /// Stage two, once more: the destination is the source again.
    fn stage_two_again(&mut self) -> Result<(), HarnessError> {
        self.migrate(&["stage-two"])?;
        self.site.look_at_destination()?;
        self.check_trees()?;
        self.check_mail()
    }

    /// Where more was carried than what came since the seal.
    fn carried_only_new_items(&self, run: &CommandRun) -> Option<String> {
        let carried = run.result["carried"].as_u64();
        match carried {
            Some(carried) if carried <= self.new_queue_items => None,
            Some(carried) => Some(format!(
                "{carried} items were carried, of {} new ones",
                self.new_queue_items
            )),
            None => Some("it did not say how many items it carried".to_owned()),
        }
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
        FaultKind::Kill(_) | FaultKind::KilledIn(_) => "worker-died",
        // Stage two does not even begin to copy.
        FaultKind::LockHeld if fault.command == "stage-two" => "lock-held",
        FaultKind::LockHeld => "database-deferred",
        FaultKind::WayBack => "not-sealed",
        FaultKind::AgentDoesNotStart => "poa-did-not-start",
        FaultKind::LateItem => "queue-item-moving",
        _ => return true,
    };
    run.findings.iter().any(|finding| finding.code == code)
}

/// Moves the times of all items below a folder by an hour.
fn shift_times(folder: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            shift_times(&path)?;
        } else {
            let file = File::options().write(true).open(&path)?;
            file.set_modified(file.metadata()?.modified()? + HOUR)?;
        }
    }
    Ok(())
}
