//! The lowercase sweep: planned, checked, done, undone.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::{Count, Expected, Finding, LowercaseReport, Task, TaskReport, Verdict};
use worker::monitor::{JournalMoment, Monitor, Tally};
use worker::store::NAMES_PER_ROW;

use crate::support::{LOWERCASE, Site, look};

const PLAN: Task = Task::Lowercase { plan_only: true };

/// Names and inodes of a tree.
fn names(root: &Path) -> BTreeMap<Vec<u8>, u64> {
    look(root)
        .into_iter()
        .map(|(path, node)| (path, node.inode))
        .collect()
}

fn report(report: TaskReport) -> LowercaseReport {
    match report {
        TaskReport::Lowercase(report) => report,
        other => panic!("{other:?}"),
    }
}

fn taken() -> Site {
    let site = Site::empty();
    site.run(Task::CreateFolders).clean();
    site
}

fn write(site: &Site, path: &[u8], bytes: &str) {
    let path = site.destination.join(OsStr::from_bytes(path));
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn with_capitals() -> Site {
    let site = taken();
    for path in [
        "Top/MIDDLE/Bottom/FILE.DB",
        "Top/MIDDLE/Bottom/lower.db",
        "Top/MIDDLE/other",
        "ROOT.DB",
        "ofuser/USERabc.db",
    ] {
        write(&site, path.as_bytes(), path);
    }
    site
}

#[test]
fn every_name_becomes_lower_case_and_stays_the_same_file() {
    let site = with_capitals();
    let before = names(&site.destination);
    let report = report(site.run(LOWERCASE).clean());
    assert_eq!((report.planned, report.renamed), (6, 6));
    assert_eq!(report.names, before.len() as u64);
    let wanted: BTreeMap<Vec<u8>, u64> = before
        .into_iter()
        .map(|(path, inode)| (path.to_ascii_lowercase(), inode))
        .collect();
    assert_eq!(names(&site.destination), wanted);
}

#[test]
fn a_plan_changes_nothing_and_says_everything() {
    let site = with_capitals();
    let before = look(&site.destination);
    let report = report(site.run(PLAN).clean());
    assert_eq!(
        (report.planned, report.renamed, report.lines.len()),
        (6, 0, 6)
    );
    let lines: Vec<String> = report
        .lines
        .iter()
        .map(|line| format!("{}|{}>{}", line.folder, line.old, line.new))
        .collect();
    assert_eq!(
        lines[0], "Top/MIDDLE/Bottom|FILE.DB>file.db",
        "the deepest first"
    );
    assert!(lines.contains(&"|Top>top".to_owned()), "{lines:?}");
    assert_eq!(look(&site.destination), before);
    // A plan that was only looked at is not what the next sweep carries out.
    fs::rename(
        site.destination.join("ROOT.DB"),
        site.destination.join("Root2.DB"),
    )
    .unwrap();
    site.run(LOWERCASE).clean();
    assert!(site.destination.join("root2.db").is_file());
}

#[test]
fn a_collision_is_found_before_anything_is_renamed() {
    let site = with_capitals();
    write(&site, b"Top/MIDDLE/Bottom/File.db", "the other one");
    write(&site, b"deep/A/x", "x");
    write(&site, b"deep/a", "a file and a folder");
    let before = look(&site.destination);
    let done = site.run(LOWERCASE);
    done.assert_refused("name-collision");
    assert_eq!(done.with_code("name-collision").len(), 2);
    assert_eq!(look(&site.destination), before, "not even an inode changed");
    // Once the two are apart, the same command goes through.
    fs::remove_file(site.destination.join("Top/MIDDLE/Bottom/File.db")).unwrap();
    fs::remove_file(site.destination.join("deep/a")).unwrap();
    site.run(LOWERCASE).clean();
    assert!(site.destination.join("top/middle/bottom/file.db").is_file());
}

#[test]
fn two_links_to_one_file_become_one_name_and_two_again() {
    for (first, second) in [
        ("Link.DB", "LINK.DB"),
        ("link.db", "LINK.DB"),
        ("LINK.db", "link.DB"),
    ] {
        let site = taken();
        write(&site, first.as_bytes(), "one file");
        fs::hard_link(site.destination.join(first), site.destination.join(second)).unwrap();
        let before = names(&site.destination);
        site.run(LOWERCASE).clean();
        let after = names(&site.destination);
        assert_eq!(after.len(), before.len() - 1, "{first} {second}");
        assert_eq!(after[&b"link.db"[..]], before[first.as_bytes()]);
        site.run(Task::UndoLowercase).clean();
        assert_eq!(names(&site.destination), before, "{first} {second}");
    }
}

#[test]
fn undoing_restores_the_old_tree() {
    let site = with_capitals();
    let before = names(&site.destination);
    site.run(LOWERCASE).clean();
    let report = report(site.run(Task::UndoLowercase).clean());
    assert_eq!(report.renamed, 6);
    assert_eq!(names(&site.destination), before);
    // Nothing is left to undo.
    assert_eq!(
        self::report(site.run(Task::UndoLowercase).clean()).renamed,
        0
    );
    assert_eq!(names(&site.destination), before);
}

#[test]
fn undoing_goes_back_over_two_sweeps() {
    let site = with_capitals();
    site.run(LOWERCASE).clean();
    write(&site, b"top/middle/NEW/FILE", "made between the sweeps");
    write(&site, b"top/AGAIN", "made between the sweeps");
    let before = names(&site.destination);
    site.run(LOWERCASE).clean();
    site.run(Task::UndoLowercase).clean();
    let after = names(&site.destination);
    let expected: BTreeMap<Vec<u8>, u64> = before
        .into_iter()
        .map(|(path, inode)| {
            let path = String::from_utf8(path).unwrap();
            let path = path
                .replace("top/middle", "Top/MIDDLE")
                .replace("MIDDLE/bottom", "MIDDLE/Bottom")
                .replace("Bottom/file.db", "Bottom/FILE.DB")
                .replace("top/", "Top/")
                .replace("root.db", "ROOT.DB")
                .replace("userabc", "USERabc");
            (
                if path == "top" { "Top".into() } else { path }.into_bytes(),
                inode,
            )
        })
        .collect();
    assert_eq!(after, expected);
}

#[test]
fn names_that_are_kept_are_reported() {
    let site = taken();
    let kept: [&[u8]; 2] = [b"\xff\xfeNOT.DB", "\u{dc}BERSICHT.VEW".as_bytes()];
    for name in kept {
        write(&site, name, "kept");
    }
    write(&site, "Pr\u{fc}fung.VEW".as_bytes(), "changed");
    let done = site.run(LOWERCASE);
    let subjects: Vec<&str> = done
        .with_code("name-kept")
        .iter()
        .map(|finding| finding.subject.as_str())
        .collect();
    assert_eq!(subjects.len(), 2, "{:?}", done.findings.kept);
    assert!(subjects.contains(&"\\xff\\xfeNOT.DB"));
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    assert_eq!(report(done.result.unwrap()).kept, 2);
    let after = names(&site.destination);
    for name in [kept[0], kept[1], "pr\u{fc}fung.vew".as_bytes()] {
        assert!(
            after.contains_key(name),
            "{}",
            String::from_utf8_lossy(name)
        );
    }
}

/// Ends a sweep by a panic before one of its writes or after a renaming, which leaves the trees as a kill would.
struct Stopper {
    tally: Tally,
    left: AtomicU64,
}

impl Stopper {
    fn pass_one(&self) {
        // Once stopped, no thread comes any further.
        let one_less = |left: u64| Some(left.saturating_sub(1));
        let left = self
            .left
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less);
        assert!(left.unwrap() > 1, "stopped by the test");
    }
}

