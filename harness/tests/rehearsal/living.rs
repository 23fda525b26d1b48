//! A source that is worked on while it is copied.

use std::fs;
use std::path::Path;

use harness::checks::{compare_with_journal, torn_databases};
use harness::source_agent::{AgentOrders, AgentPlace, SourceAgent};

use crate::support::{Stage, program, scratch};

/// How often everything is copied without looking at locks.
const PLAIN_COPIES: usize = 20;

/// How long the agent rests behind each piece, so that a change takes longer than a plain copy of everything.
const PAUSE_MILLISECONDS: u64 = 250;

/// How many of those must be torn at least; about six in ten are, when a database is what is being written.
const TORN_MIN: usize = 4;

fn agent(
    stage: &Stage,
    number: u64,
    pause_milliseconds: u64,
    maintenance_every: u64,
) -> SourceAgent {
    let orders = AgentOrders {
        number,
        seed: number,
        operations_per_second: 1000,
        pause_milliseconds,
        maintenance_every,
    };
    let place = AgentPlace {
        home: stage.source().to_owned(),
        certificate: None,
        ip: None,
        ports: None,
    };
    SourceAgent::start_here(&program(), stage.folder.path(), &orders, &place).expect("at work")
}

/// Copies a folder as a tool does that knows nothing of locks.
fn copy_plainly(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("listed") {
        let entry = entry.expect("an entry");
        let place = to.join(entry.file_name());
        if entry.file_type().expect("a kind").is_dir() {
            copy_plainly(&entry.path(), &place);
        } else {
            // What was taken away meanwhile is none of its business.
            let _ = fs::copy(entry.path(), place);
        }
    }
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_copy_without_the_locks_is_torn_and_ours_never_is() {
    let stage = Stage::new();
    let agent = agent(&stage, 1, PAUSE_MILLISECONDS, 0);
    let copies = scratch();
    for number in 0..PLAIN_COPIES {
        copy_plainly(stage.source(), &copies.path().join(number.to_string()));
    }
    let mut ours = Vec::new();
    for number in 0..3 {
        let run = stage.migrate(&["stage-one"]);
        assert!(run.is_fine(), "{:#?}", run.findings);
        let kept = copies.path().join(format!("ours-{number}"));
        copy_plainly(stage.destination(), &kept);
        ours.push(kept);
    }
    let journal = agent.stop().expect("its journal");
    let torn = |folder: &Path| torn_databases(folder, stage.source(), &journal).expect("compared");
    let torn_copies = (0..PLAIN_COPIES)
        .filter(|number| !torn(&copies.path().join(number.to_string())).is_empty())
        .count();
    println!(
        "{torn_copies} of {PLAIN_COPIES} plain copies are torn; {} operations",
        journal.len()
    );
    assert!(torn_copies >= TORN_MIN, "{torn_copies}");
    for folder in ours {
        assert_eq!(torn(&folder), [] as [String; 0]);
    }
}

#[test]
fn what_was_acknowledged_while_passes_ran_has_arrived() {
    let stage = Stage::new();
    let mut journal = Vec::new();
    for number in 1..=2 {
        let agent = agent(&stage, number, 5, 20);
        for _ in 0..2 {
            let run = stage.migrate(&["stage-one"]);
            assert!(run.is_fine(), "{:#?}", run.findings);
        }
        journal.extend(agent.stop().expect("its journal"));
        let failures = compare_with_journal(stage.source(), &journal).expect("compared");
        assert_eq!(failures, [] as [String; 0]);
    }
    assert!(journal.len() > 20, "{}", journal.len());
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), [] as [String; 0]);
    let run = stage.migrate(&["verify"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
}
