//! A good pass ends with 0, although nobody can change at the source what it found: a person has accepted that.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::symlink;

use harness::rehearsal::CommandRun;
use harness::site::Site as _;
use protocol::Verdict;

use crate::support::{Stage, finding};

const WORD: [&str; 4] = ["--by", "Ann", "--note", "a link of the vendor"];

fn link(stage: &Stage, name: &str) {
    let folder = stage.source().join("OFFILES/FD0");
    symlink("/etc/hostname", folder.join(name)).expect("linked");
}

/// What is about the links, and whether each was accepted.
fn links(run: &CommandRun) -> Vec<(&str, bool)> {
    let findings = run.findings.iter();
    let links = findings.filter(|finding| finding.code == "not-a-file");
    let mut links: Vec<_> = links
        .map(|finding| (&*finding.subject, finding.accepted.is_some()))
        .collect();
    links.sort_unstable();
    links
}

fn accept(stage: &Stage, what: &[&str], exit_code: i32) -> CommandRun {
    stage.expect(&[&["accept"], what, &WORD].concat(), exit_code)
}

#[test]
fn what_a_person_has_accepted_decides_no_exit_code_until_something_else_is_found() {
    let stage = Stage::new();
    link(&stage, "LINK.001");
    link(&stage, "LINK.002");
    let (one, two, three) = (
        "OFFILES/FD0/LINK.001",
        "OFFILES/FD0/LINK.002",
        "OFFILES/FD0/LINK.003",
    );
    let run = stage.expect(&["stage-one"], 1);
    assert_eq!(links(&run), [(one, false), (two, false)]);
    accept(&stage, &["not-a-file", one], 0);
    let run = stage.expect(&["stage-one"], 1);
    assert_eq!(links(&run), [(one, true), (two, false)]);
    let run = accept(&stage, &["not-a-file", two], 0);
    assert_eq!(run.result.as_array().expect("a list").len(), 2, "{run:#?}");
    let run = stage.expect(&["stage-one"], 0);
    assert_eq!(links(&run), [(one, true), (two, true)]);
    let by = run
        .findings
        .iter()
        .find_map(|finding| finding.accepted.as_ref());
    assert_eq!(by.expect("accepted").note, "a link of the vendor");
    let kept = stage.expect(&["report"], 0);
    let kept = kept.result["findings"].as_array().expect("a list").clone();
    assert!(
        kept.iter().any(|line| line["accepted"]["by"] == "Ann"),
        "{kept:#?}"
    );

    link(&stage, "LINK.003");
    let run = stage.expect(&["stage-one"], 1);
    assert_eq!(links(&run), [(one, true), (two, true), (three, false)]);
    accept(&stage, &["not-a-file", "--all"], 0);
    link(&stage, "LINK.004");
    let run = stage.expect(&["stage-one"], 0);
    assert_eq!(links(&run).len(), 4);
    stage.expect(&["accept", "not-a-file", "--all", "--withdraw"], 0);
    stage.expect(&["stage-one"], 1);
}

#[test]
fn nobody_accepts_what_protects_mail_or_without_a_name_and_a_reason() {
    let stage = Stage::new();
    link(&stage, "LINK.001");
    stage.expect(&["stage-one"], 1);
    let about = ["accept", "not-a-file", "OFFILES/FD0/LINK.001"];
    stage.usage(&about);
    stage.usage(&[&about[..], &WORD[..2]].concat());
    stage.usage(&[&about[..], &["--all"], &WORD].concat());
    stage.usage(&[&about[..], &["--by", "", "--note", "x"]].concat());
    finding(&accept(&stage, &["not-a-file"], 2), "nothing-to-accept");
    let twin = stage.source().join("OFFILES/FD0/Twin.001");
    fs::write(&twin, b"one").expect("written");
    fs::write(stage.source().join("OFFILES/FD0/TWIN.001"), b"two").expect("written");
    stage.expect(&["stage-one"], 5);
    finding(
        &accept(&stage, &["name-collision", "--all"], 5),
        "cannot-be-accepted",
    );
    let run = stage.expect(&["stage-one"], 5);
    assert!(
        run.findings
            .iter()
            .all(|finding| finding.accepted.is_none()),
        "{run:#?}"
    );

    // What stops a command stops it, whatever anybody has accepted.
    fs::remove_file(&twin).expect("removed");
    stage.expect(&["stage-one"], 1);
    stage.expect(&["stage-two"], 1);
    accept(&stage, &["checklist-open", "--all"], 0);
    let run = stage.expect(&["stage-two"], 1);
    let open = finding(&run, "checklist-open");
    assert_eq!(open.accepted, None, "{open:#?}");
}

