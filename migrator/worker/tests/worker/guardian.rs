//! The names in the guardian at the destination: converted, kept by later passes, and proven by the seal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postoffice::flaim::{Database, DatabaseFile, Limits, MemoryFileSet, NameProfile, each_name};
use protocol::{
    Count, Expected, Finding, GuardianAction, GuardianReport, Task, TaskReport, Verdict,
};
use worker::monitor::{JournalMoment, Monitor, Tally};

use crate::databases::{STORES, guardian, site_with_guardian, write, write_guardian};
use crate::support::{Done, LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, Site, contents, look};

pub(crate) const CONVERT: Task = Task::Guardian {
    action: GuardianAction::Convert,
};
const LOOK: Task = Task::Guardian {
    action: GuardianAction::Look,
};

fn report(done: Done) -> GuardianReport {
    match done.clean() {
        TaskReport::Guardian(report) => report,
        other => panic!("{other:?}"),
    }
}

/// Everything of stage two but the guardian and the seal.
fn copied(site: &Site) {
    site.run(PASS_TWO).clean();
    site.run(LOWERCASE).clean();
    site.run(QUEUES).clean();
}

/// The names that a guardian keeps, and its titles.
fn texts(folder: &Path, control: &str, data: &str) -> (Vec<String>, Vec<String>) {
    let mut files = MemoryFileSet::new();
    let read = |name: &str| fs::read(folder.join(name)).unwrap();
    files.insert(DatabaseFile::CONTROL, read(control));
    files.insert(DatabaseFile::Numbered(1), read(data));
    let database = Database::open(&files, Limits::default()).unwrap();
    let mut names = Vec::new();
    each_name::<_, postoffice::flaim::Error>(&database, &NameProfile::Guardian, |name| {
        names.push(name.value);
        Ok(())
    })
    .unwrap();
    let mut titles = Vec::new();
    for record in database.records(20).unwrap() {
        let record = record.unwrap();
        let title = record.fields().next().unwrap();
        titles.push(format!("{:?}", title.value().unwrap()));
    }
    (names, titles)
}

#[test]
fn names_become_lower_case_in_the_guardian_and_in_all_that_could_bring_old_ones_back() {
    let site = site_with_guardian(STORES);
    fs::write(
        site.source.join("NGWGUARD00001.LOG"),
        b"an old log of the engine",
    )
    .unwrap();
    let before = look(&site.source);
    copied(&site);
    let (_, titles) = texts(&site.destination, "ngwguard.db", "ngwguard.01");
    let looked = report(site.run(LOOK));
    assert!(looked.is_known && !looked.is_converted, "{looked:?}");
    assert_eq!((looked.names_to_change, looked.version), (5, Some(310)));

    let done = report(site.run(CONVERT));
    assert_eq!(
        (done.names_changed, done.fall_backs_replaced.len()),
        (5, 2),
        "{done:?}"
    );
    let wanted = ["wphost.db", "userabc.db", "ofuser", "msg1.db", "ofmsg"];
    for (folder, control, data) in [
        ("", "ngwguard.db", "ngwguard.01"),
        ("", "ngwguard.fbk", "ngwguard.fbk.01"),
        ("ofmsg/guardbak", "ngwguard.fbk", "ngwguard.fbk.01"),
    ] {
        let (names, kept) = texts(&site.destination.join(folder), control, data);
        assert_eq!(names, wanted, "{folder}/{control}");
        assert_eq!(kept, titles, "titles stay: {folder}/{control}");
    }
    let there = contents(&site.destination);
    assert_eq!(
        there["ngwguard.rfl"], b"",
        "nothing has happened since the fall-back copy"
    );
    assert!(
        !there.contains_key("ngwguard00001.log"),
        "no log brings old names back"
    );
    assert!(
        there.keys().all(|name| !name.contains(".gwmigrate")),
        "{:?}",
        there.keys()
    );

    site.run(Task::Seal).clean();
    site.run(Task::Verify).clean();
    assert_eq!(look(&site.source), before, "the source is never written");
}

