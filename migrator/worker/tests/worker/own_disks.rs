//! A destination of file systems of its own: what a file system keeps at its top is nobody's data, and no mount point goes.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::process::Command;

use protocol::{Task, Verdict};
use rustix::mount::{UnmountFlags, unmount};
use worker::marker::MARKER_FILE;

use crate::source_view::{has_own_mounts, mount_memory};
use crate::support::{
    LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, QUEUES_LIVE, Site, build_post_office, contents, look,
    wanted, write_old,
};

const ABANDON: Task = Task::Abandon { plan_only: false };

/// A post office whose destination is a file system of its own, with what that keeps at its top.
fn on_its_own(inner: Option<&str>) -> Site {
    let site = Site::empty();
    build_post_office(&site.source);
    mount_memory(&site.destination);
    fs::create_dir(site.destination.join("lost+found")).unwrap();
    if let Some(inner) = inner {
        fs::create_dir_all(site.destination.join(inner)).unwrap();
        mount_memory(&site.destination.join(inner));
    }
    site
}

/// Everything below a folder, by path.
fn paths(root: &Path) -> BTreeSet<String> {
    let paths = look(root).into_keys();
    paths
        .map(|path| String::from_utf8_lossy(&path).into_owned())
        .collect()
}

fn set(paths: &[&str]) -> BTreeSet<String> {
    paths.iter().map(|path| (*path).to_owned()).collect()
}

/// A person said so, and the command was refused before it had seen them: from then on nothing asked for the disk that was missing.
#[test]
fn mounts_that_nobody_has_seen_since_a_person_accepted_them_are_asked_for_still() {
    if !has_own_mounts(false) {
        return;
    }
    let site = on_its_own(Some("offiles"));
    site.run(Task::CreateFolders).clean();
    site.run(PASS_ONE).clean();
    let inner = site.destination.join("offiles");
    site.store().accept_mounts("a test", "two disks").unwrap();
    unmount(&inner, UnmountFlags::empty()).unwrap();
    site.run(PASS_TWO).assert_refused("mounts-changed");
    assert!(fs::read_dir(&inner).unwrap().next().is_none());
    // Seen, they count; and what a person has said is used up.
    site.run(Task::CreateFolders).clean();
    site.run(PASS_ONE).clean();
    mount_memory(&site.destination.join("ofviews"));
    site.run(PASS_TWO).assert_refused("mounts-changed");
}

#[test]
fn abandon_ends_where_a_file_system_is_mounted_two_folders_deep() {
    if !has_own_mounts(false) {
        return;
    }
    let site = Site::empty();
    build_post_office(&site.source);
    for disk in ["wpcsout/ofs", "gwdms/lib000a/docs"] {
        fs::create_dir_all(site.destination.join(disk)).unwrap();
        mount_memory(&site.destination.join(disk));
    }
    site.run(Task::CreateFolders).clean();
    site.run(PASS_ONE).clean();
    site.run(QUEUES).clean();
    site.run(ABANDON).clean();
    let kept = set(&[
        "gwdms",
        "gwdms/lib000a",
        "gwdms/lib000a/docs",
        "wpcsout",
        "wpcsout/ofs",
    ]);
    assert_eq!(paths(&site.destination), kept);
    // A new job begins there.
    site.run(Task::CreateFolders).clean();
    site.run(PASS_ONE).clean();
}

#[test]
fn a_queue_folder_that_leads_to_a_mount_stays() {
    if !has_own_mounts(false) {
        return;
    }
    let site = Site::empty();
    build_post_office(&site.source);
    let disk = site.destination.join("wpcsout/other/inner");
    fs::create_dir_all(&disk).unwrap();
    mount_memory(&disk);
    for task in [Task::CreateFolders, PASS_ONE, PASS_TWO, QUEUES, QUEUES] {
        let done = site.run(task.clone());
        assert!(
            done.result.is_ok(),
            "{task:?}: {done:?}",
            done = done.result
        );
        assert!(
            done.with_code("set-aside").is_empty(),
            "{task:?}: {:?}",
            done.findings.kept
        );
        assert!(
            done.with_code("folder-not-empty").is_empty(),
            "{task:?}: {:?}",
            done.findings.kept
        );
    }
    assert!(disk.is_dir());
}

#[test]
fn a_destination_that_lost_its_marker_and_is_empty_but_for_its_file_systems_is_given_up() {
    if !has_own_mounts(false) {
        return;
    }
    for inner in [None, Some("wpcsout/ofs")] {
        let site = on_its_own(inner);
        let marker = site.destination.join(OsStr::from_bytes(MARKER_FILE));
        site.run(Task::CreateFolders).clean();
        // As it is when a run was cut off after it had given the folder back, or when the disk is made anew.
        let leads_to_inner = |path: &str| inner.is_some_and(|inner| inner.starts_with(path));
        for path in paths(&site.destination).iter().rev() {
            if path != "lost+found" && !leads_to_inner(path) {
                fs::remove_dir(site.destination.join(path)).unwrap();
            }
        }
        fs::remove_file(&marker).unwrap();
        let refused = site.run(Task::CreateFolders);
        refused.assert_refused("destination-marker-missing");
        site.run(ABANDON).clean();
        site.run(Task::CreateFolders).clean();
        site.run(PASS_ONE).clean();
        // Whatever else it holds, it may be somebody's.
        fs::remove_file(&marker).unwrap();
        let refused = site.run(ABANDON);
        refused.assert_refused("destination-marker-missing");
    }
}

