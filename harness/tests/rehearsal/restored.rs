//! A restored copy as the source: nobody serves it, and nobody works on it.

use std::fs;

use harness::checks::Snapshot;
use harness::rehearsal::CommandRun;
use harness::site::Site as _;

use crate::support::{Stage, finding};

/// A stage whose worksheet says that the source is a copy, and to wait for an hour wherever it may be waited for users.
fn stage() -> Stage {
    let stage = Stage::with(|options| options.site.with_poa = true);
    let path = stage.embedded().worksheet_path();
    let text = fs::read_to_string(&path).expect("read");
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        let name = line.split(" =").next().unwrap_or_default();
        match name {
            // Its ports stay in the worksheet, and answer.
            "platform" => lines.extend([line.to_owned(), "live = false".to_owned()]),
            "quiet_seconds" | "still_seconds" => lines.push(format!("{name} = 3600")),
            _ => lines.push(line.to_owned()),
        }
    }
    let text = lines.join("\n");
    assert!(text.contains("quiet_seconds = 3600"), "{text}");
    fs::write(&path, text).expect("written");
    stage
}

fn verdict_of(run: &CommandRun, check: &str) -> String {
    let lines = run.result["lines"].as_array().expect("lines");
    let mut named = lines.iter().filter(|line| line["check"] == check);
    named.next().expect("the line")["verdict"].to_string()
}

/// No port, no lock and no quiet time is asked for, and no word of a person about the POA of the source; what is sealed is what
/// the copy holds, and a change of it is seen all the same.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_restored_copy_is_migrated_without_a_word_about_its_poa() {
    let stage = stage();
    let before = Snapshot::take(stage.source()).expect("taken");
    let run = stage.expect(&["check"], 1);
    for check in ["source-poa", "locks-shared"] {
        assert_eq!(verdict_of(&run, check), "\"done\"", "{check}");
    }
    stage.migrate(&["stage-one"]);
    // The POA of the old server may well run: it does not know of the copy.
    let mut confirm = vec!["prepare"];
    for item in ["objects-reconfigured", "ip-address", "replicated"] {
        confirm.extend(["--confirm", item]);
    }
    stage.expect(&confirm, 0);
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    assert_eq!(stage.differences(), Vec::<String>::new());
    let after = Snapshot::take(stage.source()).expect("taken");
    assert_eq!(before.differences(&after), Vec::<String>::new());

    fs::write(stage.source().join("LATE.TXT"), "late").expect("written");
    let run = stage.expect(&["finish"], 5);
    finding(&run, "source-changed-since-seal");
    let run = stage.migrate(&["stage-two"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let run = stage.migrate(&["finish"]);
    assert!(run.is_fine(), "{:#?}", run.findings);
    let status = stage.migrate(&["status"]);
    assert_eq!(status.result["status"]["life"]["life"], "live");
    stage.embedded().stop_poa().expect("stopped");
}
