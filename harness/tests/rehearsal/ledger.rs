//! What stage one has proven need not be read while users are out (ARCHITECTURE.md rule 9), and what of the source was not read
//! then is read afterwards.

use std::fs;

use harness::rehearsal::{CommandRun, folder_in_any_case};
use harness::site::Site as _;
use serde_json::Value;

use crate::support::{Stage, finding};

/// Goes through both stages and goes live.
fn live() -> Stage {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    stage.expect(&["finish"], 0);
    stage
}

fn seal(stage: &Stage) -> Value {
    let text = fs::read(stage.embedded().sheet.job_folder.join("seal.json")).expect("a seal");
    serde_json::from_slice(&text).expect("JSON")
}

fn files(value: &Value) -> u64 {
    value["files"].as_u64().expect("a number")
}

fn said(run: &CommandRun) -> &Value {
    &run.result
}

#[test]
fn the_seal_reads_what_stage_one_has_not_proven_and_says_so() {
    let stage = live();
    let sealed = seal(&stage);
    assert!(
        files(&sealed["before"]) > files(&sealed["at_the_seal"]),
        "{sealed:#}"
    );
    assert_eq!(
        files(&sealed["before"]) + files(&sealed["at_the_seal"]),
        files(&sealed)
    );
    assert!(sealed["oldest_milliseconds"].as_i64() > Some(0));
    let report = stage.expect(&["report"], 0);
    assert!(
        report.result.to_string().contains("at_the_seal"),
        "{report:?}"
    );
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn everything_is_read_with_users_out_where_the_worksheet_wants_it() {
    let mut stage = Stage::new();
    let line = ("seal".to_owned(), "read_again = \"everything\"".to_owned());
    stage.embedded_mut().sheet.extra.push(line);
    stage.embedded().write_worksheet().expect("written");
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    assert_eq!(files(&seal(&stage)["before"]), 0);
}

#[test]
fn the_whole_source_is_read_once_more_while_users_work_and_what_differs_can_be_fetched() {
    let stage = live();
    let sealed = seal(&stage);
    let first = stage.expect(&["verify", "--source"], 0);
    assert_eq!(said(&first)["now"], sealed["before"], "{:#?}", first.result);
    let again = stage.expect(&["verify", "--source"], 0);
    assert_eq!(files(&said(&again)["now"]), 0);
    assert_eq!(files(&said(&again)["before"]), files(&sealed));

    // What nobody could have seen: other bytes, with the size and the time that they had.
    let folder = folder_in_any_case(stage.source(), &["ofviews", "win"]).expect("a folder");
    let path = fs::read_dir(folder)
        .expect("listed")
        .flatten()
        .map(|entry| entry.path())
        .find(|path| path.is_file())
        .expect("a view");
    let changed = fs::metadata(&path)
        .expect("there")
        .modified()
        .expect("a time");
    let mut bytes = fs::read(&path).expect("read");
    bytes[0] ^= 1;
    fs::write(&path, &bytes).expect("written");
    let file = fs::File::options()
        .append(true)
        .open(&path)
        .expect("opened");
    file.set_modified(changed).expect("set");
    // It has been read since the source came to rest, so it is not read again.
    stage.expect(&["verify", "--source"], 0);
    // One that has changed is named, with what fetches it.
    fs::write(&path, "another one").expect("written");
    let run = stage.expect(&["verify", "--source"], 6);
    let named = finding(&run, "source-not-proven");
    let remedy = named.remedy.split('`').nth(1).expect("a command");
    let words: Vec<&str> = remedy.split_whitespace().skip(1).collect();
    let fetch: Vec<&str> = words.iter().map(|word| word.trim_matches('\'')).collect();
    let run = stage.expect(&fetch, 0);
    let place = said(&run)["places"][0].as_str().expect("a place");
    let kept = stage.embedded().sheet.job_folder.join(place);
    assert_eq!(fs::read(kept).expect("kept"), b"another one");
}
