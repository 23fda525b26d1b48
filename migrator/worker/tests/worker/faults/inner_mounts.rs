//! A destination of several file systems (ARCHITECTURE.md rule 9d): each is made durable by itself, and no name is
//! moved from one to another.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::kinds::Kind;
use super::scenes::{STEPS, STRAGGLERS, change_trees, name_of, run_step, site};
use super::sweep::can_trace;
use super::tracer::{Tree, Verdict};
use super::{SAYS_DONE, run_judged};
use crate::source_view::{has_own_mounts, mount_memory};
use crate::support::{contents, wanted};

/// The folders of the destination that are file systems of their own.
const DISKS: [&str; 3] = ["offiles", "wpcsin", "wpcsout/ofs"];

/// The file system that a path of the destination is on, by its mount point.
fn disk_of(path: &Path) -> PathBuf {
    let below = path.strip_prefix("destination").unwrap_or(path);
    let disk = DISKS.into_iter().find(|disk| below.starts_with(disk));
    disk.map(PathBuf::from).unwrap_or_default()
}

#[test]
fn every_file_system_of_the_destination_is_synced_behind_its_last_change() {
    if !has_own_mounts(false) || !can_trace() {
        return;
    }
    let site = site();
    for disk in DISKS {
        fs::create_dir_all(site.destination.join(disk)).unwrap();
        mount_memory(&site.destination.join(disk));
    }
    for (step, _) in STEPS.iter().enumerate().take(STRAGGLERS) {
        change_trees(&site, step);
        // Of each file system: what was changed last, and whether it was synced since.
        let mut unsynced: BTreeMap<PathBuf, (i64, PathBuf)> = BTreeMap::new();
        let (_, said) = run_judged(&site, step, Kind::Killed, |operation| {
            // The times of folders are set last of all, and nothing is lost with them.
            let is_time = operation.number == libc::SYS_utimensat;
            let is_made =
                operation.number == libc::SYS_mkdirat && site.root.join(&operation.path).exists();
            let is_change = Kind::Killed.fits(&operation) && !is_time && !is_made;
            if operation.tree == Tree::Destination && is_change {
                let disk = disk_of(&operation.path);
                if operation.number == libc::SYS_syncfs {
                    unsynced.remove(&disk);
                } else {
                    unsynced.insert(disk, (operation.number, operation.path));
                }
            }
            Verdict::Happens
        });
        assert!(said.contains(SAYS_DONE), "{}: {said}", name_of(step));
        // An empty folder of ours that comes back is emptied again, and the marker says nothing about what was copied.
        let is_nobodys = |path: &Path| {
            path.ends_with(".gwmigrate-owner.json") || path.ends_with(".gwmigrate-queues")
        };
        unsynced.retain(|_, (_, path)| !is_nobodys(path));
        assert!(
            unsynced.is_empty(),
            "{}: {unsynced:?} {:?}",
            name_of(step),
            STEPS[step]
        );
    }
    run_step(&site, STRAGGLERS - 1, "sealed again");
    let kept = |files: BTreeMap<String, Vec<u8>>| -> BTreeMap<String, Vec<u8>> {
        let mut files = files;
        files.retain(|path, _| !path.contains("ngwguard") && !path.contains("guardbak"));
        files
    };
    assert_eq!(
        kept(contents(&site.destination)),
        kept(wanted(&site.source, true))
    );
}
