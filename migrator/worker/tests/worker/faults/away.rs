//! A file of a database that is away for a moment, as a client of the source shows it: all of its files keep the copies that
//! they have, or all get new ones.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use super::kinds::Kind;
use super::scenes::site;
use super::sweep::can_trace;
use super::tracer::{Ended, Verdict};
use super::{SAYS_DONE, run_task_judged};
use crate::databases::{STORES, guardian, write, write_guardian};
use crate::support::{PASS_ONE, PASS_TWO, Site, contents, wanted, write_old};
use protocol::{PassKind, Task};

/// How many sites are tried side by side; most of the time each waits for what a client may remember.
const SIDE_BY_SIDE: usize = 6;

/// The two units that are looked at: what the paths of the files of each begin with.
const UNITS: [&[&str]; 2] = [
    &["ofuser/userabc"],
    &[
        "ngwguard.0",
        "ngwguard.db",
        "ngwguard.fbk",
        "ngwguard.rfl",
        "ofmsg/guardbak/",
    ],
];

/// Writes a user database and the guardian, so that each of their files differs from those with more or fewer stores.
fn write_databases(site: &Site, stores: usize) {
    let user = site.source.join("OFUSER");
    let files = guardian(&STORES[..stores]);
    write(&files, &user.join("USERABC.DB"), &user.join("USERABC.01"));
    write_guardian(site, &STORES[..stores]);
    let log = format!("a log of {stores} stores");
    for path in ["OFUSER/USERABC00001.LOG", "NGWGUARD.RFL"] {
        write_old(&site.source.join(path), log.as_bytes(), 40 + stores as u64);
    }
}

/// A site with copies of older databases than it has now, and what these copies are.
fn changed_site() -> (Site, BTreeMap<String, Vec<u8>>) {
    let site = site();
    site.run(Task::CreateFolders).clean();
    write_databases(&site, 2);
    site.run(PASS_ONE).clean();
    let before = contents(&site.destination);
    write_databases(&site, 3);
    let after = wanted(&site.source, false);
    for unit in UNITS {
        for (path, bytes) in files_of(unit, &after) {
            assert_ne!(before[&path], bytes, "{path}");
        }
    }
    (site, before)
}

fn files_of(unit: &[&str], all: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let mut files = all.clone();
    files.retain(|path, _| unit.iter().any(|start| path.starts_with(start)));
    files
}

/// Whether the entry, told from the root of the site, is a file of one of the two databases.
fn is_member(path: &Path) -> bool {
    let Ok(path) = path.strip_prefix("source") else {
        return false;
    };
    let path = path.to_string_lossy().to_ascii_lowercase();
    let mut starts = UNITS.iter().flat_map(|unit| unit.iter());
    starts.any(|start| path.starts_with(start)) && !path.as_bytes().ends_with(b".lck")
}

/// Runs a pass that finds nothing in its look or opening number `at` of a member; says whether there was one.
fn pass(kind: PassKind, at: usize) -> bool {
    let (site, before) = changed_site();
    let (mut asked, mut missed) = (0, None);
    let task = Task::Pass { kind };
    let (ended, said) = run_task_judged(&site, &task, Kind::SourceMissing, |operation| {
        if !Kind::SourceMissing.fits(&operation) || !is_member(&operation.path) {
            return Verdict::Happens;
        }
        asked += 1;
        if asked != at {
            return Verdict::Happens;
        }
        missed = Some(operation);
        Verdict::Fails(libc::ENOENT)
    });
    assert_eq!(ended, Ended::Exited(0), "{said}");
    let Some(missed) = missed else {
        return false;
    };
    let what = format!("{kind:?}, {missed:?}: {said}");
    let (is, after) = (contents(&site.destination), wanted(&site.source, false));
    let mut is_left = false;
    for unit in UNITS {
        let now = files_of(unit, &is);
        let is_old = now == files_of(unit, &before);
        assert!(is_old || now == files_of(unit, &after), "{unit:?}, {what}");
        is_left |= is_old;
    }
    let verdict = match kind {
        PassKind::StageOne => "verdict: Ok(NeedsAttention)",
        PassKind::StageTwo => "verdict: Ok(Unproven)",
    };
    let is_said = said.contains("database-deferred") && said.contains(verdict);
    assert!(!is_left || is_said, "{what}");
    site.run(PASS_TWO).clean();
    assert_eq!(contents(&site.destination), after, "{what}");
    true
}

