//! Rehearsals from beginning to end.

use std::process::Command;

use harness::back_end::BackEnd;
use harness::rehearsal::{Fault, RehearsalOptions, run};
use simulator::{GuardianKind, NameCase};

use crate::support::{program, scratch};

fn rehearse(seed: u64, case: NameCase, faults: Vec<Fault>) {
    rehearse_guardian(seed, case, faults, GuardianKind::Flaim, None);
}

/// A rehearsal with a guardian of one generation; says what the step that converts it said.
fn rehearse_guardian(
    seed: u64,
    case: NameCase,
    faults: Vec<Fault>,
    guardian: GuardianKind,
    engine: Option<&str>,
) -> String {
    let folder = scratch();
    let options = RehearsalOptions {
        back_end: BackEnd::Embedded,
        faults,
        program: program(),
        seed,
        files: 300,
        case,
        guardian,
        guardian_engine: engine.map(str::to_owned),
        churn: 30,
        source_rate: 40,
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
    let mut steps = outcome.steps.into_iter();
    let converted = steps.find(|line| line.step == protocol::Step::LowercaseGuardian);
    converted.expect("the step").detail
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_guardian_of_the_older_generation_is_converted_by_gwcheck() {
    let detail = rehearse_guardian(21, NameCase::Mixed, Vec::new(), GuardianKind::Opaque, None);
    assert!(detail.starts_with("GWCheck, without problems"), "{detail}");
}

/// GWCheck was refused for good where the lock of the post office database was only held for a while (found by a soak).
#[test]
#[ignore = "slow: .ci/run runs it"]
fn gwcheck_without_a_database_that_was_left_to_the_next_pass_is_temporary() {
    let faults = faults(&["stage-one:lock-held"]);
    rehearse_guardian(22, NameCase::Mixed, faults, GuardianKind::Opaque, None);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn gwcheck_may_be_forced_and_killed_workers_lose_nothing_then() {
    let faults = faults(&["stage-two:kill=5"]);
    let kind = GuardianKind::Flaim;
    let detail = rehearse_guardian(22, NameCase::Upper, faults, kind, Some("gwcheck"));
    assert!(detail.starts_with("GWCheck, "), "{detail}");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_post_office_with_upper_case_names_is_migrated() {
    rehearse(11, NameCase::Upper, Vec::new());
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_post_office_with_mixed_names_is_migrated() {
    rehearse(12, NameCase::Mixed, Vec::new());
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_post_office_with_lower_case_names_is_migrated() {
    rehearse(13, NameCase::Lower, Vec::new());
}

/// The faults that are named here, one rehearsal each with all of them.
fn faults(names: &[&str]) -> Vec<Fault> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn workers_that_are_killed_lose_nothing() {
    let names = [
        "stage-one:kill=3",
        "stage-one:kill=7",
        "stage-two:kill=4",
        "queues:kill=2",
    ];
    rehearse(14, NameCase::Mixed, faults(&names));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn controllers_that_are_killed_lose_nothing() {
    let names = [
        "stage-one:controller-killed=30",
        "stage-one:controller-killed=600",
        "stage-two:controller-killed=30",
        "stage-two:controller-killed=900",
        "queues:controller-killed=30",
    ];
    rehearse(19, NameCase::Mixed, faults(&names));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn what_happens_between_the_commands_loses_nothing() {
    let names = [
        "finish:agent-does-not-start",
        "finish:second-stage-two",
        "finish:way-back",
        "queues:late-item",
        "queues:shifted-clock",
    ];
    rehearse(20, NameCase::Mixed, faults(&names));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn file_systems_within_the_destination_lose_nothing() {
    crate::support::in_own_mounts("whole::child_has_file_systems_within_its_destination");
}

#[test]
#[ignore = "started by file_systems_within_the_destination_lose_nothing"]
fn child_has_file_systems_within_its_destination() {
    let names = ["stage-one:inner-mounts", "stage-two:kill=4"];
    rehearse(21, NameCase::Upper, faults(&names));
    println!("it came to its end");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn connections_that_are_cut_lose_nothing() {
    let names = [
        "stage-one:cut=9000",
        "stage-two:cut=20000",
        "queues:cut=3000",
    ];
    rehearse(15, NameCase::Upper, faults(&names));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_source_that_is_gone_and_locks_that_are_held_lose_nothing() {
    let names = [
        "stage-one:source-gone",
        "stage-one:source-empty",
        "stage-one:lock-held",
        "stage-two:source-gone",
        "stage-two:source-empty",
        "stage-two:lock-held",
        "queues:source-gone",
        "queues:source-empty",
    ];
    rehearse(16, NameCase::Mixed, faults(&names));
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_worker_that_dies_in_any_phase_loses_nothing() {
    rehearse(17, NameCase::Upper, Fault::in_every_phase());
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn faults_drawn_from_the_seed_lose_nothing() {
    rehearse(18, NameCase::Mixed, Fault::draw(18, 5));
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

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_soak_rehearses_other_cases_and_a_page_can_be_made_again() {
    let folder = scratch();
    let run = |arguments: &[&str]| {
        let output = Command::new(program())
            .args(arguments)
            .env("TMPDIR", folder.path())
            .output()
            .expect("run");
        let text = String::from_utf8(output.stdout).expect("text");
        (output.status.code(), text)
    };
    let (code, text) = run(&["soak", "--cases", "2", "--seed", "31"]);
    assert_eq!(code, Some(0), "{text}");
    for wanted in [
        "seed 31: holds",
        "seed 32: holds",
        "2 cases, 0 of which fail",
    ] {
        assert!(text.contains(wanted), "{wanted} in {text}");
    }
    let last = text.lines().last().unwrap_or_default();
    assert!(last.ends_with("cases a minute"), "{last}");

    let place = folder.path().join("rehearsal");
    let place = place.to_str().expect("text");
    let (code, text) = run(&["--size", "tiny", "--source-rate", "0", "--folder", place]);
    assert_eq!(code, Some(0), "{text}");
    let page = folder.path().join("rehearsal/reports/report.html");
    let made = std::fs::read_to_string(&page).expect("read");
    assert!(made.contains("The migration is sealed and everything holds"));
    std::fs::remove_file(&page).expect("removed");
    let (code, text) = run(&["report", place]);
    assert_eq!((code, text.trim()), (Some(0), page.to_str().expect("text")));
    assert!(std::fs::read_to_string(&page).expect("read") == made);

    let (code, text) = run(&["report", folder.path().to_str().expect("text")]);
    assert_eq!(code, Some(1));
    assert!(text.contains("summary.json"), "{text}");
}