#[test]
fn a_converted_guardian_is_kept_until_either_side_changes() {
    let site = site_with_guardian(STORES);
    copied(&site);
    assert_eq!(report(site.run(CONVERT)).names_changed, 5);
    let converted = contents(&site.destination);

    // Nothing changed: the pass leaves it, and there is nothing to convert.
    let done = site.run(PASS_TWO);
    assert_eq!(done.count(Count::FilesCopied), 0);
    done.clean();
    assert_eq!(contents(&site.destination), converted);
    let looked = report(site.run(LOOK));
    assert!(looked.is_converted, "{looked:?}");

    // The source changed: copied again, converted no longer.
    let more = [STORES, &[("New", "OFUSER", "USERNEW.DB")]].concat();
    write_guardian(&site, &more);
    fs::copy(
        site.source.join("OFUSER/USERABC.DB"),
        site.source.join("OFUSER/USERNEW.DB"),
    )
    .unwrap();
    site.run(PASS_TWO).clean();
    let looked = report(site.run(LOOK));
    assert_eq!((looked.is_converted, looked.names_to_change), (false, 7));
    assert_eq!(report(site.run(CONVERT)).names_changed, 7);
    let converted = contents(&site.destination);

    // The test POA touched the destination: any difference is a change.
    let path = site.destination.join("ngwguard.01");
    let mut bytes = fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&path, bytes).unwrap();
    let done = site.run(PASS_TWO);
    assert!(done.count(Count::FilesCopied) >= 2, "the whole set again");
    done.clean();
    assert!(!report(site.run(LOOK)).is_converted);
    report(site.run(CONVERT));
    assert_eq!(contents(&site.destination), converted);
    site.run(Task::Seal).clean();
}

#[test]
fn a_guardian_without_capitals_is_left_byte_for_byte() {
    let lower: Vec<(String, String)> = STORES
        .iter()
        .map(|(_, path, name)| (path.to_ascii_lowercase(), name.to_ascii_lowercase()))
        .collect();
    let stores: Vec<(&str, &str, &str)> = lower
        .iter()
        .map(|(path, name)| ("A Title", path.as_str(), name.as_str()))
        .collect();
    let site = site_with_guardian(&stores);
    copied(&site);
    let before = contents(&site.destination);
    assert_eq!(report(site.run(CONVERT)).names_changed, 0);
    assert_eq!(contents(&site.destination), before);
    site.run(Task::Seal).clean();
}

/// What somebody does to the destination after the conversion, and the finding of the seal.
#[test]
fn the_seal_sees_everything_that_is_wrong_with_a_converted_guardian() {
    type Harm = fn(&Path);
    fn replace(folder: &Path, stores: &[(&str, &str, &str)]) {
        let files = guardian(stores);
        for name in ["", "ofmsg/guardbak"] {
            let folder = folder.join(name);
            write(
                &files,
                &folder.join("ngwguard.fbk"),
                &folder.join("ngwguard.fbk.01"),
            );
        }
        write(
            &files,
            &folder.join("ngwguard.db"),
            &folder.join("ngwguard.01"),
        );
    }
    let lower = [
        ("Post Office DATABASE", "", "wphost.db"),
        ("User ABC in CAPITALS", "ofuser", "userabc.db"),
        ("Messages One", "ofmsg", "msg1.db"),
    ];
    let site = site_with_guardian(STORES);
    copied(&site);
    report(site.run(CONVERT));
    let good: BTreeMap<String, Vec<u8>> = contents(&site.destination);
    let harms: &[(&str, Harm, &str)] = &[
        (
            "a name left",
            |folder| replace(folder, STORES),
            "seal-guardian",
        ),
        (
            "a title changed",
            |folder| replace(folder, &[("post office database", "", "wphost.db")]),
            "seal-guardian",
        ),
        (
            "a stale fall-back copy",
            |folder| {
                let files = guardian(STORES);
                write(
                    &files,
                    &folder.join("ngwguard.fbk"),
                    &folder.join("ngwguard.fbk.01"),
                );
            },
            "seal-guardian",
        ),
        (
            "a fall-back copy lost",
            |folder| fs::remove_file(folder.join("ofmsg/guardbak/ngwguard.fbk")).unwrap(),
            "seal-guardian",
        ),
        (
            "a block damaged",
            |folder| {
                let path = folder.join("ngwguard.01");
                let mut bytes = fs::read(&path).unwrap();
                bytes[4096 * 2 + 40] ^= 1;
                fs::write(path, bytes).unwrap();
            },
            "seal-guardian",
        ),
        (
            "a catalogued file under another name",
            |folder| {
                let from = folder.join("ofuser/userabc.db");
                fs::rename(from, folder.join("ofuser/USERABC.db")).unwrap();
            },
            "seal-guardian-entry",
        ),
    ];
    for (what, harm, code) in harms {
        harm(&site.destination);
        let done = site.run(Task::Seal);
        assert_eq!(
            done.worst(),
            Verdict::Unproven,
            "{what}: {:?}",
            done.findings.kept
        );
        assert!(
            !done.with_code(code).is_empty(),
            "{what}: {:?}",
            done.findings.kept
        );
        let _ = fs::remove_file(site.destination.join("ofuser/USERABC.db"));
        for (path, bytes) in &good {
            fs::write(site.destination.join(path), bytes).unwrap();
        }
        // A proof that failed is not believed any more: the set is converted anew.
        site.run(PASS_TWO).clean();
        report(site.run(CONVERT));
        site.run(Task::Seal).clean();
    }
    // The very same texts in another database are right too: it is the content that is proven.
    replace(&site.destination, &lower);
    site.run(Task::Seal).clean();
}

