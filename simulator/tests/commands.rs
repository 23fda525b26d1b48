//! The program from outside: making, describing, churning.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Output;

use assert_cmd::Command;

fn gwsim(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gwsim"))
        .args(arguments)
        .output()
        .unwrap()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Digest of every name, byte and time, found without the code under test.
fn digest(folder: &Path) -> blake3::Hash {
    let mut entries = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).unwrap() {
            let path = entry.unwrap().path();
            let metadata = std::fs::symlink_metadata(&path).unwrap();
            let bytes = if metadata.is_dir() {
                Vec::new()
            } else {
                std::fs::read(&path).unwrap()
            };
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            let name = path.strip_prefix(folder).unwrap().to_owned();
            entries.insert(
                name,
                (
                    metadata.modified().unwrap(),
                    metadata.is_dir(),
                    blake3::hash(&bytes),
                ),
            );
        }
    }
    blake3::hash(format!("{entries:?}").as_bytes())
}

#[test]
fn created_twice_is_the_same_and_described_in_full() {
    let scratch = tempfile::tempdir().unwrap();
    let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
    for folder in [&first, &second] {
        let made = gwsim(&[
            "create",
            text(folder),
            "--seed",
            "11",
            "--size",
            "tiny",
            "--case",
            "mixed",
        ]);
        assert!(made.status.success(), "{made:?}");
    }
    assert_eq!(digest(&first), digest(&second));

    let before = digest(&first);
    let described = gwsim(&["describe", text(&first), "--json"]);
    assert_eq!(digest(&first), before);
    let description: serde_json::Value = serde_json::from_slice(&described.stdout).unwrap();
    assert_eq!(description["total"]["files"], 300);
    assert_eq!(
        description["missing_markers"].as_array().map(Vec::len),
        Some(0)
    );
    let users = description["users"].as_array().unwrap();
    // Each has a control file and a data file.
    assert_eq!(
        description["classes"]["user-database"]["files"],
        2 * users.len()
    );
    let databases = description["databases"].as_array().unwrap();
    let of_class = |class: &str| {
        databases
            .iter()
            .find(|count| count["class"] == class)
            .unwrap()
    };
    assert_eq!(of_class("user-database")["databases"], users.len());
    assert_eq!(of_class("guardian")["databases"], 3);
    let version = of_class("guardian")["version"].as_str().unwrap();
    assert!(version < "4.30", "{version}");
    assert!(of_class("message-database")["records"].as_u64() > Some(200));
    // All databases but the guardian, its copies and that of GWCheck; and one copy that stands in a folder of its own.
    let counted = databases
        .iter()
        .map(|count| count["databases"].as_u64().unwrap());
    assert_eq!(description["catalogued"], counted.sum::<u64>() - 3 - 1 + 1);
    assert_eq!(
        description["users"][0]["fid"].as_str().map(str::len),
        Some(2)
    );
    assert_eq!(description["libraries"][0]["folder"], "LIB000A");
    assert_eq!(description["names"]["non_ascii"], 2);
    assert_eq!(description["names"]["non_ascii_capital"], 1);
    let classes = description["classes"].as_object().unwrap();
    let sum: u64 = classes
        .values()
        .map(|count| count["files"].as_u64().unwrap())
        .sum();
    assert_eq!(sum, 300);
    let queues = description["queues"].as_object().unwrap();
    let queued: u64 = queues
        .values()
        .map(|count| count["files"].as_u64().unwrap())
        .sum();
    assert_eq!(description["classes"]["queued"]["files"], queued);
    assert_eq!(queues["wpcsin/4"]["files"], 1);

    let human = gwsim(&["describe", text(&first)]);
    let human = String::from_utf8(human.stdout).unwrap();
    for part in [
        "user database",
        "wpcsout/ofs/7",
        "LIB000A",
        "Prüfung.VEW",
        "12 users",
        "in the guardian's catalogue",
    ] {
        assert!(human.contains(part), "{part}\n{human}");
    }
}

#[test]
fn churn_tells_what_it_did() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("po");
    assert!(gwsim(&["create", text(&folder)]).status.success());
    let before = digest(&folder);
    let churned = gwsim(&[
        "churn",
        text(&folder),
        "--seed",
        "2",
        "--operations",
        "10",
        "--json",
    ]);
    let report: serde_json::Value = serde_json::from_slice(&churned.stdout).unwrap();
    assert_eq!(report["operations"].as_array().map(Vec::len), Some(10));
    assert_ne!(digest(&folder), before);
    let human = gwsim(&["churn", text(&folder), "--operations", "1"]);
    assert!(
        String::from_utf8(human.stdout)
            .unwrap()
            .ends_with("1 operations\n")
    );
}

#[test]
fn mistakes_have_their_exit_codes() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::write(scratch.path().join("x"), "x").unwrap();
    let refused = gwsim(&["create", text(scratch.path())]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        String::from_utf8(refused.stderr)
            .unwrap()
            .contains("not empty")
    );
    assert_eq!(gwsim(&["create"]).status.code(), Some(2));
    assert_eq!(
        gwsim(&["create", "x", "--size", "huge"]).status.code(),
        Some(2)
    );
    assert_eq!(
        gwsim(&["churn", text(scratch.path())]).status.code(),
        Some(1)
    );
    assert_eq!(gwsim(&["--help"]).status.code(), Some(0));
}

#[test]
fn truth_tells_who_has_what_and_fails_where_something_is_lost() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("po");
    assert!(
        gwsim(&["create", text(&folder), "--case", "lower"])
            .status
            .success()
    );
    let before = digest(&folder);
    let told = gwsim(&["truth", text(&folder), "--json"]);
    assert!(told.status.success(), "{told:?}");
    assert_eq!(digest(&folder), before);
    let truth: serde_json::Value = serde_json::from_slice(&told.stdout).unwrap();
    let messages = truth["messages"].as_array().unwrap();
    assert!(messages.len() > 400);
    assert!(messages.iter().all(|message| {
        message["digest"].as_str().map(str::len) == Some(64) && message["uid"].as_u64() > Some(0)
    }));
    let human = gwsim(&["truth", text(&folder)]);
    let human = String::from_utf8(human.stdout).unwrap();
    assert_eq!(human.lines().count(), messages.len() + 1);

    std::fs::remove_file(folder.join("ofmsg/msg2.01")).unwrap();
    let lost = gwsim(&["truth", text(&folder)]);
    assert_eq!(lost.status.code(), Some(1));
    let said = String::from_utf8(lost.stderr).unwrap();
    assert!(said.contains("msg2"), "{said}");
}
