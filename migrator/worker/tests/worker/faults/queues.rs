//! The queue step from outside: what it lists, and what it does where an item cannot be read for a moment.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use super::kinds::Kind;
use super::run_task_judged;
use super::scenes::deliver;
use super::sweep::can_trace;
use super::tracer::{Ended, Tree, Verdict};
use crate::support::{ITEMS, PASS_ONE, QUEUES, QUEUES_LIVE, Site, set_time, write_old};
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
