//! However a rehearsal ends, nothing of it stays.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::support::{has_engine, owned_by, program};

/// How long a rehearsal may take until its containers run, images included.
const START_MAX: Duration = Duration::from_mins(10);

/// How long its containers may take to go.
const END_MAX: Duration = Duration::from_mins(1);

fn wait_until(limit: Duration, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < limit, "not in {} s", limit.as_secs());
        std::thread::sleep(Duration::from_millis(200));
    }
}

/// A rehearsal whose containers and networks are there.
fn begun(folder: &std::path::Path) -> Child {
    let child = Command::new(program())
        .args(["--backend", "containers", "--size", "300", "--folder"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .expect("started");
    // Both networks and both containers.
    wait_until(START_MAX, || owned_by(child.id()).len() == 4);
    child
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("signalled");
}

#[test]
fn an_interrupted_rehearsal_leaves_nothing_behind() {
    if !has_engine("an interrupted rehearsal") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = begun(folder.path());
    signal(&child, Signal::INT);
    let status = child.wait().expect("ended");
    assert_eq!(status.code(), Some(130));
    assert_eq!(owned_by(child.id()), Vec::<String>::new());
}

#[test]
fn what_a_killed_rehearsal_left_is_swept_by_the_next_one() {
    if !has_engine("a killed rehearsal") {
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut killed = begun(folder.path());
    signal(&killed, Signal::KILL);
    killed.wait().expect("ended");
    assert_eq!(owned_by(killed.id()).len(), 4);
    let folder = tempfile::tempdir().expect("a folder");
    let mut next = begun(folder.path());
    wait_until(END_MAX, || owned_by(killed.id()).is_empty());
    signal(&next, Signal::TERM);
    next.wait().expect("ended");
    assert_eq!(owned_by(next.id()), Vec::<String>::new());
}
