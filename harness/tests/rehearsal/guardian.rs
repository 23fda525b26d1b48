//! The guardian step from the command line: each engine, and everything that keeps one from converting.

use harness::site::Site as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Stage, codes, finding};

/// What the harness's own program becomes when it is started under the name of GWCheck.
fn install_gwcheck(stage: &Stage) {
    let path = stage.embedded().sheet.gwcheck.as_ref().expect("named");
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::os::unix::fs::symlink(crate::support::program(), path).expect("linked");
}

/// A program in the place of GWCheck that finds an error and ends with this code.
fn install_failing(stage: &Stage, code: i32) {
    install_script(stage, &format!("echo 'Error 8209 (0xC05D)'\nexit {code}"));
}

/// A shell script in the place of GWCheck.
fn install_script(stage: &Stage, script: &str) {
    let path = stage.embedded().sheet.gwcheck.as_ref().expect("named");
    fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    fs::write(path, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("set");
}

fn set_engine(stage: &mut Stage, engine: &str) {
    stage.embedded_mut().sheet.guardian_engine = Some(engine.to_owned());
    stage.embedded().write_worksheet().expect("written");
}

/// Everything before a stage two that leaves the guardian to GWCheck.
fn prepared_for_gwcheck() -> Stage {
    let mut stage = Stage::with_opaque_guardian();
    prepared(&stage);
    set_engine(&mut stage, "gwcheck");
    stage
}

/// Everything before stage two.
fn prepared(stage: &Stage) {
    stage.migrate(&["stage-one"]);
    stage.prepare();
}

fn guardian_at(stage: &Stage) -> Vec<u8> {
    fs::read(stage.destination().join("ngwguard.db")).expect("read")
}

fn detail(run: &harness::rehearsal::CommandRun) -> String {
    let report = run.findings.iter().map(|finding| finding.text.clone());
    report.collect::<Vec<_>>().join("\n")
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn an_opaque_guardian_stops_with_the_exact_command_and_goes_on_after_it_was_done_by_hand() {
    let stage = Stage::with_opaque_guardian();
    prepared(&stage);
    let run = stage.expect(&["stage-two"], 1);
    let found = finding(&run, "guardian-by-hand");
    let options = stage
        .embedded()
        .sheet
        .job_folder
        .join("gwcheck/options.xml");
    let gwcheck = stage.embedded().sheet.gwcheck.clone().expect("named");
    let command = format!("{} {}", gwcheck.display(), options.display());
    assert!(found.remedy.contains(&command), "{found:#?}");
    assert!(
        found.remedy.contains("--confirm guardian-converted"),
        "{found:#?}"
    );

    // What was not done cannot be confirmed.
    let run = stage.expect(&["prepare", "--confirm", "guardian-converted"], 5);
    finding(&run, "guardian-names-left");

    // A person runs the command.
    install_gwcheck(&stage);
    let done = Command::new(&gwcheck).arg(&options).output().expect("run");
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stdout)
    );
    fs::remove_file(&gwcheck).expect("removed");
    stage.expect(&["prepare", "--confirm", "guardian-converted"], 0);
    let converted = guardian_at(&stage);
    let run = stage.migrate(&["stage-two"]);
    assert_eq!(run.exit_code, Some(0), "{:#?}", run.findings);
    assert_eq!(
        guardian_at(&stage),
        converted,
        "no pass copies the old one over it"
    );
    assert_eq!(stage.differences(), Vec::<String>::new());
    stage.expect(&["verify"], 0);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn gwcheck_is_chosen_for_what_the_built_in_engine_does_not_know() {
    let mut stage = Stage::with_opaque_guardian();
    prepared(&stage);
    set_engine(&mut stage, "built-in");
    let run = stage.expect(&["stage-two"], 5);
    let found = finding(&run, "guardian-not-known");
    assert!(found.text.contains("another generation"), "{found:#?}");
    set_engine(&mut stage, "gwcheck");
    let run = stage.expect(&["stage-two"], 5);
    finding(&run, "gwcheck-missing");
    install_gwcheck(&stage);
    set_engine(&mut stage, "auto");
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

/// A connection that broke left GWCheck at work: copying the guardian under it, or starting a second one, would be two programs
/// that write one database.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_gwcheck_that_is_still_at_work_is_waited_for() {
    let mut stage = prepared_for_gwcheck();
    install_failing(&stage, 3);
    finding(&stage.expect(&["stage-two"], 5), "gwcheck-failed");
    let sheet = &stage.embedded().sheet;
    let program = sheet.gwcheck.clone().expect("named");
    install_script(&stage, "for i in $(seq 300); do sleep 0.2; done");
    let options = sheet.job_folder.join("gwcheck/options.xml");
    let mut at_work = Command::new(&program)
        .arg(options)
        .spawn()
        .expect("started");
    let before = guardian_at(&stage);
    // Also where the worksheet names another program meanwhile.
    let other = program.with_file_name("another-gwcheck");
    stage.embedded_mut().sheet.gwcheck = Some(other);
    stage.embedded().write_worksheet().expect("written");
    finding(&stage.expect(&["stage-two"], 5), "gwcheck-running");
    stage.embedded_mut().sheet.gwcheck = Some(program.clone());
    stage.embedded().write_worksheet().expect("written");
    for command in [
        &["stage-two"][..],
        &["stage-one"],
        &["lowercase", "--undo"],
        &["abandon", "--yes"],
    ] {
        finding(&stage.expect(command, 5), "gwcheck-running");
    }
    assert_eq!(guardian_at(&stage), before);
    at_work.kill().expect("killed");
    at_work.wait().expect("ended");
    fs::remove_file(&program).expect("removed");
    install_gwcheck(&stage);
    // The one before was stopped at its copy.
    stage.migrate(&["stage-one"]);
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_gwcheck_whose_connection_breaks_is_not_started_beside_itself() {
    let stage = prepared_for_gwcheck();
    let log = stage.embedded().folder.join("gwcheck-runs");
    let log_path = log.display();
    let script = format!("echo began >>{log_path}\nsleep 3\necho ended >>{log_path}");
    install_script(&stage, &script);
    let said = || fs::read_to_string(&log).unwrap_or_default();
    std::thread::scope(|scope| {
        let cut = scope.spawn(|| {
            let until = Instant::now() + Duration::from_mins(2);
            while said().is_empty() && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(50));
            }
            stage.embedded().server.drop_connections();
        });
        // It does nothing, and that is seen.
        finding(&stage.expect(&["stage-two"], 5), "guardian-names-left");
        cut.join().expect("cut");
    });
    assert_eq!(said(), "began\nended\nbegan\nended\n");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_gwcheck_that_fails_or_does_nothing_is_not_believed() {
    let stage = prepared_for_gwcheck();
    install_failing(&stage, 3);
    let run = stage.expect(&["stage-two"], 5);
    assert!(
        finding(&run, "gwcheck-failed").text.contains("C05D"),
        "{}",
        detail(&run)
    );
    install_failing(&stage, 0);
    let run = stage.expect(&["stage-two"], 5);
    assert!(codes(&run).contains(&"gwcheck-log"), "{}", detail(&run));
    finding(&run, "guardian-names-left");
    fs::remove_file(stage.embedded().sheet.gwcheck.as_ref().expect("named")).expect("removed");
    install_gwcheck(&stage);
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn options_that_could_remove_users_are_never_used() {
    let mut stage = Stage::with_opaque_guardian();
    prepared(&stage);
    install_gwcheck(&stage);
    let options = stage.folder.path().join("own.opt");
    let line = (
        "guardian".to_owned(),
        format!("options_file = {:?}", options.display().to_string()),
    );
    stage.embedded_mut().sheet.extra.push(line);
    set_engine(&mut stage, "gwcheck");
    let folder = stage.destination().display().to_string();
    let good = format!(
        "<GWCheck database-path=\"{folder}\"><action name=\"analyze-fix-database\"><structure/><fix-problems/></action>\
         <misc>STORELOWERCASE</misc></GWCheck>"
    );
    let write = |text: &str| fs::write(&options, text).expect("written");
    write(&good.replace("<structure/>", "<structure/><contents/>"));
    let before = guardian_at_after_pass(&stage);
    let run = stage.expect(&["stage-two"], 5);
    assert!(
        finding(&run, "gwcheck-options").text.contains("contents"),
        "{}",
        detail(&run)
    );
    assert_eq!(guardian_at(&stage), before);
    write(&good);
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

/// The guardian as a pass leaves it.
fn guardian_at_after_pass(stage: &Stage) -> Vec<u8> {
    let names = fs::read_dir(stage.source()).expect("listed");
    let source = names
        .map(|entry| entry.expect("an entry").path())
        .find(|path| is_guardian(path));
    fs::read(source.expect("a guardian")).expect("read")
}

fn is_guardian(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    name.is_some_and(|name| name.eq_ignore_ascii_case("ngwguard.db"))
}