/// Accepts everything that a command has left to a person: a group as one, anything else by what it is about.
fn accept_all(stage: &Stage, run: &CommandRun) {
    let mut by_code: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for finding in &run.findings {
        if finding.verdict == Verdict::NeedsAttention && finding.accepted.is_none() {
            let subjects = by_code.entry(&finding.code).or_default();
            subjects.push(&finding.subject);
        }
    }
    for (code, subjects) in by_code {
        if subjects.len() >= protocol::GROUP_FROM {
            accept(stage, &[code], 0);
        } else {
            for subject in subjects {
                accept(stage, &[code, subject], 0);
            }
        }
    }
}

#[test]
fn a_night_without_open_findings_ends_with_0_at_every_command() {
    let stage = Stage::new();
    let odd = |number: u8| {
        let name = [b"NOT", &[0xff, b'0' + number][..]].concat();
        let folder = stage.source().join("OFFILES/FD0");
        fs::write(folder.join(OsStr::from_bytes(&name)), "x").expect("written");
    };
    (0..9).for_each(odd);
    stage.expect(&["check"], 1);
    let run = stage.expect(&["stage-one"], 1);
    accept_all(&stage, &run);
    // From here on there is a job, in which what a check finds can be accepted.
    let run = stage.expect(&["check"], 1);
    accept_all(&stage, &run);
    stage.expect(&["check"], 0);
    let run = stage.expect(&["stage-one"], 0);
    let kept = run
        .findings
        .iter()
        .filter(|found| found.code == "name-kept");
    assert_eq!(kept.filter(|found| found.accepted.is_some()).count(), 9);
    stage.prepare();
    for command in [
        &["stage-two"][..],
        &["finish"],
        &["verify"],
        &["status"],
        &["report"],
    ] {
        let run = stage.expect(command, 0);
        assert!(
            run.findings
                .iter()
                .all(|found| found.counts_as() == Verdict::Done),
            "{run:#?}"
        );
    }
    stage.expect(&["queues"], 3);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn findings_of_a_kind_are_one_with_a_count_and_are_accepted_and_taken_back_as_one() {
    let stage = Stage::new();
    let names: Vec<String> = (0..250).map(|number| format!("LINK.{number:03}")).collect();
    names[..6].iter().for_each(|name| link(&stage, name));
    let shown = |arguments: &[&str]| {
        let output = std::process::Command::new(stage.embedded().migrator())
            .arg("--worksheet")
            .arg(stage.embedded().worksheet_path())
            .args(arguments)
            .output()
            .expect("run");
        String::from_utf8(output.stdout).expect("text")
    };
    let text = shown(&["stage-one"]);
    let (_, end) = text.split_once("Findings:").expect("findings");
    assert_eq!(end.matches("[not-a-file]").count(), 1, "{text}");
    assert!(end.contains("(3 more of this kind)"), "{text}");
    assert!(
        end.contains("All 6: `gwmigrate report --finding not-a-file`"),
        "{text}"
    );
    let text = shown(&["report", "--finding", "not-a-file"]);
    assert!(
        names[..6].iter().all(|name| text.contains(name.as_str())),
        "{text}"
    );
    let text = shown(&["status"]);
    assert!(
        text.contains("Found, for a person: 6 [not-a-file]"),
        "{text}"
    );

    // All of the group, and nothing that comes later.
    accept(&stage, &["not-a-file"], 0);
    stage.expect(&["stage-one"], 0);
    let text = shown(&["status"]);
    assert!(!text.contains("Found, for a person"), "{text}");
    assert_eq!(
        text.matches("Accepted by Ann: [not-a-file]").count(),
        1,
        "{text}"
    );
    link(&stage, &names[6]);
    stage.expect(&["stage-one"], 1);
    stage.expect(&["accept", "not-a-file", "--withdraw"], 0);
    // Of more than can be kept one by one, the list is in a file.
    names[7..].iter().for_each(|name| link(&stage, name));
    let text = shown(&["stage-one"]);
    assert!(text.contains("findings.jsonl"), "{text}");
    let list = stage.embedded().sheet.job_folder.join("findings.jsonl");
    let list = fs::read_to_string(list).expect("read");
    assert!(names.iter().all(|name| list.contains(name.as_str())));
    accept(&stage, &["not-a-file"], 0);
    stage.expect(&["stage-one"], 0);
}
