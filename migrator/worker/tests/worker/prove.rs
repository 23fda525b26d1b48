//! The ledger of proofs: what is proven while users work, what the seal takes from it, and what makes a proof end.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use jiff::tz::TimeZone;
use protocol::{
    Amount, Count, Life, PassKind, Proof, ProveReport, ReadAgain, SealReport, Task, TaskReport,
    Verdict, VerifySourceReport,
};
use rusqlite::Connection;
use worker::tree::Pace;

use crate::support::{
    Done, FILES, ITEMS, LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, QUEUES_LIVE, Site, flip, set_time,
    write_old,
};

const BLOB: &str = "OFFILES/FD0/0A1B2C3D.000";
const DATABASE: &str = "OFMSG/MSG1.DB";

/// Files that the seal reads in any case: databases with what belongs to them, and items of the queues.
const ALWAYS_READ: u64 = 10 + ITEMS.len() as u64;
/// Lock files are never copied.
const COPIED: u64 = FILES.len() as u64 - 1;

fn proven(site: &Site) -> ProveReport {
    match site.run(Task::Prove).clean() {
        TaskReport::Prove(report) => report,
        other => panic!("{other:?}"),
    }
}

fn report(done: &Done) -> &SealReport {
    match done.result.as_ref().unwrap() {
        TaskReport::Seal(report) => report,
        other => panic!("{other:?}"),
    }
}

fn read_once_more(site: &Site) -> (VerifySourceReport, Done) {
    let done = site.run(Task::VerifySource);
    match done.result.as_ref().unwrap() {
        TaskReport::VerifySource(report) => (report.clone(), done),
        other => panic!("{other:?}"),
    }
}

fn copied() -> Site {
    let site = Site::fast().filled();
    site.run(PASS_ONE).clean();
    site
}

/// Copied and proven, then moved up to the seal, without it.
pub(crate) fn ready_for_the_seal() -> Site {
    let site = copied();
    proven(&site);
    stage_two(&site);
    site
}

pub(crate) fn start_for_users(site: &Site) {
    let store = site.store();
    store.record_proof(Proof::Guardian).unwrap();
    assert_eq!(store.begin_life("test").unwrap(), None);
    store.end_start(Life::Live, "test", "").unwrap();
}

fn stage_two(site: &Site) {
    for task in [PASS_TWO, LOWERCASE, QUEUES] {
        site.run(task).clean();
    }
}

#[test]
fn what_is_proven_while_users_work_is_not_read_by_the_seal() {
    let site = copied();
    let first = proven(&site);
    assert_eq!(first.now.files + ALWAYS_READ - ITEMS.len() as u64, COPIED);
    assert_eq!(
        (first.before, first.waiting, first.differences),
        (Amount::default(), 0, 0)
    );
    let again = proven(&site);
    assert_eq!((again.now, again.before), (Amount::default(), first.now));

    stage_two(&site);
    let done = site.run(Task::Seal);
    let sealed = report(&done).clone();
    done.clean();
    assert!(sealed.sealed);
    assert_eq!(sealed.before, first.now);
    assert_eq!(sealed.at_the_seal.files, ALWAYS_READ);
    assert_eq!(sealed.files, COPIED + ITEMS.len() as u64);
    assert_eq!(sealed.files, sealed.at_the_seal.files + sealed.before.files);
    assert_eq!(sealed.bytes, sealed.at_the_seal.bytes + sealed.before.bytes);
    assert!(sealed.oldest_milliseconds.is_some());
    site.run(Task::Verify).clean();
}

#[test]
fn everything_is_read_again_where_that_is_asked_for() {
    let mut site = ready_for_the_seal();
    site.options.read_again = ReadAgain::Everything;
    let done = site.run(Task::Seal);
    assert_eq!(report(&done).before, Amount::default());
    assert_eq!(report(&done).oldest_milliseconds, None);
    assert_eq!(report(&done).at_the_seal.files, report(&done).files);
    done.clean();
}

#[test]
fn databases_are_proven_early_only_where_that_is_asked_for_and_read_by_the_seal_in_any_case() {
    let mut site = copied();
    let few = proven(&site).now.files;
    site.options.prove_databases = true;
    assert_eq!(proven(&site).now.files + few, COPIED);
    stage_two(&site);
    let done = site.run(Task::Seal);
    assert_eq!(report(&done).at_the_seal.files, ALWAYS_READ);
    done.clean();
}

