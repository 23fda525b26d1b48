//! Rehearsals from beginning to end.

use std::process::Command;

use harness::rehearsal::{RehearsalOptions, run};
use simulator::NameCase;

use crate::support::{program, scratch};

fn rehearse(seed: u64, case: NameCase) {
    let folder = scratch();
    let options = RehearsalOptions {
        program: program(),
        seed,
        files: 300,
        case,
        churn: 30,
        with_poa: true,
        folder: Some(folder.path().join("rehearsal")),
        keep: false,
    };
    let outcome = run(&options, &mut |_| {}).expect("carried out");
    let failed: Vec<_> = outcome
        .checks
        .iter()
        .filter(|check| !check.holds())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(outcome.reports.join("summary.json").exists());
    assert!(outcome.reports.join("seal.json").exists());
    assert!(
        !folder.path().join("rehearsal/destination").exists(),
        "the trees are not kept"
    );
}

#[test]
fn a_post_office_with_upper_case_names_is_migrated() {
    rehearse(11, NameCase::Upper);
}

#[test]
fn a_post_office_with_mixed_names_is_migrated() {
    rehearse(12, NameCase::Mixed);
}

#[test]
fn a_post_office_with_lower_case_names_is_migrated() {
    rehearse(13, NameCase::Lower);
}

#[test]
fn the_program_says_what_came_of_it_and_the_important_line_comes_last() {
    let folder = scratch();
    let output = Command::new(program())
        .args(["--size", "tiny", "--seed", "5", "--churn", "20", "--folder"])
        .arg(folder.path().join("rehearsal"))
        .output()
        .expect("run");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(output.status.success(), "{text}");
    for wanted in [
        "copy-modified",
        "copy-queues",
        "seal",
        "start-poa",
        "Users' downtime:",
        "Reports: ",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    assert_eq!(
        text.trim_end().lines().last(),
        Some("The migration is sealed and everything holds")
    );
}
