//! The proof that nobody works on the source any more: what it looks at, and what it leaves to the copy and the seal.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use protocol::{
    AreaKind, AreaOrder, AtRestReport, Count, Expected, Finding, Order, Task, TaskReport, Verdict,
};
use worker::monitor::{JournalMoment, Monitor, Tally};

use crate::locks::Holder;
use crate::support::{Done, PASS_TWO, Site, contents, set_time, wanted, write_old};

const AT_REST: Task = Task::AtRest { quiet_seconds: 0 };

/// What the task calls the time in which it waits.
const WINDOW: &str = "wait whether anything changes";

/// Does something at the source while it is watched.
struct InTheWindow {
    tally: Arc<Tally>,
    act: Box<dyn Fn() + Send + Sync>,
}

impl Monitor for InTheWindow {
    fn phase(&self, name: &'static str, expected: Expected) {
        if name == WINDOW {
            (self.act)();
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

fn run_watched(site: &Site, order: &Order, tally: Arc<Tally>, monitor: &Arc<dyn Monitor>) -> Done {
    let result = site.run_watched(order, monitor, &tally);
    Done {
        findings: tally.findings(),
        result,
        tally,
    }
}

/// What the proof says where `act` happens at a folder while it is watched.
fn watch(site: &Site, order: &Order, folder: &Path, act: fn(&Path)) -> Done {
    let tally = Arc::new(Tally::default());
    let folder = folder.to_owned();
    let monitor: Arc<dyn Monitor> = Arc::new(InTheWindow {
        tally: Arc::clone(&tally),
        act: Box::new(move || act(&folder)),
    });
    run_watched(site, order, tally, &monitor)
}

fn report(done: Done) -> AtRestReport {
    match done.result {
        Ok(TaskReport::AtRest(report)) => report,
        other => panic!("{other:?}"),
    }
}

fn touch(path: &Path) {
    set_time(path, crate::support::long_ago(700));
}

/// What happens, in which folder it must be seen, and how.
type Change = (&'static str, &'static str, fn(&Path));

const CHANGES: &[Change] = &[
    ("a database that changes", "OFUSER", |root| {
        write_old(&root.join("OFUSER/USERABC.DB"), b"user, read", 2);
    }),
    ("a database with another time", "OFMSG", |root| {
        touch(&root.join("OFMSG/MSG1.DB"));
    }),
    ("a new database", "OFUSER", |root| {
        write_old(&root.join("OFUSER/UserNew.Db"), b"new", 701);
    }),
    ("a database that goes", "OFUSER", |root| {
        fs::remove_file(root.join("OFUSER/PUXYZ.DB")).unwrap();
    }),
    ("a rollback file", "OFUSER", |root| {
        write_old(&root.join("OFUSER/userabc.0G"), b"undo", 702);
    }),
    ("a roll-forward log", "OFUSER/USERABC.RFL", |root| {
        write_old(&root.join("OFUSER/USERABC.RFL/00000001.LOG"), b"log", 703);
    }),
    ("a database of the root", "", |root| {
        touch(&root.join("WPHOST.DB"));
    }),
    ("the log of the guardian", "", |root| {
        write_old(&root.join("NGWGUARD.RFL"), b"roll-forward log, grown", 3);
    }),
    ("a fall-back copy", "OFMSG/GUARDBAK", |root| {
        touch(&root.join("OFMSG/GUARDBAK/NGWGUARD.FBK"));
    }),
    ("the last file of a folder", "OFMSG/GUARDBAK", |root| {
        fs::remove_file(root.join("OFMSG/GUARDBAK/NGWGUARD.FBK")).unwrap();
    }),
    ("a database of a library", "GWDMS/LIB000A", |root| {
        touch(&root.join("GWDMS/LIB000A/DMDL0001.DB"));
    }),
    ("any database of a library", "GWDMS/LIB000A", |root| {
        write_old(&root.join("GWDMS/LIB000A/Notes.DB"), b"notes", 704);
    }),
    ("a new library", "GWDMS/lib000B", |root| {
        write_old(&root.join("GWDMS/lib000B/dmsd000b.db"), b"library", 705);
    }),
    ("a new item", "WPCSIN/4", |root| {
        write_old(&root.join("WPCSIN/4/00000A2C.001"), b"sent", 706);
    }),
    ("an item that is taken", "WPCSOUT/OFS/2", |root| {
        fs::remove_file(root.join("WPCSOUT/OFS/2/00000A1D.003")).unwrap();
    }),
    ("an item that grows", "WPCSIN/0", |root| {
        write_old(
            &root.join("WPCSIN/0/00000A1B.001"),
            b"leaving, urgent, longer",
            21,
        );
    }),
    ("an item deep in a queue", "WPCSOUT/CHK/DEFER", |root| {
        touch(&root.join("WPCSOUT/CHK/DEFER/00000A1E.004"));
    }),
    ("a new queue", "WPCSOUT/OFVIEWS/docs", |root| {
        write_old(&root.join("WPCSOUT/OFVIEWS/docs/item"), b"item", 707);
    }),
];

#[test]
fn whatever_changes_of_a_database_or_a_queue_while_the_source_is_watched_is_refused() {
    for (what, folder, act) in CHANGES {
        let site = Site::with_post_office();
        let done = watch(&site, &site.order(AT_REST), &site.source, *act);
        assert_eq!(done.worst(), Verdict::Refused, "{what}: {:?}", done.result);
        let found = done.with_code("source-not-at-rest");
        let about: BTreeSet<&str> = found.iter().map(|finding| &*finding.subject).collect();
        assert!(about.contains(folder), "{what}: {about:?}");
        let how_many = found.len() as u64;
        assert_eq!(report(done).changed, how_many, "{what}");
    }
}

#[test]
fn what_the_copy_and_the_seal_see_themselves_is_left_to_them() {
    type Act = fn(&Path);
    let changes: &[(&str, Act)] = &[
        ("a blob that changes", |root| {
            write_old(&root.join("OFFILES/FD0/0A1B2C3D.000"), b"another", 12);
        }),
        ("a new blob", |root| {
            write_old(
                &root.join("OFFILES/FD0/USERABC.DB"),
                b"a blob like any",
                710,
            );
        }),
        ("a new folder of blobs", |root| {
            write_old(&root.join("OFFILES/fd7/0A1B2C3D.000"), b"another", 711);
        }),
        ("a document", |root| {
            touch(&root.join("GWDMS/LIB000A/DOCS/FD1/DOCUMENT.A"));
        }),
        ("an archived document", |root| {
            fs::remove_file(root.join("GWDMS/LIB000A/archive/A000000/old.doc")).unwrap();
        }),
        ("a view", |root| touch(&root.join("OFVIEWS/WIN/APPT.VEW"))),
        ("an index", |root| {
            touch(&root.join("OFUSER/INDEX/1124A000.IDX"));
        }),
        ("a dictionary", |root| touch(&root.join("NGWGUARD.DC"))),
        ("a log of the agent", |root| {
            touch(&root.join("WPCSOUT/OFS/1123POA.001"));
        }),
        ("a lock file", |root| {
            touch(&root.join("OFUSER/USERABC.LCK"));
        }),
        ("an unknown file", |root| {
            write_old(&root.join("OFWORK/anything"), b"anything", 712);
        }),
    ];
    for (what, act) in changes {
        let site = Site::with_post_office();
        let done = watch(&site, &site.order(AT_REST), &site.source, *act);
        assert!(
            done.findings.kept.is_empty(),
            "{what}: {:?}",
            done.findings.kept
        );
        assert_eq!(report(done).changed, 0, "{what}");
        site.run(PASS_TWO).clean();
        assert_eq!(
            contents(&site.destination),
            wanted(&site.source, false),
            "{what}"
        );
    }
}

/// The same site with a document storage area, where an administrator copied a whole library to.
fn with_documents(site: &Site) -> Order {
    let (source, destination) = (
        site.root.join("documents"),
        site.root.join("documents-here"),
    );
    write_old(&source.join("LIB000A/DMDD000A.DB"), b"library", 720);
    write_old(
        &source.join("LIB000A/DOCS/FD1/DOCUMENT.B"),
        b"document",
        721,
    );
    write_old(&source.join("fd0/DOCUMENT.C"), b"document", 722);
    fs::create_dir_all(&destination).unwrap();
    let mut order = site.order(AT_REST);
    order.areas.push(AreaOrder {
        id: 1,
        kind: AreaKind::Documents,
        label: "documents".into(),
        source: source.display().to_string(),
        destination: destination.display().to_string(),
    });
    order
}

#[test]
fn of_a_document_storage_area_only_databases_are_watched() {
    let site = Site::with_post_office();
    let order = with_documents(&site);
    let documents = site.root.join("documents");
    let fine = watch(&site, &order, &documents, |root| {
        touch(&root.join("LIB000A/DOCS/FD1/DOCUMENT.B"));
        write_old(&root.join("fd0/WPHOST.DB"), b"a document like any", 723);
    });
    assert!(fine.findings.kept.is_empty(), "{:?}", fine.findings.kept);
    let done = watch(&site, &order, &documents, |root| {
        touch(&root.join("LIB000A/DMDD000A.DB"));
    });
    let found = done.with_code("source-not-at-rest");
    assert_eq!((found.len(), &*found[0].subject), (1, "LIB000A"));
}

#[test]
fn an_empty_share_is_never_at_rest() {
    let site = Site::with_post_office();
    fs::remove_file(site.source.join("WPHOST.DB")).unwrap();
    site.run(AT_REST).assert_refused("source-marker-missing");
}

/// Where two held locks are told of at the same time.
#[derive(Default)]
struct Meeting {
    tally: Tally,
    here: Mutex<(usize, bool)>,
    changed: Condvar,
}

impl Monitor for Meeting {
    fn phase(&self, _name: &'static str, _expected: Expected) {}

    fn count(&self, _what: Count, _how_many: u64) {}

    fn finding(&self, finding: Finding) {
        self.tally.finding(finding);
        let mut here = self.here.lock().unwrap();
        here.0 += 1;
        here.1 |= here.0 == 2;
        self.changed.notify_all();
        // Only where the second one never comes does this end by itself.
        let wait = Duration::from_secs(20);
        let (mut here, _) = self
            .changed
            .wait_timeout_while(here, wait, |here| !here.1)
            .unwrap();
        here.0 -= 1;
    }

    fn journal(&self, _moment: JournalMoment) {}
}

#[test]
fn the_locks_of_one_folder_are_tried_side_by_side() {
    let site = Site::with_post_office();
    let _holders = [
        Holder::of(&site, "OFUSER/USERABC.LCK@0"),
        Holder::of(&site, "OFUSER/PUXYZ.DB@0"),
    ];
    let meeting = Arc::new(Meeting::default());
    let monitor: Arc<dyn Monitor> = Arc::clone(&meeting) as _;
    let result = site.run_watched(&site.order(AT_REST), &monitor, &meeting.tally);
    let Ok(TaskReport::AtRest(report)) = result else {
        panic!("{result:?}");
    };
    assert_eq!(report.locks_held, 2);
    assert!(
        meeting.here.lock().unwrap().1,
        "one was tried only after the other had been told of"
    );
}

#[test]
fn a_lock_file_is_found_by_its_name_in_any_case() {
    let site = Site::with_post_office();
    fs::rename(
        site.source.join("OFUSER/USERABC.LCK"),
        site.source.join("OFUSER/UserAbc.Lck"),
    )
    .unwrap();
    let _holder = Holder::of(&site, "OFUSER/UserAbc.Lck@0");
    let done = site.run(AT_REST);
    assert_eq!(done.with_code("lock-held")[0].subject, "OFUSER/USERABC.DB");
    assert_eq!(report(done).locks_held, 1);
}
