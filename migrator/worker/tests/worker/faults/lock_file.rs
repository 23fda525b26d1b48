//! A lock file that cannot be asked about is not one that is missing: an agent may hold it.

use std::fs::File;

use super::kinds::Kind;
use super::scenes::site;
use super::sweep::can_trace;
use super::tracer::{Ended, Verdict};
use super::{SAYS_DONE, run_task_judged};
use crate::lock_table::lock_whole;
use crate::support::{PASS_ONE, PASS_TWO, Site, contents, wanted};
use protocol::Task;

const LOCK_FILE: &str = "OFUSER/USERABC.LCK";
const DATABASE: &str = "ofuser/userabc.db";

#[test]
fn a_database_whose_lock_file_cannot_be_asked_about_is_not_copied() {
    if !can_trace() {
        return;
    }
    let site = site();
    site.run(Task::CreateFolders).clean();
    let lock_file = site.source.join(LOCK_FILE);
    std::fs::remove_file(&lock_file).unwrap();
    // An agent opens the database when its folder has been listed, and from then on the server gives errors for its name.
    let mut held = None;
    let (ended, said) = run_task_judged(&site, &PASS_ONE, Kind::InputOutput, |operation| {
        let path = operation.path.to_string_lossy().to_ascii_lowercase();
        if !path.ends_with("ofuser/userabc.lck") || !path.starts_with("source") {
            return Verdict::Happens;
        }
        held.get_or_insert_with(|| {
            let file = File::create_new(&lock_file).unwrap();
            lock_whole(&file);
            file
        });
        Verdict::Fails(libc::EIO)
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    assert!(held.is_some(), "the other program came");
    assert!(
        !contents(&site.destination).contains_key(DATABASE),
        "{said}"
    );
    assert!(!said.contains(SAYS_DONE), "{said}");

    drop(held);
    site.run(PASS_TWO).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

/// Runs a task while each request for the lock of the lock file fails.
fn run_with_failing_lock(site: &Site, task: &Task, errno: i32) -> String {
    let mut failed = 0;
    let (ended, said) = run_task_judged(site, task, Kind::InputOutput, |operation| {
        let is_it = operation.number == libc::SYS_fcntl && operation.path.ends_with(LOCK_FILE);
        if !is_it {
            return Verdict::Happens;
        }
        failed += 1;
        Verdict::Fails(errno)
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    assert!(failed > 0, "{said}");
    said
}

/// That a lock could not be asked for does not mean that there is none.
#[test]
fn a_database_whose_lock_cannot_be_asked_for_is_deferred_and_said() {
    if !can_trace() {
        return;
    }
    for errno in [libc::ENOLCK, libc::EIO, libc::ENOMEM] {
        for (task, verdict) in [(PASS_ONE, "NeedsAttention"), (PASS_TWO, "Unproven")] {
            let site = site();
            site.run(Task::CreateFolders).clean();
            let said = run_with_failing_lock(&site, &task, errno);
            let what = format!("{errno}, {}: {said}", task.name());
            assert!(
                !contents(&site.destination).contains_key(DATABASE),
                "{what}"
            );
            assert!(said.contains("database-deferred"), "{what}");
            assert!(said.contains("lock could not be asked for"), "{what}");
            assert!(said.contains(&format!("verdict: Ok({verdict})")), "{what}");
            site.run(PASS_TWO).clean();
            assert_eq!(contents(&site.destination), wanted(&site.source, false));
        }
    }
}

#[test]
fn a_source_that_is_gone_when_a_lock_is_asked_for_ends_the_step() {
    if !can_trace() {
        return;
    }
    for task in [PASS_ONE, Task::AtRest { quiet_seconds: 0 }] {
        let site = site();
        site.run(Task::CreateFolders).clean();
        let said = run_with_failing_lock(&site, &task, libc::ESTALE);
        assert!(said.contains("source-gone"), "{}: {said}", task.name());
    }
}

/// What an answer of the system means that there are no locks: the copy is proven by reading alone.
#[test]
fn a_database_of_a_file_system_without_locks_is_copied_all_the_same() {
    if !can_trace() {
        return;
    }
    for errno in [libc::EINVAL, libc::EOPNOTSUPP, libc::ENOSYS] {
        let site = site();
        site.run(Task::CreateFolders).clean();
        let said = run_with_failing_lock(&site, &PASS_ONE, errno);
        assert!(contents(&site.destination).contains_key(DATABASE), "{said}");
    }
}

#[test]
fn a_lock_that_could_not_be_asked_for_is_not_one_that_was_tried() {
    if !can_trace() {
        return;
    }
    let site = site();
    let task = Task::AtRest { quiet_seconds: 0 };
    let tried = |said: &str| {
        let (_, rest) = said.rsplit_once("\"locks_tried\":").unwrap();
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<u64>().unwrap()
    };
    let (_, said) = run_task_judged(&site, &task, Kind::InputOutput, |_| Verdict::Happens);
    let all = tried(&said);
    let said = run_with_failing_lock(&site, &task, libc::ENOLCK);
    assert_eq!(tried(&said), all - 1, "{said}");
}