impl Monitor for Stopper {
    fn phase(&self, _name: &'static str, _expected: Expected) {}

    fn count(&self, what: Count, how_many: u64) {
        self.tally.count(what, how_many);
        if what == Count::Renamed {
            self.pass_one();
        }
    }

    fn finding(&self, finding: Finding) {
        self.tally.finding(finding);
    }

    fn journal(&self, _moment: JournalMoment) {
        self.pass_one();
    }
}

/// Runs a task that is stopped at a moment of its journal or its renamings; says whether it was.
fn stopped_at(site: &Site, task: Task, moment: u64) -> bool {
    let order = site.order(task);
    let stopper = Arc::new(Stopper {
        tally: Tally::default(),
        left: AtomicU64::new(moment),
    });
    let monitor = Arc::clone(&stopper) as Arc<dyn Monitor>;
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        site.run_watched(&order, &monitor, &stopper.tally).unwrap();
    }))
    .is_err()
}

/// With a link that has both names.
fn with_capitals_and_links() -> Site {
    let site = with_capitals();
    write(&site, b"Top/Links/LINK", "linked");
    fs::hard_link(
        site.destination.join("Top/Links/LINK"),
        site.destination.join("Top/Links/link"),
    )
    .unwrap();
    site
}

#[test]
fn stopped_anywhere_a_sweep_can_be_finished_or_undone() {
    let mut stopped = 0;
    for moment in 1.. {
        let site = with_capitals_and_links();
        let before = names(&site.destination);
        if !stopped_at(&site, LOWERCASE, moment) {
            break;
        }
        stopped += 1;
        if moment % 2 == 0 {
            site.run(LOWERCASE).clean();
            let mut wanted: BTreeMap<Vec<u8>, u64> = before
                .iter()
                .map(|(path, inode)| (path.to_ascii_lowercase(), *inode))
                .collect();
            assert_eq!(
                names(&site.destination),
                wanted,
                "finished after moment {moment}"
            );
            wanted.clear();
        }
        site.run(Task::UndoLowercase).clean();
        assert_eq!(
            names(&site.destination),
            before,
            "undone after moment {moment}"
        );
    }
    assert!(stopped >= 18, "{stopped} moments");
}

