//! Faults at every file operation of every step: after each of them the next run ends as if nothing had been.
//!
//! The worker runs as in production, in a process of its own and sealed in, and is traced from outside
//! ([`tracer`]).  Where it says that a step is done it is believed, and the step is not run again: nothing is silent.

mod after_the_seal;
mod at_rest;
mod away;
mod budget;
mod calls;
mod growing;
mod inner_mounts;
mod kinds;
mod libraries;
mod lock_file;
mod other_folder;
mod power;
mod queues;
mod registers;
mod renaming;
mod same_file;
mod scenes;
mod sweep;
mod tracer;
mod undoing;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf};
use std::process::Stdio;

use nix::sys::ptrace;
use nix::sys::signal::{Signal, raise};
use protocol::{Explain as _, Task};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};
use worker::service::run_here;

use self::kinds::Kind;
use self::power::Durable;
use self::scenes::{
    STEPS, STRAGGLERS, change_trees, check_delivered, check_end, deliver, name_of, run, run_step,
    site,
};
use self::tracer::{Ended, Operation, Verdict, trace};
use crate::support::{Site, child, contents, look, wanted};

/// The first pass, in the list of steps.
const STAGE_ONE_PASS: usize = 1;

/// What a worker prints at its end; a worker that is done says so exactly.
const SAYS_DONE: &str = "verdict: Ok(Done)";

#[test]
#[ignore = "started by another test"]
fn child_is_traced() {
    let root = PathBuf::from(std::env::var_os("WORKER_TEST_ROOT").expect("started by a test"));
    let kind = Kind::named(&std::env::var("WORKER_TEST_FAULT").unwrap()).unwrap();
    let order = fs::read(root.join("order")).unwrap();
    if let Err(errno) = ptrace::traceme() {
        println!("not traced: {errno}");
        return;
    }
    raise(Signal::SIGSTOP).unwrap();
    let rules: BTreeMap<i64, Vec<_>> = calls::all()
        .filter(|call| kind.fits_effect(call.effect))
        .map(|call| (call.number, calls::rules_of(call, kind.only_changes())))
        .collect();
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Trace(0),
        TargetArch::try_from(std::env::consts::ARCH).unwrap(),
    )
    .unwrap();
    seccompiler::apply_filter(&BpfProgram::try_from(filter).unwrap()).unwrap();
    let outcome = run_here(
        &root.join("job"),
        order.as_slice(),
        &mut std::io::sink(),
        jiff::tz::TimeZone::UTC,
        &|monitor| monitor,
    );
    let outcome = outcome.map_err(|error| (error.code(), error.verdict()));
    println!("verdict: {outcome:?}");
}

/// Whether a path is in one of the 247 folders for attachments that every post office has and this one leaves empty;
/// what is done to one of them is done to all.
fn is_one_of_many(path: &Path) -> bool {
    let Ok(below) = path.strip_prefix("destination/offiles") else {
        return false;
    };
    let folder = below.components().next().map(Component::as_os_str);
    folder.is_some_and(|name| {
        let name = name.to_ascii_lowercase();
        name.as_bytes().starts_with(b"fd")
            && !scenes::ATTACHMENT_FOLDERS.iter().any(|kept| name == *kept)
    })
}

/// What a traced step did.
struct Traced {
    ended: Ended,
    /// What it said, on both of its outputs and in its events.
    said: String,
    /// The operations that the fault could have been at.
    operations: Vec<Operation>,
    /// What of its files is there when the power was lost at its end.
    durable: Option<Durable>,
}

/// Runs one step in a process of its own, with a fault at the fitting operation `at`; 0 is none.
fn run_traced(site: &Site, step: usize, kind: Kind, at: usize) -> Traced {
    run_task_traced(site, &STEPS[step], kind, at)
}

/// The same for a task that is no step of a migration.
fn run_task_traced(site: &Site, task: &Task, kind: Kind, at: usize) -> Traced {
    let mut operations = Vec::new();
    let mut durable = Durable::at_first(site, kind);
    let (ended, said) = run_task_judged(site, task, kind, |operation| {
        if let Some(durable) = &mut durable {
            durable.hear(&operation);
        }
        if !kind.fits(&operation) || is_one_of_many(&operation.path) {
            return Verdict::Happens;
        }
        operations.push(operation);
        kind.judge(operations.len(), at)
    });
    Traced {
        ended,
        said,
        operations,
        durable,
    }
}

/// Runs one step in a process of its own, and asks `judge` about each operation that a fault of this kind can be at; says
/// how it ended and what it said.
fn run_judged(
    site: &Site,
    step: usize,
    kind: Kind,
    judge: impl FnMut(Operation) -> Verdict,
) -> (Ended, String) {
    run_task_judged(site, &STEPS[step], kind, judge)
}

