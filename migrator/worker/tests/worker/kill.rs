//! Killed at every write of the journal, the next run goes on, and nothing is lost, doubled or set aside for nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use protocol::{Count, Expected, Finding, Task};
use worker::monitor::{JournalMoment, Monitor, Tally};

use crate::databases::{STORES, write_guardian};
use crate::guardian::CONVERT;
use crate::support::{
    LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, Site, age_folders, build_post_office, child, contents,
    site_of_child, wanted, write_old,
};

/// More moments than the sequence can have; reaching it means that it never ends.
const MOMENTS_MAX: u64 = 1000;

/// Below this, the sequence was not what this test is about.
const MOMENTS_MIN: u64 = 60;

fn steps() -> [Task; 7] {
    [
        Task::CreateFolders,
        PASS_ONE,
        PASS_TWO,
        LOWERCASE,
        CONVERT,
        QUEUES,
        Task::Seal,
    ]
}

/// Passes everything on, and kills this process at one moment of the journal.
struct Killer {
    tally: Tally,
    left: AtomicU64,
}

impl Monitor for Killer {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.tally.phase(name, expected);
    }

    fn count(&self, what: Count, how_many: u64) {
        self.tally.count(what, how_many);
    }

    fn finding(&self, finding: Finding) {
        self.tally.finding(finding);
    }

    fn journal(&self, _moment: JournalMoment) {
        if self.left.fetch_sub(1, Ordering::SeqCst) == 1 {
            let _ = rustix::process::kill_process(
                rustix::process::getpid(),
                rustix::process::Signal::KILL,
            );
            loop {
                std::thread::park();
            }
        }
    }
}

/// What happens to the two trees before a step; the step itself is not begun then.
fn change_trees(site: &Site, step: usize) {
    let (source, destination) = (&site.source, &site.destination);
    match step {
        2 => between_the_stages(source, destination),
        3 => {
            for (from, to) in [
                ("ofuser/userabc.db", "ofuser/USERABC.db"),
                ("ofuser", "OFUSER"),
                ("offiles/fd0/0a1b2c3d.000", "offiles/fd0/0A1B2C3D.000"),
                ("offiles/fd0", "offiles/FD0"),
                ("offiles", "OfFiles"),
            ] {
                fs::rename(destination.join(from), destination.join(to)).unwrap();
            }
        }
        5 => fs::write(
            destination.join("wpcsout/ofs/0/FOREIGN"),
            "queued by the test POA",
        )
        .unwrap(),
        _ => {}
    }
}

fn between_the_stages(source: &Path, destination: &Path) {
    write_old(&source.join("OFMSG/MSG1.DB"), b"messages, more of them", 60);
    write_old(&source.join("OFFILES/FD1/NEW.000"), b"new attachment", 61);
    fs::remove_file(source.join("OFVIEWS/WIN/APPT.VEW")).unwrap();
    fs::remove_dir_all(source.join("GWDMS/LIB000A/archive")).unwrap();
    fs::remove_file(source.join("GWDMS/LIB000A/DOCS/FD1/DOCUMENT.A")).unwrap();
    write_old(
        &source.join("GWDMS/LIB000A/DOCS/FD1/DOCUMENT.A/PART"),
        b"now a folder",
        62,
    );
    fs::remove_file(source.join("OFFILES/fdF6/EMPTY.001")).unwrap();
    fs::write(destination.join("offiles/fdf6/empty.001"), "touched").unwrap();
    fs::write(
        destination.join("ofuser/userabc.db"),
        "user, opened by the test POA",
    )
    .unwrap();
    fs::create_dir(destination.join("ofwork/poa")).unwrap();
    fs::write(
        destination.join("ofwork/poa/FOREIGN"),
        "work of the test POA",
    )
    .unwrap();
    // A foreign file in the way of one that the source has now.
    fs::create_dir_all(destination.join("ofuser/userdef.db")).unwrap();
    fs::write(
        destination.join("ofuser/userdef.db/in-the-way"),
        "in the way",
    )
    .unwrap();
    write_old(&source.join("OFUSER/USERDEF.DB"), b"another user", 63);
    age_folders(source);
}

