//! Databases whose locks another process holds, and files that change while they are read.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use nix::fcntl::{FcntlArg, fcntl};
use protocol::{AtRestReport, Count, Task, TaskReport, Verdict};

use crate::support::{PASS_ONE, PASS_TWO, Site, child, contents, site_of_child, wanted};

#[test]
#[ignore = "started by another test"]
fn child_holds_a_lock() {
    let site = site_of_child();
    let locked = std::env::var("WORKER_TEST_LOCK").unwrap();
    let (path, start) = locked.split_once('@').unwrap();
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(site.source.join(path))
        .unwrap();
    let region = libc::flock {
        l_type: libc::c_short::try_from(libc::F_WRLCK).unwrap(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap(),
        l_start: start.parse().unwrap(),
        l_len: 1,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_SETLK(&region)).unwrap();
    println!("held");
    // Until the parent closes its side.
    let _ = std::io::stdin().read_line(&mut String::new());
}

/// Another process that holds a write lock of one byte, until it is dropped.
pub(crate) struct Holder {
    child: Child,
    /// Kept open, because the other process may still print.
    _stdout: BufReader<std::process::ChildStdout>,
}

impl Holder {
    pub(crate) fn of(site: &Site, locked: &str) -> Self {
        let mut child = child("locks::child_holds_a_lock", site)
            .env("WORKER_TEST_LOCK", locked)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while !line.trim_end().ends_with("held") {
            line.clear();
            assert!(
                stdout.read_line(&mut line).unwrap() > 0,
                "the lock of {locked}"
            );
        }
        Self {
            child,
            _stdout: stdout,
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

fn check_deferred(locked: &str, missing: &[&str]) {
    let site = Site::with_post_office();
    let holder = Holder::of(&site, locked);
    for (pass, verdict) in [
        (PASS_ONE, Verdict::NeedsAttention),
        (PASS_TWO, Verdict::Unproven),
    ] {
        let done = site.run(pass);
        assert_eq!(done.worst(), verdict, "{locked}: {:?}", done.findings.kept);
        assert_eq!(done.with_code("database-deferred").len(), 1, "{locked}");
        assert_eq!(done.count(Count::FilesDeferred), 1);
        assert!(done.result.is_ok());
    }
    let mut without = wanted(&site.source, false);
    without.retain(|path, _| !missing.contains(&path.as_str()));
    assert_eq!(
        contents(&site.destination),
        without,
        "{locked}: all but what is locked"
    );
    drop(holder);
    site.run(PASS_TWO).clean();
    assert_eq!(
        contents(&site.destination),
        wanted(&site.source, false),
        "{locked}: free again"
    );
}

#[test]
fn a_database_whose_lock_file_is_locked_is_deferred() {
    check_deferred("OFUSER/USERABC.LCK@0", &["ofuser/userabc.db"]);
}

#[test]
fn a_database_with_a_locked_region_is_deferred() {
    check_deferred("OFMSG/MSG1.DB@2048", &["ofmsg/msg1.db"]);
}

#[test]
fn a_locked_guardian_defers_its_whole_set() {
    let set = [
        "ngwguard.db",
        "ngwguard.fbk",
        "ngwguard.rfl",
        "ofmsg/guardbak/ngwguard.fbk",
    ];
    check_deferred("NGWGUARD.DB@0", &set);
}

#[test]
fn a_database_that_had_to_wait_for_its_place_is_still_locked() {
    let site = Site::with_post_office();
    // Something foreign stands in the place of the database, so that it is copied in a second round.
    fs::create_dir(site.destination.join("ofuser/userabc.db")).unwrap();
    fs::write(site.destination.join("ngwguard.rfl"), "foreign").unwrap();
    let holders = [
        Holder::of(&site, "OFUSER/USERABC.LCK@0"),
        Holder::of(&site, "NGWGUARD.DB@0"),
    ];
    let done = site.run(PASS_ONE);
    assert_eq!(
        done.with_code("database-deferred").len(),
        2,
        "{:?}",
        done.findings.kept
    );
    let stands = contents(&site.destination);
    for path in [
        "ofuser/userabc.db",
        "ngwguard.db",
        "ngwguard.rfl",
        "ngwguard.fbk",
    ] {
        assert!(
            !stands.contains_key(path),
            "{path} was copied without its lock"
        );
    }
    drop(holders);
    site.run(PASS_TWO).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

#[test]
fn a_held_lock_is_seen_by_the_proof_of_rest() {
    let site = Site::with_post_office();
    let task = Task::AtRest { quiet_seconds: 0 };
    let report = |task: TaskReport| -> AtRestReport {
        let TaskReport::AtRest(report) = task else {
            panic!("{task:?}")
        };
        report
    };
    let free = report(site.run(task.clone()).clean());
    assert_eq!((free.locks_held, free.changed), (0, 0));
    assert!(free.locks_tried >= 8, "{free:?}");
    let holder = Holder::of(&site, "OFUSER/USERABC.LCK@0");
    let done = site.run(task);
    assert_eq!(done.worst(), Verdict::Refused);
    assert_eq!(done.with_code("lock-held")[0].subject, "OFUSER/USERABC.DB");
    drop(holder);
}

/// Runs a pass while a file grows by a few bytes every millisecond, for as long as `time`.
fn pass_while_growing(site: &Site, path: &Path, time: Duration) -> crate::support::Done {
    // Long enough that reading it takes longer than a few appends.
    fs::write(path, vec![1; 24 << 20]).unwrap();
    let grown = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let grown = &grown;
        let writer = scope.spawn(move || {
            let began = std::time::Instant::now();
            let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
            while began.elapsed() < time {
                file.write_all(b"more").unwrap();
                grown.store(true, Ordering::SeqCst);
                std::thread::sleep(Duration::from_micros(500));
            }
        });
        while !grown.load(Ordering::SeqCst) {
            std::thread::yield_now();
        }
        let done = site.run(PASS_ONE);
        writer.join().unwrap();
        done
    })
}

#[test]
fn what_changes_while_it_is_read_is_tried_again() {
    for path in ["OFFILES/FD0/GROWING", "OFUSER/USERGRW.DB"] {
        let mut site = Site::with_post_office();
        site.options.retries = 12;
        let path = site.source.join(path);
        let done = pass_while_growing(&site, &path, Duration::from_millis(250));
        done.clean();
        assert_eq!(contents(&site.destination), wanted(&site.source, false));
    }
}
