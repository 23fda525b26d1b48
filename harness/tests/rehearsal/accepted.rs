//! A good pass ends with 0, although nobody can change at the source what it found: a person has accepted that.

use std::fs;
use std::os::unix::fs::symlink;

use harness::rehearsal::CommandRun;

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
