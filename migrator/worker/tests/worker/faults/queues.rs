//! The queue step from outside: what it lists, and what it does where an item cannot be read for a moment.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::kinds::Kind;
use super::scenes::deliver;
use super::sweep::can_trace;
use super::tracer::{Ended, Tree, Verdict};
use super::{SAYS_DONE, run_task_judged};
use crate::support::{ITEMS, PASS_ONE, QUEUES, QUEUES_LIVE, Site, set_time, write_old};
use nix::sys::signal::Signal;
use protocol::Task;

fn site() -> Site {
    let mut site = Site::fast().filled();
    site.options.workers = 1;
    site.run(PASS_ONE).clean();
    site
}

/// How often each folder of source and destination is listed.
fn listed(site: &Site, task: &Task) -> BTreeMap<PathBuf, usize> {
    let mut listed = BTreeMap::new();
    let (ended, said) = run_task_judged(site, task, Kind::InputOutput, |operation| {
        if operation.tree != Tree::Job && operation.number == libc::SYS_getdents64 {
            *listed.entry(operation.path).or_default() += 1;
        }
        Verdict::Happens
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    listed
}

#[test]
fn the_queue_step_lists_nothing_but_what_leads_to_queues() {
    if !can_trace() {
        return;
    }
    for task in [QUEUES, QUEUES_LIVE] {
        let site = site();
        site.run(task.clone()).clean();
        let before = listed(&site, &task);
        assert!(before.contains_key(&PathBuf::from("source/WPCSOUT/OFS/2")));
        for number in 0..40 {
            for folder in ["OFFILES/FD0", "GWDMS/LIB000A/DOCS", "OTHER", "OFWORK"] {
                let path = format!("{folder}/INNER{number}/MORE.000");
                write_old(&site.source.join(&path), b"more", 800 + number);
                write_old(
                    &site.destination.join(path.to_lowercase()),
                    b"more",
                    800 + number,
                );
            }
        }
        assert_eq!(listed(&site, &task), before, "{task:?}");
    }
}

#[test]
fn an_item_that_could_not_be_read_for_a_moment_is_not_delivered_again() {
    if !can_trace() {
        return;
    }
    let item = ITEMS[0].0;
    for errno in [libc::EIO, libc::EACCES, libc::EBUSY] {
        let mut failed = 0;
        // The first attempts at reading it fail, as many as there may be.
        for failing in 1.. {
            let site = site();
            site.run(QUEUES).clean();
            deliver(&site);
            let path = site.source.join(item);
            let moved = fs::metadata(&path).unwrap().modified().unwrap() + Duration::from_hours(1);
            set_time(&path, moved);
            failed = 0;
            let (ended, said) =
                run_task_judged(&site, &QUEUES_LIVE, Kind::InputOutput, |operation| {
                    let is_opening = operation.number == libc::SYS_openat
                        && site.root.join(&operation.path) == path;
                    if !is_opening || failed == failing {
                        return Verdict::Happens;
                    }
                    failed += 1;
                    Verdict::Fails(errno)
                });
            assert_eq!(ended, Ended::Exited(0), "{said}");
            assert_eq!(
                deliver(&site),
                Vec::<String>::new(),
                "{errno}, {failing}: {said}"
            );
            site.run(QUEUES_LIVE).clean();
            assert_eq!(
                deliver(&site),
                Vec::<String>::new(),
                "{errno}, {failing}, later"
            );
            if failed < failing {
                break;
            }
        }
        assert!(failed > 0);
    }
}

/// How many files stand in the queues once everything was carried: the items, and the log of the agent.
const STANDING: usize = ITEMS.len() + 1;

/// What the live agent has put under the name of an item that the source brings.
const OF_THE_AGENT: &str = "of the live POA";

/// A site whose live agent has taken everything, and has an item of its own under the name of one that arrives later.
fn site_with_a_name_taken() -> Site {
    let site = site();
    site.run(QUEUES).clean();
    deliver(&site);
    write_old(
        &site.source.join("WPCSIN/2/STRAGGLER"),
        b"of the source",
        70,
    );
    fs::write(site.destination.join("wpcsin/2/straggler"), OF_THE_AGENT).unwrap();
    site
}

/// Carries stragglers; a fault is at the change `at` after the first renaming.  Says whether there was such a change.
fn fault_after_renaming(site: &Site, kind: Kind, at: usize) -> (bool, String) {
    let mut number = None;
    let mut happened = false;
    let (ended, said) = run_task_judged(site, &QUEUES_LIVE, kind, |operation| {
        let is_renaming = operation.number == libc::SYS_renameat2;
        match &mut number {
            None if is_renaming => number = Some(0),
            Some(number) if Kind::Killed.fits(&operation) => {
                *number += 1;
                let verdict = kind.judge(*number, at);
                happened |= verdict != Verdict::Happens;
                return verdict;
            }
            _ => {}
        }
        Verdict::Happens
    });
    let is_killed = ended == Ended::Killed(Signal::SIGKILL);
    assert!(is_killed || ended == Ended::Exited(0), "{ended:?}: {said}");
    (happened, said)
}

/// Ends a run as one that is killed when an item is about to appear in its queue.
fn kill_at_renaming(site: &Site) {
    let (ended, said) = run_task_judged(site, &QUEUES_LIVE, Kind::Killed, |operation| {
        if operation.number == libc::SYS_renameat2 {
            Verdict::Kills
        } else {
            Verdict::Happens
        }
    });
    assert_eq!(ended, Ended::Killed(Signal::SIGKILL), "{said}");
}

/// Whether the item was about to be placed by a run before this one or not: cut off anywhere, it is not lost.
#[test]
fn an_item_whose_name_was_taken_is_delivered_later_wherever_the_run_was_cut_off() {
    if !can_trace() {
        return;
    }
    let cases = [
        (Kind::Killed, false),
        (Kind::Killed, true),
        (Kind::InputOutput, false),
    ];
    for (kind, is_recovery) in cases {
        let mut faults = 0;
        for at in 1.. {
            let site = site_with_a_name_taken();
            if is_recovery {
                kill_at_renaming(&site);
            }
            let (happened, said) = fault_after_renaming(&site, kind, at);
            let what = format!("{kind:?} {at}, recovery: {is_recovery}: {said}");
            assert_eq!(deliver(&site), [OF_THE_AGENT], "{what}");
            site.run(QUEUES_LIVE).clean();
            assert_eq!(deliver(&site), ["of the source"], "{what}");
            if !happened {
                break;
            }
            faults += 1;
        }
        println!("{kind:?}, recovery: {is_recovery}: {faults} faults");
        assert!(faults > 2, "{kind:?}: {faults}");
    }
}

/// Carries stragglers; the first call of this kind whose path has this end fails.  Says what the run said.
fn fail_first(site: &Site, task: &Task, number: libc::c_long, end: &str, errno: i32) -> String {
    let mut is_due = true;
    let (ended, said) = run_task_judged(site, task, Kind::InputOutput, |operation| {
        let fits = operation.number == number && operation.path.to_string_lossy().contains(end);
        if fits && std::mem::take(&mut is_due) {
            Verdict::Fails(errno)
        } else {
            Verdict::Happens
        }
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    assert!(!is_due, "{said}");
    said
}

#[test]
fn an_item_whose_name_the_destination_cannot_hold_is_left_and_said() {
    if !can_trace() {
        return;
    }
    for errno in [libc::ENAMETOOLONG, libc::EILSEQ] {
        for is_recovery in [false, true] {
            let site = site();
            site.run(QUEUES).clean();
            deliver(&site);
            for name in ["FIRST", "SECOND"] {
                write_old(
                    &site.source.join("WPCSIN/2").join(name),
                    name.as_bytes(),
                    70,
                );
            }
            if is_recovery {
                kill_at_renaming(&site);
            }
            let renaming = libc::SYS_renameat2;
            let said = fail_first(&site, &QUEUES_LIVE, renaming, ".gwmigrate-queues", errno);
            assert!(said.contains("name-too-long"), "{said}");
            assert!(said.contains("verdict: Ok(Unproven)"), "{said}");
            assert_eq!(deliver(&site), ["SECOND"], "{said}");
            site.run(QUEUES_LIVE).clean();
            assert_eq!(deliver(&site), ["FIRST"]);
        }
    }
}

#[test]
fn a_queue_whose_name_the_destination_cannot_hold_is_left_and_said() {
    if !can_trace() {
        return;
    }
    for task in [QUEUES, QUEUES_LIVE] {
        let site = site();
        for path in ["WPCSIN/ODD/INNER/FIRST", "WPCSIN/2/SECOND"] {
            write_old(&site.source.join(path), path.as_bytes(), 70);
        }
        let (ended, said) = run_task_judged(&site, &task, Kind::InputOutput, |operation| {
            let is_it = operation.number == libc::SYS_mkdirat
                && operation.path.ends_with("destination/wpcsin/odd");
            if is_it {
                Verdict::Fails(libc::EILSEQ)
            } else {
                Verdict::Happens
            }
        });
        assert_eq!(ended, Ended::Exited(0), "{said}");
        assert!(said.contains("name-too-long"), "{task:?}: {said}");
        assert!(said.contains("verdict: Ok(Unproven)"), "{task:?}: {said}");
        let delivered = deliver(&site);
        assert_eq!(delivered.len(), STANDING + 1, "{delivered:?}: {said}");
        site.run(QUEUES_LIVE).clean();
        assert_eq!(deliver(&site), ["WPCSIN/ODD/INNER/FIRST"]);
    }
}

/// A run that is killed when it has made a queue folder leaves one that only itself can enter.
#[test]
fn a_queue_folder_that_a_killed_run_has_made_is_given_away_by_the_next_one() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    if !can_trace() {
        return;
    }
    let site = site();
    site.run(QUEUES).clean();
    deliver(&site);
    let agent = (Some(4711), Some(4712));
    let above = site.destination.join("wpcsin");
    std::os::unix::fs::chown(&above, agent.0, agent.1).unwrap();
    write_old(&site.source.join("WPCSIN/NEW/ITEM"), b"an item", 70);
    let (ended, said) = run_task_judged(&site, &QUEUES_LIVE, Kind::Killed, |operation| {
        let is_given =
            operation.number == libc::SYS_fchown && operation.path.ends_with("wpcsin/new");
        if is_given {
            Verdict::Kills
        } else {
            Verdict::Happens
        }
    });
    assert_eq!(ended, Ended::Killed(Signal::SIGKILL), "{said}");
    site.run(QUEUES_LIVE).clean();
    let made = fs::metadata(above.join("new")).unwrap();
    assert_eq!((Some(made.uid()), Some(made.gid())), agent);
    assert_eq!(deliver(&site), ["an item"]);
}

/// Some file systems list no kinds, so that each entry is asked for what it is; one that is not there for a moment may be a
/// queue, and what it holds was not delivered at the source.
#[test]
fn a_queue_that_is_missing_for_a_moment_where_a_listing_has_no_kinds_keeps_its_copies() {
    if !can_trace() {
        return;
    }
    for queue in ["WPCSIN", "WPCSIN/0", "WPCSOUT/OFS"] {
        for failing in 1..=4 {
            let site = site();
            site.run(QUEUES).clean();
            let queue = Path::new("source").join(queue);
            let mut failed = 0;
            let (ended, said) = run_task_judged(&site, &QUEUES, Kind::InputOutput, |operation| {
                if operation.tree != Tree::Source {
                    return Verdict::Happens;
                }
                let is_asked = operation.is_by_name
                    && operation.number == libc::SYS_newfstatat
                    && operation.path == queue;
                if operation.number == libc::SYS_getdents64 {
                    Verdict::HidesKinds
                } else if is_asked && failed < failing {
                    failed += 1;
                    Verdict::Fails(libc::ENOENT)
                } else {
                    Verdict::Happens
                }
            });
            assert_eq!(ended, Ended::Exited(0), "{said}");
            assert_eq!(failed, failing, "{said}");
            let what = format!("{}, {failing}", queue.display());
            assert!(said.contains(SAYS_DONE), "{what}: {said}");
            assert_eq!(deliver(&site).len(), STANDING, "{what}: {said}");
        }
    }
}

/// A queue that is listed and never to be had is left as it is, and said.
#[test]
fn a_queue_that_is_listed_and_not_there_where_a_listing_has_no_kinds_is_left_and_said() {
    if !can_trace() {
        return;
    }
    let site = site();
    site.run(QUEUES).clean();
    let (ended, said) = run_task_judged(&site, &QUEUES, Kind::InputOutput, |operation| {
        if operation.tree != Tree::Source {
            return Verdict::Happens;
        }
        let is_it = operation.is_by_name && operation.path == Path::new("source/WPCSOUT/OFS");
        if operation.number == libc::SYS_getdents64 {
            Verdict::HidesKinds
        } else if is_it {
            Verdict::Fails(libc::ENOENT)
        } else {
            Verdict::Happens
        }
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    assert!(said.contains("listed-not-there"), "{said}");
    assert!(said.contains("verdict: Ok(Unproven)"), "{said}");
    assert_eq!(deliver(&site).len(), STANDING, "{said}");
}

/// A lock that could not be asked for may be held by whoever writes the item.
#[test]
fn an_item_whose_lock_cannot_be_asked_for_is_left_and_said() {
    if !can_trace() {
        return;
    }
    for is_once in [true, false] {
        let site = site();
        site.run(QUEUES).clean();
        deliver(&site);
        write_old(&site.source.join("WPCSIN/2/STRAGGLER"), b"straggler", 70);
        let mut failed = 0;
        let (ended, said) = run_task_judged(&site, &QUEUES_LIVE, Kind::InputOutput, |operation| {
            let is_it = operation.number == libc::SYS_fcntl
                && operation.path.ends_with("WPCSIN/2/STRAGGLER");
            if is_it && !(is_once && failed > 0) {
                failed += 1;
                Verdict::Fails(libc::ENOLCK)
            } else {
                Verdict::Happens
            }
        });
        assert_eq!(ended, Ended::Exited(0), "{said}");
        assert!(failed > 0, "{said}");
        if is_once {
            assert!(said.contains(SAYS_DONE), "{said}");
        } else {
            assert!(said.contains("could not be asked for"), "{said}");
            assert!(said.contains("verdict: Ok(Temporary)"), "{said}");
            assert_eq!(deliver(&site), Vec::<String>::new(), "{said}");
            site.run(QUEUES_LIVE).clean();
        }
        assert_eq!(deliver(&site), ["straggler"], "{said}");
    }
}
