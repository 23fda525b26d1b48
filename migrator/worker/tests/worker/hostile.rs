//! Trees that are not what they should be: a finding or a refusal, never an escape, a hang or a loss.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::time::{Duration, SystemTime};

use protocol::{Count, Task, Verdict};

use crate::support::{
    LOWERCASE, PASS_ONE, PASS_TWO, QUEUES, Site, contents, long_ago, look, set_time, wanted,
    write_old,
};

#[test]
fn what_is_no_file_is_reported_and_never_opened() {
    let site = Site::with_post_office();
    let folder = site.source.join("OFFILES/FD0");
    symlink("/etc/passwd", folder.join("LINK")).unwrap();
    symlink("/etc", folder.join("LINKDIR")).unwrap();
    let (kind, mode) = (rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR);
    rustix::fs::mknodat(rustix::fs::CWD, folder.join("PIPE"), kind, mode, 0).unwrap();
    let socket = UnixListener::bind(folder.join("SOCKET")).unwrap();
    let done = site.run(PASS_ONE);
    drop(socket);
    assert_eq!(
        done.with_code("not-a-file").len(),
        4,
        "{:?}",
        done.findings.kept
    );
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    assert_eq!(
        fs::read_dir(site.destination.join("offiles/fd0"))
            .unwrap()
            .count(),
        1,
        "the attachment alone"
    );
}

#[test]
fn a_file_that_became_a_link_keeps_its_copy_and_stops_stage_two() {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    let before = contents(&site.destination);
    for path in ["OFFILES/FD0/0A1B2C3D.000", "OFVIEWS/WIN/APPT.VEW"] {
        fs::remove_file(site.source.join(path)).unwrap();
        symlink("/etc/passwd", site.source.join(path)).unwrap();
    }
    let done = site.run(PASS_ONE);
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    let done = site.run(PASS_TWO);
    assert_eq!(done.with_code("not-a-file").len(), 2);
    assert_eq!(done.worst(), Verdict::Unproven);
    assert_eq!(contents(&site.destination), before, "a good copy is kept");
    let done = site.run(Task::Seal);
    assert_eq!(done.with_code("seal-not-a-file").len(), 2);
    assert_eq!(done.worst(), Verdict::Unproven);
}

#[test]
fn links_at_the_destination_lead_nowhere() {
    let site = Site::with_post_office();
    let outside = site.root.join("outside");
    fs::create_dir(&outside).unwrap();
    fs::remove_dir(site.destination.join("offiles/fd0")).unwrap();
    symlink(&outside, site.destination.join("offiles/fd0")).unwrap();
    symlink(outside.join("file"), site.destination.join("wphost.db")).unwrap();
    site.run(PASS_ONE).clean();
    assert_eq!(
        fs::read_dir(&outside).unwrap().count(),
        0,
        "nothing went through the links"
    );
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
    assert!(site.job.join("quarantine/0/offiles/fd0").is_symlink());
    assert!(site.job.join("quarantine/0/wphost.db").is_symlink());
}

#[test]
fn names_that_would_become_one_are_refused_and_neither_is_copied() {
    let site = Site::with_post_office();
    write_old(&site.source.join("OFFILES/FD0/Twice"), b"one", 1);
    write_old(&site.source.join("OFFILES/FD0/TWICE"), b"two", 2);
    let done = site.run(PASS_ONE);
    assert_eq!(done.worst(), Verdict::Refused);
    assert_eq!(done.with_code("name-collision").len(), 1);
    assert!(!site.destination.join("offiles/fd0/twice").exists());
    fs::remove_file(site.source.join("OFFILES/FD0/TWICE")).unwrap();
    site.run(PASS_TWO).clean();
    assert_eq!(
        fs::read(site.destination.join("offiles/fd0/twice")).unwrap(),
        b"one"
    );
}

#[test]
fn absurd_names_and_depths_arrive_or_are_reported() {
    let site = Site::with_post_office();
    let longest = [b'N'; 255];
    let names: [&[u8]; 4] = [b"new\nline\x1b[2J", b"\xff\xfeNOT", &longest, b"-rf *"];
    for name in names {
        write_old(
            &site
                .source
                .join("OFFILES/FD0")
                .join(OsStr::from_bytes(name)),
            name,
            3,
        );
    }
    let mut deep = site.source.join("OFFILES/FD1");
    for _ in 0..70 {
        deep.push("D");
    }
    write_old(&deep.join("TOO-DEEP"), b"too deep", 3);
    let done = site.run(PASS_ONE);
    assert_eq!(
        done.with_code("name-kept")[0].subject,
        "OFFILES/FD0/\\xff\\xfeNOT"
    );
    assert_eq!(
        done.with_code("path-too-deep").len(),
        1,
        "{:?}",
        done.findings.kept
    );
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    let stands = look(&site.destination);
    for name in names {
        let copy = [
            b"offiles/fd0/",
            if name[0] == 0xff {
                name.to_vec()
            } else {
                name.to_ascii_lowercase()
            }
            .as_slice(),
        ]
        .concat();
        assert_eq!(stands[&copy].bytes, name);
    }
    assert_eq!(
        stands
            .keys()
            .map(|path| path.split(|byte| *byte == b'/').count())
            .max(),
        Some(64)
    );
    // What was not copied is never proven.
    for task in [LOWERCASE, QUEUES] {
        site.run(task);
    }
    assert_eq!(site.run(Task::Seal).worst(), Verdict::Unproven);
}

