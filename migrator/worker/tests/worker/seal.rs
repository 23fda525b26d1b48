//! The seal and its verification.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use protocol::{Count, Expected, Finding, SealReport, Task, TaskReport, Verdict};
use worker::monitor::{JournalMoment, Monitor, Tally};

use crate::support::{
    Done, FILES, ITEMS, LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, Site, flip, set_time, write_old,
};

fn ready() -> Site {
    let site = Site::fast().filled();
    for task in [PASS_ONE, PASS_TWO, LOWERCASE, QUEUES] {
        site.run(task).clean();
    }
    site
}

fn report(done: &Done) -> &SealReport {
    match done.result.as_ref().unwrap() {
        TaskReport::Seal(report) => report,
        other => panic!("{other:?}"),
    }
}

fn document(site: &Site) -> serde_json::Value {
    serde_json::from_slice(&fs::read(site.job.join("seal.json")).unwrap()).unwrap()
}

#[test]
fn equal_trees_are_sealed_with_the_same_digest_every_time() {
    let site = ready();
    let done = site.run(Task::Seal);
    assert!(report(&done).sealed);
    assert_eq!(report(&done).files, (FILES.len() - 1 + ITEMS.len()) as u64);
    done.clean();
    let first = document(&site);
    let digest = first["root_digests"]["post office"].as_str().unwrap();
    assert_eq!(digest.len(), 64);
    site.run(Task::Seal).clean();
    assert_eq!(document(&site)["root_digests"], first["root_digests"]);
    let verified = site.run(Task::Verify);
    assert_eq!(report(&verified).root_digests["post office"], digest);
    verified.clean();

    // Another content, another digest.
    write_old(
        &site.source.join("OFFILES/FD0/0A1B2C3D.000"),
        b"attachment zerO",
        99,
    );
    site.run(PASS_TWO).clean();
    site.run(Task::Seal).clean();
    assert_ne!(document(&site)["root_digests"], first["root_digests"]);
}

#[test]
fn a_difference_in_any_part_of_a_large_file_is_seen() {
    // Both sides are read in blocks of this size.
    const BLOCK: usize = 256 << 10;
    let site = Site::fast().filled();
    let path = site.source.join("OFFILES/FD0/LARGE");
    let length = 2 * BLOCK + 1;
    write_old(&path, &vec![1; length], 1);
    for task in [PASS_ONE, PASS_TWO, LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
    let copy = site.destination.join("offiles/fd0/large");
    for at in [0, BLOCK - 1, BLOCK, 2 * BLOCK - 1, length - 1] {
        let mut bytes = vec![1; length];
        bytes[at] = 2;
        fs::write(&copy, bytes).unwrap();
        let done = site.run(Task::Seal);
        assert!(!report(&done).sealed, "byte {at}");
        let found = done.with_code("seal-differs");
        assert_eq!(found.len(), 1, "byte {at}");
        assert_eq!(found[0].subject, "offiles/fd0/large");
    }
    fs::write(&copy, vec![1; length]).unwrap();
    assert!(report(&site.run(Task::Seal)).sealed);
}

#[test]
fn two_names_that_would_become_one_are_not_sealed_as_one_copy() {
    let site = ready();
    let folder = site.source.join("OFFILES/FD0");
    fs::copy(folder.join("0A1B2C3D.000"), folder.join("0a1b2c3d.000")).unwrap();
    let done = site.run(Task::Seal);
    assert!(!report(&done).sealed);
    assert_eq!(done.with_code("seal-missing").len(), 1);
}

/// One way in which the destination differs: its name, what makes it so, and the code of the finding.
type Damage = (&'static str, fn(&Path), &'static str);

const LOCATIONS: [&str; 5] = [
    "offiles/fd0/0a1b2c3d.000",
    "ofmsg/msg1.db",
    "ngwguard.db",
    "wpcsin/0/00000a1b.001",
    "gwdms/lib000a/docs/fd1/document.a",
];

const DAMAGES: [Damage; 6] = [
    ("flip", flip, "seal-differs"),
    (
        "truncate",
        |path| fs::write(path, "").unwrap(),
        "seal-differs",
    ),
    (
        "remove",
        |path| fs::remove_file(path).unwrap(),
        "seal-missing",
    ),
    (
        "add",
        |path| fs::write(path.with_file_name("added"), "added").unwrap(),
        "seal-extra",
    ),
    (
        "capital",
        |path| fs::rename(path, path.with_file_name("CAPITAL")).unwrap(),
        "seal-missing",
    ),
    (
        "folder",
        |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        },
        "",
    ),
];