#[test]
fn stopped_anywhere_an_undoing_goes_on() {
    let mut stopped = 0;
    for moment in 1.. {
        let site = with_capitals_and_links();
        let before = names(&site.destination);
        site.run(LOWERCASE).clean();
        if !stopped_at(&site, Task::UndoLowercase, moment) {
            break;
        }
        stopped += 1;
        site.run(Task::UndoLowercase).clean();
        let after = names(&site.destination);
        assert_eq!(after, before, "stopped at moment {moment}");
    }
    assert!(stopped >= 12, "{stopped} moments");
}

#[test]
fn a_folder_with_more_names_than_a_row_of_the_plan_has_is_finished_and_undone() {
    let site = taken();
    let many = 2 * NAMES_PER_ROW + 500;
    for number in 0..many {
        write(&site, format!("Many/NAME{number:05}").as_bytes(), "");
    }
    let before = names(&site.destination);
    // In the second of three rows.
    let moment = u64::try_from(NAMES_PER_ROW + 300).unwrap();
    assert!(stopped_at(&site, LOWERCASE, moment));
    let renamed = names(&site.destination);
    let renamed = renamed.keys().filter(|path| path.starts_with(b"Many/name"));
    let renamed = renamed.count();
    assert!(
        (NAMES_PER_ROW..2 * NAMES_PER_ROW).contains(&renamed),
        "{renamed}"
    );
    let rest = report(site.run(LOWERCASE).clean());
    assert_eq!(rest.renamed, (many - renamed + 1) as u64);
    let after = names(&site.destination);
    assert!(
        after
            .keys()
            .all(|path| path.is_ascii() && *path == path.to_ascii_lowercase())
    );
    let undone = report(site.run(Task::UndoLowercase).clean());
    assert_eq!(undone.renamed, (many + 1) as u64);
    assert_eq!(names(&site.destination), before);
}

#[test]
fn a_sweep_goes_on_where_an_entry_of_its_plan_has_gone() {
    // The plan is durable; three of its levels are renamed, and two of them are marked as done.
    let site = with_capitals();
    assert!(stopped_at(&site, LOWERCASE, 11));
    fs::remove_file(site.destination.join("ROOT.DB")).unwrap();
    fs::remove_dir_all(site.destination.join("Top")).unwrap();
    site.run(LOWERCASE).clean();
    assert!(
        names(&site.destination)
            .keys()
            .all(|path| *path == path.to_ascii_lowercase())
    );
}
