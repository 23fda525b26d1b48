//! What a sealed worker tries in vain; each function runs inside one.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _, chown, fchown, lchown, symlink};
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

use nix::mqueue::{MQ_OFlag, mq_open};
use nix::sched::{CloneFlags, unshare};
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::stat::Mode;
use nix::unistd::{Pid, truncate};
use protocol::Protections;
use rustix::fs::{
    AtFlags, CWD, FileType, IFlags, MemfdFlags, Mode as FileMode, RenameFlags, Timespec,
    Timestamps, XattrFlags,
};
use rustix::io::Errno;
use worker::capabilities::{Area, Capabilities};

use crate::support::Site;

/// The program of the job folder.
pub(super) const PROGRAM: &str = "gwmigrate";

/// What the next command trusts in the job folder.
pub(super) const JOB_FILES: [&str; 4] = [PROGRAM, "job.sqlite", "job.sqlite-wal", "job.sqlite-shm"];

const SETUID: u32 = 0o4755;

/// Fails where something was possible, or failed for another reason than that it may not be.
pub(super) fn is_denied<T, E: Into<std::io::Error>>(what: &str, outcome: Result<T, E>) {
    let error: std::io::Error = match outcome {
        Ok(_) => panic!("{what} was possible"),
        Err(error) => error.into(),
    };
    // A mount that is read-only answers before Landlock is asked.
    let kinds = [
        std::io::ErrorKind::PermissionDenied,
        std::io::ErrorKind::ReadOnlyFilesystem,
    ];
    assert!(kinds.contains(&error.kind()), "{what}: {error}");
}

fn now() -> Timestamps {
    let now = Timespec {
        tv_sec: 1,
        tv_nsec: 2,
    };
    Timestamps {
        last_access: now,
        last_modification: now,
    }
}

/// Mode, owner, times by path, named attributes and flags of a file that may be read.
pub(super) fn attributes_stay(path: &Path, protections: &Protections) {
    if !protections.seccomp {
        return;
    }
    let what = |tried: &str| format!("{tried} of {}", path.display());
    let file = File::open(path).unwrap();
    let mode = FileMode::from_raw_mode(SETUID);
    is_denied(
        &what("the mode"),
        fs::set_permissions(path, Permissions::from_mode(SETUID)),
    );
    is_denied(
        &what("the mode, at"),
        rustix::fs::chmodat(CWD, path, mode, AtFlags::empty()),
    );
    is_denied(
        &what("the mode by a handle"),
        rustix::fs::fchmod(&file, mode),
    );
    is_denied(&what("the owner"), chown(path, Some(0), Some(0)));
    is_denied(
        &what("the owner, not followed"),
        lchown(path, Some(0), Some(0)),
    );
    is_denied(
        &what("the owner by a handle"),
        fchown(&file, Some(0), Some(0)),
    );
    is_denied(
        &what("times by path"),
        rustix::fs::utimensat(CWD, path, &now(), AtFlags::empty()),
    );
    let name = "user.gwmigrate";
    is_denied(
        &what("an attribute"),
        rustix::fs::setxattr(path, name, b"x", XattrFlags::empty()),
    );
    is_denied(
        &what("an attribute, not followed"),
        rustix::fs::lsetxattr(path, name, b"x", XattrFlags::empty()),
    );
    is_denied(
        &what("an attribute by a handle"),
        rustix::fs::fsetxattr(&file, name, b"x", XattrFlags::empty()),
    );
    is_denied(&what("no attribute"), rustix::fs::removexattr(path, name));
    is_denied(
        &what("no attribute, not followed"),
        rustix::fs::lremovexattr(path, name),
    );
    is_denied(
        &what("no attribute by a handle"),
        rustix::fs::fremovexattr(&file, name),
    );
    is_denied(
        &what("flags"),
        rustix::fs::ioctl_setflags(&file, IFlags::NOATIME),
    );
    is_denied(&what("cutting"), truncate(path, 0));
}

/// Times of the source, by every handle that a worker can have.
pub(super) fn the_source_stays(path: &Path, area: &Area, protections: &Protections) {
    if !protections.source_read_only {
        println!(
            "SKIPPED in part: no read-only view of the source without root, so times by a handle were not tried"
        );
        return;
    }
    let by_path = File::open(path).unwrap();
    is_denied(
        "times by a handle that a path gave",
        by_path.set_modified(SystemTime::now()),
    );
    let source = area.source().unwrap();
    let (by_folder, _) = source.open_file(b"WPHOST.DB").unwrap();
    is_denied(
        "times by a handle",
        rustix::fs::futimens(&by_folder, &now()),
    );
    is_denied("times of the folder", rustix::fs::futimens(source, &now()));
    // Up and down again, from a folder that is written.
    let around = Path::new("../source/WPHOST.DB");
    let flags = rustix::fs::OFlags::RDONLY;
    let around = rustix::fs::openat(&area.destination, around, flags, FileMode::empty()).unwrap();
    is_denied(
        "times by a way around",
        rustix::fs::futimens(&around, &now()),
    );
    is_denied(
        "writing by a handle",
        area.source().unwrap().create_file(b"new"),
    );
}

