//! Workers and connections that are cut off, and going on afterwards.

use harness::site::Site as _;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};

use harness::faults::KILL_AT_JOURNAL;

use crate::support::{Stage, codes, finding, wait_for_proof_of_rest};

fn killed_at(moment: u64) -> BTreeMap<String, String> {
    BTreeMap::from([(KILL_AT_JOURNAL.to_owned(), moment.to_string())])
}

/// Stage two, which goes on by itself.
fn begin_stage_two(stage: &Stage) -> Child {
    Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .args(["--json", "stage-two"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("started")
}

/// What the last line says of how it ended.
fn end_of(output: &str) -> serde_json::Value {
    let line = output.lines().last().expect("a line");
    serde_json::from_str(line).expect("JSON")
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
    let mut controller = begin_stage_two(&stage);
    wait_for_proof_of_rest(&stage);
    stage.embedded().server.drop_connections();
    let output = controller.wait_with_output_text();
    assert!(
        output.contains("The connection broke and was made again"),
        "{output}"
    );
    assert_eq!(end_of(&output)["exit_code"], 0, "{output}");
    assert_eq!(stage.differences(), Vec::<String>::new());
}

/// A server that was just started takes a connection and closes it again: that ended the command, while the worker went on.
#[test]
fn a_connection_that_breaks_while_it_is_made_again_is_made_once_more() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let mut controller = begin_stage_two(&stage);
    wait_for_proof_of_rest(&stage);
    let server = &stage.embedded().server;
    server.drop_connections();
    // Somewhere among the keys that both sides exchange.
    server.cut_after_bytes(700);
    let output = controller.wait_with_output_text();
    assert!(!server.take_back_cut(), "{output}");
    assert_eq!(end_of(&output)["exit_code"], 0, "{output}");
    assert_eq!(stage.differences(), Vec::<String>::new());
}

trait WaitWithOutputText {
    fn wait_with_output_text(&mut self) -> String;
}

impl WaitWithOutputText for Child {
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

/// A controller that asked for the lease and died left its question behind, and each later one gave the lease up at once.
#[test]
fn a_question_for_the_lease_that_nobody_asks_any_more_takes_no_lease_away() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    let asked = stage
        .embedded()
        .sheet
        .job_folder
        .join("controller.take-over");
    std::fs::write(&asked, "").expect("written");
    stage.prepare();
    assert!(!asked.exists());
}

#[test]
fn an_interrupted_controller_says_so_and_the_worker_comes_to_its_end() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let mut controller = begin_stage_two(&stage);
    wait_for_proof_of_rest(&stage);
    let pid = rustix::process::Pid::from_child(&controller);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("sent");
    let output = controller.wait_with_output_text();
    assert_eq!(end_of(&output)["exit_code"], 130, "{output}");
    // The same command goes on, whether the worker of the first one is still at work or not.
    let run = stage.migrate(&["stage-two"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

/// The machine of the controller falls asleep, or vanishes without closing its connection.
#[test]
fn a_job_is_taken_over_from_a_controller_that_vanished_and_that_one_stops() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let mut vanished = Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .arg("stage-two")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started");
    wait_for_proof_of_rest(&stage);
    let pid = rustix::process::Pid::from_child(&vanished);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("stopped");

    let run = stage.expect(&["stage-two"], 5);
    let busy = finding(&run, "controller-busy");
    assert!(
        busy.text.contains("since 20") && busy.remedy.contains("--take-over"),
        "{busy:#?}"
    );
    let run = stage.migrate(&["stage-two", "--take-over"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    let from = finding(&run, "taken-over");
    assert!(from.text.contains("process"), "{from:#?}");
    assert_eq!(stage.differences(), Vec::<String>::new());

    rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("goes on");
    let output = {
        vanished.wait().expect("ended");
        vanished.wait_with_output().expect("read")
    };
    let said = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    // The one that took over is done by now.
    assert_eq!(output.status.code(), Some(4), "{said}");
    assert!(said.contains("lease-lost"), "{said}");
    let status = stage.expect(&["status"], 0);
    assert_eq!(status.result["next"], "gwmigrate finish");
}

/// The same where its connection broke meanwhile: the lease was free again when it came back, so it took it and went on with its
/// own steps behind the end of the other one.
#[test]
fn a_controller_that_comes_back_behind_another_one_does_not_go_on() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let mut vanished = begin_stage_two(&stage);
    wait_for_proof_of_rest(&stage);
    let pid = rustix::process::Pid::from_child(&vanished);
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("stopped");
    stage.embedded().server.drop_connections();

    let run = stage.migrate(&["stage-two", "--take-over"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    let generations = || stage.expect(&["status"], 0).result["status"]["generations"].clone();
    let before = generations();

    rustix::process::kill_process(pid, rustix::process::Signal::CONT).expect("goes on");
    let output = vanished.wait_with_output_text();
    let end = end_of(&output);
    assert_eq!(end["exit_code"], 4, "{output}");
    assert!(output.contains("lease-lost"), "{output}");
    assert_eq!(generations(), before, "it changed nothing");
    assert_eq!(stage.differences(), Vec::<String>::new());
}
