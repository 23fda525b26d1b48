//! The names in the guardian at the destination: converted, kept by later passes, and proven by the seal.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postoffice::flaim::{
    Database, DatabaseFile, FieldSelection, Limits, LowercaseLimits, MemoryFileSet, NameProfile,
    each_name,
};
use protocol::{
    Count, Expected, Explain as _, Finding, GuardianAction, GuardianReport, Task, TaskReport,
    Verdict,
};
use worker::monitor::{JournalMoment, Monitor, Tally};

use worker::capabilities::open_folder;
use worker::database::{lowercase_names, plan_names};

use crate::databases::{
    NAMES, STORES, guardian, guardian_with, site_with_guardian, write, write_guardian, write_set,
};
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

    // Its fall-back copies are older, and were made before the names became lower case.
    write_set(&site, &guardian(&stores), &guardian(STORES));
    copied(&site);
    assert_eq!(report(site.run(CONVERT)).fall_backs_replaced.len(), 2);
    for folder in ["", "ofmsg/guardbak"] {
        let folder = site.destination.join(folder);
        let (names, _) = texts(&folder, "ngwguard.fbk", "ngwguard.fbk.01");
        assert!(
            names.iter().all(|name| *name == name.to_ascii_lowercase()),
            "{folder:?}: {names:?}"
        );
    }
    site.run(Task::Seal).clean();

    // Or its log holds what happened before that.
    write_set(&site, &guardian(&stores), &guardian(&stores));
    fs::write(site.source.join("NGWGUARD.RFL"), b"\0OFUSER\0USERABC.DB\0").unwrap();
    copied(&site);
    report(site.run(CONVERT));
    assert_eq!(contents(&site.destination)["ngwguard.rfl"], b"");
    site.run(Task::Seal).clean();
}

fn accept(engine: &str) -> Task {
    let engine = engine.to_owned();
    Task::Guardian {
        action: GuardianAction::Accept { engine },
    }
}

/// The names of the fields in a real guardian are not public: that none of the known ones holds a capital letter says nothing.
#[test]
fn a_guardian_whose_fields_nobody_knows_is_not_taken_for_one_without_capitals() {
    let site = Site::with_post_office();
    // One that is known is in its dictionary, or none; none has a value.
    for fields in [
        ["FileName", "FilePath"].as_slice(),
        &["FileName", "FilePath", "StoreFile"],
    ] {
        let files = guardian_with(STORES, fields);
        write_set(&site, &files, &files);
        copied(&site);
        let looked = report(site.run(LOOK));
        assert!(!looked.is_known, "{fields:?}: {looked:?}");
        assert_eq!(looked.names_to_change, 5, "{fields:?}: {looked:?}");
        site.run(CONVERT).assert_refused("guardian-fields-unknown");
        let done = site.run(Task::Seal);
        assert!(
            done.worst() > Verdict::NothingToDo,
            "{:?}",
            done.findings.kept
        );
    }

    // A person knows which fields they are.
    let (container, fields) = NAMES;
    let selections = fields.map(|field| FieldSelection { container, field });
    let profile = NameProfile::Selected(selections.to_vec());
    let folder = open_folder("a test", &site.destination).unwrap();
    let limits = LowercaseLimits::default();
    let half = NameProfile::Selected(selections[..1].to_vec());
    lowercase_names(&folder, b"ngwguard.db", &half, limits).unwrap();
    site.run(accept("by-hand"));
    let done = site.run(Task::Seal);
    assert_eq!(
        done.worst(),
        Verdict::Unproven,
        "folders are left: {:?}",
        done.findings.kept
    );

    copied(&site);
    lowercase_names(&folder, b"ngwguard.db", &profile, limits).unwrap();
    let looked = report(site.run(LOOK));
    assert_eq!(looked.names_to_change, 0, "{looked:?}");
    site.run(accept("by-hand")).clean();
    site.run(Task::Seal).clean();
    let looked = report(site.run(LOOK));
    assert!(looked.is_converted, "the seal believes it: {looked:?}");
}