#[test]
fn what_a_repair_of_the_destination_has_found_is_left_where_it_is_and_said() {
    if !has_own_mounts(false) {
        return;
    }
    let site = on_its_own(None);
    let found = site.destination.join("lost+found/#123");
    fs::write(&found, "found by fsck").unwrap();
    site.run(Task::CreateFolders).clean();
    let user = rustix::process::getuid().as_raw();
    let owner = Task::Owner {
        user: 12345,
        group: 12345,
        plan_only: false,
    };
    for task in [
        PASS_ONE,
        Task::Prove,
        PASS_TWO,
        LOWERCASE,
        QUEUES,
        Task::Seal,
        Task::Verify,
        owner,
        QUEUES_LIVE,
    ] {
        let is_pass = matches!(task, Task::Pass { .. });
        let done = site.run(task.clone());
        let said = done.with_code("lost-and-found").len();
        assert_eq!(
            said,
            usize::from(is_pass),
            "{task:?}: {:?}",
            done.findings.kept
        );
        if is_pass {
            assert!(
                done.result.is_ok() && done.worst() == Verdict::NeedsAttention,
                "{task:?}"
            );
        } else {
            done.clean();
        }
    }
    assert_eq!(found.metadata().unwrap().uid(), user);
    assert_eq!(found.parent().unwrap().metadata().unwrap().uid(), user);
    site.run(ABANDON).clean();
    assert_eq!(
        paths(&site.destination),
        set(&["lost+found", "lost+found/#123"])
    );
    assert!(site.quarantine().is_empty());
}

#[test]
fn a_source_that_has_such_a_folder_too_is_copied_and_sealed() {
    if !has_own_mounts(false) {
        return;
    }
    let site = on_its_own(None);
    write_old(&site.source.join("lost+found/OLD/#7"), b"of the source", 90);
    for task in [
        Task::CreateFolders,
        PASS_ONE,
        PASS_TWO,
        LOWERCASE,
        QUEUES,
        Task::Seal,
        Task::Verify,
    ] {
        site.run(task).clean();
    }
    assert_eq!(contents(&site.destination), wanted(&site.source, true));
}

fn mount_sized(place: &Path, size: &str) {
    let options = format!("size={size}");
    fs::create_dir_all(place).unwrap();
    let status = Command::new("mount")
        .args(["-t", "tmpfs", "-o", &options, "none"])
        .arg(place)
        .status();
    assert!(status.unwrap().success());
}

/// What is set aside goes to the disk of the job folder.
#[test]
fn what_the_job_folder_has_no_room_for_is_not_set_aside_by_halves() {
    if !has_own_mounts(false) {
        return;
    }
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    let quarantine = site.job.join("quarantine");
    mount_sized(&quarantine, "512k");
    let foreign = vec![9; 1 << 20];
    fs::write(site.destination.join("offiles/foreign.blb"), &foreign).unwrap();
    for _ in 0..2 {
        let done = site.run(PASS_TWO);
        assert_eq!(done.error_code(), Some("job-folder"), "{:?}", done.result);
        assert_eq!(done.worst(), Verdict::Temporary);
        assert_eq!(contents(&quarantine).len(), 0, "nothing is there by halves");
    }
    let grown = Command::new("mount")
        .args(["-o", "remount,size=16m"])
        .arg(&quarantine)
        .status();
    assert!(grown.unwrap().success());
    site.run(PASS_TWO).clean();
    let kept = contents(&quarantine);
    assert_eq!(kept.len(), 1, "{:?}", kept.keys());
    assert_eq!(kept.into_values().next().unwrap(), foreign);
}

/// Each disk takes what goes there.
#[test]
fn the_room_of_each_disk_of_the_destination_is_asked_for() {
    if !has_own_mounts(false) {
        return;
    }
    let site = Site::empty();
    build_post_office(&site.source);
    write_old(
        &site.source.join("OFFILES/FD0/LARGE.BLB"),
        &vec![9; 2 << 20],
        1,
    );
    let inner = site.destination.join("offiles");
    for (outer_size, inner_size, code) in [
        ("1m", "64m", None),
        ("64m", "1m", Some("not-enough-room")),
        ("64m", "64m", None),
    ] {
        mount_sized(&site.destination, outer_size);
        mount_sized(&inner, inner_size);
        let done = site.run(Task::Inventory { only_count: true });
        let found: Vec<_> = done
            .findings
            .kept
            .iter()
            .map(|finding| (&*finding.code, finding.subject.as_str()))
            .collect();
        match code {
            None => assert_eq!(found, [], "{outer_size}, {inner_size}"),
            Some(code) => {
                assert_eq!(found.len(), 1, "{found:?}");
                assert_eq!(found[0].0, code);
                assert!(found[0].1.ends_with("offiles"), "{found:?}");
            }
        }
        unmount(&inner, UnmountFlags::empty()).unwrap();
        unmount(&site.destination, UnmountFlags::empty()).unwrap();
    }
}
