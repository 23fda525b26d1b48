//! A program that opens a database after its folder was listed, and makes its lock file then.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use worker::finding::Finding;
use worker::monitor::{Count, Expected, JournalMoment, Monitor, Tally};

use crate::databases::{STORES, guardian, write};
use crate::lock_table::lock_whole;
use crate::support::{PASS_ONE, Site, contents, look, wanted};

const LOCK_FILE: &str = "OFUSER/USERABC.LCK";
const DATABASE: &str = "ofuser/userabc.db";

/// Makes the lock file and locks it when the last folder has been listed.
struct Comes {
    tally: Arc<Tally>,
    lock_file: PathBuf,
    folders: u64,
    listed: AtomicU64,
    held: Mutex<Option<File>>,
}

impl Monitor for Comes {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.tally.phase(name, expected);
    }

    fn count(&self, what: Count, how_many: u64) {
        self.tally.count(what, how_many);
        if what == Count::FoldersSeen
            && self.listed.fetch_add(how_many, Ordering::SeqCst) + how_many == self.folders
        {
            let file = File::create_new(&self.lock_file).unwrap();
            lock_whole(&file);
            *self.held.lock().unwrap() = Some(file);
        }
    }

    fn finding(&self, finding: Finding) {
        self.tally.finding(finding);
    }

    fn journal(&self, moment: JournalMoment) {
        self.tally.journal(moment);
    }
}

/// Found by an agent at work on the source: its first change of a database that nobody had opened before was torn.
#[test]
fn a_lock_file_that_is_younger_than_the_listing_is_respected() {
    let site = Site::with_post_office();
    let lock_file = site.source.join(LOCK_FILE);
    std::fs::remove_file(&lock_file).unwrap();
    let nodes = look(&site.source);
    let folders = nodes.values().filter(|node| node.is_folder).count() as u64;
    let tally = Arc::new(Tally::default());
    let comes = Arc::new(Comes {
        tally: Arc::clone(&tally),
        lock_file,
        // The root is not among the nodes.
        folders: folders + 1,
        listed: AtomicU64::new(0),
        held: Mutex::new(None),
    });
    let monitor: Arc<dyn Monitor> = Arc::clone(&comes) as Arc<dyn Monitor>;
    site.run_watched(&site.order(PASS_ONE), &monitor, &tally)
        .unwrap();
    let held = comes.held.lock().unwrap().take();
    assert!(held.is_some(), "the other program came");
    assert!(!contents(&site.destination).contains_key(DATABASE));
    assert_eq!(tally.counts().get(&Count::FilesDeferred), Some(&1));

    drop(held);
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

/// Makes a data file of a database when the last folder has been listed.
struct Grows {
    tally: Arc<Tally>,
    from: PathBuf,
    to: PathBuf,
    folders: u64,
    listed: AtomicU64,
}

impl Monitor for Grows {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.tally.phase(name, expected);
    }

    fn count(&self, what: Count, how_many: u64) {
        self.tally.count(what, how_many);
        if what == Count::FoldersSeen
            && self.listed.fetch_add(how_many, Ordering::SeqCst) + how_many == self.folders
        {
            std::fs::rename(&self.from, &self.to).unwrap();
        }
    }

    fn finding(&self, finding: Finding) {
        self.tally.finding(finding);
    }

    fn journal(&self, moment: JournalMoment) {
        self.tally.journal(moment);
    }
}

/// Found by an agent at work on the source: of a database that was being made, the control file alone was copied.
#[test]
fn a_data_file_that_is_younger_than_the_listing_is_not_left_out() {
    let site = Site::with_post_office();
    let user = site.source.join("OFUSER");
    write(
        &guardian(STORES),
        &user.join("USERABC.DB"),
        &site.root.join("apart"),
    );
    let nodes = look(&site.source);
    let folders = nodes.values().filter(|node| node.is_folder).count() as u64;
    let tally = Arc::new(Tally::default());
    let monitor: Arc<dyn Monitor> = Arc::new(Grows {
        tally: Arc::clone(&tally),
        from: site.root.join("apart"),
        to: user.join("USERABC.01"),
        folders: folders + 1,
        listed: AtomicU64::new(0),
    });
    site.run_watched(&site.order(PASS_ONE), &monitor, &tally)
        .unwrap();
    // The second look has it whole.
    assert!(contents(&site.destination).contains_key("ofuser/userabc.01"));
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}
