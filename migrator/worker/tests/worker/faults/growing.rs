//! A file that grows at every reading: whoever reads it never has it as it is.

use std::fs;
use std::io::Write as _;

use protocol::Task;

use super::calls::Effect;
use super::kinds::Kind;
use super::scenes::site;
use super::sweep::can_trace;
use super::tracer::{Ended, Verdict};
use super::{STAGE_ONE_PASS, run_judged, run_task_judged};
use crate::prove::{ready_for_the_seal, start_for_users};
use crate::support::{PASS_TWO, contents, long_ago, set_time, wanted, write_old};

#[test]
fn what_never_stops_changing_is_left_to_the_next_pass() {
    if !can_trace() {
        return;
    }
    for (path, code) in [
        ("OFFILES/FD0/GROWING", "kept-changing"),
        ("OFUSER/USERGRW.DB", "database-deferred"),
    ] {
        let site = site();
        site.run(Task::CreateFolders).clean();
        let source = site.source.join(path);
        write_old(&source, &[1; 4096], 1);
        let mut appended = 0;
        let (ended, said) = run_judged(&site, STAGE_ONE_PASS, Kind::Halved, |operation| {
            if operation.effect == Effect::Reads && site.root.join(&operation.path) == source {
                let mut file = fs::OpenOptions::new().append(true).open(&source).unwrap();
                file.write_all(b"more").unwrap();
                appended += 1;
            }
            Verdict::Happens
        });
        assert_eq!(ended, Ended::Exited(0), "{said}");
        assert!(appended > 0, "{path} was never read");
        assert!(said.contains("verdict: Ok(NeedsAttention)"), "{said}");
        assert!(said.contains(code), "{said}");
        assert!(
            !contents(&site.destination).contains_key(&path.to_ascii_lowercase()),
            "no torn copy of {path}"
        );
        set_time(&source, long_ago(1));
        site.run(PASS_TWO).clean();
        assert_eq!(contents(&site.destination), wanted(&site.source, false));
    }
}

/// It is fetched because somebody has changed it, who may be at work still.
#[test]
fn what_never_stops_changing_is_not_fetched_by_halves() {
    if !can_trace() {
        return;
    }
    let site = site();
    site.run(Task::CreateFolders).clean();
    let subject = "OFFILES/FD0/GROWING".to_owned();
    let source = site.source.join(&subject);
    write_old(&source, &[1; 4096], 1);
    let task = Task::Fetch { subject };
    let mut appended = 0;
    let (ended, said) = run_task_judged(&site, &task, Kind::Halved, |operation| {
        if operation.effect == Effect::Reads && site.root.join(&operation.path) == source {
            // Without an end, the disk would be full before anybody gives up.
            assert!(appended < 1000, "it never ends");
            let mut file = fs::OpenOptions::new().append(true).open(&source).unwrap();
            file.write_all(&vec![1; 1 << 20]).unwrap();
            appended += 1;
        }
        Verdict::Happens
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    assert!(said.contains("verdict: Ok(Refused)"), "{said}");
    assert!(appended > 0 && appended < 10, "{appended}");
    assert!(contents(&site.job.join("quarantine")).is_empty(), "{said}");
}

/// An agent at work changes a database while it is verified, which is no damage.
#[test]
fn what_users_change_while_it_is_verified_is_no_damage() {
    if !can_trace() {
        return;
    }
    let site = ready_for_the_seal();
    site.run(Task::Seal).clean();
    start_for_users(&site);
    let database = site.destination.join("ofmsg/msg1.db");
    let mut changed = 0;
    let (ended, said) = run_task_judged(&site, &Task::Verify, Kind::Halved, |operation| {
        if operation.effect == Effect::Reads && site.root.join(&operation.path) == database {
            changed += 1;
            set_time(&database, long_ago(900 + changed));
        }
        Verdict::Happens
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    assert!(changed > 0, "it was never read");
    assert!(!said.contains("seal-destination"), "{said}");
    assert!(said.contains("changed-by-users"), "{said}");
}
