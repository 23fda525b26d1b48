//! The Linux POA and what it is started with: it is never taken for stopped while it runs, and nothing of somebody else is written
//! over for it.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use harness::site::Site as _;

use crate::support::{Stage, finding};

fn stage() -> Stage {
    Stage::with(|options| options.site.with_poa = true)
}

fn agents_folder(stage: &Stage) -> PathBuf {
    let folder = stage.embedded().sheet.install_folder.clone();
    folder.expect("a folder")
}

/// The startup file that the POA is started with.
fn startup_file(stage: &Stage) -> PathBuf {
    let name = format!("{}.poa", stage.embedded().sheet.post_office);
    agents_folder(stage).join("share").join(name)
}

/// The converted one, kept in the job folder.
fn kept_file(stage: &Stage) -> PathBuf {
    let name = format!("{}.poa", stage.embedded().sheet.post_office);
    let folder = stage.embedded().sheet.job_folder.join("startup");
    folder.join(name)
}

fn answers(stage: &Stage) -> bool {
    TcpStream::connect(("127.0.0.1", stage.embedded().sheet.http_port)).is_ok()
}

/// Starts the POA by its control command, as a person does.
fn start_by_hand(stage: &Stage) {
    let started = Command::new(agents_folder(stage).join("bin/grpwise"))
        .arg("start")
        .arg(startup_file(stage))
        .stdout(Stdio::null())
        .status();
    assert!(started.expect("run").success() && answers(stage));
}

fn life(stage: &Stage) -> String {
    let status = stage.expect(&["status"], 0);
    let life = &status.result["status"]["life"]["life"];
    life.as_str().expect("a word").to_owned()
}

/// The lines of [poa] are taken out while the test POA runs: stopping it was "nothing to do", and it went on writing under the pass.
#[test]
fn a_poa_that_runs_and_that_the_worksheet_no_longer_names_is_not_taken_for_stopped() {
    let mut stage = stage();
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1) && answers(&stage), "{run:#?}");
    let package = stage.embedded_mut().sheet.package.take();
    stage.embedded().write_worksheet().expect("written");
    for arguments in [
        &["prepare"][..],
        &["stage-two"],
        &["abandon", "--yes"],
        &["stage-one"],
    ] {
        let run = stage.migrate(arguments);
        if run.exit_code != Some(5) {
            stage.embedded().stop_poa().expect("stopped");
        }
        assert_eq!(run.exit_code, Some(5), "{arguments:?}: {:#?}", run.findings);
        let found = finding(&run, "poa-not-named");
        assert!(found.remedy.contains("[poa]"), "{found:#?}");
    }
    assert!(answers(&stage));
    stage.embedded_mut().sheet.package = package;
    stage.embedded().write_worksheet().expect("written");
    stage.migrate(&["stage-one"]);
    stage.prepare();
    assert!(!answers(&stage));
}

/// The job stopped it, and somebody started it again by the control command.
#[test]
fn a_poa_that_somebody_started_again_is_stopped_before_the_last_pass() {
    let stage = stage();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    start_by_hand(&stage);
    let run = stage.migrate(&["stage-two"]);
    let is_stopped = !answers(&stage);
    stage.embedded().stop_poa().expect("stopped");
    assert!(is_stopped, "{run:#?}");
}

/// The server was started anew after the seal, and with it the POA of the test, which users cannot reach: `finish` gave the files
/// away under it, took it for the one that it started, and what it had changed for sealed.
#[test]
fn finish_starts_the_poa_itself_and_only_on_what_was_sealed() {
    let stage = stage();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    let database = stage.destination().join("wphost.db");
    let sealed = fs::read(&database).expect("read");
    start_by_hand(&stage);
    // What it writes where users do nothing is not much, and not known of the real one.
    fs::write(&database, "written by the POA").expect("written");
    let run = stage.migrate(&["finish"]);
    let (left, is_stopped) = (life(&stage), !answers(&stage));
    stage.embedded().stop_poa().expect("stopped");
    assert_eq!(run.exit_code, Some(5), "{:#?}", run.findings);
    let found = finding(&run, "destination-changed-since-seal");
    assert!(found.remedy.contains("stage-two"), "{found:#?}");
    assert_eq!((&*left, is_stopped), ("not-live", true));
    // Also where it does not run any more.
    finding(
        &stage.expect(&["finish"], 5),
        "destination-changed-since-seal",
    );

    stage.expect(&["stage-two"], 0);
    assert_eq!(fs::read(&database).expect("read"), sealed);
    stage.expect(&["finish"], 0);
    let is_live = answers(&stage);
    stage.embedded().stop_poa().expect("stopped");
    assert!(is_live);
}

/// Whether it was stopped was asked at the port that the worksheet names now, at which it never answered.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_poa_that_is_not_stopped_is_not_taken_for_stopped_by_another_port() {
    let mut stage = stage();
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1) && answers(&stage), "{run:#?}");
    let control = agents_folder(&stage).join("bin/grpwise");
    let kept = stage.folder.path().join("grpwise");
    fs::rename(&control, &kept).expect("moved");
    std::os::unix::fs::symlink("/bin/true", &control).expect("linked");
    let port = std::mem::replace(&mut stage.embedded_mut().sheet.http_port, 64_998);
    stage.embedded().write_worksheet().expect("written");
    stage.stop_source_poa();
    let run = stage.migrate(&["prepare"]);
    stage.embedded_mut().sheet.http_port = port;
    stage.embedded().write_worksheet().expect("written");
    let is_running = answers(&stage);
    fs::rename(&kept, &control).expect("moved back");
    stage.embedded().stop_poa().expect("stopped");
    assert!(is_running);
    assert_eq!(run.exit_code, Some(5), "{:#?}", run.findings);
    finding(&run, "poa-does-not-stop");
}

