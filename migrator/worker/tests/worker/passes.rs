//! A first pass, and one without changes.

use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use postoffice::layout::{CopyRule, classify_file};
use postoffice::names::RelativePath;
use protocol::{Count, Expected, Finding, PassKind, Task, TaskReport};
use worker::monitor::{JournalMoment, Monitor, Tally};

use crate::meddling::{Heard, meddled_with, pass_meddled_with};
use crate::support::{
    FILES, ITEMS, LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, Site, age_folders, contents, look, wanted,
    write_old,
};

#[test]
fn a_first_pass_copies_everything_lower_cased() {
    let site = Site::with_post_office();
    let done = site.run(PASS_ONE);
    let copied = (FILES.len() - 1) as u64;
    assert_eq!(
        done.count(Count::FilesCopied),
        copied,
        "all but the lock file"
    );
    done.clean();

    let got = contents(&site.destination);
    assert_eq!(got, wanted(&site.source, false));
    assert_eq!(got.len() as u64, copied);
    assert!(
        !got.contains_key("ofuser/userabc.lck"),
        "lock files are nobody's data"
    );
    for (path, _) in ITEMS {
        assert!(
            !got.contains_key(&path.to_ascii_lowercase()),
            "{path} is for the queue step"
        );
    }
}

#[test]
fn a_first_pass_keeps_times_and_closes_modes() {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    let source = look(&site.source);
    let destination = look(&site.destination);
    let mut folders = 0;
    for (path, node) in &source {
        let Some(copy) = destination.get(&path.to_ascii_lowercase()) else {
            continue;
        };
        let path = String::from_utf8_lossy(path);
        assert_eq!(copy.modified, node.modified, "time of {path}");
        folders += u32::from(node.is_folder);
    }
    assert!(folders >= 20, "folders were compared: {folders}");
    for (path, node) in &destination {
        let mode = if node.is_folder { 0o700 } else { 0o600 };
        assert_eq!(node.mode, mode, "mode of {}", String::from_utf8_lossy(path));
    }
}