fn check_damage(task: &Task, damage: &Damage, location: &str) {
    let site = ready();
    let sealed = site.run(Task::Seal);
    sealed.clean();
    let (name, damage, code) = damage;
    damage(&site.destination.join(location));
    let done = site.run(task.clone());
    let what = format!("{} after {name} of {location}", task.name());
    assert_eq!(
        done.worst(),
        Verdict::Unproven,
        "{what}: {:?}",
        done.findings.kept
    );
    assert!(!report(&done).sealed, "{what}");
    assert!(report(&done).differences >= 1, "{what}");
    if !code.is_empty() {
        assert!(
            !done.with_code(code).is_empty(),
            "{what}: {:?}",
            done.findings.kept
        );
    }
    if *task == Task::Seal {
        assert!(
            !site.job.join("seal.json").exists(),
            "{what}: the old seal is void"
        );
        site.run(Task::Verify).assert_refused("not-sealed");
    }
}

#[test]
fn a_seal_sees_every_damage() {
    for damage in &DAMAGES {
        for location in &LOCATIONS {
            check_damage(&Task::Seal, damage, location);
        }
    }
}

#[test]
fn a_verification_sees_every_damage() {
    for damage in &DAMAGES {
        for location in &LOCATIONS {
            check_damage(&Task::Verify, damage, location);
        }
    }
}

#[test]
fn a_capital_name_and_an_extra_folder_are_no_seal() {
    let site = ready();
    fs::create_dir(site.destination.join("ofuser/extra")).unwrap();
    let done = site.run(Task::Seal);
    assert_eq!(done.worst(), Verdict::Unproven);
    assert_eq!(done.with_code("seal-extra")[0].subject, "ofuser/extra");
    fs::remove_dir(site.destination.join("ofuser/extra")).unwrap();

    fs::rename(
        site.destination.join("gwdms/lib000a"),
        site.destination.join("gwdms/LIB000A"),
    )
    .unwrap();
    let done = site.run(Task::Seal);
    assert_eq!(done.worst(), Verdict::Unproven);
    assert_eq!(
        done.with_code("seal-not-lower-case")[0].subject,
        "gwdms/LIB000A"
    );
}

#[test]
fn a_verification_names_every_file_of_a_folder_that_is_gone() {
    let site = ready();
    site.run(Task::Seal).clean();
    fs::remove_dir_all(site.destination.join("gwdms/lib000a")).unwrap();
    // As many extra files as are missing must not hide them.
    for number in 0..3 {
        fs::write(site.destination.join(format!("extra{number}")), "extra").unwrap();
    }
    let done = site.run(Task::Verify);
    let missing: Vec<&str> = done
        .with_code("seal-missing")
        .iter()
        .map(|finding| finding.subject.as_str())
        .collect();
    assert_eq!(missing.len(), 3, "{missing:?}");
    assert!(
        missing.contains(&"gwdms/lib000a/docs/fd1/document.a"),
        "{missing:?}"
    );
    assert_eq!(report(&done).differences, 6);
    assert_eq!(done.worst(), Verdict::Unproven);
}

