//! Whoever looks on from another terminal, and what they ask of the worker: to pause, to go on, to stop.
//!
//! A database whose lock is held at the source keeps a pass waiting for exactly as long as a test wants.

use std::fs::{self, File, OpenOptions};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use harness::site::Site as _;
use rustix::fs::{FlockOperation, fcntl_lock};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Stage, codes, finding, wait_for_proof_of_rest, wait_until};

/// A command of the migrator that runs beside the test.
struct Running(Child);

impl Running {
    fn begin(stage: &Stage, arguments: &[&str]) -> Self {
        let child = Command::new(stage.embedded().migrator())
            .arg("--json")
            .arg("--worksheet")
            .arg(stage.embedded().worksheet_path())
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        Self(child.expect("started"))
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.0), signal).expect("sent");
    }

    /// What it has said, line by line, and its exit code.
    fn end(mut self) -> (Vec<Value>, Option<i32>) {
        let mut text = String::new();
        let out = self.0.stdout.as_mut().expect("piped");
        out.read_to_string(&mut text).expect("text");
        let code = self.0.wait().expect("ended").code();
        let lines = text.lines().map(serde_json::from_str);
        (lines.collect::<Result<_, _>>().expect("JSON"), code)
    }
}

fn databases(stage: &Stage) -> Vec<PathBuf> {
    let folder = fs::read_dir(stage.source().join("OFUSER")).expect("listed");
    let paths = folder.map(|entry| entry.expect("an entry").path());
    let mut databases: Vec<PathBuf> = paths
        .filter(|path| path.extension().is_some_and(|extension| extension == "DB"))
        .collect();
    databases.sort();
    databases
}

/// Holds the lock of a database, as a program of the source does that writes it.
fn hold(database: &Path) -> File {
    let file = OpenOptions::new().read(true).write(true).open(database);
    let file = file.expect("opened");
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).expect("free");
    file
}

fn status(stage: &Stage) -> Value {
    stage.expect(&["status"], 0).result
}

fn worker(stage: &Stage) -> Value {
    status(stage)["status"]["running"].clone()
}

/// Begins a pass of stage one that waits for a database, and gives what holds that.
fn waiting_pass(stage: &Stage) -> (Running, File) {
    let held = hold(&databases(stage)[0]);
    let stage_one = Running::begin(stage, &["stage-one"]);
    let job = stage.embedded().sheet.job_folder.clone();
    // All other files are there once the databases are copied.
    wait_until("the pass never came to the databases", || {
        let log = fs::read_to_string(job.join("events.jsonl")).unwrap_or_default();
        log.contains("\"copy the databases\"")
    });
    assert_eq!(worker(stage)["task"], "stage-one-pass");
    (stage_one, held)
}

fn guardian_is_there(stage: &Stage) -> bool {
    stage.destination().join("ngwguard.db").exists()
}

fn events(stage: &Stage) -> Vec<u8> {
    fs::read(stage.embedded().sheet.job_folder.join("events.jsonl")).expect("read")
}

#[test]
fn what_is_at_work_is_shown_until_its_order_ends_and_nothing_is_taken() {
    let stage = Stage::new();
    for command in ["watch", "pause", "resume", "stop"] {
        let run = stage.expect(&[command], 3);
        assert_eq!(codes(&run), ["no-job"], "{command}");
    }
    let (stage_one, held) = waiting_pass(&stage);
    let left = Running::begin(&stage, &["watch"]);
    let watching = Running::begin(&stage, &["watch"]);
    std::thread::sleep(Duration::from_secs(1));
    // Whoever leaves leaves the worker alone, and hears how to end it.
    left.signal(Signal::INT);
    let (lines, code) = left.end();
    assert_eq!(code, Some(130));
    let said = lines.last().expect("a line").to_string();
    assert!(
        said.contains("goes on") && said.contains("`gwmigrate stop`"),
        "{said}"
    );
    let state = status(&stage);
    assert_eq!(state["status"]["running"]["task"], "stage-one-pass");
    assert!(
        state["status"]["controller"]["who"].is_string(),
        "{state:#?}"
    );
    drop(held);
    let (lines, code) = watching.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    let events: Vec<&Value> = lines.iter().map(|line| &line["worker"]).collect();
    let of = |name: &str| events.iter().filter(|event| event["event"] == name).count();
    // From the first event of the order to its last.
    assert_eq!((of("started"), of("finished")), (1, 1), "{lines:#?}");
    assert!(of("phase") > 1, "{lines:#?}");
    let (_, code) = stage_one.end();
    assert_eq!(code, Some(0));
    for command in ["watch", "pause", "resume", "stop"] {
        let run = stage.expect(&[command], 3);
        assert_eq!(codes(&run), ["nothing-at-work"], "{command}");
    }
}

