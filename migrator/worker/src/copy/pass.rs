//! One pass, from its beginning in the journal to its end.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use postoffice::layout::{CopyRule, FileClass};
use postoffice::names::PATH_DEPTH_MAX;
use rustix::io::Errno;

use super::committer::with_committer;
use super::context::{ClockShift, Lists, PassContext, Piece, problem};
use super::locked::copy_unit;
use super::removal::{carry_out, check_plan};
use super::second_look::{PassScope, Quiet, without_waiting};
use super::unit::{Unit, units_of};
use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::guardian::{accepted, prove_copy};
use crate::marker::begin_generation;
use crate::missed::{MEMORY_OF_CLIENTS, Missed};
use crate::monitor::{Monitor, Tally};
use crate::pool::{Threads, lock};
use crate::source::prove_source;
use crate::store::{JobStore, Pass, UnfinishedPass};
use crate::tree::{Task, roots, walk_pairs};
use protocol::{
    AreaKind, CopyOptions, Count, Expected, Finding, Operation, PassKind, PassReport, Verdict,
};

/// Below this many shifted files, an hour more or less is chance.
const SHIFTED_FILES_MIN: u64 = 10;

/// Runs one pass over all areas.
///
/// # Errors
/// What ends a pass; what was copied by then is kept, and the next pass goes on.
pub fn run_pass(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    tally: &Tally,
    kind: PassKind,
    options: &CopyOptions,
) -> Result<PassReport> {
    let began = Instant::now();
    for area in &capabilities.areas {
        prove_source(area)?;
    }
    begin_generation(capabilities, store, Operation::Pass)?;
    store.clear_removals()?;
    let (pass, unfinished) = store.begin_pass(kind)?;
    let runner = Runner {
        capabilities,
        store,
        monitor,
        tally,
        pass,
        unfinished,
        options,
        unrecorded: AtomicBool::new(false),
        no_locks_said: AtomicBool::new(false),
    };
    let outcome = runner.run();
    // What a pass writes is in the manifest, also where it stops early.  A pass that was cut off, whose batch is
    // condemned, or that could not hand in what it had written, stays unfinished: the next one takes what it left behind
    // for its own, and so must the one after, where the next one did not come to its end.
    let is_accounted_for = match &outcome {
        Ok(()) => true,
        Err(
            WorkerError::SyncFailed { .. }
            | WorkerError::Store { .. }
            | WorkerError::StoreDamaged { .. },
        ) => false,
        Err(_) => unfinished.is_none() && !runner.unrecorded.load(Ordering::SeqCst),
    };
    if is_accounted_for {
        store.end_pass(pass, &tally.counts())?;
    }
    outcome?;
    Ok(PassReport {
        pass: pass.id,
        milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
        racy_files: store.racy_files()?,
    })
}

struct Runner<'a> {
    capabilities: &'a Capabilities,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    tally: &'a Tally,
    pass: Pass,
    unfinished: Option<UnfinishedPass>,
    options: &'a CopyOptions,
    unrecorded: AtomicBool,
    no_locks_said: AtomicBool,
}