/// Another POA of that server has a startup file of this very name.
#[test]
fn a_startup_file_of_somebody_else_is_never_written_over() {
    let stage = stage();
    let path = startup_file(&stage);
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(&path, "--home /srv/other\n").expect("written");
    for command in ["check", "stage-one"] {
        let run = stage.migrate(&[command]);
        let said = fs::read_to_string(&path).expect("read");
        if said != "--home /srv/other\n" {
            stage.embedded().stop_poa().expect("stopped");
        }
        assert_eq!(said, "--home /srv/other\n", "{command}");
        assert_eq!(run.exit_code, Some(5), "{command}: {:#?}", run.findings);
        let mut found = run.findings.iter();
        let found = found.find(|one| one.text.contains(path.to_str().expect("UTF-8")));
        let found = found.unwrap_or_else(|| panic!("{:#?}", run.findings));
        assert!(
            ["startup-file", "file-of-somebody"].contains(&&*found.code),
            "{found:#?}"
        );
    }
    fs::remove_file(&path).expect("removed");
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    // Its own one it writes again, and `check` takes it for that.
    let run = stage.migrate(&["check"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    stage.embedded().stop_poa().expect("stopped");
}

/// What the worksheet says of ports and addresses after stage one is in no file that `finish` starts the POA with: it started at
/// the old port, was waited for at the new one, and counted as started for users.
#[test]
fn a_startup_file_that_says_something_else_than_the_worksheet_starts_nothing() {
    let mut stage = stage();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    let kept = kept_file(&stage).display().to_string();
    let (port, free) = (stage.embedded().sheet.http_port, 64_999);
    let mut with = |port: u16, address: &str| {
        stage.embedded_mut().sheet.http_port = port;
        address.clone_into(&mut stage.embedded_mut().sheet.poa_address);
        stage.embedded().write_worksheet().expect("written");
        stage.migrate(&["finish"])
    };
    let runs = [
        ("--httpport", with(free, "127.0.0.1")),
        ("--ip", with(port, "127.0.0.2")),
    ];
    let _ = with;
    stage.embedded().stop_poa().expect("stopped");
    for (switch, run) in runs {
        assert_eq!(run.exit_code, Some(5), "{switch}: {:#?}", run.findings);
        let found = finding(&run, "startup-file-differs");
        assert!(
            found.text.contains(switch) && found.remedy.contains(&kept),
            "{found:#?}"
        );
    }
    assert_eq!(life(&stage), "not-live");
    "127.0.0.1".clone_into(&mut stage.embedded_mut().sheet.poa_address);
    stage.embedded().write_worksheet().expect("written");
    // A port that something has meanwhile is named with the file that `finish` reads.
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("bound");
    let run = stage.expect(&["finish"], 5);
    let found = finding(&run, "port-taken");
    assert!(found.remedy.contains(&kept), "{found:#?}");
    drop(taken);
    stage.expect(&["finish"], 0);
    stage.embedded().stop_poa().expect("stopped");
}

/// What refuses to undo a job said so when the POA was stopped and its files were gone.
#[test]
fn an_abandoning_that_is_refused_has_undone_nothing() {
    let stage = stage();
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1) && answers(&stage), "{run:#?}");
    let marker = stage.destination().join(".gwmigrate-owner.json");
    let away = stage.folder.path().join("marker");
    fs::rename(&marker, &away).expect("moved");
    let run = stage.migrate(&["abandon", "--yes"]);
    let is_untouched = answers(&stage) && startup_file(&stage).exists();
    fs::rename(&away, &marker).expect("moved back");
    let undone = stage.migrate(&["abandon", "--yes"]);
    finding(&run, "destination-marker-missing");
    assert!(is_untouched, "{run:#?}");
    assert!(undone.is_fine() && !answers(&stage), "{undone:#?}");
}

/// Its software was removed, its section edited away, or the server started anew: the control command cannot stop what does not run,
/// and no command led on.
#[test]
fn a_poa_that_does_not_run_is_stopped_whatever_its_control_command_says() {
    let stage = stage();
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1) && answers(&stage), "{run:#?}");
    let control = agents_folder(&stage).join("bin/grpwise");
    let script = fs::read_to_string(&control).expect("a script");
    let broken = script.replace("#!/bin/sh\n", "#!/bin/sh\n[ \"$1\" = stop ] && exit 1\n");
    fs::write(&control, broken).expect("written");
    // While it runs, that is no answer.
    let run = stage.migrate(&["prepare"]);
    finding(&run, "remote-command-failed");
    fs::write(&control, &script).expect("written");
    stage.embedded().stop_poa().expect("stopped");
    fs::remove_file(&control).expect("removed");
    stage.prepare();
    stage.expect(&["abandon", "--yes"], 0);
}

/// Users were out when it was said that the POA has nothing to be started with.
#[test]
fn without_a_startup_file_users_do_not_go_out() {
    let stage = stage();
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{run:#?}");
    let kept = fs::read(kept_file(&stage)).expect("read");
    fs::remove_file(kept_file(&stage)).expect("removed");
    for arguments in [
        &["prepare", "--confirm", "source-poa-stopped", "--by", "Ann"][..],
        &["stage-two"],
    ] {
        let run = stage.expect(arguments, 5);
        finding(&run, "startup-file");
    }
    let status = stage.expect(&["status"], 0);
    let confirmed = status.result["status"]["checklist"].to_string();
    assert!(!confirmed.contains("source-poa-stopped"), "{confirmed}");
    fs::write(kept_file(&stage), kept).expect("written");
    stage.prepare();
    stage.expect(&["stage-two"], 0);
}
