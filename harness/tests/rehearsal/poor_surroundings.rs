//! A destination without room, a source that may not be read, clocks that lie: seen from the command line.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime};

use harness::checks::Snapshot;

use crate::support::{Stage, codes, finding, in_own_mounts};

/// A user whom no namespace of a test maps to anybody.
const SOMEBODY_ELSE: u32 = 61_234;

/// How much smaller the destination is than what its blocks will need, in bytes.
const SHORT_BYTES: u64 = 64 << 10;

fn bytes_of(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).expect("listed");
    entries
        .map(|entry| {
            let entry = entry.expect("an entry");
            let metadata = entry.metadata().expect("looked at");
            if metadata.is_dir() {
                bytes_of(&entry.path())
            } else {
                metadata.len()
            }
        })
        .sum()
}

/// Some attachment of the source.
fn attachment(stage: &Stage) -> PathBuf {
    let folders = fs::read_dir(stage.source().join("OFFILES")).expect("listed");
    let mut files = folders.flat_map(|folder| {
        let folder = folder.expect("an entry").path();
        fs::read_dir(folder).expect("listed")
    });
    files
        .next()
        .expect("an attachment")
        .expect("an entry")
        .path()
}

fn mount(options: &str, folder: &Path) {
    let mounted = Command::new("mount")
        .args(["-t", "tmpfs", "-o", options, "none"])
        .arg(folder)
        .status()
        .expect("run");
    assert!(mounted.success(), "mount -o {options}");
}

#[test]
#[ignore = "started by another test"]
fn child_has_a_small_destination() {
    let stage = Stage::new();
    let before = Snapshot::take(stage.source()).expect("taken");
    let folder = stage.destination().parent().expect("a folder").to_owned();
    fs::create_dir_all(&folder).expect("made");
    let bytes = bytes_of(stage.source());

    // Room for less than the files hold: seen before anything is copied.
    mount(&format!("size={}", bytes / 2), &folder);
    let run = stage.expect(&["stage-one"], 5);
    let found = finding(&run, "not-enough-room");
    assert_eq!(found.text.matches("iB").count(), 2, "{found:#?}");

    // Room for the bytes, and none for what blocks take beyond them: seen when it is full.
    mount(&format!("remount,size={}", bytes + SHORT_BYTES), &folder);
    let run = stage.expect(&["stage-one"], 4);
    let found = finding(&run, "destination-full");
    assert!(
        found.remedy.contains("room") || found.remedy.contains("run"),
        "{found:#?}"
    );

    mount(&format!("remount,size={}", bytes * 4), &folder);
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    stage.prepare();
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(stage.differences(), Vec::<String>::new());
    let after = Snapshot::take(stage.source()).expect("taken");
    assert_eq!(before.differences(&after), Vec::<String>::new());
    println!("the test came to its end");
}

#[test]
fn a_full_destination_stops_the_command_for_now_and_the_next_goes_on() {
    in_own_mounts("poor_surroundings::child_has_a_small_destination");
}

#[test]
fn a_file_that_may_not_be_read_is_named_and_never_sealed_over() {
    let is_root = rustix::process::geteuid().is_root();
    // Root may read everything, but not, in a namespace of its own, what belongs to somebody whom that does not map.
    let wrapper = if is_root {
        vec![
            "unshare".to_owned(),
            "--user".to_owned(),
            "--map-root-user".to_owned(),
        ]
    } else {
        Vec::new()
    };
    let stage = Stage::run_under(wrapper);
    let file = attachment(&stage);
    if is_root {
        chown(&file, Some(SOMEBODY_ELSE), Some(SOMEBODY_ELSE)).expect("given away");
    }
    let mode = |mode| fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("set");
    mode(0);
    let name = file.file_name().expect("a name").to_str().expect("text");
    let run = stage.expect(&["stage-one"], 1);
    let found = finding(&run, "source-unreadable");
    assert!(found.subject.ends_with(name), "{found:#?}");
    stage.prepare();
    let run = stage.expect(&["stage-two"], 6);
    assert!(
        codes(&run).contains(&"source-unreadable"),
        "{:#?}",
        run.findings
    );

    mode(0o644);
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
fn a_source_clock_that_is_behind_hides_no_change() {
    let stage = Stage::new();
    let file = attachment(&stage);
    let folder = file.parent().expect("a folder");
    stage.migrate(&["stage-one"]);

    // As many bytes, others, and a time before that of the copy: "newer only" would never see it.
    let mut bytes = fs::read(&file).expect("read");
    for byte in &mut bytes {
        *byte = !*byte;
    }
    let time = fs::metadata(&file)
        .expect("there")
        .modified()
        .expect("a time");
    fs::write(&file, &bytes).expect("written");
    let set = |path: &Path, time: SystemTime| {
        let file = fs::File::options().write(true).open(path).expect("opened");
        file.set_modified(time).expect("set");
    };
    set(&file, time - Duration::from_mins(10));
    // A new file from long ago.
    let new = folder.join("LATE.001");
    fs::write(&new, b"from a clock that is years behind").expect("written");
    set(&new, SystemTime::UNIX_EPOCH + Duration::from_hours(24));

    stage.migrate(&["stage-one"]);
    let inner = folder.file_name().expect("a name").to_ascii_lowercase();
    let copied = stage.destination().join("offiles").join(inner);
    let name = file.file_name().expect("a name").to_ascii_lowercase();
    assert_eq!(fs::read(copied.join(name)).expect("copied"), bytes);
    assert_eq!(
        fs::read(copied.join("late.001")).expect("copied"),
        b"from a clock that is years behind"
    );
}

#[test]
fn times_that_all_moved_by_an_hour_are_recognised_and_said() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    let mut folders = vec![stage.source().to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("listed") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let file = fs::File::options().write(true).open(&path).expect("opened");
            let time = file.metadata().expect("there").modified().expect("a time");
            file.set_modified(time - Duration::from_hours(1))
                .expect("set");
        }
    }
    let run = stage.expect(&["stage-one"], 1);
    let found = finding(&run, "times-shifted");
    assert!(found.text.contains("hour"), "{found:#?}");
}