#[test]
fn a_database_of_which_a_file_is_away_for_a_moment_is_copied_whole_or_not_at_all() {
    if !can_trace() {
        return;
    }
    for kind in [PassKind::StageOne, PassKind::StageTwo] {
        let tried: usize = std::thread::scope(|scope| {
            let some = |first| {
                let every = (first..).step_by(SIDE_BY_SIDE);
                scope.spawn(move || every.take_while(|at| pass(kind, *at)).count())
            };
            let all: Vec<_> = (1..=SIDE_BY_SIDE).map(some).collect();
            all.into_iter().map(|some| some.join().unwrap()).sum()
        });
        assert!(tried > 20, "{tried}");
    }
}

#[test]
fn a_database_that_is_removed_while_a_pass_runs_is_not_left_to_the_next_one() {
    if !can_trace() {
        return;
    }
    let (site, _) = changed_site();
    let user = site.source.join("OFUSER");
    let mut is_removed = false;
    let (_, said) = run_task_judged(&site, &PASS_ONE, Kind::SourceMissing, |operation| {
        let is_look = operation.number == libc::SYS_newfstatat && is_member(&operation.path);
        if is_look && operation.path.starts_with("source/OFUSER") && !is_removed {
            for name in ["USERABC.DB", "USERABC.01", "USERABC00001.LOG"] {
                fs::remove_file(user.join(name)).unwrap();
            }
            is_removed = true;
        }
        Verdict::Happens
    });
    assert!(is_removed && said.contains("vanished"), "{said}");
    assert!(said.contains(SAYS_DONE), "{said}");
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

#[test]
fn a_database_that_is_away_for_a_moment_with_all_of_its_files_is_left_and_said() {
    if !can_trace() {
        return;
    }
    let (site, before) = changed_site();
    let user = |path: &Path| path.starts_with("source/OFUSER") && is_member(path);
    let mut asked = BTreeMap::new();
    let (_, said) = run_task_judged(&site, &PASS_ONE, Kind::SourceMissing, |operation| {
        if operation.number != libc::SYS_newfstatat || !user(&operation.path) {
            return Verdict::Happens;
        }
        let times = asked.entry(operation.path).or_insert(0);
        *times += 1;
        if *times > 1 {
            return Verdict::Happens;
        }
        Verdict::Fails(libc::ENOENT)
    });
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert!(said.contains("database-deferred"), "{said}");
    let now = contents(&site.destination);
    assert_eq!(files_of(UNITS[0], &now), files_of(UNITS[0], &before));
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

/// NFS says of what was removed while it was open that its handle is stale; the whole source counted as gone.
#[test]
fn what_is_removed_while_it_is_open_is_not_taken_for_a_source_that_is_gone() {
    if !can_trace() {
        return;
    }
    for (path, number, errno) in [
        (
            "source/OFFILES/FD0/0A1B2C3D.000",
            libc::SYS_pread64,
            libc::ESTALE,
        ),
        ("source/OFFILES/fdF6", libc::SYS_getdents64, libc::ESTALE),
        ("source/OFFILES/fdF6", libc::SYS_fstat, libc::ENOENT),
    ] {
        let site = Site::fast().filled();
        site.run(Task::CreateFolders).clean();
        let mut struck = 0;
        let (ended, said) = run_task_judged(&site, &PASS_ONE, Kind::InputOutput, |operation| {
            let is_it = operation.number == number && operation.path == Path::new(path);
            if !is_it || struck > 0 {
                return Verdict::Happens;
            }
            struck += 1;
            let removed = site.root.join(path);
            if removed.is_dir() {
                fs::remove_dir_all(removed).unwrap();
            } else {
                fs::remove_file(removed).unwrap();
            }
            Verdict::Fails(errno)
        });
        let what = format!("{path}, {number}: {said}");
        assert_eq!((ended, struck), (Ended::Exited(0), 1), "{what}");
        assert!(!said.contains("source-gone"), "{what}");
        assert!(said.contains("vanished"), "{what}");
        assert_eq!(
            contents(&site.destination),
            wanted(&site.source, false),
            "{what}"
        );
    }
}
