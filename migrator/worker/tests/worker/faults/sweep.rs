//! Which faults are tried.
//!
//! There are thousands of operations, so an ordinary run tries some of them, evenly spread and chosen by a seed:
//! `WORKER_FAULTS=all` tries every one, `WORKER_FAULTS=seal` or `WORKER_FAULTS=NoRoom` those of one step or of one kind,
//! `WORKER_FAULTS=500` about so many, `WORKER_FAULTS_SEED=3` others, and `WORKER_FAULTS=stage-one-pass:Killed:17` the one
//! that failed.

use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::calls::Effect;
use super::kinds::{KINDS, Kind};
use super::registers::Registers;
use super::scenes::{STEPS, name_of};
use super::tracer::{Ended, Operation, Tree};
use super::{Fault, SAYS_DONE, STAGE_ONE_PASS, prepared, run_traced, survive};

/// How many faults an ordinary run tries.
const ORDINARY_TRIES: usize = 500;

const STAGE_TWO_PASS: usize = 3;
const QUEUE_STEP: usize = 6;

/// Whether a worker can be traced here; says so where it cannot.
pub(super) fn can_trace() -> bool {
    if !Registers::KNOWN {
        println!(
            "SKIPPED: the registers of this architecture are not known, so no call can be made to fail"
        );
        return false;
    }
    let first = run_traced(&prepared(0, "the first"), 0, Kind::Killed, 0);
    if first.ended == Ended::NeverTraced {
        println!("SKIPPED: no process can be traced here: {}", first.said);
        return false;
    }
    true
}

/// Every operation of a step.
fn operations_of(step: usize) -> Vec<Operation> {
    // This kind can be at any operation.
    let traced = run_traced(&prepared(step, "counting"), step, Kind::InputOutput, 0);
    assert!(traced.said.contains(SAYS_DONE), "{}", traced.said);
    traced.operations
}

/// Every fault of a kind that there can be at these operations of a step, where one is asked for.
fn faults_among(
    operations: &[Operation],
    step: usize,
    kind: Kind,
    is_wanted: impl Fn(&Operation) -> bool,
) -> Vec<Fault> {
    (1..)
        .zip(operations.iter().filter(|operation| kind.fits(operation)))
        .filter(|(_, operation)| is_wanted(operation))
        .map(|(at, _)| Fault { step, kind, at })
        .collect()
}

/// The same for all operations of the step.
fn faults_at(step: usize, kind: Kind, is_wanted: impl Fn(&Operation) -> bool) -> Vec<Fault> {
    faults_among(&operations_of(step), step, kind, is_wanted)
}

/// Every fault that there can be.
fn all_faults() -> Vec<Fault> {
    let mut all = Vec::new();
    for step in 0..STEPS.len() {
        let operations = operations_of(step);
        for kind in KINDS {
            let faults = faults_among(&operations, step, kind, |_| true);
            println!(
                "{}: {} operations for {kind:?}",
                name_of(step),
                faults.len()
            );
            all.extend(faults);
        }
    }
    all
}

/// Those of the faults that this run tries.
fn chosen(faults: Vec<Fault>) -> Vec<Fault> {
    let number = |name| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let wanted = std::env::var("WORKER_FAULTS").unwrap_or_default();
    if wanted == "all" {
        return faults;
    }
    if let Some(fault) = Fault::named(&wanted) {
        return vec![fault];
    }
    let is_named =
        |fault: &Fault| name_of(fault.step) == wanted || Kind::named(&wanted) == Some(fault.kind);
    if faults.iter().any(is_named) {
        return faults.into_iter().filter(is_named).collect();
    }
    let how_many = number("WORKER_FAULTS").unwrap_or(ORDINARY_TRIES).max(1);
    let stride = faults.len().div_ceil(how_many);
    let first = number("WORKER_FAULTS_SEED").unwrap_or(0) % stride;
    faults.into_iter().skip(first).step_by(stride).collect()
}

/// Tries faults on as many threads as there are processors; returns how many happened, and what failed.
fn try_all<T: Copy + Sync>(
    faults: &[T],
    survive: impl Fn(T) -> bool + Sync,
    name: impl Fn(T) -> String + Sync,
) -> (usize, Vec<String>) {
    let next = AtomicUsize::new(0);
    let happened = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(&fault) = faults.get(next.fetch_add(1, Ordering::SeqCst)) {
                    // One that fails says why by itself; the others are tried all the same.
                    match std::panic::catch_unwind(AssertUnwindSafe(|| survive(fault))) {
                        Ok(true) => {
                            happened.fetch_add(1, Ordering::SeqCst);
                        }
                        Ok(false) => {}
                        Err(_) => failed.lock().unwrap().push(name(fault)),
                    }
                }
            });
        }
    });
    (happened.into_inner(), failed.into_inner().unwrap())
}

