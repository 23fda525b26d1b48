//! A program of the administrator's machine that is told what happens.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use harness::site::Site as _;
use serde_json::Value;

use crate::support::{Stage, codes, finding};

/// Writes a program, and has the worksheet name it, as the program and its arguments.
fn name_in_worksheet(stage: &Stage, script: &str, timeout_seconds: u64) -> PathBuf {
    let (folder, sheet) = (stage.folder.path(), stage.embedded().worksheet_path());
    let program = folder.join("tell");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("made a program");
    let told = folder.join("told.jsonl");
    let text = fs::read_to_string(&sheet).expect("read");
    let text = text.split("\n[notify]").next().expect("a text");
    let section = format!(
        "\n[notify]\ncommand = [\"{}\", \"{}\", \"$(a) `b` c\"]\ntimeout_seconds = {timeout_seconds}\n",
        program.display(),
        told.display()
    );
    fs::write(&sheet, format!("{text}{section}")).expect("written");
    told
}

fn events(told: &Path) -> Vec<Value> {
    let text = fs::read_to_string(told).unwrap_or_default();
    let lines = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"));
    lines.collect()
}

fn named<'a>(events: &'a [Value], name: &str) -> Vec<&'a Value> {
    events
        .iter()
        .filter(|event| event["event"] == name)
        .collect()
}

#[test]
fn a_program_is_told_when_a_command_ends_a_person_is_needed_and_users_go_out() {
    let stage = Stage::new();
    // Its arguments are its own: no shell has looked at them.
    let script = "[ \"$2\" = '$(a) `b` c' ] || exit 9\ncat >> \"$1\"";
    let told = name_in_worksheet(&stage, script, 20);
    stage.expect(&["stage-one"], 0);
    let ended = events(&told);
    assert_eq!(ended.len(), 1, "{ended:#?}");
    let end = &ended[0];
    assert_eq!(
        (&end["event"], &end["command"]),
        (&"command-ended".into(), &"stage-one".into())
    );
    assert_eq!((&end["exit_code"], &end["v"]), (&0.into(), &1.into()));
    assert!(
        end["next"].as_str().expect("a text").contains("gwmigrate"),
        "{end:#?}"
    );
    stage.expect(&["status"], 0);
    assert_eq!(events(&told).len(), 1, "what only looks is not told");

    stage.expect(&["stage-two"], 1);
    let needed = events(&told);
    let needed = named(&needed, "person-needed");
    assert_eq!(needed.len(), 1, "{needed:#?}");
    assert_eq!(needed[0]["findings"][0]["code"], "checklist-open");
    assert_eq!(named(&events(&told), "users-out").len(), 0);
    stage.prepare();
    assert_eq!(named(&events(&told), "users-out").len(), 1);
    stage.prepare();
    assert_eq!(named(&events(&told), "users-out").len(), 1, "told once");
    stage.expect(&["stage-two"], 0);
    assert_eq!(named(&events(&told), "users-may-work").len(), 0);
    stage.expect(&["finish"], 0);
    let all = events(&told);
    let last: Vec<&Value> = all
        .iter()
        .rev()
        .take(2)
        .map(|event| &event["event"])
        .collect();
    assert_eq!(last, ["command-ended", "users-may-work"], "{all:#?}");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_program_that_fails_or_hangs_is_a_finding_and_stops_nothing() {
    let stage = Stage::new();
    name_in_worksheet(&stage, "echo no line to the operators >&2; exit 3", 20);
    let run = stage.expect(&["stage-one"], 1);
    let failed = finding(&run, "notify-failed");
    assert!(
        failed.text.contains("no line to the operators"),
        "{failed:#?}"
    );
    assert!(stage.destination().join("ngwguard.db").exists());
    name_in_worksheet(&stage, "exec sleep 600", 1);
    let run = stage.expect(&["stage-one"], 1);
    let failed = finding(&run, "notify-failed");
    assert!(failed.text.contains("after 1 seconds"), "{failed:#?}");
    // One that does not read what it is told has been told all the same, however much it says itself.
    name_in_worksheet(&stage, "head -c 300000 /dev/zero >&2; exit 0", 20);
    let run = stage.expect(&["stage-one"], 0);
    assert!(!codes(&run).contains(&"notify-failed"), "{run:#?}");
}