/// The same for a task that is no step of a migration.
fn run_task_judged(
    site: &Site,
    task: &Task,
    kind: Kind,
    judge: impl FnMut(Operation) -> Verdict,
) -> (Ended, String) {
    let order = serde_json::to_vec(&site.order(task.clone())).unwrap();
    fs::write(site.root.join("order"), order).unwrap();
    let said = site.root.join("said");
    let output = fs::File::create(&said).unwrap();
    let mut command = child("faults::child_is_traced", site);
    command
        .env("WORKER_TEST_FAULT", format!("{kind:?}"))
        .stdin(Stdio::null())
        .stderr(output.try_clone().unwrap())
        .stdout(output);
    let ended = trace(command, &site.root, judge);
    let events = fs::read_to_string(site.job.join("events.jsonl")).unwrap_or_default();
    (ended, fs::read_to_string(said).unwrap() + &events)
}

/// One fault.
#[derive(Debug, Clone, Copy)]
struct Fault {
    step: usize,
    kind: Kind,
    at: usize,
}

impl Fault {
    /// What `WORKER_FAULTS` must be to try this one alone.
    fn name(self) -> String {
        format!("{}:{:?}:{}", name_of(self.step), self.kind, self.at)
    }

    fn named(name: &str) -> Option<Self> {
        let (step, rest) = name.split_once(':')?;
        let (kind, at) = rest.split_once(':')?;
        Some(Self {
            step: (0..STEPS.len()).find(|&known| name_of(known) == step)?,
            kind: Kind::named(kind)?,
            at: at.parse().ok()?,
        })
    }
}

/// Does the steps before one of them, with what happens to the trees before it as well.
fn prepared(step: usize, what: &str) -> Site {
    let site = site();
    run(&site, 0..step, what);
    change_trees(&site, step);
    site
}

/// Does the migration with one fault in it; says whether the fault happened.
fn survive(fault: Fault) -> bool {
    let Fault { step, kind, at } = fault;
    let what = fault.name();
    let site = prepared(step, &what);
    let source = look(&site.source);
    let before = names(&site.destination);

    let traced = run_traced(&site, step, kind, at);
    assert_eq!(look(&site.source), source, "{what}: the source");
    let Some(operation) = traced.operations.get(at - 1) else {
        return false;
    };
    let what = format!("{what}, {operation:?}");
    if let Some(durable) = &traced.durable {
        durable.lose_the_rest(kind, &site);
    }
    check_what_stayed(&site, &before, &what);
    // In stage one a file may vanish, and the next pass finds out whether it has.
    let may_vanish = kind == Kind::SourceMissing && step == STAGE_ONE_PASS;
    let is_done = check_ending(kind, operation, &traced, &what) && !may_vanish;
    let mut delivered = Vec::new();
    if step == STRAGGLERS {
        // A live agent does not wait until the next run has put things in order.
        delivered.extend(deliver(&site));
    }
    if !is_done {
        if kind == Kind::KilledTwice {
            // The run that goes on is killed too, somewhere.
            let at = 1 + at * 7 % traced.operations.len();
            run_traced(&site, step, kind, at);
        }
        run_step(&site, step, &what);
    }
    if step == STRAGGLERS {
        delivered.extend(deliver(&site));
        check_delivered(&site, delivered, &what);
    } else {
        run(&site, step + 1..STRAGGLERS, &what);
        check_end(&site, &what);
    }
    true
}

/// The files of a destination, by lower-case path.
fn names(destination: &Path) -> BTreeSet<String> {
    contents(destination)
        .into_keys()
        .map(|path| path.to_ascii_lowercase())
        .collect()
}

/// Whatever failed, what the source still has never goes from the destination, not even for a while.
fn check_what_stayed(site: &Site, before: &BTreeSet<String>, what: &str) {
    let after = names(&site.destination);
    let gone: Vec<String> = wanted(&site.source, true)
        .into_keys()
        .filter(|path| before.contains(path) && !after.contains(path))
        .collect();
    assert!(
        gone.is_empty(),
        "{what}: gone from the destination: {gone:?}"
    );
}

/// Whether the worker ended as one with this fault must; returns whether it says that the step is done.
fn check_ending(kind: Kind, operation: &Operation, traced: &Traced, what: &str) -> bool {
    let said = &traced.said;
    let is_killed = kind.kills();
    let expected = if is_killed {
        Ended::Killed(Signal::SIGKILL)
    } else {
        Ended::Exited(0)
    };
    assert_eq!(traced.ended, expected, "{what}: {said}");
    assert!(!said.contains("panicked"), "{what}: {said}");
    // The order and the worksheet are right.
    assert!(!said.contains("Usage"), "{what}: {said}");
    let is_done = said.contains(SAYS_DONE);
    if kind.is_source_gone() && !is_done {
        let codes = ["source-gone", "folder-not-opened", "FLAIM-READ"];
        let is_said = codes.iter().any(|code| said.contains(code));
        // The one moment in which the library that closes the sandbox looks at the folder.
        let is_refused = said.contains(r#"Err(("sandbox", Refused))"#);
        assert!(
            is_refused || (is_said && said.contains("Temporary")),
            "{what}: {said}"
        );
    }
    if kind == Kind::Halved {
        assert!(is_done, "nothing was wrong; {what}: {said}");
    }
    if kind == Kind::InputOutput && operation.number == libc::SYS_syncfs {
        assert!(!is_done, "a failed syncfs counts; {what}: {said}");
    }
    assert!(is_killed || said.contains("verdict: "), "{what}: {said}");
    is_done
}