/// Other processes, what is shared with them, and new ones.
pub(super) fn others_are_left_alone(site: &Site, protections: &Protections) {
    if !protections.seccomp {
        return;
    }
    let number = std::os::unix::process::parent_id();
    let parent = Pid::from_raw(i32::try_from(number).unwrap());
    is_denied("looking for a process", kill(parent, None));
    is_denied("a signal", kill(parent, Signal::SIGUSR1));
    is_denied("a signal to all", kill(Pid::from_raw(-1), Signal::SIGUSR1));
    is_denied("a signal to a group", killpg(parent, Signal::SIGUSR1));
    let process = rustix::process::Pid::from_raw(parent.as_raw()).unwrap();
    is_denied(
        "a handle of a process",
        rustix::process::pidfd_open(process, rustix::process::PidfdFlags::empty()),
    );
    let limit = rustix::process::Rlimit {
        current: Some(1),
        maximum: Some(1),
    };
    let core = rustix::process::Resource::Core;
    is_denied(
        "a limit",
        rustix::process::prlimit(Some(process), core, limit),
    );
    let processors = rustix::thread::sched_getaffinity(None).unwrap();
    is_denied(
        "processors",
        rustix::thread::sched_setaffinity(Some(process), &processors),
    );
    is_denied("a process", Command::new("true").spawn());
    let (flags, mode) = (MQ_OFlag::O_CREAT | MQ_OFlag::O_RDWR, Mode::S_IRUSR);
    is_denied(
        "a queue of messages",
        mq_open("/gwmigrate-test", flags, mode, None),
    );
    is_denied(
        "a file in memory",
        rustix::fs::memfd_create("x", MemfdFlags::empty()),
    );
    for kind in [CloneFlags::CLONE_NEWNS, CloneFlags::CLONE_NEWUSER] {
        is_denied("a name space", unshare(kind));
    }
    let remount = rustix::mount::MountFlags::BIND;
    is_denied(
        "a mount",
        rustix::mount::mount_remount(&site.source, remount, ""),
    );
    for kind in [FileType::Fifo, FileType::CharacterDevice] {
        let (name, mode) = (site.destination.join("special"), FileMode::RUSR);
        is_denied("a device", rustix::fs::mknodat(CWD, name, kind, mode, 0));
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true).mode(SETUID);
    is_denied(
        "a file of another's rights",
        options.open(site.destination.join("setuid")),
    );
}

/// The program, the store and all else that has a name in the job folder.
pub(super) fn the_job_folder_stays(site: &Site, protections: &Protections) {
    if protections.landlock == "none" {
        return;
    }
    let quarantine = site.job.join("quarantine");
    let ours = quarantine.join("ours");
    fs::write(&ours, "another program").unwrap();
    for name in JOB_FILES.into_iter().chain(["reports/0001-check.json"]) {
        let path = site.job.join(name);
        assert!(path.is_file(), "{name} is there");
        let what = |tried: &str| format!("{tried} {name}");
        is_denied(&what("reading"), File::open(&path));
        is_denied(&what("writing"), OpenOptions::new().write(true).open(&path));
        is_denied(
            &what("appending to"),
            OpenOptions::new().append(true).open(&path),
        );
        is_denied(&what("replacing the bytes of"), fs::write(&path, "x"));
        is_denied(&what("cutting"), truncate(&path, 0));
        is_denied(&what("removing"), fs::remove_file(&path));
        is_denied(&what("renaming over"), fs::rename(&ours, &path));
        is_denied(
            &what("exchanging"),
            rustix::fs::renameat_with(CWD, &ours, CWD, &path, RenameFlags::EXCHANGE),
        );
        for target in [&site.job, &quarantine, &site.destination] {
            let target = target.join("taken-away");
            is_denied(&what("taking away"), fs::rename(&path, &target));
            is_denied(&what("another name for"), fs::hard_link(&path, &target));
        }
        is_denied(
            &what("the mode of"),
            fs::set_permissions(&path, Permissions::from_mode(SETUID)),
        );
    }
    is_denied("listing the job folder", fs::read_dir(&site.job));
    is_denied("a folder", fs::create_dir(site.job.join("folder")));
    is_denied("a link", symlink("/bin/true", site.job.join("link")));
    is_denied("bytes of a new file", fs::write(site.job.join("new"), "x"));
    is_denied("removing the quarantine", fs::remove_dir_all(&quarantine));
    is_denied(
        "renaming the quarantine",
        fs::rename(&quarantine, site.job.join("renamed")),
    );
    is_denied(
        "renaming the reports",
        fs::rename(site.job.join("reports"), site.job.join("renamed")),
    );
}

/// The modes and owners that a task which gives away does not give.
pub(super) fn only_what_is_given_is_given(
    site: &Site,
    capabilities: &Capabilities,
    (user, group): (u32, u32),
    protections: &Protections,
) {
    // Whoever owns the job folder replaces the program in it.
    let job = &capabilities.job;
    assert_eq!(
        fchown(job, Some(user), Some(group))
            .unwrap_err()
            .raw_os_error(),
        Some(libc::EBADF)
    );
    assert_eq!(rustix::fs::fchmod(job, FileMode::RWXU), Err(Errno::BADF));
    assert_eq!(rustix::fs::futimens(job, &now()), Err(Errno::BADF));
    if !protections.seccomp {
        return;
    }
    let path = site.destination.join("wphost.db");
    let file = File::open(&path).unwrap();
    for mode in [SETUID, 0o2700, 0o1700, 0o640, 0o604, 0o701] {
        is_denied(
            "a mode by a handle",
            rustix::fs::fchmod(&file, FileMode::from_raw_mode(mode)),
        );
        is_denied(
            "a mode by path",
            fs::set_permissions(&path, Permissions::from_mode(mode)),
        );
    }
    for (user, group) in [(user, group + 1), (user + 1, group), (0, 0)] {
        is_denied("another owner", fchown(&file, Some(user), Some(group)));
    }
    is_denied("an owner by path", chown(&path, Some(user), Some(group)));
}