/// Tries them all; none may fail.
fn must_survive(faults: &[Fault]) {
    none_may_fail(faults, survive, Fault::name);
}

/// The same for faults of any kind.
pub(super) fn none_may_fail<T: Copy + Sync>(
    faults: &[T],
    survive: impl Fn(T) -> bool + Sync,
    name: impl Fn(T) -> String + Sync,
) {
    let (happened, failed) = try_all(faults, survive, name);
    println!("tried {} faults; {happened} of them happened", faults.len());
    assert!(
        failed.is_empty(),
        "{} failed; each alone with WORKER_FAULTS=…: {failed:#?}",
        failed.len()
    );
    // A run may have an operation less than the one that was counted, but not many.
    assert!(happened > 0 && happened * 100 >= faults.len() * 95);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_fault_at_any_file_operation_loses_nothing() {
    if !can_trace() {
        return;
    }
    let all = all_faults();
    println!(
        "{} faults of {} kinds in {} steps",
        all.len(),
        KINDS.len(),
        STEPS.len()
    );
    must_survive(&chosen(all));
}

/// Found by the sweep: what an error kept from being recorded was set aside by the next pass.
#[test]
fn copies_that_could_not_be_recorded_are_taken_for_ours() {
    if !can_trace() {
        return;
    }
    let step = STAGE_ONE_PASS;
    must_survive(&faults_at(step, Kind::InputOutput, |operation| {
        operation.tree == Tree::Destination && operation.number == libc::SYS_fstat
    }));
    must_survive(&faults_at(step, Kind::NoRoom, |operation| {
        operation.tree == Tree::Destination && operation.number == libc::SYS_renameat
    }));
}

/// In every step, what could not be made durable is never called done.
#[test]
fn a_failed_sync_never_counts() {
    if !can_trace() {
        return;
    }
    let all: Vec<Fault> = (0..STEPS.len())
        .flat_map(|step| {
            faults_at(step, Kind::InputOutput, |operation| {
                operation.tree == Tree::Destination && operation.number == libc::SYS_syncfs
            })
        })
        .collect();
    must_survive(&all);
}

/// Found by the sweep: a source that does not answer when it is opened was called a mistake in the worksheet.
#[test]
fn a_folder_that_does_not_answer_is_no_mistake_of_the_worksheet() {
    if !can_trace() {
        return;
    }
    must_survive(&faults_at(STAGE_ONE_PASS, Kind::SourceStale, |operation| {
        operation.path == Path::new("source") && operation.number == libc::SYS_openat
    }));
}

/// Found by the sweep: where the root of the source could not be listed, its queues were taken for empty, and what had
/// been carried before was removed again.
#[test]
fn queues_that_cannot_be_listed_are_not_taken_for_empty() {
    if !can_trace() {
        return;
    }
    must_survive(&faults_at(QUEUE_STEP, Kind::InputOutput, |operation| {
        operation.path == Path::new("source") && operation.number == libc::SYS_getdents64
    }));
}

/// Found by the sweep: a folder that was missing when it was opened was left out of stage two in silence; one that went
/// while it was listed was taken for an empty one, and its copies went; and so did an item or a queue that was missing at
/// the last look.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_was_listed_and_is_missing_is_never_taken_for_gone_in_silence() {
    if !can_trace() {
        return;
    }
    must_survive(&faults_at(STAGE_TWO_PASS, Kind::SourceMissing, |_| true));
    must_survive(&faults_at(QUEUE_STEP, Kind::SourceMissing, |_| true));
}

/// Found by the sweep: an item of ours that could not be read was set aside as if somebody else had made it.
#[test]
fn an_item_that_the_disk_does_not_give_back_is_not_taken_for_a_foreign_one() {
    if !can_trace() {
        return;
    }
    must_survive(&faults_at(QUEUE_STEP, Kind::InputOutput, |operation| {
        operation.tree == Tree::Destination && operation.effect == Effect::Reads
    }));
}
