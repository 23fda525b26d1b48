//! The read-only view through which the source is opened, where this process may make one.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};
use protocol::Task;
use rustix::io::Errno;
use rustix::mount::{
    MountFlags, MountPropagationFlags, UnmountFlags, mount, mount_change, unmount,
};
use worker::capabilities::Capabilities;
use worker::tree::{Folder, Time};

use crate::support::{PASS_ONE, Site, contents, long_ago, set_time, wanted};

/// Gives this thread of the test mounts of its own; says whether it may.  With `shared`, they pass on what is mounted and
/// unmounted to those that are made from them, as those of most machines do.
pub(crate) fn has_own_mounts(shared: bool) -> bool {
    if unshare(CloneFlags::CLONE_NEWNS).is_err() {
        eprintln!("SKIPPED: only root can mount");
        return false;
    }
    let whole = |kind| mount_change("/", kind | MountPropagationFlags::REC).unwrap();
    whole(MountPropagationFlags::PRIVATE);
    if shared {
        whole(MountPropagationFlags::SHARED);
    }
    true
}

pub(crate) fn mount_memory(place: &Path) {
    fs::create_dir_all(place).unwrap();
    mount("none", place, "tmpfs", MountFlags::empty(), None).unwrap();
}

fn is_read_only<T: std::fmt::Debug>(outcome: Result<T, Errno>) {
    assert_eq!(outcome.unwrap_err(), Errno::ROFS);
}

fn open(site: &Site) -> (Capabilities, Folder) {
    let capabilities = Capabilities::open(&site.order(PASS_ONE), &site.job).unwrap();
    let source = capabilities.areas[0].source().unwrap().clone();
    (capabilities, source)
}

#[test]
fn the_source_cannot_be_changed_through_its_handles_nor_what_is_mounted_below_it() {
    if !has_own_mounts(false) {
        return;
    }
    let site = Site::with_post_office();
    let inner = site.source.join("OFFILES/FD 1");
    mount_memory(&inner);
    fs::write(inner.join("ATTACHED"), "below a mount").unwrap();
    let (capabilities, source) = open(&site);
    let mounted = source.open_folder(b"OFFILES").unwrap();
    let mounted = mounted.open_folder(b"FD 1").unwrap();

    for (folder, name, path) in [
        (&source, &b"WPHOST.DB"[..], site.source.join("WPHOST.DB")),
        (&mounted, b"ATTACHED", inner.join("ATTACHED")),
    ] {
        is_read_only(folder.create_file(b"new"));
        is_read_only(folder.create_folder(b"new"));
        is_read_only(folder.remove_file(name));
        is_read_only(folder.rename_over(name, b"new"));
        is_read_only(folder.set_modified(Time::now()));
        let (file, attributes) = folder.open_file(name).unwrap();
        is_read_only(rustix::fs::fchmod(&file, rustix::fs::Mode::RUSR));
        is_read_only(rustix::fs::fsetxattr(
            &file,
            "user.x",
            b"x",
            rustix::fs::XattrFlags::empty(),
        ));
        // It is the same file, and nobody else's way to it has changed.
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!(
            (attributes.device, attributes.inode),
            (metadata.dev(), metadata.ino())
        );
        set_time(&path, long_ago(7));
        fs::write(path.with_file_name("BESIDE"), "made meanwhile").unwrap();
        assert!(folder.metadata(b"BESIDE").unwrap().is_some());
    }
    drop(capabilities);
    unmount(&inner, UnmountFlags::empty()).unwrap();
}

#[test]
fn what_is_mounted_below_the_source_stays_as_long_as_the_handles_of_the_order() {
    if !has_own_mounts(false) {
        return;
    }
    let site = Site::with_post_office();
    let inner = site.source.join("OFFILES/FD1");
    mount_memory(&inner);
    fs::write(inner.join("ATTACHED"), "below a mount").unwrap();
    let (capabilities, source) = open(&site);
    let names = || {
        let folder = source.open_folder(b"OFFILES").unwrap();
        folder.open_folder(b"FD1").unwrap().list().unwrap().len()
    };
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(200) {
        assert_eq!(names(), 1);
    }
    drop(capabilities);
    // Without the name space the handle leads to what is below the mount: this is what it is kept for.
    let until = Instant::now() + Duration::from_secs(10);
    while names() > 0 {
        assert!(Instant::now() < until, "still mounted");
    }

    // Mounted since the folder was taken into the job, which somebody has to mean; then a pass copies it.
    site.run(PASS_ONE).assert_refused("mounts-changed");
    site.store()
        .accept_mounts("Ann", "a disk of its own")
        .unwrap();
    site.run(Task::CreateFolders).clean();
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
    unmount(&inner, UnmountFlags::empty()).unwrap();
}

#[test]
fn who_unmounts_meanwhile_is_not_held_up_and_nothing_appears_later() {
    if !has_own_mounts(true) {
        return;
    }
    let site = Site::empty();
    let elsewhere = site.root.join("elsewhere");
    mount_memory(&site.source);
    mount_memory(&elsewhere);
    fs::create_dir(site.source.join("LATER")).unwrap();
    fs::write(site.source.join("WPHOST.DB"), "post office database").unwrap();
    let (_capabilities, source) = open(&site);

    mount_memory(&site.source.join("LATER"));
    fs::write(site.source.join("LATER/NEW"), "mounted later").unwrap();
    let later = source.open_folder(b"LATER").unwrap();
    assert_eq!(later.list().unwrap().len(), 0);
    is_read_only(later.create_file(b"new"));
    for place in [&site.source.join("LATER"), &elsewhere, &site.source] {
        unmount(place, UnmountFlags::empty()).unwrap();
    }
    assert_eq!(source.list().unwrap().len(), 2, "it is read to the end");
    is_read_only(source.create_file(b"new"));
}

#[test]
fn folders_that_lie_in_each_other_are_opened_as_what_they_are() {
    if !has_own_mounts(false) {
        return;
    }
    // A certificate beside everything else: its folder is only read, and what is written lies below it.
    let site = Site::empty();
    fs::create_dir(site.root.join("target")).unwrap();
    let mut order = site.order(Task::Certificates {
        certificate: site.root.join("certificate").display().to_string(),
        key: site.source.join("key").display().to_string(),
        target: Some(site.root.join("target").display().to_string()),
        dns_name: None,
        key_password: None,
    });
    let mut second = order.areas[0].clone();
    second.source = site.source.join("LIB").display().to_string();
    fs::create_dir(&second.source).unwrap();
    order.areas.push(second);
    let capabilities = Capabilities::open(&order, &site.job).unwrap();
    for area in &capabilities.areas {
        is_read_only(area.source().unwrap().create_file(b"new"));
        area.destination.create_folder(b"made").unwrap();
    }
    let files = capabilities.certificates.as_ref().unwrap();
    is_read_only(files.certificate.0.create_file(b"new"));
    is_read_only(files.key.0.create_file(b"new"));
    files.target.as_ref().unwrap().create_file(b"new").unwrap();
    let quarantine = &capabilities.quarantine;
    let destination = &capabilities.areas[0].destination;
    destination
        .rename_to_new(b"made", quarantine, b"made")
        .unwrap();
}

#[test]
fn a_source_that_is_not_there_is_told_as_ever() {
    let site = Site::with_post_office();
    fs::rename(&site.source, site.root.join("away")).unwrap();
    let error = Capabilities::open(&site.order(PASS_ONE), &site.job).unwrap_err();
    assert!(error.to_string().contains("the source folder"), "{error}");
}
