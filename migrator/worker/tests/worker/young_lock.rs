//! A program that opens or makes a database after its folder was listed.

use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use protocol::Count;
use worker::monitor::Tally;

use crate::databases::{STORES, guardian, write};
use crate::lock_table::lock_whole;
use crate::meddling::{Heard, pass_meddled_with};
use crate::support::{PASS_ONE, Site, contents, look, wanted};

const LOCK_FILE: &str = "OFUSER/USERABC.LCK";
const DATABASE: &str = "ofuser/userabc.db";

/// Runs a first pass, and does something when the last folder has been listed.
fn pass_with(site: &Site, act: impl Fn() + Send + Sync + 'static) -> Arc<Tally> {
    let nodes = look(&site.source);
    // The root is not among the nodes.
    let folders = 1 + nodes.values().filter(|node| node.is_folder).count() as u64;
    let listed = AtomicU64::new(0);
    pass_meddled_with(site, move |heard| {
        if let Heard::Count(Count::FoldersSeen, how_many) = heard
            && listed.fetch_add(how_many, Ordering::SeqCst) + how_many == folders
        {
            act();
        }
    })
}

/// Found by an agent at work on the source: its first change of a database that nobody had opened before was torn.
#[test]
fn a_lock_file_that_is_younger_than_the_listing_is_respected() {
    let site = Site::with_post_office();
    let lock_file = site.source.join(LOCK_FILE);
    std::fs::remove_file(&lock_file).unwrap();
    let held = Arc::new(Mutex::new(None));
    let holder = Arc::clone(&held);
    let tally = pass_with(&site, move || {
        let file = File::create_new(&lock_file).unwrap();
        lock_whole(&file);
        *holder.lock().unwrap() = Some(file);
    });
    let held = held.lock().unwrap().take();
    assert!(held.is_some(), "the other program came");
    assert!(!contents(&site.destination).contains_key(DATABASE));
    assert_eq!(tally.counts().get(&Count::FilesDeferred), Some(&1));

    drop(held);
    site.run(PASS_ONE).clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

/// Found by an agent at work on the source: of a database that was being made, the control file alone was copied.
#[test]
fn a_data_file_that_is_younger_than_the_listing_is_not_left_out() {
    let site = Site::with_post_office();
    let user = site.source.join("OFUSER");
    let (apart, place) = (site.root.join("apart"), user.join("USERABC.01"));
    write(&guardian(STORES), &user.join("USERABC.DB"), &apart);
    pass_with(&site, move || std::fs::rename(&apart, &place).unwrap());
    // The second look has it whole.
    assert!(contents(&site.destination).contains_key("ofuser/userabc.01"));
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

/// The first look leaves a new database that grows to the second one without a word; the second dropped whatever was to be said.
#[test]
fn a_new_database_that_the_second_look_cannot_have_is_said() {
    let site = Site::with_post_office();
    let user = site.source.join("OFUSER");
    let files = guardian(STORES);
    let (control, data) = (user.join("USERNEW.DB"), user.join("USERNEW.01"));
    let late = data.clone();
    write(&files, &control, &data);
    std::fs::rename(&data, site.root.join("late")).unwrap();
    let kept = site.root.join("late");
    let held = Mutex::new(None);
    let tally = pass_meddled_with(&site, move |heard| match heard {
        Heard::Phase("copy the databases") => std::fs::rename(&kept, &late).unwrap(),
        Heard::Phase("look for what was made meanwhile") => {
            let file = File::options()
                .read(true)
                .write(true)
                .open(&control)
                .unwrap();
            lock_whole(&file);
            *held.lock().unwrap() = Some(file);
        }
        _ => {}
    });
    assert!(!contents(&site.destination).contains_key("ofuser/usernew.db"));
    let findings = tally.findings().kept;
    let said = findings
        .iter()
        .filter(|finding| finding.code == "database-deferred");
    assert_eq!(said.count(), 1, "{findings:?}");
    assert_eq!(tally.counts().get(&Count::FilesDeferred), Some(&1));
}

/// What the second look copies, the first had not seen.
#[test]
fn damage_in_a_database_that_the_second_look_copies_is_said() {
    let site = Site::with_post_office();
    let user = site.source.join("OFUSER");
    let tally = pass_meddled_with(&site, move |heard| {
        if matches!(heard, Heard::Phase("look for what was made meanwhile")) {
            let data = user.join("USERNEW.01");
            write(&guardian(STORES), &user.join("USERNEW.DB"), &data);
            let mut bytes = std::fs::read(&data).unwrap();
            bytes[4096 * 2 + 40] ^= 1;
            std::fs::write(&data, bytes).unwrap();
        }
    });
    assert!(contents(&site.destination).contains_key("ofuser/usernew.db"));
    let findings = tally.findings().kept;
    let said = findings
        .iter()
        .any(|finding| finding.code == "database-damaged");
    assert!(said, "{findings:?}");
}