#[test]
fn the_source_is_never_written() {
    let site = Site::with_post_office();
    let before = look(&site.source);
    // It has queued items from long ago, which are a person's business.
    let inventory = site.run(Task::Inventory { only_count: false });
    assert_eq!(inventory.with_code("stale-queue-items").len(), 1);
    for task in [PASS_ONE, PASS_ONE, PASS_TWO, LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
    assert!(site.job.join("seal.json").is_file());
    // Bytes, times of content, times and numbers of inodes, modes.
    assert_eq!(look(&site.source), before);
}

#[test]
fn a_pass_without_changes_writes_nothing() {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    let before = look(&site.destination);
    let done = site.run(PASS_TWO);
    assert_eq!(done.count(Count::FilesCopied), 0);
    assert_eq!(done.count(Count::FilesUnchanged), (FILES.len() - 1) as u64);
    done.clean();
    assert_eq!(look(&site.destination), before, "not even an inode changed");
}

#[test]
fn a_file_with_a_fresh_time_is_copied_again() {
    let site = Site::with_post_office();
    let fresh = site.source.join("OFFILES/FD0/FRESH");
    std::fs::write(&fresh, "fresh").unwrap();
    site.run(PASS_ONE).clean();
    // Changed within the same tick of its clock: same length, same time.
    let time = fresh.metadata().unwrap().modified().unwrap();
    std::fs::write(&fresh, "FRESH").unwrap();
    crate::support::set_time(&fresh, time);
    site.run(PASS_TWO).clean();
    assert_eq!(contents(&site.destination)["offiles/fd0/fresh"], b"FRESH");
}

#[test]
fn logs_are_left_out_where_they_are_not_wanted() {
    let mut site = Site::with_post_office();
    site.options.agent_logs = false;
    site.run(PASS_ONE).clean();
    let missing: BTreeSet<String> = wanted(&site.source, false)
        .into_keys()
        .filter(|path| !contents(&site.destination).contains_key(path))
        .collect();
    let logs = ["1123gwbk.001", "wpcsout/ofs/1123poa.001"];
    assert_eq!(missing, logs.map(String::from).into());
}

const MADE: [&str; 3] = [
    "OFUSER/USERNEW.DB",
    "OFFILES/FD0/NEW.BLB",
    "OFFILES/FD9/DEEP.BLB",
];
const CHANGED: &str = "OFMSG/MSG1.DB";

/// A guardian that is copied last may catalogue a database that was made after its folder was listed.
#[test]
fn what_is_made_while_a_pass_runs_is_there_at_its_end_and_nothing_older_is_mixed_with_it() {
    let site = Site::with_post_office();
    let before = std::fs::read(site.source.join(CHANGED)).unwrap();
    let source = site.source.clone();
    pass_meddled_with(&site, move |heard| {
        // Somebody at work makes and changes files when the first look is over.
        if matches!(heard, Heard::Phase("look for what was made meanwhile")) {
            for path in MADE.into_iter().chain([CHANGED]) {
                let path = source.join(path);
                std::fs::create_dir_all(path.parent().unwrap()).unwrap();
                std::fs::write(path, b"made while the pass ran").unwrap();
            }
        }
    });
    let copies = contents(&site.destination);
    for path in MADE {
        let copy = copies.get(&path.to_ascii_lowercase());
        assert_eq!(copy.unwrap(), b"made while the pass ran", "{path}");
    }
    assert_eq!(copies[&CHANGED.to_ascii_lowercase()], before);
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

/// More than two slices of names, so that every kind of change happens in each and at their borders.
#[test]
fn a_folder_with_more_names_than_are_held_at_once_is_one_folder() {
    const FILES: u64 = 2500;
    let site = Site::fast().filled();
    let source = |number: u64| site.source.join(format!("OFFILES/FD1/{number:08X}.000"));
    let destination = |name: &str| site.destination.join("offiles/fd1").join(name);
    for number in 0..FILES {
        write_old(&source(number), format!("file {number}").as_bytes(), number);
    }
    age_folders(&site.source);
    let first = site.run(PASS_ONE);
    assert!(first.count(Count::FilesCopied) > FILES);
    first.clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));

    let (mut copied, mut foreign) = (0, BTreeSet::new());
    for number in 0..FILES {
        match number % 50 {
            0 => fs::remove_file(source(number)).unwrap(),
            1 => write_old(&source(number), b"another text", number),
            2 => fs::remove_file(destination(&format!("{number:08x}.000"))).unwrap(),
            3 => fs::rename(source(number), source(number).with_extension("ooo")).unwrap(),
            4 => {
                let name = format!("{number:08x}.x");
                fs::write(destination(&name), "foreign").unwrap();
                foreign.insert(format!("offiles/fd1/{name}"));
                continue;
            }
            _ => continue,
        }
        copied += u64::from(number % 50 != 0);
    }
    let second = site.run(PASS_TWO);
    assert_eq!(second.count(Count::FilesCopied), copied);
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
    let quarantine: BTreeSet<String> = site.quarantine().into_keys().collect();
    assert_eq!(quarantine, foreign);

    let third = site.run(PASS_TWO);
    assert_eq!(third.count(Count::FilesCopied), 0);
    third.clean();
    let area = site.store().manifest_totals(Some(0)).unwrap();
    let files = wanted(&site.source, false).len() as u64;
    assert_eq!(area.0, files, "the manifest has what stands there");
}

/// More large folders than there is room for at once: those that are put back are visited once, and whole.
#[test]
fn large_folders_that_have_no_room_at_once_are_visited_once_each() {
    const FOLDERS: u64 = 12;
    const FILES: u64 = 1100;
    let site = Site::fast().filled();
    // A walk of one tree alone.
    let counted = |site: &Site| match site.run(Task::Inventory { only_count: true }).clean() {
        TaskReport::Inventory(inventory) => inventory.areas[0].files,
        other => panic!("{other:?}"),
    };
    let counted_before = counted(&site);
    let before = wanted(&site.source, false).len() as u64;
    for folder in 0..FOLDERS {
        let folder = site.source.join(format!("OFFILES/FD1/{folder:02X}"));
        fs::create_dir_all(&folder).unwrap();
        for number in 0..FILES {
            let name = format!("{number:08X}.000");
            write_old(&folder.join(name), number.to_string().as_bytes(), number);
        }
    }
    age_folders(&site.source);
    let all = before + FOLDERS * FILES;
    let first = site.run(PASS_ONE);
    assert_eq!(first.count(Count::FilesCopied), all);
    first.clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
    let second = site.run(PASS_TWO);
    assert_eq!(second.count(Count::FilesUnchanged), all);
    second.clean();
    let proven = site.run(Task::Prove);
    assert!(proven.count(Count::FilesProven) >= FOLDERS * FILES);
    proven.clean();
    assert_eq!(counted(&site), counted_before + FOLDERS * FILES);
}