#[test]
fn a_paused_worker_begins_nothing_holds_no_lock_and_outlives_its_controller() {
    let stage = Stage::new();
    let (stage_one, held) = waiting_pass(&stage);
    let run = stage.expect(&["pause"], 0);
    assert_eq!(run.result["worker"]["task"], "stage-one-pass");
    stage.expect(&["pause"], 3);
    drop(held);
    // What was in hand comes to its end; the guardian, which comes behind all databases, is not begun.
    let copy = databases(&stage)[0]
        .file_name()
        .expect("a name")
        .to_ascii_lowercase();
    let copy = stage.destination().join("ofuser").join(copy);
    wait_until("the database in hand was never copied", || copy.exists());
    std::thread::sleep(Duration::from_secs(1));
    let locks: Vec<File> = databases(&stage).iter().map(|path| hold(path)).collect();
    drop(locks);
    let before = events(&stage);
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(before, events(&stage));
    assert!(!guardian_is_there(&stage));

    stage_one.signal(Signal::KILL);
    stage_one.end();
    let state = status(&stage);
    assert_eq!(state["status"]["running"]["wish"]["wish"], "pause");
    let next = state["next"].as_str().expect("a text");
    assert!(next.starts_with("gwmigrate resume"), "{next}");
    let watching = Running::begin(&stage, &["watch"]);
    stage.expect(&["resume"], 0);
    stage.expect(&["resume"], 3);
    let (lines, code) = watching.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    assert!(guardian_is_there(&stage));
    let run = stage.migrate(&["stage-one", "--take-over"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
fn a_stopped_order_ends_its_command_as_an_interruption_and_the_next_run_goes_on() {
    let stage = Stage::new();
    let (stage_one, held) = waiting_pass(&stage);
    stage.expect(&["pause"], 0);
    let stopping = Running::begin(&stage, &["stop"]);
    // It ends with what it has in hand, which is the database that it waits for.
    let wish = || worker(&stage)["wish"]["wish"].clone();
    wait_until("it never heard that", || wish() == "stop");
    stage.expect(&["resume"], 3);
    drop(held);
    let (lines, code) = stopping.end();
    assert_eq!(code, Some(0), "{lines:#?}");
    let end = lines.last().expect("a line");
    assert_eq!(end["result"]["came_to_its_end"], false, "{end:#?}");
    let (lines, code) = stage_one.end();
    assert_eq!(code, Some(130), "{lines:#?}");
    let end = lines.last().expect("a line");
    let stopped = |finding: &Value| finding["code"] == "stopped";
    let findings = end["findings"].as_array().expect("a list");
    assert!(findings.iter().any(stopped), "{end:#?}");
    assert!(worker(&stage).is_null() && !guardian_is_there(&stage));

    let run = stage.expect(&["stage-one"], 0);
    assert!(guardian_is_there(&stage), "{run:#?}");
    let passes = status(&stage)["status"]["passes"].clone();
    let [first, second] = &passes.as_array().expect("a list")[..] else {
        panic!("two passes: {passes:#?}");
    };
    let count = |pass: &Value, name: &str| pass[name].as_u64().expect("a number");
    // What was durable was recorded, so that it is not copied again.
    assert!(first["ended_milliseconds"].is_number(), "{passes:#?}");
    assert_eq!(
        count(second, "files_unchanged"),
        count(first, "files_copied")
    );
    assert!(count(second, "files_copied") > 0, "{passes:#?}");
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_pause_dies_with_its_worker_and_is_loud_while_users_wait() {
    let mut stage = Stage::new();
    stage.embedded_mut().sheet.quiet_seconds = 5;
    stage.embedded().write_worksheet().expect("written");
    stage.expect(&["stage-one"], 0);
    stage.prepare();
    let stage_two = Running::begin(&stage, &["stage-two"]);
    wait_for_proof_of_rest(&stage);
    let output = Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .arg("pause")
        .output()
        .expect("run");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("USERS ARE OUT AND WAIT"), "{text}");
    let paused = worker(&stage);
    assert_eq!(paused["task"], "at-rest");
    let pid = paused["pid"]
        .as_i64()
        .and_then(|pid| i32::try_from(pid).ok());
    let pid = pid.and_then(Pid::from_raw).expect("a process");
    kill_process(pid, Signal::KILL).expect("killed");
    let (lines, code) = stage_two.end();
    assert_eq!(code, Some(4), "{lines:#?}");
    let run = stage.migrate(&["stage-two"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    finding(&stage.expect(&["resume"], 3), "nothing-at-work");
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
fn little_or_much_is_said_in_colors_or_without_and_a_log_file_has_all() {
    let stage = Stage::new();
    let log = stage.folder.path().join("night.log");
    let said = |arguments: &[&str], no_color: bool| {
        let mut command = Command::new(stage.embedded().migrator());
        command
            .arg("--worksheet")
            .arg(stage.embedded().worksheet_path())
            .args(["--log-file", log.to_str().expect("text")])
            .args(arguments)
            .env_remove("NO_COLOR");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        let output = command.output().expect("run");
        let text = String::from_utf8(output.stdout).expect("text");
        (text, output.status.code())
    };
    let (text, code) = said(&["--quiet", "stage-one"], false);
    assert_eq!(code, Some(0));
    assert_eq!(text.lines().count(), 1, "{text}");
    let (text, _) = said(&["stage-one", "-v"], false);
    assert!(
        text.contains("done    copy data") && text.contains("      copy: "),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "no terminal: {text}");
    let (text, _) = said(&["stage-one", "--color", "always"], true);
    assert!(text.contains("\u{1b}[32mdone\u{1b}[0m"), "{text}");
    let text = fs::read_to_string(&log).expect("written");
    assert_eq!(text.matches("copy-data begins").count(), 3, "{text}");
    assert!(text.contains("\"event\":\"finished\""), "{text}");
    let (_, code) = said(&["--log-file", "/nowhere/at/all", "status"], false);
    assert_eq!(code, Some(2));
}