/// What the quarantine must hold at the end: what the test POA made, once, and nothing that came from the source.
const SET_ASIDE: [&str; 4] = [
    "in the way",
    "queued by the test POA",
    "touched",
    "work of the test POA",
];

/// Runs what is left of the sequence; how far it is stands in a file beside the trees.
fn run_rest(site: &Site, mut run: impl FnMut(Task)) {
    let progress = site.root.join("progress");
    let read = || fs::read_to_string(&progress).map_or(0, |text| text.parse::<usize>().unwrap());
    for (step, task) in steps().into_iter().enumerate() {
        if read() < 2 * step + 1 {
            change_trees(site, step);
            fs::write(&progress, (2 * step + 1).to_string()).unwrap();
        }
        if read() < 2 * step + 2 {
            run(task);
            fs::write(&progress, (2 * step + 2).to_string()).unwrap();
        }
    }
}

#[test]
#[ignore = "started by another test"]
fn child_is_killed() {
    let site = site_of_child();
    let moment: u64 = std::env::var("WORKER_TEST_MOMENT")
        .unwrap()
        .parse()
        .unwrap();
    let killer = Arc::new(Killer {
        tally: Tally::default(),
        left: AtomicU64::new(moment),
    });
    run_rest(&site, |task| {
        let monitor = Arc::clone(&killer) as Arc<dyn Monitor>;
        site.run_watched(&site.order(task), &monitor, &killer.tally)
            .unwrap();
    });
    fs::write(
        site.root.join("moments"),
        (moment - killer.left.load(Ordering::SeqCst)).to_string(),
    )
    .unwrap();
}

/// Kills at the given moment, resumes, checks; says whether there was such a moment.
fn kill_at(moment: u64) -> bool {
    let site = Site::fast();
    build_post_office(&site.source);
    write_guardian(&site, STORES);
    let status = child("kill::child_is_killed", &site)
        .env("WORKER_TEST_MOMENT", moment.to_string())
        .output()
        .unwrap();
    let was_killed = status.status.signal() == Some(9);
    assert!(
        was_killed || status.status.success(),
        "moment {moment}: {}",
        String::from_utf8_lossy(&status.stdout)
    );
    run_rest(&site, |task| {
        let name = task.name();
        let done = site.run(task);
        assert!(
            done.result.is_ok() && done.worst() <= protocol::Verdict::NothingToDo,
            "moment {moment}, resuming {name}: {:?} {:#?}",
            done.result,
            done.findings.kept
        );
    });
    assert_eq!(
        but_guardian(contents(&site.destination)),
        but_guardian(wanted(&site.source, true)),
        "moment {moment}: the destination"
    );
    let mut set_aside: Vec<String> = contents(&site.job.join("quarantine"))
        .into_values()
        .map(|bytes| String::from_utf8(bytes).unwrap())
        .collect();
    set_aside.sort();
    assert_eq!(set_aside, SET_ASIDE, "moment {moment}: the quarantine");
    assert!(!site.destination.join(".gwmigrate-queues").exists());
    assert!(
        site.job.join("seal.json").is_file(),
        "moment {moment}: the seal"
    );
    site.run(Task::Verify).clean();
    was_killed
}

/// What must be equal byte for byte; the converted guardian is proven by the seal.
fn but_guardian(mut files: BTreeMap<String, Vec<u8>>) -> BTreeMap<String, Vec<u8>> {
    files.retain(|path, _| !path.starts_with("ngwguard.") && !path.starts_with("ofmsg/guardbak/"));
    files
}

#[test]
fn killed_at_every_write_of_the_journal_the_next_run_goes_on() {
    let next = AtomicU64::new(1);
    let ended = AtomicBool::new(false);
    let killed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !ended.load(Ordering::SeqCst) {
                    let moment = next.fetch_add(1, Ordering::SeqCst);
                    if moment <= MOMENTS_MAX && kill_at(moment) {
                        killed.fetch_add(1, Ordering::SeqCst);
                    } else {
                        ended.store(true, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let killed = killed.into_inner();
    println!("killed at {killed} moments of the journal");
    assert!(
        (MOMENTS_MIN..MOMENTS_MAX).contains(&killed),
        "{killed} moments"
    );
}
