//! A destination without a renaming that never replaces: ZFS before 2.2, NFS, FUSE, and what is stacked on those.

use super::kinds::Kind;
use super::scenes::{LATE, STEPS, STRAGGLERS, change_trees, check_end, deliver, name_of, site};
use super::sweep::can_trace;
use super::tracer::{Ended, Operation, Verdict};
use super::{SAYS_DONE, run_judged};
use crate::source_view::has_own_mounts;
use crate::support::{Site, contents};
use nix::sys::signal::Signal;
use rustix::mount::{MountFlags, mount};

/// The library makes this call for a renaming with flags alone.
fn without_flags(operation: &Operation) -> Verdict {
    if operation.number == libc::SYS_renameat2 {
        Verdict::Fails(libc::EINVAL)
    } else {
        Verdict::Happens
    }
}

/// A site whose file system is not known to rename without replacing, so that the worker may make second links.
fn site_there() -> Option<Site> {
    if !has_own_mounts(false) || !can_trace() {
        return None;
    }
    let memory = std::path::Path::new("/dev/shm");
    std::fs::create_dir_all(memory).unwrap();
    mount("none", memory, "ramfs", MountFlags::empty(), None).unwrap();
    Some(site())
}

/// Does a step on such a file system; kills the worker between the second link number `at` and the removal of the first, 0 is
/// never.  Says how many second links there were.
fn run_step_there(site: &Site, step: usize, at: usize, what: &str) -> Links {
    let mut links = 0;
    let mut is_next = false;
    let (ended, said) = run_judged(site, step, Kind::Killed, |operation| {
        let is_due = std::mem::take(&mut is_next);
        if operation.number == libc::SYS_linkat {
            links += 1;
            is_next = links == at;
        } else if is_due && operation.number == libc::SYS_unlinkat {
            return Verdict::Kills;
        }
        without_flags(&operation)
    });
    let is_killed = ended == Ended::Killed(Signal::SIGKILL);
    // A name that was taken gets no second link, and nothing is removed then.
    let is_done = said.contains(SAYS_DONE);
    assert!(is_done || (at > 0 && is_killed), "{what}: {ended:?} {said}");
    Links { links, is_killed }
}

/// What a step did.
struct Links {
    /// How many second links it made, or tried to.
    links: usize,
    is_killed: bool,
}

#[test]
fn a_file_system_that_cannot_rename_without_replacing_gets_every_file_all_the_same() {
    let Some(whole) = site_there() else {
        return;
    };
    // How many second links each step makes, so that the worker can be killed behind some of them.
    let mut links = Vec::new();
    for step in 0..STRAGGLERS {
        change_trees(&whole, step);
        links.push(run_step_there(&whole, step, 0, name_of(step)).links);
    }
    check_end(&whole, "without a renaming that never replaces");
    for name in ["stage-two-pass", "lowercase", "queues"] {
        let step =
            (0..STRAGGLERS).find(|&step| name_of(step) == name || STEPS[step].name() == name);
        let step = step.unwrap_or_else(|| panic!("no step {name}"));
        assert!(links[step] > 0, "{name} renames nothing: {links:?}");
    }
    let mut kills = 0;
    for (step, &links) in links.iter().enumerate() {
        let mut some = vec![1, links / 2, links];
        some.retain(|&at| (1..=links).contains(&at));
        some.dedup();
        for at in some {
            let what = format!("{}, killed at second link {at}", name_of(step));
            let site = site();
            for before in 0..step {
                change_trees(&site, before);
                run_step_there(&site, before, 0, &what);
            }
            change_trees(&site, step);
            if run_step_there(&site, step, at, &what).is_killed {
                kills += 1;
                run_step_there(&site, step, 0, &what);
            }
            for after in step + 1..STRAGGLERS {
                change_trees(&site, after);
                run_step_there(&site, after, 0, &what);
            }
            check_end(&site, &what);
        }
    }
    assert!(kills > 5, "{kills}");
}

#[test]
fn a_file_system_that_can_make_no_second_link_either_is_refused_before_anything_is_copied() {
    let Some(site) = site_there() else {
        return;
    };
    let (_, said) = run_judged(&site, 0, Kind::Killed, |operation| {
        if operation.number == libc::SYS_linkat {
            Verdict::Fails(libc::EPERM)
        } else {
            without_flags(&operation)
        }
    });
    assert!(said.contains("destination-unable"), "{said}");
    assert!(said.contains("second link"), "{said}");
    assert!(contents(&site.destination).is_empty(), "{said}");
}

/// Killed before an item gets its second link, or between that and the removal of the first: a live agent that takes the item
/// meanwhile gets it once.
#[test]
fn an_item_that_the_agent_took_between_the_two_steps_of_a_renaming_is_not_delivered_twice() {
    if site_there().is_none() {
        return;
    }
    for is_linked in [false, true] {
        let what = format!("killed, linked: {is_linked}");
        let site = site();
        for before in 0..STRAGGLERS {
            change_trees(&site, before);
            run_step_there(&site, before, 0, &what);
        }
        change_trees(&site, STRAGGLERS);
        let kept = site.quarantine();
        if is_linked {
            run_step_there(&site, STRAGGLERS, 1, &what);
        } else {
            let killed = |operation: Operation| {
                if operation.number == libc::SYS_linkat {
                    Verdict::Kills
                } else {
                    without_flags(&operation)
                }
            };
            run_judged(&site, STRAGGLERS, Kind::Killed, killed);
        }
        let mut delivered = deliver(&site);
        assert_eq!(delivered.len(), usize::from(is_linked), "{what}");
        let (_, said) = run_judged(&site, STRAGGLERS, Kind::Killed, |operation| {
            without_flags(&operation)
        });
        assert_eq!(said.contains("queue-item-unsure"), is_linked, "{said}");
        let set_aside = site.quarantine().len() - kept.len();
        assert_eq!(set_aside, usize::from(is_linked), "{what}: {said}");
        delivered.extend(deliver(&site));
        run_step_there(&site, STRAGGLERS, 0, &what);
        delivered.extend(deliver(&site));
        delivered.sort();
        assert_eq!(delivered, LATE, "{what}: {said}");
    }
}