/// A change of one side that leaves size and time as they were.
type Touch = fn(&Site);

#[test]
fn a_proof_ends_with_whatever_moves_on_either_side() {
    let touches: [(&str, Touch, &str); 4] = [
        (
            "the source has other bytes",
            |site| flip(&site.source.join(BLOB)),
            "seal-differs",
        ),
        (
            "the copy has other bytes",
            |site| flip(&site.destination.join(BLOB.to_lowercase())),
            "seal-differs",
        ),
        (
            "the copy is another file",
            |site| {
                let copy = site.destination.join(BLOB.to_lowercase());
                let time = copy.metadata().unwrap().modified().unwrap();
                fs::remove_file(&copy).unwrap();
                fs::write(&copy, b"attachment zerO").unwrap();
                set_time(&copy, time);
            },
            "seal-differs",
        ),
        (
            "the copy is gone",
            |site| fs::remove_file(site.destination.join(BLOB.to_lowercase())).unwrap(),
            "seal-missing",
        ),
    ];
    for (what, touch, code) in touches {
        let site = ready_for_the_seal();
        touch(&site);
        let done = site.run(Task::Seal);
        assert!(!report(&done).sealed, "{what}");
        assert_eq!(
            done.with_code(code).len(),
            1,
            "{what}: {:?}",
            done.findings.kept
        );
        // The way out is the same stage two once more.
        stage_two(&site);
        let done = site.run(Task::Seal);
        assert!(report(&done).sealed, "{what}");
        assert_eq!(
            fs::read(site.source.join(BLOB)).unwrap(),
            fs::read(site.destination.join(BLOB.to_lowercase())).unwrap(),
            "{what}"
        );
        done.clean();
    }
}

#[test]
fn a_change_time_alone_makes_a_proof_anew_and_no_copy() {
    let site = copied();
    proven(&site);
    for path in [
        site.source.join(BLOB),
        site.source.join("OFVIEWS/WIN/APPT.VEW"),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
    }
    let pass = site.run(PASS_ONE);
    assert_eq!(pass.count(Count::FilesCopied), 0);
    pass.clean();
    assert_eq!(proven(&site).now.files, 2);
    assert_eq!(proven(&site).now.files, 0);
}

#[test]
fn a_file_that_was_modified_a_moment_ago_is_read_again_by_the_seal() {
    let site = copied();
    set_time(&site.source.join(BLOB), SystemTime::now());
    site.run(PASS_TWO).clean();
    for task in [LOWERCASE, QUEUES, Task::Prove, Task::Seal] {
        let done = site.run(task.clone());
        if task == Task::Seal {
            assert_eq!(report(&done).at_the_seal.files, ALWAYS_READ + 1);
        }
        done.clean();
    }
}

#[test]
fn a_copy_that_a_disk_has_damaged_is_found_while_users_work_and_copied_again() {
    let site = copied();
    site.flip_unseen(&BLOB.to_lowercase());
    let pass = site.run(PASS_ONE);
    assert_eq!(
        pass.count(Count::FilesCopied),
        0,
        "nothing tells it from a good one"
    );
    let done = site.run(Task::Prove);
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    let found = done.with_code("copy-differs");
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].subject, "offiles/fd0/0a1b2c3d.000");
    assert_eq!(site.run(PASS_ONE).count(Count::FilesCopied), 1);
    assert_eq!(proven(&site).now.files, 1);
}

#[test]
fn a_copy_that_a_disk_has_damaged_since_is_found_where_everything_is_read_and_healed() {
    let mut site = ready_for_the_seal();
    site.flip_unseen(&BLOB.to_lowercase());
    site.options.read_again = ReadAgain::Everything;
    let done = site.run(Task::Seal);
    assert_eq!(done.with_code("seal-differs").len(), 1);
    stage_two(&site);
    assert!(report(&site.run(Task::Seal)).sealed);
}

#[test]
fn a_changed_owner_or_mode_carries_the_proof_along() {
    let site = ready_for_the_seal();
    for path in [BLOB, DATABASE] {
        let copy = site.destination.join(path.to_lowercase());
        fs::set_permissions(copy, fs::Permissions::from_mode(0o644)).unwrap();
    }
    // A time that is fresher than the clock of the kernel can tell proves nothing.
    std::thread::sleep(Duration::from_millis(150));
    // What was touched by somebody else is proven no longer; what this job changes itself is.
    let first = site.run(Task::Seal);
    let before = report(&first).before.files;
    first.clean();
    let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
    site.run(Task::Owner {
        user: user.as_raw(),
        group: group.as_raw(),
        plan_only: false,
    })
    .clean();
    let done = site.run(Task::Seal);
    assert_eq!(report(&done).before.files, before + 1);
    assert_eq!(report(&done).at_the_seal.files, ALWAYS_READ);
    done.clean();
}

