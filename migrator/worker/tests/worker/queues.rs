//! Items of the queues: once, same priority, same bytes.

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crossbeam_channel::RecvTimeoutError;
use protocol::{Count, Expected, Finding, QueueReport, Task, TaskReport, Verdict};
use rusqlite::Connection;
use worker::monitor::{JournalMoment, Monitor, Tally};
use worker::store::{ItemState, QueueItem};

use crate::support::{
    Done, ITEMS, PASS_ONE, QUEUES, QUEUES_LIVE, Site, contents, set_time, wanted, write_old,
};

fn report(done: Done) -> QueueReport {
    match done.clean() {
        TaskReport::Queues(report) => report,
        other => panic!("{other:?}"),
    }
}

/// What stands in the queues of a tree, logs left out, by lower-cased path.
fn items(root: &std::path::Path) -> BTreeMap<String, Vec<u8>> {
    contents(root)
        .into_iter()
        .map(|(path, bytes)| (path.to_ascii_lowercase(), bytes))
        .filter(|(path, _)| path.starts_with("wpcs") && !path.ends_with("poa.001"))
        .collect()
}

fn passed() -> Site {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    site
}

#[test]
fn every_item_arrives_once_with_its_priority_and_bytes() {
    let site = passed();
    let report = report(site.run(QUEUES));
    assert_eq!(
        (report.carried, report.standing),
        (ITEMS.len() as u64, ITEMS.len() as u64)
    );
    assert_eq!(report.by_queue["wpcsout/ofs/2"], 1);
    assert_eq!(contents(&site.destination), wanted(&site.source, true));
    assert!(!site.destination.join(".gwmigrate-queues").exists());
    // Again: nothing to do, nothing doubled.
    assert_eq!(self::report(site.run(QUEUES)).carried, 0);
    assert_eq!(items(&site.destination), items(&site.source));
}

#[test]
fn what_the_test_agent_made_is_set_aside_and_what_it_took_is_carried_again() {
    let site = passed();
    report(site.run(QUEUES));
    let queue = site.destination.join("wpcsout/ofs/0");
    fs::write(queue.join("foreign"), "made by the test POA").unwrap();
    fs::remove_file(queue.join("00000a1d.003")).unwrap();
    fs::write(
        site.destination.join("wpcsin/4/00000a1c.002"),
        "written over",
    )
    .unwrap();
    site.run(QUEUES).clean();
    assert_eq!(items(&site.destination), items(&site.source));
    let kept: BTreeMap<String, Vec<u8>> = [
        (
            "wpcsout/ofs/0/foreign".to_owned(),
            b"made by the test POA".to_vec(),
        ),
        ("wpcsin/4/00000a1c.002".to_owned(), b"written over".to_vec()),
    ]
    .into();
    assert_eq!(site.quarantine(), kept);
}

#[test]
fn an_item_that_the_source_delivered_meanwhile_goes() {
    let site = passed();
    report(site.run(QUEUES));
    fs::remove_file(site.source.join(ITEMS[0].0)).unwrap();
    write_old(
        &site.source.join(ITEMS[1].0),
        b"another item of the same name",
        70,
    );
    write_old(
        &site.source.join("WPCSOUT/OFS/7/STRAGGLER"),
        b"straggler",
        71,
    );
    site.run(QUEUES).clean();
    assert_eq!(items(&site.destination), items(&site.source));
    assert!(
        site.quarantine().is_empty(),
        "all of it came from the source"
    );
}

#[test]
fn beside_a_live_agent_nothing_is_delivered_twice() {
    let site = passed();
    report(site.run(QUEUES));
    // The agent takes one item and makes one of its own; a straggler arrives at the source.
    fs::remove_file(site.destination.join("wpcsin/0/00000a1b.001")).unwrap();
    fs::write(
        site.destination.join("wpcsin/0/own"),
        "made by the live POA",
    )
    .unwrap();
    write_old(&site.source.join("WPCSIN/0/STRAGGLER"), b"straggler", 70);
    let report = report(site.run(QUEUES_LIVE));
    assert_eq!(report.carried, 1, "the straggler alone");
    let stands = items(&site.destination);
    assert!(
        !stands.contains_key("wpcsin/0/00000a1b.001"),
        "the consumed item came back"
    );
    assert_eq!(stands["wpcsin/0/own"], b"made by the live POA");
    assert_eq!(stands["wpcsin/0/straggler"], b"straggler");
    assert!(site.quarantine().is_empty());
    // And not the next time either.
    fs::remove_file(site.destination.join("wpcsin/0/straggler")).unwrap();
    assert_eq!(self::report(site.run(QUEUES_LIVE)).carried, 0);
    assert!(!site.destination.join("wpcsin/0/straggler").exists());
}