/// What a converter leaves may be no database any more: that no name is seen in it was taken for names that cannot be seen.
#[test]
fn a_guardian_that_a_converter_broke_is_not_sealed() {
    type Harm = fn(&mut Vec<u8>);
    let harms: [(&str, Harm); 3] = [
        ("emptied", Vec::clear),
        ("cut in its header", |bytes| bytes.truncate(100)),
        ("other letters at its beginning", |bytes| bytes[1] ^= 1),
    ];
    let site = site_with_guardian(STORES);
    for (what, harm) in harms {
        copied(&site);
        let control = site.destination.join("ngwguard.db");
        let mut bytes = fs::read(&control).unwrap();
        harm(&mut bytes);
        fs::write(&control, bytes).unwrap();
        let engine = "gwcheck".to_owned();
        site.run(Task::Guardian {
            action: GuardianAction::Accept { engine },
        });
        let done = site.run(Task::Seal);
        let kept = &done.findings.kept;
        assert_eq!(done.worst(), Verdict::Unproven, "{what}: {kept:?}");
        assert!(
            !done.with_code("seal-guardian").is_empty(),
            "{what}: {kept:?}"
        );
    }
}

/// Of a guardian that only GroupWise can read, the seal can compare the names that are seen in it: so its copy is compared
/// with the source as long as it is one.
#[test]
fn the_copy_of_a_guardian_is_compared_with_the_source_before_anybody_converts_it() {
    let site = site_with_guardian(STORES);
    site.run(PASS_ONE).clean();
    site.flip_unseen("ngwguard.01");
    let done = site.run(PASS_TWO);
    let found = done.with_code("copy-differs");
    assert_eq!(found.len(), 1, "{:?}", done.findings.kept);
    assert_eq!(done.worst(), Verdict::Refused);
    site.run(PASS_TWO).clean();
    report(site.run(CONVERT));
    for task in [LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
}

#[test]
fn an_entry_whose_file_is_nowhere_is_old_trouble_and_said() {
    let stores = [STORES, &[("Gone", "GWDMS/LIB000A", "DMSD000A.DB")]].concat();
    let site = site_with_guardian(&stores);
    copied(&site);
    report(site.run(CONVERT));
    let done = site.run(Task::Seal);
    assert_eq!(
        done.worst(),
        Verdict::NeedsAttention,
        "{:?}",
        done.findings.kept
    );
    assert_eq!(
        done.with_code("guardian-entry-stale")[0].subject,
        "gwdms/lib000a/dmsd000a.db"
    );
}

#[test]
fn a_guardian_that_somebody_holds_or_that_is_damaged_is_not_touched() {
    let site = site_with_guardian(STORES);
    copied(&site);
    let before = contents(&site.destination);
    let holder = fs::File::options()
        .read(true)
        .write(true)
        .open(site.destination.join("ngwguard.db"))
        .unwrap();
    // A lock of an open file, not of this process, so that it holds against this process as well.
    crate::lock_table::lock_whole(&holder);
    site.run(CONVERT).assert_refused("database-in-use");
    drop(holder);
    assert_eq!(without_staging(&contents(&site.destination)), before);

    let path = site.destination.join("ngwguard.01");
    let mut bytes = fs::read(&path).unwrap();
    bytes[4096 * 2 + 40] ^= 1;
    fs::write(&path, &bytes).unwrap();
    let damaged = contents(&site.destination);
    let done = site.run(CONVERT);
    assert_eq!(done.worst(), Verdict::Unproven, "{:?}", done.result);
    assert_eq!(without_staging(&contents(&site.destination)), damaged);
}

fn without_staging(files: &BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    let mut files = files.clone();
    files.retain(|path, _| !path.contains(".gwmigrate"));
    files
}

#[test]
fn stopped_anywhere_on_its_way_into_place_the_next_run_finishes() {
    let site = site_with_guardian(STORES);
    copied(&site);
    let old = contents(&site.destination);
    report(site.run(CONVERT));
    let new = contents(&site.destination);
    let changed: Vec<&String> = new
        .keys()
        .filter(|path| old.get(*path) != new.get(*path))
        .collect();
    assert!(changed.len() >= 4, "{changed:?}");

    for moved in 0..=changed.len() {
        // As a kill leaves it: the copy is whole, and some of its files have moved.
        for (path, bytes) in &old {
            fs::write(site.destination.join(path), bytes).unwrap();
        }
        let ready = site.destination.join(".gwmigrate-names-ready");
        for path in &changed[moved..] {
            let target = ready.join(path);
            fs::create_dir_all(target.parent().unwrap()).unwrap();
            fs::write(target, &new[*path]).unwrap();
        }
        fs::create_dir_all(&ready).unwrap();
        for path in &changed[..moved] {
            fs::write(site.destination.join(path), &new[*path]).unwrap();
        }
        // What was only begun is worth nothing.
        let begun = site.destination.join(".gwmigrate-names-new");
        fs::create_dir_all(begun.join("ofmsg")).unwrap();
        fs::write(begun.join("ngwguard.db"), b"half").unwrap();
        report(site.run(CONVERT));
        assert_eq!(contents(&site.destination), new, "after {moved} moves");

        // A pass wants nothing of it: the source decides.
        fs::create_dir_all(&ready).unwrap();
        fs::write(ready.join("ngwguard.db"), b"from long ago").unwrap();
        site.run(PASS_ONE).clean();
        assert!(!ready.exists(), "after {moved} moves");
    }
}

/// Overwrites a file when the names of a guardian were looked for.
struct Overwrites {
    tally: Tally,
    path: PathBuf,
}

impl Monitor for Overwrites {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.tally.phase(name, expected);
    }

    fn count(&self, what: Count, how_many: u64) {
        self.tally.count(what, how_many);
    }

    fn finding(&self, finding: Finding) {
        if finding.code == "guardian-names-not-visible" {
            fs::write(&self.path, "GUARDIAN").unwrap();
        }
        self.tally.finding(finding);
    }

    fn journal(&self, moment: JournalMoment) {
        self.tally.journal(moment);
    }
}

