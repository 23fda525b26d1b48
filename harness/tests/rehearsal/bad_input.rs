//! Bad input and failures: each gives one clear finding with code, meaning and remedy, and the documented exit code, and
//! leaves both sides as they were or resumable.

use harness::site::Site as _;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::{Duration, SystemTime};

use harness::checks::Snapshot;

use crate::support::{Stage, codes, finding};

/// What the command must leave as it was.
fn snapshots(stage: &Stage) -> (Snapshot, Vec<String>) {
    let source = Snapshot::take(stage.source()).expect("taken");
    (source, names(&stage.folder.path().join("destination")))
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .expect("listed")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    names.sort();
    names
}

fn assert_unchanged(stage: &Stage, before: &(Snapshot, Vec<String>)) {
    let now = snapshots(stage);
    assert_eq!(
        before.0.differences(&now.0),
        Vec::<String>::new(),
        "the source"
    );
    assert_eq!(before.1, now.1, "the destination");
}

#[test]
fn a_worksheet_with_several_mistakes_shows_all_with_their_lines() {
    let stage = Stage::new();
    let path = stage.embedded().worksheet_path();
    let sheet = fs::read_to_string(&path).expect("read");
    let sheet = sheet
        .replace("kind = \"mounted\"", "kind = \"floppy\"")
        .replace("user = ", "usr = ");
    let sheet = sheet.replace("quiet_seconds = 1", "quiet_seconds = \"soon\"");
    fs::write(&path, &sheet).expect("written");
    let before = snapshots(&stage);
    let run = stage.expect(&["stage-one"], 2);
    let lines = |wanted: &str| {
        sheet
            .lines()
            .position(|line| line.contains(wanted))
            .map(|line| line + 1)
    };
    for wanted in ["floppy", "usr = ", "soon"] {
        let line = format!("line {}", lines(wanted).expect("there"));
        assert!(
            run.findings.iter().any(|finding| finding.subject == line),
            "{line}: {:#?}",
            run.findings
        );
    }
    assert_unchanged(&stage, &before);
}

#[test]
fn an_unreachable_host_is_temporary() {
    let mut stage = Stage::new();
    stage.embedded_mut().sheet.server = ([127, 0, 0, 1], 1).into();
    stage.embedded().write_worksheet().expect("written");
    let before = snapshots(&stage);
    let run = stage.expect(&["check"], 4);
    assert!(
        finding(&run, "remote-unreachable")
            .subject
            .contains("127.0.0.1")
    );
    assert_unchanged(&stage, &before);
}

#[test]
fn an_unknown_host_key_is_refused_with_the_line_to_add() {
    let stage = Stage::new();
    let known_hosts = stage.embedded().sheet.known_hosts.clone();
    let line = fs::read_to_string(&known_hosts).expect("read");
    fs::write(&known_hosts, "").expect("written");
    let before = snapshots(&stage);
    let run = stage.expect(&["stage-one"], 5);
    let found = &run.findings[0];
    assert!(
        found.text.contains("SHA256:") || found.remedy.contains("SHA256:"),
        "{found:#?}"
    );
    assert!(found.remedy.contains(line.trim()), "{found:#?}");
    assert_unchanged(&stage, &before);
}

#[test]
fn a_changed_host_key_is_refused() {
    let stage = Stage::new();
    let other = harness::ssh_server::KeyPair::generate()
        .expect("a key")
        .public_line();
    let address = stage.embedded().sheet.server;
    let line = format!("[{}]:{} {other}\n", address.ip(), address.port());
    fs::write(&stage.embedded().sheet.known_hosts, line).expect("written");
    let before = snapshots(&stage);
    let run = stage.expect(&["stage-one"], 5);
    let found = finding(&run, "host-key-changed");
    assert!(found.remedy.contains("known_hosts"), "{found:#?}");
    assert_unchanged(&stage, &before);
}

#[test]
fn a_wrong_key_is_a_mistake_of_the_worksheet() {
    let mut stage = Stage::new();
    let path = stage.folder.path().join("keys/other");
    harness::ssh_server::KeyPair::generate()
        .expect("a key")
        .write_private(&path)
        .expect("written");
    stage.embedded_mut().sheet.key = path;
    stage.embedded().write_worksheet().expect("written");
    let before = snapshots(&stage);
    let run = stage.expect(&["stage-one"], 2);
    assert_eq!(run.findings.len(), 1, "{:#?}", run.findings);
    assert_unchanged(&stage, &before);
}

