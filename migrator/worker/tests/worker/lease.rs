//! The lease of a controller, and who loses it when.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use protocol::{Explain as _, LeaseAnswer, LeaseHolder, Life, Proof, Reply, Request, Verdict};
use worker::lease::{HoldOptions, Lease, Role, hold, require_held};
use worker::service::call;

use crate::support::Site;

#[test]
fn a_worker_that_has_not_said_what_it_works_on_is_not_nothing() {
    let site = Site::empty();
    let _lease = Lease::take(&site.job, Role::Worker).unwrap();
    let Reply::Failed(finding) = call(&site.job, Request::Status) else {
        panic!("a status")
    };
    assert_eq!(finding.code, "worker-busy");
    assert_eq!(finding.verdict, Verdict::Temporary);
}

/// Holds the lease in a thread, for a short while without a word; gives what it said first, and the end of its input.
fn holding(
    job: &Path,
    token: &str,
    take_over: bool,
) -> (LeaseAnswer, UnixStream, std::thread::JoinHandle<()>) {
    holding_as(job, token, take_over, false)
}

/// The same, also for a controller that had it before.
fn holding_as(
    job: &Path,
    token: &str,
    take_over: bool,
    again: bool,
) -> (LeaseAnswer, UnixStream, std::thread::JoinHandle<()>) {
    let (mine, its) = UnixStream::pair().unwrap();
    let options = HoldOptions {
        holder: LeaseHolder {
            who: format!("controller {token}"),
            token: token.to_owned(),
            since_milliseconds: 5,
        },
        take_over,
        again,
        limit: Duration::from_secs(1),
    };
    let (job, input) = (job.to_owned(), its.try_clone().unwrap());
    let mut output = its;
    let thread = std::thread::spawn(move || {
        // Its refusal is in its answer.
        let _ = hold(&job, &options, input, &mut output);
    });
    let mut line = String::new();
    BufReader::new(mine.try_clone().unwrap())
        .read_line(&mut line)
        .unwrap();
    (serde_json::from_str(&line).unwrap(), mine, thread)
}

#[test]
fn a_controller_that_says_nothing_any_more_loses_its_lease() {
    let site = Site::empty();
    let (answer, mut beats, thread) = holding(&site.job, "one", false);
    assert_eq!(answer, LeaseAnswer::Held { from: None });
    // As long as it is heard it has it, for longer than the limit.
    for _ in 0..4 {
        beats.write_all(b"\n").unwrap();
        std::thread::sleep(Duration::from_millis(400));
    }
    require_held(&site.job, "one").unwrap();
    let (answer, _, refused) = holding(&site.job, "two", false);
    let LeaseAnswer::Busy {
        holder: Some(holder),
    } = answer
    else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (&*holder.who, holder.since_milliseconds),
        ("controller one", 5)
    );
    refused.join().unwrap();
    // Its connection stays open, and nothing comes.
    thread.join().unwrap();
    let lost = require_held(&site.job, "one").unwrap_err();
    assert_eq!(
        (lost.code(), lost.verdict()),
        ("lease-lost", Verdict::Temporary)
    );
    let (answer, _beats, _) = holding(&site.job, "two", false);
    assert_eq!(answer, LeaseAnswer::Held { from: None });
}

#[test]
fn a_lease_is_taken_over_at_once_and_the_old_holder_is_told_who_has_it() {
    let site = Site::empty();
    let (_, _beats, thread) = holding(&site.job, "one", false);
    let (answer, _other, _) = holding(&site.job, "two", true);
    thread.join().unwrap();
    let LeaseAnswer::Held { from: Some(holder) } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(holder.who, "controller one");
    require_held(&site.job, "two").unwrap();
    let lost = require_held(&site.job, "one").unwrap_err();
    assert_eq!(
        (lost.code(), lost.verdict()),
        ("lease-lost", Verdict::Refused)
    );
    assert!(lost.to_string().contains("controller two"), "{lost}");
}

#[test]
fn a_controller_over_a_new_connection_takes_its_own_lease_again() {
    let site = Site::empty();
    let (_, _beats, thread) = holding(&site.job, "one", false);
    let (answer, again, held) = holding_as(&site.job, "one", false, true);
    thread.join().unwrap();
    assert!(matches!(answer, LeaseAnswer::Held { from: Some(_) }));
    require_held(&site.job, "one").unwrap();
    // Also where the process of the old connection had ended by then.
    drop(again);
    held.join().unwrap();
    let (answer, _again, _) = holding_as(&site.job, "one", false, true);
    assert_eq!(answer, LeaseAnswer::Held { from: None });
    require_held(&site.job, "one").unwrap();
}

#[test]
fn a_lease_that_another_controller_had_meanwhile_is_not_taken_again() {
    let site = Site::empty();
    let (_, one, thread) = holding(&site.job, "one", false);
    drop(one);
    thread.join().unwrap();
    let (_, two, thread) = holding(&site.job, "two", false);
    drop(two);
    thread.join().unwrap();
    let (answer, _again, _) = holding_as(&site.job, "one", false, true);
    let LeaseAnswer::Lost { finding } = answer else {
        panic!("{answer:?}")
    };
    assert_eq!(
        (&*finding.code, finding.verdict),
        ("lease-lost", Verdict::Temporary)
    );
    assert!(finding.text.contains("controller two"), "{finding:?}");
    // Whoever had it in between is not forgotten by that.
    let (answer, _again, _) = holding_as(&site.job, "two", false, true);
    assert_eq!(answer, LeaseAnswer::Held { from: None });
}

#[test]
fn what_a_controller_that_died_asked_for_ends_no_later_lease() {
    let site = Site::empty();
    std::fs::write(site.job.join("controller.take-over"), "").unwrap();
    let (answer, _beats, _) = holding(&site.job, "one", false);
    assert_eq!(answer, LeaseAnswer::Held { from: None });
    std::thread::sleep(Duration::from_millis(600));
    require_held(&site.job, "one").unwrap();
}

/// ARCHITECTURE.md rule 9c: what an earlier start left open, a later one that certainly failed does not close.
#[test]
fn a_start_that_failed_takes_back_no_earlier_one_of_which_nothing_is_known() {
    let site = Site::empty();
    let life = || {
        let Reply::Status(status) = call(&site.job, Request::Status) else {
            panic!("no status")
        };
        status.life.life
    };
    let begin = || {
        let by = "a test".to_owned();
        assert_eq!(call(&site.job, Request::BeginLife { by }), Reply::Done);
    };
    let failed = || {
        let (by, note) = ("a test".to_owned(), String::new());
        let life = Life::NotLive;
        call(&site.job, Request::EndStart { life, by, note });
    };
    for proof in [Proof::Seal, Proof::Guardian, Proof::Queues] {
        site.store().record_proof(proof).unwrap();
    }
    begin();
    failed();
    assert_eq!(life(), Life::NotLive);
    begin();
    begin();
    failed();
    assert_eq!(life(), Life::Starting);
    begin();
    failed();
    assert_eq!(life(), Life::Starting);
}