/// Another program may know names where this one knows none; it may change nothing else.
#[test]
fn what_another_program_made_lower_case_is_proven_like_that() {
    let site = site_with_guardian(STORES);
    copied(&site);
    let other: Vec<(&str, &str, &str)> = vec![
        // A text that is no name to the built-in engine.
        ("post office database", "", "wphost.db"),
        ("User ABC in CAPITALS", "ofuser", "userabc.db"),
        ("Messages One", "ofmsg", "msg1.db"),
    ];
    let convert = |stores: &[(&str, &str, &str)]| {
        let at = |name: &str| site.destination.join(name);
        write(&guardian(stores), &at("ngwguard.db"), &at("ngwguard.01"));
        site.run(accept("gwcheck")).clean();
        site.run(Task::Seal)
    };
    convert(&other).clean();
    for changed in [
        ("Post office database", "", "wphost.db"),
        ("post office databasf", "", "wphost.db"),
        ("Post Office DATABASE", "", "wphost.dc"),
        ("Post Office DATABASE", "", "WPHOST.DB"),
    ] {
        let mut stores = other.clone();
        stores[0] = changed;
        let done = convert(&stores);
        assert_eq!(done.worst(), Verdict::Unproven, "{changed:?}");
        assert!(!done.with_code("seal-guardian").is_empty(), "{changed:?}");
        copied(&site);
    }
}

/// Of a database that only GroupWise can read, the data files belong to it as well.
#[test]
fn all_files_of_a_guardian_that_only_groupwise_can_read_are_taken_together() {
    /// Offset of the field of the database header that says whether there is a key; no checksum covers it.
    const KEY_OFFSET: usize = 1876 + 40;
    let hidden = |stores: &[(&str, &str, &str)]| {
        let mut files = guardian(stores);
        let mut control = files.get(DatabaseFile::CONTROL).unwrap().clone();
        control[KEY_OFFSET] = 1;
        files.insert(DatabaseFile::CONTROL, control);
        files
    };
    let site = Site::with_post_office();
    write_set(&site, &hidden(STORES), &hidden(STORES));
    copied(&site);
    let looked = report(site.run(LOOK));
    assert!(!looked.is_known && looked.names_to_change > 0, "{looked:?}");
    site.run(accept("by-hand"));
    let done = site.run(Task::Seal);
    assert_eq!(
        done.worst(),
        Verdict::Unproven,
        "nobody converted it: {:?}",
        done.findings.kept
    );

    copied(&site);
    let lower = [
        ("Post Office DATABASE", "", "wphost.db"),
        ("User ABC in CAPITALS", "ofuser", "userabc.db"),
        ("Messages One", "ofmsg", "msg1.db"),
    ];
    let at = |name: &str| site.destination.join(name);
    write(&hidden(&lower), &at("ngwguard.db"), &at("ngwguard.01"));
    site.run(accept("gwcheck"));
    let there = contents(&site.destination);
    for folder in ["", "ofmsg/guardbak/"] {
        assert_eq!(
            there[&format!("{folder}ngwguard.fbk.01")],
            there["ngwguard.01"]
        );
        assert_eq!(
            there[&format!("{folder}ngwguard.fbk")],
            there["ngwguard.db"]
        );
    }
}

/// What a database had before is not wiped out of it: a name in capitals beside the same in lower case may be that.
#[test]
fn a_name_that_may_be_what_was_there_before_is_for_a_person() {
    let site = Site::fast().filled();
    fs::write(site.source.join("NGWGUARD.DB"), b"\0OFUSER\0USERABC.DB\0").unwrap();
    site.run(PASS_ONE).clean();
    copied(&site);
    for (converted, left, worst, code) in [
        // The old page is kept behind the new one, or one name is in two places.
        (
            b"\0ofuser\0userabc.db\0\0OFUSER\0USERABC.DB\0".as_slice(),
            0,
            Verdict::NeedsAttention,
            Some("guardian-name-perhaps-left"),
        ),
        (
            b"\0ofuser\0userabc.db\0userabc.db\0",
            0,
            Verdict::NothingToDo,
            None,
        ),
        (
            b"\0ofuser\0USERABC.DB\0",
            1,
            Verdict::Unproven,
            Some("seal-guardian"),
        ),
        (
            b"\0ofuser\0userabd.db\0",
            0,
            Verdict::Unproven,
            Some("seal-guardian"),
        ),
    ] {
        fs::write(site.destination.join("ngwguard.db"), converted).unwrap();
        site.run(accept("gwcheck")).clean();
        assert_eq!(report(site.run(LOOK)).names_to_change, left);
        let done = site.run(Task::Seal);
        let kept = &done.findings.kept;
        assert!(done.worst() <= worst, "{kept:?}");
        assert!(
            code.is_none_or(|code| !done.with_code(code).is_empty()),
            "{kept:?}"
        );
        copied(&site);
    }
}