#[test]
fn a_destination_folder_that_is_not_empty_is_refused() {
    let stage = Stage::new();
    fs::create_dir_all(stage.destination()).expect("made");
    fs::write(stage.destination().join("mine.txt"), b"somebody's").expect("written");
    let run = stage.expect(&["stage-one"], 5);
    assert!(
        finding(&run, "destination-not-empty")
            .text
            .contains("mine.txt")
    );
    assert_eq!(names(stage.destination()), ["mine.txt"]);
}

#[test]
fn a_source_without_its_marker_is_refused_before_and_after_the_first_pass() {
    let stage = Stage::new();
    let marker = stage.source().join("WPHOST.DB");
    let aside = stage.folder.path().join("wphost.aside");
    fs::rename(&marker, &aside).expect("moved");
    let run = stage.expect(&["stage-one"], 5);
    assert!(
        finding(&run, "source-marker-missing")
            .text
            .contains("wphost.db")
    );
    fs::rename(&aside, &marker).expect("moved back");
    stage.migrate(&["stage-one"]);
    let copied = names(stage.destination());

    // An empty mount point must not look like an empty post office.
    let away = stage.folder.path().join("source/away");
    fs::rename(stage.source(), &away).expect("moved");
    fs::create_dir(stage.source()).expect("made");
    let run = stage.expect(&["stage-one"], 5);
    finding(&run, "source-marker-missing");
    assert_eq!(names(stage.destination()), copied, "nothing was removed");
    fs::remove_dir(stage.source()).expect("removed");
    fs::rename(&away, stage.source()).expect("moved back");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}

#[test]
fn names_that_would_become_one_stop_check_and_stage_one() {
    let stage = Stage::new();
    fs::write(stage.source().join("OFFILES/FD0/Twin.001"), b"one").expect("written");
    fs::write(stage.source().join("OFFILES/FD0/TWIN.001"), b"two").expect("written");
    let before = snapshots(&stage);
    let run = stage.expect(&["check"], 5);
    finding(&run, "name-collision");
    assert_unchanged(&stage, &before);
    let run = stage.expect(&["stage-one"], 5);
    assert!(codes(&run).contains(&"name-collision"));
    fs::remove_file(stage.source().join("OFFILES/FD0/Twin.001")).expect("removed");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}

#[test]
fn links_pipes_and_sockets_of_the_source_are_reported_and_not_followed() {
    let stage = Stage::new();
    let folder = stage.source().join("OFFILES/FD0");
    std::os::unix::fs::symlink("/etc/hostname", folder.join("LINK.001")).expect("linked");
    let pipe = std::process::Command::new("mkfifo")
        .arg(folder.join("PIPE.001"))
        .status()
        .expect("run");
    assert!(pipe.success());
    let _socket = UnixListener::bind(folder.join("SOCK.001")).expect("bound");
    let run = stage.expect(&["check"], 1);
    assert_eq!(
        codes(&run)
            .iter()
            .filter(|code| **code == "not-a-file")
            .count(),
        3,
        "{:#?}",
        run.findings
    );
    let run = stage.expect(&["stage-one"], 1);
    assert!(codes(&run).contains(&"not-a-file"));
    let copied = names(&stage.destination().join("offiles/fd0"));
    assert!(
        !copied
            .iter()
            .any(|name| name.contains("link") || name.contains("pipe")),
        "{copied:?}"
    );
}