#[test]
fn an_empty_mount_point_is_no_post_office() {
    let site = Site::empty();
    site.run(Task::CreateFolders).clean();
    let before = look(&site.destination);
    site.run(PASS_ONE).assert_refused("source-marker-missing");
    assert_eq!(look(&site.destination), before);

    let site = Site::with_post_office();
    for task in [PASS_ONE, QUEUES] {
        site.run(task).clean();
    }
    let before = look(&site.destination);
    fs::rename(&site.source, site.root.join("unmounted")).unwrap();
    fs::create_dir(&site.source).unwrap();
    for task in [
        PASS_ONE,
        PASS_TWO,
        QUEUES,
        Task::Seal,
        Task::Inventory { only_count: false },
    ] {
        site.run(task).assert_refused("source-marker-missing");
    }
    assert_eq!(look(&site.destination), before, "not even an inode changed");
}

#[test]
fn a_source_that_lost_too_much_is_refused() {
    let site = Site::with_post_office();
    for number in 0..150 {
        write_old(
            &site.source.join(format!("OFFILES/FD1/{number}")),
            b"attachment",
            number,
        );
    }
    site.run(PASS_ONE).clean();
    let before = contents(&site.destination);
    fs::remove_dir_all(site.source.join("OFFILES/FD1")).unwrap();
    site.run(PASS_TWO).assert_refused("too-many-removals");
    assert_eq!(contents(&site.destination), before, "nothing was removed");
    // The administrator says that it is right.
    let mut site = site;
    site.options.removal_limit_percent = 100;
    let done = site.run(PASS_TWO);
    assert_eq!(done.count(Count::FilesRemoved), 150);
    done.clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

/// A folder that somebody had made at the destination, on the way to a mount say, was set aside as his with all that was copied
/// into it, and no limit counted that.
#[test]
fn what_was_copied_into_a_folder_that_stood_there_before_counts_as_copied() {
    let site = Site::with_post_office();
    site.run(Task::CreateFolders).clean();
    fs::create_dir_all(site.destination.join("gwdms/lib0009")).unwrap();
    let library = site.source.join("GWDMS/LIB0009");
    for number in 0..30 {
        let path = library.join(format!("DOCS/FD0/{number}"));
        write_old(&path, b"document", number);
    }
    site.run(PASS_ONE).clean();
    let before = contents(&site.destination);
    // The volume behind it is not mounted at the server.
    fs::rename(&library, site.root.join("unmounted")).unwrap();
    site.run(PASS_TWO).assert_refused("too-many-removals");
    assert_eq!(contents(&site.destination), before, "nothing was removed");
    // The administrator says that it is right.
    let mut site = site;
    site.options.removal_limit_percent = 100;
    let done = site.run(PASS_TWO);
    assert_eq!(done.count(Count::FilesRemoved), 30);
    done.clean();
    assert_eq!(contents(&site.destination), wanted(&site.source, false));
}

#[test]
fn what_was_copied_into_a_folder_that_stood_there_before_is_removed_by_abandon() {
    let site = Site::with_post_office();
    site.run(Task::CreateFolders).clean();
    fs::create_dir_all(site.destination.join("gwdms/lib0009")).unwrap();
    write_old(
        &site.source.join("GWDMS/LIB0009/DOCS/FD0/1"),
        b"document",
        1,
    );
    site.run(PASS_ONE).clean();
    let done = site.run(Task::Abandon { plan_only: false });
    assert!(
        done.with_code("set-aside").is_empty(),
        "{:?}",
        done.findings.kept
    );
    done.clean();
    assert_eq!(contents(&site.destination).len(), 0);
}

#[test]
fn only_an_empty_destination_is_taken_and_only_that_one_is_used() {
    let site = Site::empty();
    crate::support::build_post_office(&site.source);
    fs::write(site.destination.join("precious"), "somebody else's").unwrap();
    site.run(Task::CreateFolders)
        .assert_refused("destination-not-empty");
    for task in [PASS_ONE, LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).assert_refused("destination-not-ours");
    }
    assert_eq!(contents(&site.destination).len(), 1, "nothing was changed");
    fs::remove_file(site.destination.join("precious")).unwrap();
    site.run(Task::CreateFolders).clean();

    // The worksheet names another folder now.
    let other = site.root.join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("precious"), "somebody else's").unwrap();
    for task in [
        Task::CreateFolders,
        PASS_ONE,
        PASS_TWO,
        LOWERCASE,
        QUEUES,
        Task::Abandon { plan_only: false },
    ] {
        let mut order = site.order(task);
        order.areas[0].destination = other.display().to_string();
        site.run_order(&order).assert_refused("destination-changed");
    }
    assert_eq!(contents(&other).len(), 1);
}