/// Found by an attack: what somebody else had put there during a pass that was cut off was removed, where the source had got a
/// new file of the same name.
#[test]
fn a_foreign_file_is_set_aside_also_after_a_pass_that_was_cut_off() {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    site.store().begin_pass(PassKind::StageOne).unwrap();
    // Both came since: one begins as the file of the source does, as a copy that was cut off; the other does not.
    write_old(
        &site.source.join("OFFILES/FD0/OURS.000"),
        b"the whole of it",
        300,
    );
    write_old(
        &site.source.join("OFFILES/FD0/THEIRS.000"),
        b"the whole of it",
        301,
    );
    let folder = site.destination.join("offiles/fd0");
    fs::write(folder.join("ours.000"), "the whole").unwrap();
    fs::write(folder.join("theirs.000"), "mail of a user").unwrap();
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
    let kept = site.quarantine();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(kept["offiles/fd0/theirs.000"], b"mail of a user");
}

/// They were copied when everything else had been looked at, which takes as long as there is mail, while users wait.
#[test]
fn stage_two_copies_databases_before_it_looks_for_other_changes() {
    const MESSAGES: &[u8] = b"other messages";
    const ATTACHMENT: &[u8] = b"another attachment";
    let mut site = Site::with_post_office();
    site.options.workers = 1;
    site.run(PASS_ONE).clean();
    write_old(&site.source.join("OFMSG/MSG1.DB"), MESSAGES, 900);
    let attachment = site.source.join("OFFILES/FD0/0A1B2C3D.000");
    write_old(&attachment, ATTACHMENT, 901);
    let folders = AtomicU64::new(0);
    let copies = Arc::new(Mutex::new(Vec::new()));
    let copied = Arc::clone(&copies);
    let tally = meddled_with(&site, PASS_TWO, move |heard| match heard {
        Heard::Count(Count::FoldersSeen, more) => {
            folders.fetch_add(more, Ordering::SeqCst);
        }
        Heard::Count(Count::BytesCopied, bytes) => {
            let seen = folders.load(Ordering::SeqCst);
            copied.lock().unwrap().push((bytes, seen));
        }
        _ => {}
    });
    let copies = copies.lock().unwrap();
    let bytes: Vec<u64> = copies.iter().map(|(bytes, _)| *bytes).collect();
    assert_eq!(
        bytes,
        [MESSAGES, ATTACHMENT].map(|bytes| bytes.len() as u64)
    );
    let (_, seen) = copies[0];
    assert!(seen < tally.get(Count::FoldersSeen), "{copies:?}");
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

/// Remembers how many files each phase expects.
struct Phases {
    tally: Arc<Tally>,
    expected: Mutex<Vec<(&'static str, u64)>>,
}

impl Monitor for Phases {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.expected.lock().unwrap().push((name, expected.files));
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

/// Units were counted, without the guardian's, so that more was seen than expected.
#[test]
fn the_phase_of_the_databases_expects_as_many_files_as_they_have() {
    let site = Site::with_post_office();
    let tally = Arc::new(Tally::default());
    let phases = Arc::new(Phases {
        tally: Arc::clone(&tally),
        expected: Mutex::default(),
    });
    let monitor: Arc<dyn Monitor> = Arc::clone(&phases) as _;
    site.run_watched(&site.order(PASS_ONE), &monitor, &tally)
        .unwrap();
    let is_database = |path: &&(&str, &str)| {
        let class = classify_file(&RelativePath::from_bytes(path.0.as_bytes()).unwrap());
        matches!(class.copy_rule(), CopyRule::UnderLock | CopyRule::AtomicSet)
    };
    let databases = FILES.iter().filter(is_database).count() as u64;
    let expected = phases.expected.lock().unwrap();
    assert!(
        expected.contains(&("copy the databases", databases)),
        "{databases} in {expected:?}"
    );
}
