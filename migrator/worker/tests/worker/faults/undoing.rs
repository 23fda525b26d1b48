//! What undoes is stopped anywhere, like what does: the same command once more ends as if nothing had been.

use std::collections::BTreeMap;

use protocol::{Task, Verdict};

use super::kinds::Kind;
use super::sweep::{can_trace, none_may_fail};
use super::{SAYS_DONE, prepared, run_task_traced};
use crate::support::{Site, contents, look};

/// What is undone, and behind how many steps of a migration.
const UNDOING: [(&str, usize, Task); 2] = [
    // What the test POA made, and what users changed, is there as well.
    ("abandon", 3, Task::Abandon { plan_only: false }),
    ("undo-lowercase", 5, Task::UndoLowercase),
];

/// The kinds that do not need a source.
const KINDS: [Kind; 5] = [
    Kind::Killed,
    Kind::InputOutput,
    Kind::NoRoom,
    Kind::ContentLost,
    Kind::NamesLost,
];

/// How many faults of each kind are tried for each.
const TRIES: usize = 24;

/// One of them.
#[derive(Debug, Clone, Copy)]
struct Try {
    what: usize,
    kind: Kind,
    at: usize,
}

/// What is there when it is done: the destination, and the bytes that were set aside.
type End = (BTreeMap<String, Vec<u8>>, Vec<Vec<u8>>);

fn end_of(site: &Site) -> End {
    let mut set_aside: Vec<Vec<u8>> = site.quarantine().into_values().collect();
    set_aside.sort();
    (contents(&site.destination), set_aside)
}

fn survive(one: Try, end: &End) -> bool {
    let (name, steps, task) = &UNDOING[one.what];
    let site = prepared(*steps, name);
    let source = look(&site.source);
    let traced = run_task_traced(&site, task, one.kind, one.at);
    let Some(operation) = traced.operations.get(one.at - 1) else {
        return false;
    };
    if let Some(durable) = &traced.durable {
        durable.lose_the_rest(one.kind, &site);
    }
    let said = &traced.said;
    assert!(!said.contains("panicked"), "{one:?}, {operation:?}: {said}");
    if !said.contains(SAYS_DONE) {
        let done = site.run(task.clone());
        assert!(
            done.result.is_ok() && done.worst() <= Verdict::NothingToDo,
            "{one:?}, {operation:?}, then {name}: {:?} {:#?}",
            done.result,
            done.findings.kept
        );
    }
    assert_eq!(&end_of(&site), end, "{one:?}, {operation:?}");
    assert_eq!(look(&site.source), source, "{one:?}: the source");
    true
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_undoes_and_is_stopped_anywhere_is_gone_on_with() {
    if !can_trace() {
        return;
    }
    for (what, (name, steps, task)) in UNDOING.iter().enumerate() {
        let site = prepared(*steps, name);
        let before = end_of(&site);
        let traced = run_task_traced(&site, task, Kind::InputOutput, 0);
        assert!(traced.said.contains(SAYS_DONE), "{name}: {}", traced.said);
        let end = end_of(&site);
        assert_ne!(end, before, "{name} has nothing to do");
        let mut tries = Vec::new();
        for kind in KINDS {
            let fitting = traced.operations.iter();
            let how_many = fitting.filter(|operation| kind.fits(operation)).count();
            let stride = how_many.div_ceil(TRIES).max(1);
            let at = (1..=how_many).step_by(stride);
            tries.extend(at.map(|at| Try { what, kind, at }));
        }
        none_may_fail(&tries, |one| survive(one, &end), |one| format!("{one:?}"));
    }
}