#[test]
fn the_ledger_of_a_seal_is_what_it_has_met_and_nothing_else() {
    let site = ready_for_the_seal();
    // One goes with its folder, one alone; both were proven.
    fs::remove_dir_all(site.source.join("GWDMS/LIB000A/DOCS")).unwrap();
    fs::remove_file(site.source.join(BLOB)).unwrap();
    stage_two(&site);
    site.run(Task::Seal).clean();
    site.run(Task::Verify).clean();
    let (files, _) = site.store().proven_totals(None).unwrap();
    assert_eq!(files, COPIED + ITEMS.len() as u64 - 2);
}

#[test]
fn nothing_is_proven_over_a_seal_or_where_users_may_have_worked() {
    let site = ready_for_the_seal();
    site.run(Task::Seal).clean();
    assert_eq!(proven(&site), ProveReport::default());
    site.run(Task::Verify).clean();
    start_for_users(&site);
    site.run(Task::Prove).assert_refused("already-live");
}

#[test]
fn the_source_is_read_once_more_until_every_byte_was_read_at_rest() {
    let site = ready_for_the_seal();
    site.run(Task::VerifySource).assert_refused("not-sealed");
    let done = site.run(Task::Seal);
    let (at_the_seal, before) = (report(&done).at_the_seal, report(&done).before);
    done.clean();
    // Users work at the destination, which is not looked at.
    fs::remove_file(site.destination.join(BLOB.to_lowercase())).unwrap();
    let (first, done) = read_once_more(&site);
    done.clean();
    assert_eq!((first.now, first.before), (before, at_the_seal));
    assert_eq!(first.differences, 0);
    let (second, done) = read_once_more(&site);
    done.clean();
    assert_eq!(
        (second.now, second.before),
        (Amount::default(), at_the_seal + before)
    );
}

/// What was proven while the clock of the destination was ahead is no later for that.
#[test]
fn what_was_proven_by_a_clock_that_was_ahead_was_not_read_at_rest() {
    let site = ready_for_the_seal();
    let store = Connection::open(site.job.join("job.sqlite")).unwrap();
    // The clock is set right before stage two begins, an hour back.
    let set_back = "UPDATE pass SET began = began - 3600000 WHERE id = (SELECT max(id) FROM pass)";
    assert_eq!(store.execute(set_back, []).unwrap(), 1);
    let done = site.run(Task::Seal);
    let (at_the_seal, before) = (report(&done).at_the_seal, report(&done).before);
    done.clean();
    let (first, done) = read_once_more(&site);
    done.clean();
    assert_eq!((first.now, first.before), (before, at_the_seal));
    let (second, _) = read_once_more(&site);
    assert_eq!(second.now, Amount::default(), "each is read once");
}

#[test]
fn whatever_the_source_holds_otherwise_than_proven_is_named_when_it_is_read_once_more() {
    let lower = "offiles/fd0/0a1b2c3d.000";
    let named: [(&str, Touch, &str); 6] = [
        ("other bytes", |site| flip(&site.source.join(BLOB)), BLOB),
        (
            "changed",
            |site| write_old(&site.source.join(BLOB), b"longer than it was", 77),
            BLOB,
        ),
        (
            "come",
            |site| write_old(&site.source.join("OFFILES/FD0/NEW"), b"new", 78),
            "OFFILES/FD0/NEW",
        ),
        (
            "no file any more",
            |site| {
                fs::remove_file(site.source.join(BLOB)).unwrap();
                std::os::unix::fs::symlink("elsewhere", site.source.join(BLOB)).unwrap();
            },
            BLOB,
        ),
        (
            "gone",
            |site| fs::remove_file(site.source.join(BLOB)).unwrap(),
            lower,
        ),
        (
            "gone with its folder",
            |site| fs::remove_dir_all(site.source.join("OFFILES/FD0")).unwrap(),
            lower,
        ),
    ];
    for (what, touch, subject) in named {
        let site = ready_for_the_seal();
        site.run(Task::Seal).clean();
        touch(&site);
        let (report, done) = read_once_more(&site);
        assert_eq!(report.differences, 1, "{what}: {:?}", done.findings.kept);
        assert_eq!(done.worst(), Verdict::Unproven, "{what}");
        let found = done.with_code("source-not-proven");
        assert_eq!(found[0].subject, subject, "{what}");
        let can_be_fetched = found[0].remedy.contains(&format!("--fetch '{subject}'"));
        assert_eq!(can_be_fetched, !what.starts_with("gone"), "{what}");
        let fetched = site.run(Task::Fetch {
            subject: subject.to_owned(),
        });
        if !site.source.join(subject).is_file() {
            fetched.assert_refused("not-at-source");
            continue;
        }
        let TaskReport::Fetch(fetched) = fetched.clean() else {
            panic!("{what}");
        };
        let kept = fs::read(site.job.join(&fetched.places[0])).unwrap();
        assert_eq!(kept, fs::read(site.source.join(subject)).unwrap(), "{what}");
    }
}

