//! A whole migration of a very small post office, step by step, with what happens to the trees in between, and what
//! must hold at its end.

use std::collections::BTreeMap;
use std::fs;

use protocol::{Task, Verdict};

use crate::databases::{STORES, write_guardian};
use crate::guardian::CONVERT;
use crate::support::{
    LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, QUEUES_LIVE, Site, age_folders, contents, wanted,
    write_old,
};

/// The files of the smallest post office that has one of everything.
const FILES: &[(&str, &str)] = &[
    ("WPHOST.DB", "post office database"),
    ("OFUSER/USERABC.DB", "user"),
    ("OFUSER/USERABC.LCK", "lock"),
    ("OFFILES/FD0/0A1B2C3D.000", "attachment zero"),
    ("OFFILES/fdF6/GOES.001", "goes"),
    ("OFFILES/FDX/INNER/DEEP.001", "goes with its folders"),
    ("WPCSIN/4/00000A1C.002", "leaving"),
    ("WPCSOUT/OFS/2/00000A1D.003", "arriving"),
];

/// The folders for attachments that it has.
pub(super) const ATTACHMENT_FOLDERS: [&str; 3] = ["fd0", "fdf6", "fdx"];

/// What the quarantine must hold at the end: what the test POA made, once, and nothing that came from the source.
const SET_ASIDE: [&str; 3] = [
    "in the way",
    "queued by the test POA",
    "work of the test POA",
];

/// The steps, in their order; the last one is after the migration.
pub(super) const STEPS: [Task; 9] = [
    Task::CreateFolders,
    PASS_ONE,
    Task::Prove,
    PASS_TWO,
    LOWERCASE,
    CONVERT,
    QUEUES,
    Task::Seal,
    QUEUES_LIVE,
];

/// The step in which stragglers are carried beside a live agent.
pub(super) const STRAGGLERS: usize = 8;

/// What a step is called here; two of them are one task.
pub(super) fn name_of(step: usize) -> &'static str {
    if step == STRAGGLERS {
        "stragglers"
    } else {
        STEPS[step].name()
    }
}

/// What arrives at the source before it.
pub(super) const LATE: [&str; 2] = ["late", "late as well"];

/// A new site with nothing done yet.
pub(super) fn site() -> Site {
    let mut site = Site::fast();
    // One thread, so that the same operations come in the same order.
    site.options.workers = 1;
    for (number, (path, bytes)) in (0..).zip(FILES) {
        write_old(&site.source.join(path), bytes.as_bytes(), number);
    }
    write_guardian(&site, &STORES[..2]);
    age_folders(&site.source);
    site
}

/// What happens to the two trees before a step.
pub(super) fn change_trees(site: &Site, step: usize) {
    let (source, destination) = (&site.source, &site.destination);
    match step {
        3 => {
            write_old(&source.join("OFUSER/USERABC.DB"), b"user, read since", 60);
            write_old(&source.join("OFFILES/FD0/0A1B2C3D.000"), b"grown: zero", 61);
            fs::remove_file(source.join("OFFILES/fdF6/GOES.001")).unwrap();
            fs::remove_dir_all(source.join("OFFILES/FDX")).unwrap();
            write_old(&source.join("OFUSER/USERDEF.DB"), b"another user", 62);
            // A foreign file where the source has a folder now, and one that is in nobody's way.
            write_old(&source.join("OFFILES/NEW/NEW.000"), b"new attachment", 63);
            fs::write(destination.join("offiles/new"), "in the way").unwrap();
            fs::write(destination.join("ofwork/poa"), "work of the test POA").unwrap();
            fs::write(destination.join("wphost.db"), "opened by the test POA").unwrap();
            age_folders(source);
        }
        4 => {
            for (from, to) in [
                ("ofuser/userabc.db", "ofuser/USERABC.db"),
                ("ofuser", "OFUSER"),
                ("offiles/fd0", "offiles/FD0"),
            ] {
                fs::rename(destination.join(from), destination.join(to)).unwrap();
            }
        }
        6 => fs::write(
            destination.join("wpcsout/ofs/2/FOREIGN"),
            "queued by the test POA",
        )
        .unwrap(),
        STRAGGLERS => {
            // The agent of the destination is live and has taken what was carried.
            deliver(site);
            write_old(&source.join("WPCSIN/4/LATE"), LATE[0].as_bytes(), 90);
            write_old(&source.join("WPCSOUT/OFS/2/LATE"), LATE[1].as_bytes(), 91);
        }
        _ => {}
    }
}

/// Does the steps of a range; each must end well.
pub(super) fn run(site: &Site, steps: std::ops::Range<usize>, what: &str) {
    for step in steps {
        change_trees(site, step);
        run_step(site, step, what);
    }
}

/// Does one step, without what happens before it.
pub(super) fn run_step(site: &Site, step: usize, what: &str) {
    let done = site.run(STEPS[step].clone());
    assert!(
        done.result.is_ok() && done.worst() <= Verdict::NothingToDo,
        "{what}, then {}: {:?} {:#?}",
        name_of(step),
        done.result,
        done.findings.kept
    );
}

/// Looks at the end of a migration with nothing of the worker but its own proof.
pub(super) fn check_end(site: &Site, what: &str) {
    assert_eq!(
        but_guardian(contents(&site.destination)),
        but_guardian(wanted(&site.source, true)),
        "{what}: the destination"
    );
    let mut set_aside: Vec<String> = contents(&site.job.join("quarantine"))
        .into_values()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        .collect();
    // What a copy that was not recorded holds after its power was lost is nobody's, and is kept.
    set_aside.retain(|text| text.bytes().any(|byte| byte != 0));
    set_aside.sort();
    assert_eq!(set_aside, SET_ASIDE, "{what}: the quarantine");
    assert!(
        !site.destination.join(".gwmigrate-queues").exists(),
        "{what}: the staging folder of the queues stayed"
    );
    let verified = site.run(Task::Verify);
    assert!(
        verified.result.is_ok() && verified.worst() <= Verdict::NothingToDo,
        "{what}: the seal: {:?} {:#?}",
        verified.result,
        verified.findings.kept
    );
}

/// Takes everything out of the queues of the destination, as a live agent does.
pub(super) fn deliver(site: &Site) -> Vec<String> {
    let mut delivered = Vec::new();
    for (path, bytes) in contents(&site.destination) {
        if path.starts_with("wpcs") {
            fs::remove_file(site.destination.join(path)).unwrap();
            delivered.push(String::from_utf8_lossy(&bytes).into_owned());
        }
    }
    delivered
}

/// Looks at what a live agent was given while the stragglers were carried: each of them once, and nothing else.
pub(super) fn check_delivered(site: &Site, mut delivered: Vec<String>, what: &str) {
    run_step(site, STRAGGLERS, what);
    delivered.extend(deliver(site));
    delivered.sort();
    assert_eq!(delivered, LATE, "{what}: what was delivered");
}

/// What must be equal byte for byte; the converted guardian is proven by the seal.
fn but_guardian(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.retain(|path, _| !path.starts_with("ngwguard.") && !path.starts_with("ofmsg/guardbak/"));
    files
}
