//! What the administrator is told: where the job stands, who is at work, what is next, and how to go back.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use harness::site::Site as _;

use crate::support::{Stage, finding, wait_for_proof_of_rest};

fn stage(with_poa: bool) -> Stage {
    let stage = Stage::with(|options| options.site.with_poa = with_poa);
    stage.migrate(&["stage-one"]);
    stage
}

/// What `status` prints for people.
fn shown(stage: &Stage) -> String {
    let output = Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .arg("status")
        .output()
        .expect("run");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn begin(stage: &Stage, command: &str) -> Child {
    Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .arg(command)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("started")
}

/// Next and back, as `status` says them.
fn advice(stage: &Stage) -> (String, String) {
    let status = stage.expect(&["status"], 0);
    let text = |name: &str| status.result[name].as_str().expect("a text").to_owned();
    (text("next"), text("back"))
}

#[test]
fn whoever_asks_while_a_command_is_at_work_is_told_so_and_nothing_is_to_be_typed() {
    let stage = stage(false);
    assert!(advice(&stage).1.contains("users work on it"));
    stage.prepare();
    let mut at_work = begin(&stage, "stage-two");
    wait_for_proof_of_rest(&stage);
    let text = shown(&stage);
    at_work.wait().expect("ended");
    for wanted in [
        "[...] prove the source is at rest",
        "At work: ",
        "A worker is at work: ",
        ", since 20",
        "Next: nothing has to be typed",
        "Back: Start the POA at the source again",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(!text.contains("[cut]"), "{text}");
    assert_eq!(advice(&stage).0, "gwmigrate finish");
    // Dates and times of all that was done.
    let dated = shown(&stage)
        .lines()
        .filter(|line| line.contains("[ x ]") && line.contains(" UTC"))
        .count();
    assert!(dated > 10, "{dated}");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn behind_a_finish_that_failed_comes_finish() {
    let stage = stage(true);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    stage.embedded().let_poa_start(false).expect("kept");
    stage.expect(&["finish"], 5);
    let (next, back) = advice(&stage);
    assert_eq!(next, "gwmigrate finish");
    assert!(back.contains("POA at the source again"), "{back}");
    stage.embedded().let_poa_start(true).expect("let");
    stage.expect(&["finish"], 0);
    let (next, back) = advice(&stage);
    assert!(next.starts_with("gwmigrate queues"), "{next}");
    assert!(
        back.starts_with("Stop the Linux POA") && !back.contains("abandon"),
        "{back}"
    );
    // Users work already, and a second finish fails.
    stage.embedded().stop_poa().expect("stopped");
    stage.embedded().let_poa_start(false).expect("kept");
    let run = stage.migrate(&["finish"]);
    assert!(run.exit_code >= Some(4), "{:#?}", run.findings);
    assert_eq!(advice(&stage).0, "gwmigrate finish");
}

fn startup_file(stage: &Stage) -> PathBuf {
    let folder = stage
        .folder
        .path()
        .join("destination/opt/groupwise/agents/share");
    let name = format!("{}.poa", stage.embedded().sheet.post_office);
    folder.join(name)
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn abandon_undoes_what_was_done_says_what_stays_and_a_new_job_begins() {
    let stage = stage(true);
    assert!(startup_file(&stage).exists());
    let plan = stage.expect(&["abandon"], 0).result;
    assert!(startup_file(&stage).exists(), "only shown");
    assert!(plan["bytes_removed"].as_u64() > Some(100_000), "{plan:#}");
    let lines = plan["lines"].as_array().expect("lines");
    assert!(
        lines.iter().any(|line| {
            line["path"]
                .as_str()
                .is_some_and(|path| path.ends_with(": offiles"))
                && line["files"].as_u64() > Some(0)
        }),
        "{plan:#}"
    );
    let done = stage.expect(&["abandon", "--yes"], 0).result;
    assert!(!startup_file(&stage).exists());
    let stays = done["system"]["staying"].to_string();
    for what in ["software of the Linux POA", "job folder"] {
        assert!(stays.contains(what), "{what}: {stays}");
    }
    let (next, back) = advice(&stage);
    assert_eq!(next, "gwmigrate stage-one");
    assert!(back.contains("was undone"), "{back}");
    let text = shown(&stage);
    assert!(
        !text.contains("[ x ]") && text.contains("abandoned on 20"),
        "{text}"
    );
    // No first copy while users are out.
    let run = stage.migrate(&["stage-two"]);
    finding(&run, "stage-one-not-done");
    assert_eq!(
        fs::read_dir(stage.destination()).expect("listed").count(),
        0
    );
    let run = stage.migrate(&["stage-one"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
fn abandon_ends_a_worker_that_is_at_work_first() {
    let stage = stage(false);
    stage.prepare();
    let mut at_work = begin(&stage, "stage-two");
    wait_for_proof_of_rest(&stage);
    // Its controller is gone, and the worker goes on.
    at_work.kill().expect("killed");
    at_work.wait().expect("ended");
    let run = stage.migrate(&["abandon", "--take-over"]);
    assert_eq!(finding(&run, "worker-runs").code, "worker-runs");
    let run = stage.migrate(&["abandon", "--yes"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    assert_eq!(
        fs::read_dir(stage.destination()).expect("listed").count(),
        0
    );
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn verify_knows_that_users_work_and_tells_what_they_cannot_have_done() {
    let stage = stage(true);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    stage.expect(&["finish"], 0);
    stage.embedded().stop_poa().expect("stopped");
    let user = fs::read_dir(stage.destination().join("ofuser"))
        .expect("listed")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.extension().is_some_and(|end| end == "db"))
        .expect("a user");
    let mut bytes = fs::read(&user).expect("read");
    bytes.push(1);
    fs::write(&user, bytes).expect("written");
    fs::write(stage.destination().join("wpcsout/ofs/2/newmail.001"), "new").expect("written");
    let run = stage.expect(&["verify"], 0);
    let users = finding(&run, "changed-by-users");
    assert!(users.text.starts_with(char::is_numeric), "{users:#?}");
    // What is written once is another matter.
    let mut blobs = Vec::new();
    for folder in fs::read_dir(stage.destination().join("offiles"))
        .expect("listed")
        .flatten()
    {
        blobs.extend(
            fs::read_dir(folder.path())
                .expect("listed")
                .flatten()
                .map(|entry| entry.path()),
        );
    }
    fs::write(&blobs[0], "other").expect("written");
    fs::remove_file(&blobs[1]).expect("removed");
    let run = stage.expect(&["verify"], 1);
    finding(&run, "seal-differs");
    finding(&run, "seal-missing");
    assert_eq!(run.result["differences"], 2);
}

#[test]
fn a_command_for_a_job_that_is_not_there_is_a_mistake() {
    let stage = Stage::new();
    for command in ["stage-two", "finish", "queues"] {
        let run = stage.expect(&[command], 2);
        finding(&run, "no-job");
    }
    stage.expect(&["status"], 3);
}

#[test]
fn an_older_program_at_the_destination_is_told_by_its_version() {
    let stage = Stage::new();
    let job = stage.embedded().trees().job_folder.clone();
    fs::create_dir_all(&job).expect("made");
    let program = job.join("gwmigrate");
    // What every version has understood since the first, and how the one before answered.
    let script = "#!/bin/sh\ngrep -q '\"request\":\"hello\"' && echo '{\"reply\":\"hello\",\"protocol\":2,\"version\":\"0.0.9\"}'\n";
    fs::write(&program, script).expect("written");
    let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&program, executable).expect("set");
    let run = stage.expect(&["status"], 5);
    let told = finding(&run, "protocol");
    assert!(told.text.contains("0.0.9"), "{told:#?}");
}

/// The next command that it named would have taken the seal.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn behind_a_stage_one_whose_poa_did_not_start_what_is_sealed_is_finished() {
    let stage = Stage::with(|options| options.site.with_poa = true);
    let port = stage.embedded().sheet.http_port;
    let taken = std::net::TcpListener::bind(("127.0.0.1", port)).expect("bound");
    stage.expect(&["stage-one"], 5);
    drop(taken);
    stage.prepare();
    let run = stage.migrate(&["stage-two"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    assert_eq!(advice(&stage).0, "gwmigrate finish");
    stage.expect(&["finish"], 0);
    stage.embedded().stop_poa().expect("stopped");
}

/// A virus scanner removes a program; the job is there all the same.
#[test]
fn a_job_whose_program_is_gone_is_no_job_that_is_not_there() {
    let stage = stage(false);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    let program = stage.embedded().sheet.job_folder.join("gwmigrate");
    fs::remove_file(&program).expect("removed");
    let status = stage.expect(&["status"], 0);
    assert_eq!(status.result["next"], "gwmigrate finish");
    fs::remove_file(&program).expect("put back, and removed again");
    stage.expect(&["finish"], 0);
}