#[test]
fn what_is_fetched_is_a_file_of_the_source_whatever_its_name() {
    use std::os::unix::ffi::OsStrExt as _;
    let site = ready_for_the_seal();
    site.run(Task::Seal).clean();
    let odd = std::ffi::OsStr::from_bytes(b"OFFILES/FD0/\xe4\n.001");
    write_old(&site.source.join(odd), b"odd", 80);
    let (_, done) = read_once_more(&site);
    let subject = done.with_code("source-not-proven")[0].subject.clone();
    let TaskReport::Fetch(fetched) = site.run(Task::Fetch { subject }).clean() else {
        panic!("no report");
    };
    assert_eq!(fetched.places.len(), 1);
    for subject in [
        "OFFILES/FD0/NONE",
        "OFFILES",
        "",
        "..",
        "OFFILES/../WPHOST.DB",
    ] {
        let done = site.run(Task::Fetch {
            subject: subject.to_owned(),
        });
        done.assert_refused("not-at-source");
    }
}

#[test]
fn a_straggler_that_was_carried_after_the_seal_is_known_when_the_source_is_read_once_more() {
    let site = ready_for_the_seal();
    site.run(Task::Seal).clean();
    start_for_users(&site);
    write_old(&site.source.join("WPCSOUT/OFS/2/STRAGGLER"), b"late", 79);
    let (report, _) = read_once_more(&site);
    assert_eq!(report.differences, 1);
    site.run(QUEUES_LIVE).clean();
    let (report, done) = read_once_more(&site);
    assert_eq!(report.differences, 0);
    done.clean();
}

#[test]
fn the_source_is_read_no_faster_than_it_may_be() {
    const LIMIT: usize = 256 << 10;
    let mut site = Site::fast().filled();
    site.options.bandwidth = Some("256K".parse().unwrap());
    write_old(&site.source.join(BLOB), &vec![7; 2 * LIMIT], 81);
    let whole_seconds = |site: &Site, task: Task| {
        let order = site.order(task);
        let pace = Pace::new(order.options.bandwidth.clone().unwrap(), TimeZone::UTC);
        let began = Instant::now();
        site.run_at_pace(&order, &Arc::new(pace)).clean();
        began.elapsed().as_secs()
    };
    // A machine that is busy takes longer, and none is faster than this.
    assert!(whole_seconds(&site, PASS_ONE) >= 2);
    assert!(whole_seconds(&site, Task::Prove) >= 2);
    site.options.bandwidth = None;
    stage_two(&site);
    site.run(Task::Seal).clean();
    site.options.bandwidth = Some("256K".parse().unwrap());
    assert!(whole_seconds(&site, Task::VerifySource) >= 2);
    let subject = BLOB.to_owned();
    assert!(whole_seconds(&site, Task::Fetch { subject }) >= 2);

    // What a pass that was cut off has left behind is compared with the source, and is copied then.
    let mut site = Site::fast().filled();
    site.run(Task::CreateFolders).clean();
    write_old(&site.source.join(BLOB), &vec![7; 2 * LIMIT], 81);
    site.store().begin_pass(PassKind::StageOne).unwrap();
    let copy = site.destination.join(BLOB.to_ascii_lowercase());
    fs::create_dir_all(copy.parent().unwrap()).unwrap();
    fs::write(&copy, vec![7; 2 * LIMIT]).unwrap();
    site.options.bandwidth = Some("256K".parse().unwrap());
    assert!(whole_seconds(&site, PASS_ONE) >= 4);
}
