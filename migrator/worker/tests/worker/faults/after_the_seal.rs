//! ARCHITECTURE.md rule 9a: whatever changes a tree after the seal, and wherever it is stopped, the seal is no longer
//! believed.

use std::fs;

use protocol::{Reply, Request, Task};
use worker::service::call;

use super::kinds::Kind;
use super::run_task_judged;
use super::scenes::{STEPS, STRAGGLERS, run, site};
use super::sweep::can_trace;
use super::tracer::{Ended, Tree, Verdict};
use crate::guardian::CONVERT;
use crate::support::{
    LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, QUEUES_LIVE, Site, look, set_time, write_old,
};

/// An operation after the seal: what it is, what happens to the trees before it so that it has something to change, and the
/// task.
type Case = (&'static str, fn(&Site), Task);

fn cases() -> Vec<Case> {
    let new_mail: fn(&Site) = |site| {
        write_old(
            &site.source.join("OFUSER/USERABC.DB"),
            b"read since the seal",
            200,
        );
        write_old(
            &site.source.join("OFFILES/FD0/0A1B2C3E.000"),
            b"come since",
            201,
        );
    };
    let new_item: fn(&Site) = |site| {
        write_old(
            &site.source.join("WPCSIN/4/00000A1F.001"),
            b"sent since",
            202,
        );
    };
    let stale: fn(&Site) = |site| {
        // The source has another guardian since, and a pass copies it over the converted one.
        let path = site.source.join("NGWGUARD.DB");
        set_time(&path, crate::support::long_ago(203));
        site.run(PASS_TWO);
    };
    vec![
        ("a pass of stage one", new_mail, PASS_ONE),
        ("a second stage two", new_mail, PASS_TWO),
        (
            "a sweep",
            |site| {
                let folder = site.destination.join("offiles/fd0");
                fs::rename(folder.join("0a1b2c3d.000"), folder.join("0A1B2C3D.000")).unwrap();
            },
            LOWERCASE,
        ),
        ("a sweep taken back", |_| {}, Task::UndoLowercase),
        ("a conversion", stale, CONVERT),
        ("the queues", new_item, QUEUES),
        ("stragglers before anybody is live", new_item, QUEUES_LIVE),
        (
            "folders made",
            |site| fs::remove_dir(site.destination.join("offiles/fd7")).unwrap(),
            Task::CreateFolders,
        ),
        ("an abandonment", |_| {}, Task::Abandon { plan_only: false }),
    ]
}

/// A site whose job is sealed.
fn sealed() -> Site {
    let site = site();
    run(&site, 0..STRAGGLERS, "sealing");
    assert_eq!(
        begin_life(&site.job_copy()),
        None,
        "a sealed job may go live"
    );
    site
}

/// Asks to go live; the code of the refusal.
fn begin_life(job: &std::path::Path) -> Option<String> {
    let by = "the test".to_owned();
    match call(job, Request::BeginLife { by }) {
        Reply::Done => None,
        Reply::Failed(finding) => Some(finding.code.to_string()),
        other => panic!("{other:?}"),
    }
}

impl Site {
    /// A copy of the job folder, which a question that changes it may be put to.
    fn job_copy(&self) -> std::path::PathBuf {
        let copy = self.root.join("job-copy");
        let _ = fs::remove_dir_all(&copy);
        fs::create_dir(&copy).unwrap();
        for entry in fs::read_dir(&self.job).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_file() {
                fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
            }
        }
        copy
    }
}

/// Runs the task and kills the worker at the change `at` of the destination; says whether there is such a change.
fn killed_at(case: &Case, at: usize) -> bool {
    let (what, change, task) = case;
    let site = sealed();
    change(&site);
    let before = look(&site.destination);
    let mut changes = 0;
    let (ended, said) = run_task_judged(&site, task, Kind::Killed, |operation| {
        let is_change = Kind::Killed.fits(&operation) && operation.tree == Tree::Destination;
        changes += usize::from(is_change);
        if is_change && changes == at {
            Verdict::Kills
        } else {
            Verdict::Happens
        }
    });
    let is_killed = ended != Ended::Exited(0);
    let is_changed = look(&site.destination) != before;
    let refused = begin_life(&site.job_copy());
    if is_changed || !is_killed {
        let refused = refused.as_deref();
        assert!(
            matches!(
                refused,
                Some("not-sealed" | "guardian-not-converted" | "queues-not-carried")
            ),
            "{what}, killed at change {at}, may go live: {refused:?} {said}"
        );
    }
    is_killed
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_seal_is_not_believed_after_any_operation_stopped_at_any_change() {
    if !can_trace() {
        return;
    }
    assert!(STEPS.contains(&Task::Seal));
    std::thread::scope(|scope| {
        for case in cases() {
            scope.spawn(move || {
                let mut at = 1;
                while killed_at(&case, at) {
                    at += 1;
                }
                println!("{}: {} changes", case.0, at - 1);
                assert!(at > 1, "{} changes nothing at the destination", case.0);
            });
        }
    });
}
