//! What a tired administrator sees: text, one line a step, the most important line last.

use harness::site::Site as _;
use std::process::Command;

use crate::support::Stage;

fn shown(stage: &Stage, arguments: &[&str]) -> (String, Option<i32>) {
    let output = Command::new(stage.embedded().migrator())
        .arg("--worksheet")
        .arg(stage.embedded().worksheet_path())
        .args(arguments)
        .output()
        .expect("run");
    let text = String::from_utf8(output.stdout).expect("text");
    (text, output.status.code())
}

fn last_line(text: &str) -> &str {
    text.trim_end().lines().last().unwrap_or_default()
}

#[test]
fn every_command_ends_with_the_line_that_matters() {
    let stage = Stage::new();
    let (text, code) = shown(&stage, &["status"]);
    assert_eq!((last_line(&text), code), ("Nothing to do", Some(3)));
    let (text, code) = shown(&stage, &["check"]);
    assert!(text.contains("pass    source-readable: "), "{text}");
    // Items that stand in the queues since long ago are a person's business.
    assert!(text.contains("warning stale-queues: "), "{text}");
    let end = "Done, with 1 finding for a person";
    assert_eq!((last_line(&text), code), (end, Some(1)));

    let (text, code) = shown(&stage, &["stage-one"]);
    assert!(
        text.starts_with("Stage one: users keep working\n"),
        "{text}"
    );
    assert!(text.contains("done    copy data"), "{text}");
    assert!(
        last_line(&text).starts_with("Done. Next: gwmigrate test-mailbox"),
        "{text}"
    );
    assert_eq!(code, Some(0));

    let (text, code) = shown(&stage, &["stage-two"]);
    assert!(text.contains("STOP    manual checklist"), "{text}");
    assert!(
        text.contains("[ ] replicated: "),
        "each open item is explained: {text}"
    );
    assert!(
        text.contains("To go back, start the POA at the source again"),
        "{text}"
    );
    assert_eq!(
        (last_line(&text), code),
        ("Stopped: 1 finding for a person, see above", Some(1))
    );

    let (text, _) = shown(&stage, &["status"]);
    assert!(text.contains("[ x ] copy data"), "{text}");
    assert!(text.contains("[ ! ] manual checklist"), "{text}");
    assert!(last_line(&text).starts_with("Next: gwmigrate "), "{text}");
    stage.prepare();
    let (text, _) = shown(&stage, &["status"]);
    assert!(text.contains("Next: gwmigrate stage-two"), "{text}");

    let (text, code) = shown(&stage, &["stage-two"]);
    assert!(text.contains("done    lowercase guardian"), "{text}");
    assert_eq!(
        (last_line(&text), code),
        ("Done. Next: gwmigrate finish", Some(0))
    );
    let (text, _) = shown(&stage, &["status"]);
    assert!(text.contains("Next: gwmigrate finish"), "{text}");
    let (text, _) = shown(&stage, &["report"]);
    assert!(text.contains("Manifest: "), "{text}");
}