impl Runner<'_> {
    fn run(&self) -> Result<()> {
        let lists = Mutex::new(Lists::default());
        let clock = ClockShift::default();
        self.monitor.phase("copy", self.expected()?);
        self.copy_all(&lists, &clock, self.roots()?, PassScope::Everything)?;
        self.report_shift(&clock);
        if self.pass.kind == PassKind::StageOne {
            let phase = "look for what was made meanwhile";
            self.monitor.phase(phase, Expected::default());
            let areas = &self.capabilities.areas;
            if areas.iter().any(Area::may_show_old_names) {
                std::thread::sleep(MEMORY_OF_CLIENTS);
            }
            self.copy_all(&lists, &clock, self.roots()?, PassScope::NewNames)?;
        }

        // What stood in the way of a copy has gone after the first round; each further round is one folder deeper.
        for _ in 0..PATH_DEPTH_MAX {
            self.monitor
                .phase("remove what the source no longer has", Expected::default());
            check_plan(
                self.capabilities,
                self.store,
                self.options.removal_limit_percent,
            )?;
            carry_out(self.capabilities, self.store, self.monitor)?;
            let (waiting, is_done) = take_blocked(&lists);
            if is_done {
                break;
            }
            self.copy_all(&lists, &clock, waiting, PassScope::Everything)?;
        }
        self.report_blocked(&lists);
        self.monitor
            .phase("set the times of the folders", Expected::default());
        self.set_folder_times(&lists)?;
        if self.pass.kind == PassKind::StageTwo {
            self.monitor
                .phase("compare the copy of the guardian", Expected::default());
            let mut areas = self.capabilities.areas.iter();
            if let Some(area) = areas.find(|area| area.kind == AreaKind::PostOffice) {
                prove_copy(area, self.store, self.monitor)?;
            }
        }
        Ok(())
    }

    fn roots(&self) -> Result<Vec<Task<Piece>>> {
        let areas = self.capabilities.areas.iter();
        Ok(roots(areas.map(Area::roots).collect::<Result<Vec<_>>>()?))
    }

    /// Says what never found its place free.
    fn report_blocked(&self, lists: &Mutex<Lists>) {
        let lists = lock(lists);
        for task in &lists.blocked_files {
            self.monitor.finding(
                Finding::new(
                    "in-the-way",
                    problem(self.pass.kind),
                    "what stands in its place at the destination could not be moved away, so it was not copied",
                    "Stop whatever works at the destination, then run a pass again",
                )
                .about(task.source_path().as_bytes()),
            );
        }
    }

    fn expected(&self) -> Result<Expected> {
        // Where nobody counted, nothing is expected.
        let (files, bytes) = self.store.inventory()?.unwrap_or_default();
        Ok(Expected {
            files,
            bytes,
            ..Expected::default()
        })
    }

    /// Crawls, then copies the databases it met, then the guardian sets.
    ///
    /// Where nobody works at the source any more, the databases are copied beside the rest: they take the longest, and the rest
    /// takes the most questions.  So folders that hold none are put off until all databases are known.
    fn copy_all(
        &self,
        lists: &Mutex<Lists>,
        clock: &ClockShift,
        tasks: Vec<Task<Piece>>,
        scope: PassScope,
    ) -> Result<()> {
        let quiet = Quiet(self.monitor);
        let hasty = without_waiting(self.options);
        let (monitor, options): (&dyn Monitor, _) = match scope {
            PassScope::Everything => (self.monitor, self.options),
            PassScope::NewNames => (&quiet, &hasty),
        };
        with_committer(
            self.store,
            &self.capabilities.areas,
            self.pass.id,
            |committer| {
                let mut context = PassContext {
                    areas: &self.capabilities.areas,
                    store: self.store,
                    monitor,
                    loud: self.monitor,
                    committer,
                    pass: self.pass,
                    scope,
                    databases_first: scope == PassScope::Everything
                        && self.pass.kind == PassKind::StageTwo,
                    options,
                    unfinished: self.unfinished,
                    converted: accepted(self.store)?,
                    lists,
                    clock,
                    missed: self
                        .capabilities
                        .areas
                        .iter()
                        .map(|_| Missed::default())
                        .collect(),
                    unrecorded: &self.unrecorded,
                    no_locks_said: &self.no_locks_said,
                };
                let threads = Threads::of(self.options);
                walk_pairs(&context, tasks, threads)?;
                let (guardian, databases) = databases_of(&context);
                let put_off = std::mem::take(&mut context.lists().put_off);
                if scope == PassScope::Everything {
                    let units = guardian.iter().chain(&databases);
                    let files: usize = units.map(|unit| unit.members.len()).sum();
                    self.announce(files as u64, !put_off.is_empty())?;
                }
                // What is last is begun first.
                let mut tasks: Vec<_> = put_off.into_iter().map(Task::Folder).collect();
                let alone = |unit| Task::Files(vec![Piece::Database(unit)]);
                tasks.extend(databases.into_iter().map(alone));
                context.databases_first = false;
                walk_pairs(&context, tasks, threads)?;
                // The guardian points to the databases, so it is younger than they are.
                for unit in guardian {
                    copy_unit(&context, unit)?;
                }
                let blocking = std::mem::take(&mut context.lists().blocking_folders);
                let tasks = blocking.into_iter().map(Task::Folder).collect();
                walk_pairs(&context, tasks, threads)?;
                if scope == PassScope::Everything {
                    context.settle_missed()?;
                }
                context.flush_removals()
            },
        )
    }

    /// Says that so many files of databases are copied now, and whether everything else that is left is looked at as well.
    fn announce(&self, files_of_databases: u64, with_the_rest: bool) -> Result<()> {
        if with_the_rest {
            let Expected { files, bytes, .. } = self.expected()?;
            let left = Expected {
                files: files.saturating_sub(self.tally.get(Count::FilesSeen)),
                bytes: bytes.saturating_sub(self.tally.get(Count::BytesSeen)),
                ..Expected::default()
            };
            self.monitor.phase("copy the databases and the rest", left);
        } else if files_of_databases > 0 {
            let expected = Expected {
                files: files_of_databases,
                ..Expected::default()
            };
            self.monitor.phase("copy the databases", expected);
        }
        Ok(())
    }

    fn report_shift(&self, clock: &ClockShift) {
        let compared = clock.compared.load(Ordering::Relaxed);
        let shifted = clock.shifted.load(Ordering::Relaxed);
        if shifted < SHIFTED_FILES_MIN || shifted.saturating_mul(10) < compared.saturating_mul(9) {
            return;
        }
        self.monitor.finding(Finding::new(
            "times-shifted",
            Verdict::NeedsAttention,
            format!("the times of {shifted} of {compared} files moved by exactly one hour; all were copied again"),
            "Look at the daylight saving and time zone settings of the source and of its mount",
        ));
    }

    /// Sets the times of the folders last, deepest first, because every name made or removed changes them.
    fn set_folder_times(&self, lists: &Mutex<Lists>) -> Result<()> {
        let mut times = {
            let mut lists = lock(lists);
            std::mem::take(&mut lists.folder_times)
        };
        times.sort_unstable_by_key(|(_, path, _)| std::cmp::Reverse(path.depth()));
        for (area, path, modified) in times {
            let failed = |errno| WorkerError::writing("set the time of", &path, errno);
            match self.capabilities.areas[area].destination.descend(&path) {
                Ok(folder) if folder.attributes().map_err(failed)?.modified == modified => {}
                Ok(folder) => folder.set_modified(modified).map_err(failed)?,
                Err(Errno::NOENT) => {}
                Err(errno) => return Err(failed(errno)),
            }
        }
        Ok(())
    }
}

/// The guardian sets and the databases that were met, and that this look is for.
fn databases_of(context: &PassContext<'_>) -> (Vec<Unit>, Vec<Unit>) {
    let databases = std::mem::take(&mut context.lists().databases);
    units_of(context, databases)
        .into_iter()
        .filter(|unit| context.scope == PassScope::Everything || unit.is_new())
        .partition(|unit| unit.class == FileClass::Guardian)
}

/// What waited until its place was free, each to be copied as what it is; says also whether nothing waits.
fn take_blocked(lists: &Mutex<Lists>) -> (Vec<Task<Piece>>, bool) {
    let mut lists = lock(lists);
    let folders = std::mem::take(&mut lists.blocked_folders);
    let mut tasks: Vec<Task<Piece>> = folders.into_iter().map(Task::Folder).collect();
    let mut files = Vec::new();
    for task in std::mem::take(&mut lists.blocked_files) {
        match task.class.copy_rule() {
            CopyRule::UnderLock | CopyRule::AtomicSet => lists.databases.push(task),
            _ => files.push(Piece::File(task)),
        }
    }
    if !files.is_empty() {
        tasks.push(Task::Files(files));
    }
    let is_done = tasks.is_empty() && lists.databases.is_empty();
    (tasks, is_done)
}
