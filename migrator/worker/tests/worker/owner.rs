//! Giving the destination to the user of the agents.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use protocol::{Count, OwnerReport, Task, TaskReport};

use crate::support::{
    Done, LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, QUEUES_LIVE, Site, look, write_old,
};

/// Somebody else where this process is root, else this process itself, whose files only change their modes.
fn user() -> (u32, u32) {
    if rustix::process::geteuid().is_root() {
        (4711, 4712)
    } else {
        eprintln!("SKIPPED in part: only root can give files away");
        let (user, group) = (rustix::process::geteuid(), rustix::process::getegid());
        (user.as_raw(), group.as_raw())
    }
}

fn owner(plan_only: bool) -> Task {
    let (user, group) = user();
    Task::Owner {
        user,
        group,
        plan_only,
    }
}

fn sealed() -> Site {
    let site = Site::fast().filled();
    for task in [PASS_ONE, PASS_TWO, LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
    site
}

fn report(done: &Done) -> OwnerReport {
    match done.result.as_ref().unwrap() {
        TaskReport::Owner(report) => report.clone(),
        other => panic!("{other:?}"),
    }
}

fn everything(site: &Site) -> Vec<PathBuf> {
    let below = look(&site.destination).into_keys();
    let mut paths: Vec<PathBuf> = below
        .map(|path| site.destination.join(String::from_utf8(path).unwrap()))
        .collect();
    paths.push(site.destination.clone());
    paths
}

fn ownership(path: &Path) -> (u32, u32, u32) {
    let metadata = path.symlink_metadata().unwrap();
    let mode = metadata.permissions().mode() & 0o7777;
    (metadata.uid(), metadata.gid(), mode)
}

#[test]
fn everything_is_given_to_the_user_and_to_nobody_else() {
    let site = sealed();
    let open = site.destination.join("ofuser/userabc.db");
    fs::set_permissions(open, fs::Permissions::from_mode(0o644)).unwrap();
    fs::set_permissions(&site.destination, fs::Permissions::from_mode(0o755)).unwrap();
    let before = look(&site.destination);
    let plan = report(&site.run(owner(true)));
    assert_eq!(look(&site.destination), before, "a plan changes nothing");
    assert_eq!(plan.entries, before.len() as u64 + 1);
    assert!(plan.others >= 2, "{plan:?}");

    let done = site.run(owner(false));
    assert_eq!(report(&done).others, plan.others);
    done.clean();
    let (user, group) = user();
    for path in everything(&site) {
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(ownership(&path), (user, group, mode), "{}", path.display());
    }
    let again = report(&site.run(owner(false)));
    assert_eq!((again.entries, again.others), (plan.entries, 0));
}

#[test]
fn the_seal_and_the_manifest_hold_afterwards() {
    let site = sealed();
    site.run(owner(false)).clean();
    site.run(Task::Verify).clean();
    // Nothing looks changed to another pass.
    let pass = site.run(PASS_TWO);
    assert_eq!(pass.count(Count::FilesCopied), 0);
    pass.clean();
    site.run(Task::Seal).clean();
}

#[test]
fn an_item_that_arrives_later_belongs_to_whom_its_queue_belongs() {
    let site = sealed();
    site.run(owner(false)).clean();
    write_old(
        &site.source.join("WPCSIN/4/00000A1F.009"),
        b"a straggler",
        77,
    );
    site.run(QUEUES_LIVE).clean();
    let (user, group) = user();
    let item = site.destination.join("wpcsin/4/00000a1f.009");
    assert_eq!(ownership(&item), (user, group, 0o600));
    assert_eq!(fs::read(item).unwrap(), b"a straggler");
}

#[test]
fn a_queue_folder_that_arrives_later_belongs_to_whom_its_parent_belongs() {
    let site = sealed();
    site.run(owner(false)).clean();
    let item = "wpcsin/new/inner/00000a1f.009";
    write_old(
        &site.source.join("WPCSIN/NEW/INNER/00000A1F.009"),
        b"a straggler",
        77,
    );
    site.run(QUEUES_LIVE).clean();
    let (user, group) = user();
    for folder in ["wpcsin/new", "wpcsin/new/inner"] {
        let made = site.destination.join(folder);
        assert_eq!(ownership(&made), (user, group, 0o700), "{folder}");
    }
    assert_eq!(
        ownership(&site.destination.join(item)),
        (user, group, 0o600)
    );
}

#[test]
fn what_a_file_copied_since_was_is_not_taken_for_untouched() {
    let site = sealed();
    let path = site.destination.join("ofviews/win/appt.vew");
    fs::write(&path, "VIEW").unwrap();
    site.run(owner(false)).clean();
    let pass = site.run(PASS_TWO);
    assert_eq!(pass.count(Count::FilesCopied), 1);
    assert_eq!(fs::read(&path).unwrap(), b"view");
}

#[test]
fn links_at_the_destination_give_nothing_else_away() {
    let site = sealed();
    let elsewhere = site.root.join("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    for name in ["file", "hard"] {
        fs::write(elsewhere.join(name), "of somebody").unwrap();
        fs::set_permissions(elsewhere.join(name), fs::Permissions::from_mode(0o644)).unwrap();
    }
    let before = look(&elsewhere);
    symlink(&elsewhere, site.destination.join("ofuser/folder")).unwrap();
    symlink(elsewhere.join("file"), site.destination.join("ofuser/link")).unwrap();
    fs::hard_link(elsewhere.join("hard"), site.destination.join("ofuser/hard")).unwrap();
    let owned = ownership(&elsewhere.join("hard"));
    let done = site.run(owner(false));
    assert_eq!(report(&done).left_alone, 3);
    assert_eq!(done.with_code("owner-left-alone").len(), 3);
    assert_eq!(ownership(&elsewhere.join("hard")), owned);
    let after = look(&elsewhere);
    assert_eq!(after[b"file".as_slice()], before[b"file".as_slice()]);
    assert_eq!(after[b"hard".as_slice()].mode, 0o644);
}

#[test]
fn nothing_is_given_away_before_the_seal() {
    let site = Site::fast().filled();
    site.run(PASS_ONE).clean();
    let before = look(&site.destination);
    site.run(owner(false)).assert_refused("not-sealed");
    assert_eq!(look(&site.destination), before);
}
