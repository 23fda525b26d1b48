//! Who excludes whom: each row of the table of FLAIM's locking (flaim-locking.md 2.1), with two processes.
//!
//! The other process opens a database as FLAIM does on Unix: read and write, then a write lock on byte 0 of the lock file,
//! without waiting.

use std::fs::{self, File};
use std::io::Write as _;

use nix::fcntl::{FcntlArg, fcntl};
use protocol::Count;

use crate::support::{PASS_ONE, Site, child, contents, site_of_child, wanted};

const LOCK_FILE: &str = "OFUSER/USERABC.LCK";
const DATABASE: &str = "OFUSER/USERABC.DB";

#[derive(Clone, Copy)]
enum Kind {
    Read,
    Write,
}

/// A lock of an open file; gone when it is closed.
fn lock(file: &File, kind: Kind, start: i64, length: i64) {
    let kind = match kind {
        Kind::Read => libc::F_RDLCK,
        Kind::Write => libc::F_WRLCK,
    };
    let region = libc::flock {
        l_type: libc::c_short::try_from(kind).unwrap(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap(),
        l_start: start,
        l_len: length,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_OFD_SETLK(&region)).unwrap();
}

/// A write lock on all of a file.
pub(crate) fn lock_whole(file: &File) {
    lock(file, Kind::Write, 0, 0);
}

#[test]
#[ignore = "started by another test"]
fn child_opens_as_flaim_does() {
    let site = site_of_child();
    let path = site.source.join(LOCK_FILE);
    let created = File::options()
        .read(true)
        .write(true)
        .create_new(true)
        .open(&path);
    let file = created.or_else(|_| File::options().read(true).write(true).open(&path));
    let region = libc::flock {
        l_type: libc::c_short::try_from(libc::F_WRLCK).unwrap(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap(),
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    };
    let outcome = match fcntl(file.unwrap(), FcntlArg::F_SETLK(&region)) {
        Ok(_) => "opened",
        Err(_) => "refused",
    };
    println!("{outcome} ");
    std::io::stdout().flush().unwrap();
}

/// Whether another process can open the user database as FLAIM does.
fn flaim_opens(site: &Site) -> bool {
    let output = child("lock_table::child_opens_as_flaim_does", site)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("opened ") != text.contains("refused "),
        "{text}"
    );
    text.contains("opened ")
}

fn open(site: &Site, name: &str) -> File {
    let path = site.source.join(name);
    File::options().read(true).write(true).open(path).unwrap()
}

/// Whether a pass of ours copies the database, while the same is held.
fn we_copy(site: &Site) -> bool {
    let done = site.run(PASS_ONE);
    assert!(done.result.is_ok());
    let is_copied = contents(&site.destination).contains_key("ofuser/userabc.db");
    assert_eq!(
        !is_copied,
        done.count(Count::FilesDeferred) > 0,
        "{:?}",
        done.findings.kept
    );
    is_copied
}

#[test]
fn each_row_of_the_table_excludes_whom_it_says() {
    type Hold = fn(&Site) -> Option<File>;
    // What is held, whether FLAIM opens meanwhile, and whether we copy meanwhile.
    let rows: &[(&str, Hold, bool, bool)] = &[
        ("nothing", |_| None, true, true),
        (
            "write lock on byte 0",
            |site| Some(held(site, LOCK_FILE, Kind::Write, 0, 1)),
            false,
            false,
        ),
        (
            "read lock on byte 0",
            |site| Some(held(site, LOCK_FILE, Kind::Read, 0, 1)),
            false,
            true,
        ),
        (
            "write lock on the whole lock file",
            |site| Some(held(site, LOCK_FILE, Kind::Write, 0, 0)),
            false,
            false,
        ),
        (
            "write lock on byte 1 alone",
            |site| Some(held(site, LOCK_FILE, Kind::Write, 1, 1)),
            true,
            true,
        ),
        (
            "flock() on the lock file",
            |site| {
                let file = open(site, LOCK_FILE);
                rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
                Some(file)
            },
            true,
            true,
        ),
        // Engines of the older generation lock regions there, so we keep away.
        (
            "write lock on the whole database",
            |site| Some(held(site, DATABASE, Kind::Write, 0, 0)),
            true,
            false,
        ),
        (
            "the lock file deleted while its owner holds it",
            |site| {
                let file = Some(held(site, LOCK_FILE, Kind::Write, 0, 1));
                fs::remove_file(site.source.join(LOCK_FILE)).unwrap();
                file
            },
            true,
            true,
        ),
        (
            "no lock file",
            |site| {
                fs::remove_file(site.source.join(LOCK_FILE)).unwrap();
                None
            },
            true,
            true,
        ),
    ];
    for (what, hold, flaim, ours) in rows {
        let site = Site::with_post_office();
        let holder = hold(&site);
        // Ours first: where there is no lock file, FLAIM's open makes one.
        assert_eq!(we_copy(&site), *ours, "we, with {what}");
        assert_eq!(flaim_opens(&site), *flaim, "FLAIM, with {what}");
        drop(holder);
        site.run(PASS_ONE).clean();
        assert_eq!(
            contents(&site.destination),
            wanted(&site.source, false),
            "{what}"
        );
    }
}

fn held(site: &Site, name: &str, kind: Kind, start: i64, length: i64) -> File {
    let file = open(site, name);
    lock(&file, kind, start, length);
    file
}

/// The lock that the worker takes is a read lock through a read-only handle, and it keeps FLAIM out.
#[test]
fn a_read_lock_through_a_read_only_handle_keeps_flaim_out() {
    let site = Site::with_post_office();
    let file = File::open(site.source.join(LOCK_FILE)).unwrap();
    lock(&file, Kind::Read, 0, 1);
    assert!(!flaim_opens(&site));
    drop(file);
    assert!(flaim_opens(&site));
}