#[test]
fn a_name_that_another_item_has_is_left_alone_and_reported_once() {
    let site = passed();
    report(site.run(QUEUES));
    write_old(
        &site.source.join("WPCSIN/2/STRAGGLER"),
        b"of the source",
        70,
    );
    let taken = site.destination.join("wpcsin/2/straggler");
    fs::write(&taken, "of the live POA").unwrap();
    let done = site.run(QUEUES_LIVE);
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    assert_eq!(done.with_code("queue-name-taken").len(), 1);
    assert_eq!(fs::read(&taken).unwrap(), b"of the live POA");
    assert!(!site.destination.join(".gwmigrate-queues").exists());
    // Once the agent has taken its own, the straggler follows.
    fs::remove_file(&taken).unwrap();
    assert_eq!(report(site.run(QUEUES_LIVE)).carried, 1);
    assert_eq!(fs::read(&taken).unwrap(), b"of the source");
}

/// As a run leaves it that was killed after an item had appeared in its queue and before that was recorded.
#[test]
fn killed_between_placing_and_placed_an_item_that_was_taken_is_not_doubled() {
    let site = passed();
    report(site.run(QUEUES));
    let folder = postoffice::names::RelativePath::from_bytes(b"wpcsin/0").unwrap();
    let store = site.store();
    let mut items: Vec<QueueItem> = store.queue_items_of(&folder).unwrap();
    items[0].state = ItemState::Placing;
    store.record_queue_items(&items).unwrap();
    drop(store);
    fs::remove_file(site.destination.join("wpcsin/0/00000a1b.001")).unwrap();
    fs::create_dir(site.destination.join(".gwmigrate-queues")).unwrap();

    report(site.run(QUEUES_LIVE));
    assert!(!site.destination.join("wpcsin/0/00000a1b.001").exists());
    assert!(!site.destination.join(".gwmigrate-queues").exists());
}

#[test]
fn a_job_store_that_is_older_than_one_of_its_tables_gets_it() {
    let site = passed();
    let store = Connection::open(site.job.join("job.sqlite")).unwrap();
    store.execute("DROP TABLE placing", []).unwrap();
    drop(store);
    assert_eq!(report(site.run(QUEUES)).carried, ITEMS.len() as u64);
}

/// Lets something happen at the first journal write of the step.
struct Meanwhile<F> {
    tally: Tally,
    happened: AtomicBool,
    happen: F,
}

impl<F: Fn() + Send + Sync> Monitor for Meanwhile<F> {
    fn phase(&self, _name: &'static str, _expected: Expected) {}

    fn count(&self, what: Count, how_many: u64) {
        self.tally.count(what, how_many);
        if what == Count::QueuedItems && how_many > 0 && !self.happened.swap(true, Ordering::SeqCst)
        {
            (self.happen)();
        }
    }

    fn finding(&self, finding: Finding) {
        self.tally.finding(finding);
    }

    fn journal(&self, _moment: JournalMoment) {}
}

#[test]
fn items_that_arrive_during_the_step_are_carried_too() {
    let site = passed();
    let source = site.source.clone();
    let monitor = Arc::new(Meanwhile {
        tally: Tally::default(),
        happened: AtomicBool::new(false),
        happen: move || write_old(&source.join("WPCSIN/1/LATE"), b"late", 90),
    });
    let order = site.order(QUEUES);
    let outcome = site
        .run_watched(
            &order,
            &(Arc::clone(&monitor) as Arc<dyn Monitor>),
            &monitor.tally,
        )
        .unwrap();
    let TaskReport::Queues(report) = outcome else {
        panic!("{outcome:?}")
    };
    assert_eq!(report.carried, ITEMS.len() as u64 + 1);
    assert!(report.rounds >= 2);
    assert_eq!(items(&site.destination), items(&site.source));
}

#[test]
fn an_item_that_is_still_being_written_is_waited_for() {
    let mut site = passed();
    site.options.still_seconds = 1;
    report(site.run(QUEUES));
    let path = site.source.join("WPCSIN/0/GROWING");
    // Long enough that reading it takes as long as several appends.
    fs::write(&path, vec![7; 32 << 20]).unwrap();
    let growing = AtomicBool::new(true);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
            for _ in 0..150 {
                std::io::Write::write_all(&mut file, b"more").unwrap();
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            growing.store(false, Ordering::SeqCst);
        });
        let done = site.run(QUEUES);
        assert!(
            !growing.load(Ordering::SeqCst),
            "the step ended before the item was whole"
        );
        done.clean();
    });
    set_time(&path, crate::support::long_ago(1));
    site.run(QUEUES).clean();
    assert_eq!(items(&site.destination), items(&site.source));
}

#[test]
fn two_items_whose_names_would_become_one_are_reported() {
    let site = passed();
    write_old(&site.source.join("WPCSIN/3/Twice.001"), b"one", 70);
    write_old(&site.source.join("WPCSIN/3/TWICE.001"), b"two", 71);
    let done = site.run(QUEUES);
    assert_eq!(
        done.with_code("name-collision").len(),
        1,
        "{:?}",
        done.findings.kept
    );
    assert_eq!(done.worst(), Verdict::Refused);
    let carried = items(&site.destination);
    assert_eq!(
        carried.len(),
        ITEMS.len(),
        "the others were carried, and neither of these"
    );
    assert!(
        carried.keys().all(|path| !path.contains("twice")),
        "{carried:?}"
    );
}