#[test]
fn strange_names_are_copied_as_they_are() {
    let stage = Stage::new();
    let folder = stage.source().join("OFFILES/FD0");
    let long = "L".repeat(255);
    let strange: [&[u8]; 4] = [b"A\nB.001", b"NOT\xffUTF8.001", long.as_bytes(), b"-RF *"];
    for name in strange {
        fs::write(folder.join(std::ffi::OsStr::from_bytes(name)), name).expect("written");
    }
    let run = stage.expect(&["stage-one"], 1);
    let kept = finding(&run, "name-kept");
    assert!(kept.subject.contains("NOT\\xffUTF8"), "{kept:#?}");
    stage.prepare();
    stage.expect(&["stage-two"], 1);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn folders_deeper_than_the_limit_are_reported_and_not_sealed_over() {
    let stage = Stage::new();
    let mut folder = stage.source().join("OFWORK");
    for level in 0..postoffice::names::PATH_DEPTH_MAX + 3 {
        folder = folder.join(format!("D{level}"));
    }
    fs::create_dir_all(&folder).expect("made");
    fs::write(folder.join("deep"), b"x").expect("written");
    let run = stage.expect(&["check"], 1);
    finding(&run, "path-too-deep");
    let run = stage.expect(&["stage-one"], 1);
    finding(&run, "path-too-deep");
    // Nothing at the destination stands for what lies too deep, so nothing may be called equal.
    stage.prepare();
    let run = stage.expect(&["stage-two"], 6);
    assert!(
        codes(&run).contains(&"path-too-deep"),
        "{:#?}",
        run.findings
    );
    let seal = stage.embedded().trees().job_folder.join("seal.json");
    assert!(!seal.exists(), "it was sealed over");
    finding(&stage.expect(&["finish"], 5), "not-sealed");
    // The remedy: whoever made such folders moves them away.
    fs::remove_dir_all(stage.source().join("OFWORK/D0")).expect("moved away");
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
fn a_clock_that_is_an_hour_ahead_is_recognised() {
    let stage = Stage::new();
    let file = fs::File::options()
        .write(true)
        .open(stage.source().join("WPHOST.DB"))
        .expect("opened");
    file.set_modified(SystemTime::now() + Duration::from_hours(1))
        .expect("set");
    let run = stage.expect(&["stage-one"], 1);
    assert!(
        finding(&run, "clock-ahead")
            .text
            .contains("seconds in the future")
    );
}

#[test]
fn a_poa_that_still_answers_at_the_source_stops_stage_two() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let port = stage.embedded().sheet.source_ports[0];
    let _poa = std::net::TcpListener::bind(("127.0.0.1", port)).expect("bound");
    let run = stage.expect(&["stage-two"], 5);
    assert!(
        finding(&run, "source-poa-answers")
            .text
            .contains(&port.to_string())
    );
}

#[test]
fn stage_two_is_refused_before_stage_one_and_before_the_checklist() {
    let stage = Stage::new();
    let run = stage.expect(&["stage-two"], 2);
    assert!(finding(&run, "no-job").remedy.contains("stage-one"));
    stage.migrate(&["stage-one"]);
    let run = stage.expect(&["stage-two"], 1);
    assert!(
        finding(&run, "checklist-open")
            .remedy
            .contains("--confirm replicated")
    );
    let run = stage.expect(&["finish"], 5);
    finding(&run, "not-sealed");
}

#[test]
fn abandon_shows_first_and_then_leaves_nothing_but_the_job_folder() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    fs::write(
        stage.destination().join("ofuser/foreign.txt"),
        b"somebody's",
    )
    .expect("written");
    let before = names(stage.destination());
    let run = stage.expect(&["abandon"], 0);
    assert_eq!(run.result["is_done"], false);
    assert!(
        run.result["files_removed"].as_u64() > Some(200),
        "{:#?}",
        run.result
    );
    assert_eq!(names(stage.destination()), before, "only shown");
    let source = Snapshot::take(stage.source()).expect("taken");
    let run = stage.expect(&["abandon", "--yes"], 0);
    assert_eq!(run.result["set_aside"], 1, "{:#?}", run.result);
    assert_eq!(names(stage.destination()), Vec::<String>::new());
    let kept = stage
        .embedded()
        .sheet
        .job_folder
        .join("quarantine/0/ofuser/foreign.txt");
    assert_eq!(fs::read(kept).expect("kept"), b"somebody's");
    assert_eq!(
        source.differences(&Snapshot::take(stage.source()).expect("taken")),
        Vec::<String>::new()
    );
}

#[test]
fn lowercase_shows_its_plan_carries_it_out_and_takes_it_back() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    fs::rename(
        stage.destination().join("ofviews"),
        stage.destination().join("OFVIEWS"),
    )
    .expect("renamed");
    let run = stage.expect(&["lowercase", "--plan"], 0);
    assert_eq!(run.result["planned"], 1, "{:#?}", run.result);
    assert_eq!(run.result["lines"][0]["old"], "OFVIEWS");
    assert!(stage.destination().join("OFVIEWS").exists(), "only shown");
    let run = stage.expect(&["lowercase", "--undo"], 0);
    assert_eq!(run.result["renamed"], 0);
}