/// What identifies the files of a proof is what they were before they were compared.
#[test]
fn a_guardian_that_changes_while_it_is_compared_is_not_sealed() {
    for path in [
        "source/NGWGUARD.DB",
        "destination/ngwguard.db",
        "destination/ngwguard.fbk",
    ] {
        // A guardian that only GroupWise can read.
        let site = Site::fast().filled();
        site.run(PASS_ONE).clean();
        copied(&site);
        let engine = "gwcheck".to_owned();
        let accept = Task::Guardian {
            action: GuardianAction::Accept { engine },
        };
        site.run(accept).clean();
        let monitor = Arc::new(Overwrites {
            tally: Tally::default(),
            path: site.root.join(path),
        });
        let watched = Arc::clone(&monitor) as Arc<dyn Monitor>;
        let sealed = site.run_watched(&site.order(Task::Seal), &watched, &monitor.tally);
        let TaskReport::Seal(report) = sealed.unwrap() else {
            panic!("no report of a seal")
        };
        let kept = monitor.tally.findings().kept;
        assert!(!report.sealed, "{path}: {kept:?}");
        assert!(!site.job.join("seal.json").exists());
        let said = kept
            .iter()
            .any(|finding| finding.code == "seal-moved" && finding.verdict == Verdict::Unproven);
        assert!(said, "{path}: {kept:?}");
    }
}