#[test]
fn a_clock_that_was_shifted_brings_nothing_twice() {
    let site = passed();
    report(site.run(QUEUES));
    // Delivered at the destination; daylight saving moves every time of the source by an hour.
    for (path, _) in contents(&site.destination) {
        if path.starts_with("wpcs") && !path.ends_with("poa.001") {
            fs::remove_file(site.destination.join(path)).unwrap();
        }
    }
    for (path, _) in ITEMS {
        let path = site.source.join(path);
        let modified = fs::metadata(&path).unwrap().modified().unwrap();
        set_time(&path, modified + std::time::Duration::from_hours(1));
    }
    let again = report(site.run(QUEUES_LIVE));
    assert_eq!(again.carried, 0, "the bytes are known");
    assert_eq!(items(&site.destination), BTreeMap::new());
    // Another item under a known name, with another time, is another item.
    write_old(&site.source.join(ITEMS[0].0), b"leaving, urgenT", 400);
    assert_eq!(report(site.run(QUEUES_LIVE)).carried, 1);
    assert_eq!(items(&site.destination).len(), 1);
}

#[test]
fn an_item_whose_writer_pauses_is_carried_whole_or_left_and_said() {
    let mut site = passed();
    report(site.run(QUEUES));
    site.options.still_seconds = 1;
    let path = site.source.join("WPCSIN/0/SLOW");
    let part = vec![7; 100_000];
    fs::write(&path, &part).unwrap();
    let (ended, end) = crossbeam_channel::bounded::<()>(0);
    let (done, parts) = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            // Its pauses are shorter than the time that an item must have stood still.
            let pause = std::time::Duration::from_millis(300);
            let mut parts = 1;
            while end.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                let mut file = fs::OpenOptions::new().append(true).open(&path).unwrap();
                std::io::Write::write_all(&mut file, &part).unwrap();
                parts += 1;
            }
            parts
        });
        let done = site.run(QUEUES_LIVE);
        drop(ended);
        (done, writer.join().unwrap())
    });
    let carried = items(&site.destination).get("wpcsin/0/slow").cloned();
    assert_eq!(carried, None, "a part of it was delivered");
    let moving = done.with_code("queue-item-moving");
    assert_eq!(moving.len(), 1, "{:?}", done.findings.kept);
    assert_eq!(done.worst(), Verdict::Temporary);
    // The next run finds it whole.
    assert_eq!(report(site.run(QUEUES_LIVE)).carried, 1);
    let carried = items(&site.destination)["wpcsin/0/slow"].len();
    assert_eq!(carried, parts * part.len());
}

#[test]
fn an_item_that_somebody_has_locked_is_left_and_said() {
    let site = passed();
    let path = site.source.join("WPCSIN/0/LOCKED");
    write_old(&path, b"half of it", 1);
    let writer = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .open(&path)
        .unwrap();
    crate::lock_table::lock_whole(&writer);
    let done = site.run(QUEUES);
    assert_eq!(
        done.with_code("queue-item-moving").len(),
        1,
        "{:?}",
        done.findings.kept
    );
    assert!(!items(&site.destination).contains_key("wpcsin/0/locked"));
    drop(writer);
    report(site.run(QUEUES));
    assert!(items(&site.destination).contains_key("wpcsin/0/locked"));
}

/// Hears whether the queue step waits for items to stand still.
#[derive(Default)]
struct Waits {
    tally: Tally,
    waited: AtomicBool,
}

impl Monitor for Waits {
    fn phase(&self, name: &'static str, _: Expected) {
        if name.contains("stand still") {
            self.waited.store(true, Ordering::SeqCst);
        }
    }

    fn count(&self, what: Count, how_many: u64) {
        self.tally.add(what, how_many);
    }

    fn finding(&self, finding: Finding) {
        self.tally.take(&finding);
    }

    fn journal(&self, _: JournalMoment) {}
}

#[test]
fn what_stood_still_while_the_source_was_proven_at_rest_is_not_waited_for_again() {
    let mut site = passed();
    site.options.still_seconds = 1;
    let waits = |site: &Site| {
        let monitor = Arc::new(Waits::default());
        let watched = Arc::clone(&monitor) as Arc<dyn Monitor>;
        let done = site.run_watched(&site.order(QUEUES), &watched, &monitor.tally);
        assert!(done.is_ok(), "{done:?}");
        monitor.waited.load(Ordering::SeqCst)
    };
    site.run(Task::AtRest { quiet_seconds: 0 }).clean();
    // As if that had been an hour ago.
    let store = Connection::open(site.job.join("job.sqlite")).unwrap();
    let changed = store.execute("UPDATE standing SET since = since - 3600000", []);
    assert_eq!(changed.unwrap(), ITEMS.len());
    assert!(!waits(&site));
    assert_eq!(items(&site.destination), items(&site.source));
    // One that is another one since has to stand still anew.
    write_old(&site.source.join(ITEMS[0].0), b"another item", 500);
    assert!(waits(&site));
    assert_eq!(items(&site.destination), items(&site.source));
}
