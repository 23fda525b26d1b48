//! The queue step from outside: what it lists, and what it does where an item cannot be read for a moment.

use std::fs;
use std::time::Duration;

use super::kinds::Kind;
use super::run_task_judged;
use super::scenes::deliver;
use super::sweep::can_trace;
use super::tracer::{Ended, Verdict};
use crate::support::{ITEMS, PASS_ONE, QUEUES, QUEUES_LIVE, Site, set_time};

fn site() -> Site {
    let mut site = Site::fast().filled();
    site.options.workers = 1;
    site.run(PASS_ONE).clean();
    site
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