#[test]
fn a_source_whose_clock_is_ahead_is_reported_once() {
    let site = Site::with_post_office();
    let hour = Duration::from_hours(1);
    for path in ["OFFILES/FD0/0A1B2C3D.000", "OFMSG/MSG1.DB"] {
        set_time(&site.source.join(path), SystemTime::now() + hour);
    }
    let done = site.run(PASS_ONE);
    assert_eq!(done.with_code("clock-ahead").len(), 1);
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    // Such times are never trusted.
    assert_eq!(site.run(PASS_TWO).count(Count::FilesCopied), 2);
}

#[test]
fn times_that_cannot_be_are_the_findings_of_their_files_and_copied_once() {
    let mut site = Site::with_post_office();
    site.options.clock_allowance_seconds = 0;
    // As seconds since 1970: year 1601, a second before 1970, zero, 2038, 2099, 2446, and more than any file system keeps.
    let odd: [i64; 7] = [
        -11_644_473_600,
        -1,
        0,
        2_147_483_648,
        4_070_908_800,
        15_032_385_535,
        15_032_385_536,
    ];
    for (index, seconds) in odd.into_iter().enumerate() {
        let path = site.source.join(format!("OFFILES/FD0/ODD{index}.001"));
        write_old(&path, b"odd", 1);
        let apart = Duration::from_secs(seconds.unsigned_abs());
        let time = if seconds < 0 {
            SystemTime::UNIX_EPOCH - apart
        } else {
            SystemTime::UNIX_EPOCH + apart
        };
        set_time(&path, time);
    }
    let done = site.run(PASS_ONE);
    assert_eq!(done.with_code("clock-ahead").len(), 0);
    assert_eq!(done.with_code("time-odd").len(), odd.len());
    // The clock of the source has moved on since, whatever it says.
    std::thread::sleep(Duration::from_millis(2100));
    assert!(site.run(PASS_TWO).count(Count::FilesCopied) <= 4);
    let done = site.run(PASS_TWO);
    assert_eq!(done.count(Count::FilesCopied), 0);
    assert_eq!(done.with_code("time-odd").len(), odd.len());
    let bytes = fs::read(site.destination.join("offiles/fd0/odd5.001")).unwrap();
    assert_eq!(bytes, b"odd");
}

#[test]
fn a_shift_of_all_times_by_an_hour_is_reported() {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    let hour = Duration::from_hours(1);
    let mut files = 0;
    for (path, node) in look(&site.source) {
        if !node.is_folder {
            let path = site.source.join(OsStr::from_bytes(&path));
            set_time(&path, path.metadata().unwrap().modified().unwrap() + hour);
            files += 1;
        }
    }
    assert!(files > 20);
    let done = site.run(PASS_TWO);
    assert_eq!(
        done.with_code("times-shifted").len(),
        1,
        "{:?}",
        done.findings.kept
    );
    assert_eq!(done.worst(), Verdict::NeedsAttention);
    assert_eq!(done.count(Count::FilesUnchanged), 0);
    // One file that happens to be an hour younger is no shift.
    set_time(&site.source.join("WPHOST.DB"), long_ago(0) + hour + hour);
    site.run(PASS_TWO).clean();
}

#[test]
fn what_is_set_aside_never_collides_with_what_was_before() {
    let site = Site::with_post_office();
    site.run(PASS_ONE).clean();
    let place = site.destination.join("ofwork/thing");
    fs::write(&place, "first a file").unwrap();
    site.run(PASS_TWO).clean();
    // Now a folder of ours has that name, with a foreign file in it.
    write_old(&site.source.join("OFWORK/THING/OURS"), b"ours", 1);
    site.run(PASS_TWO).clean();
    fs::write(place.join("foreign"), "then in a folder").unwrap();
    site.run(PASS_TWO).clean();
    fs::write(place.join("foreign"), "and again").unwrap();
    site.run(PASS_TWO).clean();
    let kept: Vec<Vec<u8>> = site.quarantine().into_values().collect();
    for bytes in ["first a file", "then in a folder", "and again"] {
        assert!(
            kept.contains(&bytes.as_bytes().to_vec()),
            "{bytes}: {kept:?}"
        );
    }
    assert_eq!(kept.len(), 3);
}
