//! Workers and connections that are cut off, and going on afterwards.

use harness::site::Site as _;
use std::collections::BTreeMap;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::faults::KILL_AT_JOURNAL;

use crate::support::{Stage, codes, finding};

fn killed_at(moment: u64) -> BTreeMap<String, String> {
    BTreeMap::from([(KILL_AT_JOURNAL.to_owned(), moment.to_string())])
}

#[test]
fn a_killed_worker_is_noticed_and_the_same_command_goes_on() {
    let stage = Stage::new();
    // Late enough that the job is there, early enough that nothing is sealed.
    stage.embedded().server.set_environment(killed_at(9));
    let run = stage.expect(&["stage-one"], 4);
    assert!(codes(&run).contains(&"worker-died"), "{:#?}", run.findings);
    stage.embedded().server.set_environment(BTreeMap::new());
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let run = stage.migrate(&["stage-two"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    assert_eq!(stage.differences(), Vec::<String>::new());
    stage.expect(&["verify"], 0);
}

#[test]
fn a_cut_connection_is_made_again_and_following_goes_on() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    // The proof of rest waits a second, which is when the connection is cut.
    let mut controller = Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .args(["--json", "stage-two"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    wait_for_proof_of_rest(&stage);
    stage.embedded().server.drop_connections();
    let output = controller.wait_with_output_text();
    assert!(
        output.contains("The connection broke and was made again"),
        "{output}"
    );
    let end: serde_json::Value =
        serde_json::from_str(output.lines().last().expect("a line")).expect("JSON");
    assert_eq!(end["exit_code"], 0, "{output}");
    assert_eq!(stage.differences(), Vec::<String>::new());
}

trait WaitWithOutputText {
    fn wait_with_output_text(&mut self) -> String;
}

impl WaitWithOutputText for std::process::Child {
    fn wait_with_output_text(&mut self) -> String {
        let mut text = String::new();
        std::io::Read::read_to_string(self.stdout.as_mut().expect("piped"), &mut text)
            .expect("text");
        self.wait().expect("ended");
        text
    }
}

#[test]
fn a_second_controller_on_the_same_job_is_refused_and_status_is_not() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    let sheet = &stage.embedded().sheet;
    let mut holder = Command::new(sheet.job_folder.join("gwmigrate"))
        .args([
            "worker",
            "hold",
            "--who",
            "the first controller",
            "--job-folder",
        ])
        .arg(&sheet.job_folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    let mut line = String::new();
    let stdout = holder.stdout.take().expect("piped");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(stdout), &mut line).expect("a line");
    assert!(line.contains("held"), "{line}");

    let run = stage.expect(&["stage-one"], 5);
    assert!(
        finding(&run, "controller-busy")
            .text
            .contains("the first controller")
    );
    stage.expect(&["status"], 0);

    drop(holder.stdin.take());
    holder.wait().expect("ended");
    let run = stage.migrate(&["stage-one"]);
    assert!(
        !codes(&run).contains(&"controller-busy"),
        "{:#?}",
        run.findings
    );
}

/// Waits until the worker proves that the source is at rest, which takes a second.
fn wait_for_proof_of_rest(stage: &Stage) {
    let until = Instant::now() + Duration::from_secs(20);
    let lock = stage.embedded().sheet.job_folder.join("worker.lock");
    while !std::fs::read_to_string(&lock)
        .unwrap_or_default()
        .contains("at-rest")
    {
        assert!(Instant::now() < until, "the proof of rest never began");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_interrupted_controller_says_so_and_the_worker_comes_to_its_end() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let mut controller = Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .args(["--json", "stage-two"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("started");
    wait_for_proof_of_rest(&stage);
    let pid = rustix::process::Pid::from_child(&controller);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("sent");
    let output = controller.wait_with_output_text();
    let end: serde_json::Value =
        serde_json::from_str(output.lines().last().expect("a line")).expect("JSON");
    assert_eq!(end["exit_code"], 130, "{output}");
    // The same command goes on, whether the worker of the first one is still at work or not.
    let run = stage.migrate(&["stage-two"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    assert_eq!(stage.differences(), Vec::<String>::new());
}
