//! What is proven, and for how long (ARCHITECTURE.md rule 9a): a seal that an operation has outlived is believed by
//! nobody, and what the seal cannot prove is not sealed.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use harness::rehearsal::folder_in_any_case;

use crate::support::{Stage, codes, finding};

/// Goes through both stages; the job is sealed then.
fn sealed() -> Stage {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    stage.prepare();
    stage.expect(&["stage-two"], 0);
    stage
}

/// A file of the source that is no database: path at the source, and below the destination.
fn attachment(stage: &Stage) -> (PathBuf, PathBuf) {
    let folder = folder_in_any_case(stage.source(), &["offiles"]).expect("a folder");
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("listed").flatten() {
        let files = fs::read_dir(entry.path()).expect("listed").flatten();
        found.extend(files.map(|file| file.path()));
    }
    found.sort();
    let source = found
        .into_iter()
        .find(|path| fs::metadata(path).is_ok_and(|metadata| metadata.len() > 16))
        .expect("an attachment");
    let below = source.strip_prefix(stage.source()).expect("below");
    let below = below.to_string_lossy().to_ascii_lowercase();
    (source, stage.destination().join(below))
}

fn new_mail(stage: &Stage) {
    let folder = folder_in_any_case(stage.source(), &["wpcsin", "4"]).expect("a queue");
    fs::write(folder.join("LATER.001"), "a message after the seal").expect("written");
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_pass_after_the_seal_makes_the_job_unsealed_until_it_is_sealed_again() {
    let stage = sealed();
    new_mail(&stage);
    let run = stage.migrate(&["stage-one"]);
    assert!(run.exit_code <= Some(1), "{:#?}", run.findings);
    let status = stage.expect(&["status"], 0);
    let next = status.result["next"].as_str().expect("a command");
    assert!(
        next.contains("stage-two") && !next.contains("finish"),
        "{next}"
    );
    let run = stage.expect(&["finish"], 5);
    let refused = finding(&run, "not-sealed");
    assert!(refused.text.contains("a pass"), "{refused:#?}");
    // The way on is stage two, which proves the source at rest and seals anew.
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
    stage.expect(&["finish"], 0);
}

#[test]
fn whatever_changes_the_destination_after_the_seal_stops_finish() {
    for arguments in [&["queues"][..], &["abandon", "--yes"]] {
        let stage = sealed();
        if arguments[0] == "queues" {
            new_mail(&stage);
        }
        stage.migrate(arguments);
        let run = stage.expect(&["finish"], 5);
        assert!(
            codes(&run).contains(&"not-sealed"),
            "{arguments:?}: {:#?}",
            run.findings
        );
    }
}

#[test]
fn finish_names_what_came_to_the_source_since_the_seal() {
    let stage = sealed();
    new_mail(&stage);
    let (changed, _) = attachment(&stage);
    fs::write(&changed, "written since").expect("written");
    let run = stage.expect(&["finish"], 5);
    let named: Vec<&str> = run
        .findings
        .iter()
        .filter(|finding| finding.code == "source-changed-since-seal")
        .map(|finding| &*finding.subject)
        .collect();
    assert_eq!(named.len(), 2, "{:#?}", run.findings);
    assert!(
        named.iter().any(|name| name.ends_with("LATER.001")),
        "{named:?}"
    );
    stage.expect(&["stage-two"], 0);
    stage.expect(&["finish"], 0);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn finish_starts_nothing_beside_a_poa_that_answers_at_the_source() {
    let stage = sealed();
    stage.start_source_poa();
    let run = stage.expect(&["finish"], 5);
    finding(&run, "source-poa-answers");
    let word = [
        "finish",
        "--source-is-gone",
        "--by",
        "Ann",
        "--note",
        "scrapped",
    ];
    let run = stage.expect(&word, 5);
    finding(&run, "source-poa-answers");
    // What was confirmed about it is no longer believed.
    let status = stage.expect(&["status"], 0);
    let checklist = status.result["status"]["checklist"].to_string();
    assert!(!checklist.contains("source-poa-stopped"), "{checklist}");
    stage.stop_source_poa();
    stage.expect(&["prepare", "--confirm", "source-poa-stopped"], 0);
    stage.expect(&["finish"], 0);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_source_that_is_gone_for_good_needs_a_name_and_a_reason() {
    let stage = sealed();
    fs::rename(stage.source(), stage.source().with_extension("gone")).expect("renamed");
    let run = stage.migrate(&["finish"]);
    assert!(run.exit_code > Some(1), "{:#?}", run.findings);
    for arguments in [
        &["finish", "--source-is-gone"][..],
        &["finish", "--source-is-gone", "--by", "Ann"],
        &["finish", "--source-is-gone", "--by", "", "--note", "x"],
    ] {
        stage.usage(arguments);
    }
    let word = [
        "finish",
        "--source-is-gone",
        "--by",
        "Ann",
        "--note",
        "its disk is dead",
    ];
    stage.expect(&word, 0);
    let status = stage.expect(&["status"], 0);
    let said = &status.result["status"]["words"][0];
    assert_eq!(
        (&said["said"], &said["by"], &said["note"]),
        (
            &"source-is-gone".into(),
            &"Ann".into(),
            &"its disk is dead".into()
        )
    );
}

#[test]
fn what_is_no_file_at_the_source_is_not_sealed_over_and_keeps_its_copy() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    let (source, copy) = attachment(&stage);
    let good = fs::read(&copy).expect("copied");
    fs::remove_file(&source).expect("removed");
    symlink("/etc/hostname", &source).expect("linked");
    stage.prepare();
    let run = stage.expect(&["stage-two"], 6);
    assert!(codes(&run).contains(&"not-a-file"), "{:#?}", run.findings);
    assert_eq!(fs::read(&copy).expect("kept"), good);
    let run = stage.expect(&["finish"], 5);
    finding(&run, "not-sealed");
    // The way on: the file is there again.
    fs::remove_file(&source).expect("removed");
    fs::write(&source, &good).expect("written");
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

#[test]
fn a_folder_that_is_a_link_at_the_source_is_not_sealed_over() {
    let stage = Stage::new();
    let (source, _) = attachment(&stage);
    let folder = source.parent().expect("a folder").to_owned();
    let elsewhere = stage.folder.path().join("elsewhere");
    fs::rename(&folder, &elsewhere).expect("moved");
    symlink(&elsewhere, &folder).expect("linked");
    stage.migrate(&["stage-one"]);
    stage.prepare();
    let run = stage.expect(&["stage-two"], 6);
    assert!(codes(&run).contains(&"not-a-file"), "{:#?}", run.findings);
}

#[test]
#[ignore = "slow: .ci/run runs it"]
fn a_difference_that_size_and_time_do_not_show_is_mended_by_the_remedy() {
    let stage = Stage::new();
    stage.migrate(&["stage-one"]);
    let (source, _) = attachment(&stage);
    let modified = fs::metadata(&source).and_then(|metadata| metadata.modified());
    let mut bytes = fs::read(&source).expect("read");
    bytes[5] ^= 1;
    fs::write(&source, bytes).expect("written");
    set_modified(&source, modified.expect("a time"));
    stage.prepare();
    let run = stage.expect(&["stage-two"], 6);
    let differs = finding(&run, "seal-differs");
    assert!(differs.remedy.contains("stage-two"), "{differs:#?}");
    stage.expect(&["stage-two"], 0);
    assert_eq!(stage.differences(), Vec::<String>::new());
}

fn set_modified(path: &Path, time: SystemTime) {
    let file = fs::File::options().write(true).open(path).expect("opened");
    file.set_modified(time).expect("set");
}

#[test]
fn verify_believes_neither_the_seal_nor_the_store_alone() {
    let stage = sealed();
    let job = stage.embedded().sheet.job_folder.clone();
    let seal = job.join("seal.json");
    let text = fs::read_to_string(&seal).expect("a seal");
    let store = job.join("job.sqlite");
    let kept = fs::read(&store).expect("a store");
    let sql = |statement: &str| {
        let connection = rusqlite::Connection::open(&store).expect("opened");
        connection.execute(statement, []).expect(statement)
    };
    let (_, missing) = attachment(&stage);
    let bytes = fs::read(&missing).expect("read");
    let name = missing
        .file_name()
        .expect("a name")
        .to_string_lossy()
        .into_owned();
    let gone = format!("DELETE FROM proven WHERE name = '{name}' OR name = CAST('{name}' AS BLOB)");

    stage.expect(&["verify"], 0);
    // A file of the destination is missing, and so is its row.
    assert_eq!(sql(&gone), 1);
    fs::remove_file(&missing).expect("removed");
    let run = stage.migrate(&["verify"]);
    assert_eq!(run.exit_code, Some(6), "{:#?}", run.findings);
    fs::write(&missing, bytes).expect("written");
    let run = stage.migrate(&["verify"]);
    assert_eq!(
        run.exit_code,
        Some(6),
        "the row is missing: {:#?}",
        run.findings
    );
    fs::write(&store, &kept).expect("restored");

    // A row that cannot be read is damage, and never the root folder.
    assert!(
        sql(
            "UPDATE proven SET folder = 7 WHERE (area, folder, name) = (SELECT area, folder, name FROM proven LIMIT 1)"
        ) > 0
    );
    let run = stage.migrate(&["verify"]);
    assert_eq!(run.exit_code, Some(6), "{:#?}", run.findings);
    fs::write(&store, &kept).expect("restored");

    for edited in [
        text.replace("\"differences\": 0", "\"differences\":  0 "),
        text.replacen("\"files\": ", "\"files\": 9", 1),
        "{}".to_owned(),
    ] {
        fs::write(&seal, &edited).expect("written");
        let run = stage.migrate(&["verify"]);
        let same: Result<serde_json::Value, _> = serde_json::from_str(&edited);
        let is_same = same.is_ok_and(|same| {
            serde_json::from_str(&text).is_ok_and(|old: serde_json::Value| old == same)
        });
        assert_eq!(
            run.exit_code == Some(0),
            is_same,
            "{edited}: {:#?}",
            run.findings
        );
    }
    fs::remove_file(&seal).expect("removed");
    let run = stage.migrate(&["verify"]);
    assert!(run.exit_code >= Some(5), "{:#?}", run.findings);
    fs::write(&seal, text).expect("restored");
    stage.expect(&["verify"], 0);
}