/// What has no meaning in a header says nothing about the database.
#[test]
fn a_guardian_with_an_unusual_header_is_converted_and_sealed() {
    let site = Site::with_post_office();
    let mut files = guardian(STORES);
    let mut control = files.get(DatabaseFile::CONTROL).unwrap().clone();
    control[0] = 0;
    files.insert(DatabaseFile::CONTROL, control);
    write_set(&site, &files, &files);
    copied(&site);
    assert_eq!(report(site.run(CONVERT)).names_changed, 5);
    site.run(Task::Seal).clean();
}

/// Two names in one record, each with its folder.
#[test]
fn every_name_of_a_record_is_looked_for() {
    let stores = [
        ("Post Office DATABASE", "", "WPHOST.DB"),
        ("Both", "OFUSER OFMSG", "USERABC.DB MSG1.DB"),
    ];
    let site = site_with_guardian(&stores);
    copied(&site);
    report(site.run(CONVERT));
    site.run(Task::Seal).clean();
    let user = site.destination.join("ofuser");
    fs::rename(user.join("userabc.db"), user.join("USERABC.db")).unwrap();
    let done = site.run(Task::Seal);
    let found = done.with_code("seal-guardian-entry");
    assert_eq!(
        found[0].subject, "ofuser/userabc.db",
        "{:?}",
        done.findings.kept
    );
}

/// Who opens a database makes its lock file; where there was none, nothing could be locked that such a program asks for.
#[test]
fn a_program_that_opens_the_guardian_meanwhile_keeps_it() {
    // A name that stays is told between the lock and the copy.
    let stores = [STORES, &[("Long", "OFUSER", "VERYLONGNAME.DB")]].concat();
    let site = site_with_guardian(&stores);
    copied(&site);
    let lock_file = site.destination.join("ngwguard.lck");
    let _ = fs::remove_file(&lock_file);
    let before = contents(&site.destination);
    let monitor = Arc::new(Overwrites {
        tally: Tally::default(),
        code: "guardian-name-kept",
        path: lock_file.clone(),
    });
    let watched = Arc::clone(&monitor) as Arc<dyn Monitor>;
    let done = site.run_watched(&site.order(CONVERT), &watched, &monitor.tally);
    let error = done.expect_err("refused");
    assert_eq!(error.code(), "database-in-use", "{error}");
    fs::remove_file(&lock_file).unwrap();
    assert_eq!(without_staging(&contents(&site.destination)), before);
    assert_eq!(site.run(CONVERT).worst(), Verdict::NeedsAttention);
}

/// Both would make their copy under the same name.
#[test]
fn two_databases_of_one_folder_are_not_changed_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let names: [&[u8]; 2] = [b"a.db", b"b.db"];
    for round in 0..20 {
        for base in ["a", "b"] {
            let at = |end: &str| folder.path().join(format!("{base}.{end}"));
            write(&guardian(STORES), &at("db"), &at("01"));
        }
        std::thread::scope(|scope| {
            for name in names {
                scope.spawn(|| {
                    let folder = open_folder("a test", folder.path()).unwrap();
                    let (profile, limits) = (NameProfile::Guardian, LowercaseLimits::default());
                    let done = lowercase_names(&folder, name, &profile, limits);
                    let left = plan_names(&folder, name, &profile, limits).unwrap();
                    match done {
                        Ok(_) => assert!(left.is_empty(), "round {round}: {left:?}"),
                        Err(error) => assert_eq!(error.code(), "database-in-use", "{error}"),
                    }
                });
            }
        });
    }
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

/// Overwrites a file when something is said.
struct Overwrites {
    tally: Tally,
    code: &'static str,
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
        if finding.code == self.code {
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
            code: "guardian-names-not-visible",
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