#[test]
fn the_agent_of_the_test_leaves_nothing_that_prevents_a_seal() {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    let destination = &site.destination;
    for (path, bytes) in [
        // Its log stands among the queues, its lock files beside the databases.
        ("wpcsout/ofs/1124poa.002", "log of the test POA"),
        (
            "wpcsout/ofs/1123poa.001",
            "the log of the source, written over",
        ),
        ("ofuser/userabc.lck", "lock"),
        ("gwdms/newlib.lck", "lock"),
        ("wpcsout/extra/0/item", "item of the test POA"),
        ("wpcsout/ofs/2/foreign", "another item of the test POA"),
    ] {
        let path = destination.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    fs::create_dir(destination.join("wpcsin/empty")).unwrap();
    for task in [PASS_TWO, LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
    let kept: Vec<Vec<u8>> = site.quarantine().into_values().collect();
    for bytes in [
        "log of the test POA",
        "item of the test POA",
        "another item of the test POA",
    ] {
        assert!(kept.contains(&bytes.as_bytes().to_vec()), "{bytes} is kept");
    }
}

#[test]
fn a_queue_folder_that_the_source_gave_up_prevents_no_seal() {
    let site = Site::with_post_office();
    write_old(&site.source.join("WPCSOUT/GONE/0/ITEM"), b"item", 80);
    for task in [PASS_ONE, QUEUES] {
        site.run(task).clean();
    }
    assert!(site.destination.join("wpcsout/gone/0/item").exists());
    fs::remove_dir_all(site.source.join("WPCSOUT/GONE")).unwrap();
    for task in [PASS_TWO, LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
    assert!(!site.destination.join("wpcsout/gone").exists());
    assert!(site.quarantine().is_empty(), "it came from the source");
}

/// The log of an agent lies in a folder of the queues that only the destination has.
#[test]
fn a_log_in_a_queue_folder_that_the_source_gave_up_prevents_no_seal() {
    let site = Site::with_post_office();
    for task in [PASS_ONE, QUEUES] {
        site.run(task).clean();
    }
    assert!(site.destination.join("wpcsout/ofs/1123poa.001").exists());
    fs::remove_dir_all(site.source.join("WPCSOUT/OFS")).unwrap();
    for task in [PASS_TWO, LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
}

/// Does something at one side when the bytes have been compared, and before both sides are looked at again.
struct AtTheEndOf {
    tally: Arc<Tally>,
    side: PathBuf,
    act: fn(&Path),
}

impl Monitor for AtTheEndOf {
    fn phase(&self, name: &'static str, expected: Expected) {
        if name == "look at both trees again" {
            (self.act)(&self.side);
        }
        self.tally.phase(name, expected);
    }

    fn count(&self, what: Count, how_many: u64) {
        self.tally.count(what, how_many);
    }

    fn finding(&self, finding: Finding) {
        self.tally.finding(finding);
    }

    fn journal(&self, moment: JournalMoment) {
        self.tally.journal(moment);
    }
}

/// A file of a side, whatever the case of its names.
fn first_of(root: &Path, folder: &str, name: &str) -> PathBuf {
    let found = [
        root.join(folder).join(name),
        root.join(folder.to_ascii_uppercase())
            .join(name.to_ascii_uppercase()),
    ];
    found.into_iter().find(|path| path.exists()).expect("there")
}

fn append(path: &Path) {
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    std::io::Write::write_all(&mut file, b"more").unwrap();
}

#[test]
fn what_changes_on_either_side_while_both_are_read_is_not_sealed() {
    type Act = fn(&Path);
    let acts: &[(&str, Act)] = &[
        ("grown", |folder| {
            append(&first_of(folder, "offiles/fd0", "0a1b2c3d.000"));
        }),
        ("another time", |folder| {
            set_time(
                &first_of(folder, "ofuser", "userabc.db"),
                crate::support::long_ago(300),
            );
        }),
        ("new", |folder| {
            let path = first_of(folder, "offiles/fd0", "0a1b2c3d.000");
            fs::write(path.with_file_name("NEW.000"), "new").unwrap();
        }),
        ("gone", |folder| {
            fs::remove_file(first_of(folder, "offiles/fd0", "0a1b2c3d.000")).unwrap();
        }),
        ("a link", |folder| {
            let path = first_of(folder, "offiles/fd0", "0a1b2c3d.000");
            fs::remove_file(&path).unwrap();
            std::os::unix::fs::symlink("/etc/hostname", path).unwrap();
        }),
    ];
    for (what, act) in acts {
        for is_source in [true, false] {
            let site = ready();
            let side = if is_source {
                &site.source
            } else {
                &site.destination
            };
            let tally = Arc::new(Tally::default());
            let moved = Arc::new(AtTheEndOf {
                tally: Arc::clone(&tally),
                side: side.clone(),
                act: *act,
            }) as Arc<dyn Monitor>;
            let result = site.run_watched(&site.order(Task::Seal), &moved, &tally);
            let findings = tally.findings();
            let what = format!("{what}, at the source: {is_source}: {findings:?}");
            let Ok(TaskReport::Seal(report)) = result else {
                panic!("{what} {result:?}");
            };
            assert!(!report.sealed && report.differences > 0, "{what}");
            assert_eq!(findings.worst, Some(Verdict::Unproven), "{what}");
            assert!(
                findings
                    .kept
                    .iter()
                    .any(|finding| finding.code == "seal-moved"),
                "{what}"
            );
            assert!(!site.job.join("seal.json").exists(), "{what}");
            site.run(Task::Verify).assert_refused("not-sealed");
        }
    }
}
