//! `gwmigrate database …` as a black box, on databases of an independent implementation of the format.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value as Json;

const SAMPLES: &[&str] = &[
    "01-v301-4k-tiny",
    "02-v302-4k-upper-stores",
    "05-v430-4k-positioning",
    "08-v462-4k-multifile",
    "10-v301-4k-needs-rfl",
    "11-v452-4k-needs-rollback-and-rfl",
    "12-v310-4k-needs-rollback",
];

/// An archive of the samples (see the README beside them), unpacked into a folder of its own.
fn unpack(archive: &str) -> tempfile::TempDir {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("postoffice/tests/fixtures/flaim");
    let packed = fs::File::open(folder.join(format!("{archive}.tar.gz"))).unwrap();
    let unpacked = tempfile::tempdir().unwrap();
    tar::Archive::new(flate2::read::GzDecoder::new(packed))
        .unpack(unpacked.path())
        .unwrap();
    unpacked
}

fn database(arguments: &[&str], file: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_gwmigrate"))
        .arg("database")
        .args(arguments)
        .arg(file)
        .output()
        .unwrap()
}

fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A line of a dump without what has no meaning: the nibble behind the end of a number.
fn normalised(line: &str) -> Option<String> {
    let mut json: Json = serde_json::from_str(line).unwrap();
    if json.get("container").is_some() {
        for field in json["fields"].as_array_mut().unwrap() {
            let raw = field["raw"].as_str().unwrap().to_owned();
            if field["type"] == "number" && raw.len() > 1 && raw.as_bytes()[raw.len() - 2] == b'f' {
                field["raw"] = Json::from(format!("{}0", &raw[..raw.len() - 1]));
            }
        }
        return Some(json.to_string());
    }
    normalised_entry(&json)
}

fn normalised_entry(json: &Json) -> Option<String> {
    json.get("index")?;
    Some(format!("{} {} {}", json["index"], json["drn"], json["key"]))
}

fn lines(dump: &str) -> Vec<String> {
    let mut lines: Vec<String> = dump.lines().filter_map(normalised).collect();
    lines.sort();
    lines
}

fn dump(file: &Path) -> Vec<String> {
    let output = database(&["dump", "--keys"], file);
    assert!(output.status.success(), "{}", text(&output));
    lines(std::str::from_utf8(&output.stdout).unwrap())
}

/// The files of a folder and all folders in it, by their path.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut waiting = vec![folder.to_owned()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                waiting.push(path);
            } else {
                files.insert(
                    path.strip_prefix(folder).unwrap().to_owned(),
                    fs::read(&path).unwrap(),
                );
            }
        }
    }
    files
}

#[test]
fn a_dump_is_what_the_independent_implementation_dumps() {
    for sample in SAMPLES {
        let folder = unpack(sample);
        let before = files(folder.path());
        let expected = fs::read_to_string(folder.path().join("expected.jsonl")).unwrap();
        assert_eq!(
            dump(&folder.path().join("guard.db")),
            lines(&expected),
            "{sample}"
        );
        assert_eq!(files(folder.path()), before, "{sample}: nothing is written");
    }
}

#[test]
fn a_probe_says_the_version_or_what_was_seen_instead() {
    let folder = unpack("05-v430-4k-positioning");
    let control = folder.path().join("guard.db");
    let output = database(&["probe", "--json"], &control);
    let json: Json = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (output.status.code(), &json["version"], &json["is_clean"]),
        (Some(0), &Json::from(430), &Json::from(true))
    );

    let mut bytes = fs::read(&control).unwrap();
    bytes[8] = 0x1f;
    fs::write(&control, &bytes).unwrap();
    let output = database(&["probe"], &control);
    assert_eq!(output.status.code(), Some(5));
    assert!(
        text(&output).contains("FLAIM-OTHER-GENERATION"),
        "{}",
        text(&output)
    );

    let output = database(&["probe"], &folder.path().join("expected.jsonl"));
    assert_eq!(output.status.code(), Some(5));
    assert!(
        text(&output).contains("FLAIM-NOT-A-DATABASE"),
        "{}",
        text(&output)
    );
    let output = database(&["probe"], &folder.path().join("nothing.db"));
    assert_ne!(output.status.code(), Some(0), "{}", text(&output));
}

#[test]
fn a_check_ends_with_0_for_a_sound_database_and_names_every_damage() {
    let folder = unpack("15-corrupt");
    let control = folder.path().join("guard.db");
    let output = database(&["check"], &control);
    assert_eq!(
        (output.status.code(), text(&output).trim().lines().last()),
        (Some(0), Some("Sound"))
    );
    let variants: Json =
        serde_json::from_slice(&fs::read(folder.path().join("variants.json")).unwrap()).unwrap();
    let base = files(folder.path());
    let mut seen = 0;
    for (name, variant) in variants.as_object().unwrap() {
        for (path, content) in &base {
            fs::write(folder.path().join(path), content).unwrap();
        }
        for change in variant["changes"].as_array().unwrap() {
            apply(
                &folder.path().join(change["file"].as_str().unwrap()),
                change,
            );
        }
        let before = files(folder.path());
        let output = database(&["check"], &control);
        assert!(
            matches!(output.status.code(), Some(5 | 6)),
            "{name}: {}",
            text(&output)
        );
        assert!(
            text(&output).contains("FLAIM-"),
            "{name}: {}",
            text(&output)
        );
        // What is damaged is not changed either.
        let output = database(
            &["lowercase", "--container", "32001", "--field", "2"],
            &control,
        );
        assert!(
            matches!(output.status.code(), Some(5 | 6)),
            "{name}: {}",
            text(&output)
        );
        assert_eq!(files(folder.path()), before, "{name}");
        seen += 1;
    }
    assert_eq!(seen, 10);
}

fn apply(file: &Path, change: &Json) {
    let mut content = fs::read(file).unwrap();
    let number = |name: &str| usize::try_from(change[name].as_u64().unwrap()).unwrap();
    if let Some(hex) = change["bytes"].as_str() {
        let bytes: Vec<u8> = (0..hex.len() / 2)
            .map(|at| u8::from_str_radix(&hex[at * 2..at * 2 + 2], 16).unwrap())
            .collect();
        content[number("offset")..][..bytes.len()].copy_from_slice(&bytes);
    } else {
        content.truncate(number("size"));
    }
    fs::write(file, content).unwrap();
}

#[test]
fn lowercasing_in_place_gives_what_the_independent_implementation_gives() {
    for sample in ["13-v301-upper", "13-v400-mixed"] {
        let unpacked = unpack(sample);
        let folder = unpacked.path().join("before");
        let expected = fs::read_to_string(unpacked.path().join("after/expected.jsonl")).unwrap();
        fs::remove_file(folder.join("expected.jsonl")).unwrap();
        // As the files lie on NetWare.
        for name in ["guard.db", "guard.01"] {
            fs::rename(folder.join(name), folder.join(name.to_ascii_uppercase())).unwrap();
        }
        let control = folder.join("GUARD.DB");
        let before = files(&folder);
        let selected = ["--container", "32001", "--field", "2"];
        let output = database(
            &[&["lowercase", "--plan"], &selected[..]].concat(),
            &control,
        );
        assert!(text(&output).contains(" -> "), "{}", text(&output));
        assert_eq!(files(&folder), before, "a plan writes nothing");

        let output = database(&[&["lowercase"], &selected[..]].concat(), &control);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output));
        assert_eq!(dump(&control), lines(&expected), "{sample}");
        let names = |files: &BTreeMap<PathBuf, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(
            names(&files(&folder)),
            names(&before),
            "{sample}: nothing is left behind"
        );
        assert_eq!(database(&["check"], &control).status.code(), Some(0));

        let done = files(&folder);
        let output = database(&[&["lowercase"], &selected[..]].concat(), &control);
        assert_eq!(output.status.code(), Some(3), "{}", text(&output));
        assert_eq!(
            files(&folder),
            done,
            "{sample}: the second time there is nothing to do"
        );
    }
}

#[test]
fn a_dirty_database_is_recovered_and_lower_cased() {
    for sample in &SAMPLES[4..] {
        let folder = unpack(sample);
        let control = folder.path().join("guard.db");
        let expected = fs::read_to_string(folder.path().join("expected.jsonl")).unwrap();
        let output = database(
            &["lowercase", "--container", "32001", "--field", "2"],
            &control,
        );
        assert_eq!(output.status.code(), Some(0), "{sample}: {}", text(&output));
        let probed = database(&["probe", "--json"], &control);
        let json: Json = serde_json::from_slice(&probed.stdout).unwrap();
        assert_eq!(json["is_clean"], Json::from(true), "{sample}");
        assert_eq!(
            database(&["check"], &control).status.code(),
            Some(0),
            "{sample}"
        );
        assert_eq!(
            records_lowered(&dump(&control)),
            records_lowered(&lines(&expected)),
            "{sample}"
        );
    }
}

/// The records of a dump, with field 2 of the default container in lower case: value and stored bytes.
fn records_lowered(lines: &[String]) -> Vec<String> {
    let mut records = Vec::new();
    for line in lines.iter().filter(|line| line.starts_with('{')) {
        let mut json: Json = serde_json::from_str(line).unwrap();
        let is_data = json["container"] == 32001;
        for field in json["fields"].as_array_mut().unwrap() {
            if is_data && field["tag"] == 2 {
                let value = field["value"].as_str().unwrap().to_ascii_lowercase();
                field["raw"] = Json::from(value.clone());
                field["value"] = Json::from(value);
            }
        }
        records.push(json.to_string());
    }
    records
}

/// The agent that works on it has to be able to open it afterwards.
#[test]
fn a_changed_database_keeps_its_owner_and_its_mode() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
    let folder = unpack("02-v302-4k-upper-stores");
    let control = folder.path().join("guard.db");
    let wanted = |path: &Path| {
        let metadata = fs::metadata(path).unwrap();
        (metadata.mode(), metadata.uid(), metadata.gid())
    };
    let mut before = BTreeMap::new();
    for entry in fs::read_dir(folder.path()).unwrap() {
        let path = entry.unwrap().path();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o664)).unwrap();
        // Only root may give a file away.
        let _ = std::os::unix::fs::chown(&path, Some(1234), Some(4321));
        before.insert(path.clone(), wanted(&path));
    }
    let output = database(
        &["lowercase", "--container", "32001", "--field", "2"],
        &control,
    );
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    for (path, metadata) in before {
        assert_eq!(wanted(&path), metadata, "{}", path.display());
    }
}

#[test]
fn names_without_a_profile_that_fits_are_none() {
    let folder = unpack("02-v302-4k-upper-stores");
    let control = folder.path().join("guard.db");
    let output = database(&["names"], &control);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output));
    let listed = database(&["names", "--container", "32001", "--field", "2"], &control);
    assert!(text(&listed).lines().count() > 500, "{}", text(&listed));
    let before = files(folder.path());
    let output = database(&["lowercase"], &control);
    assert!(
        matches!(output.status.code(), Some(0 | 3)),
        "{}",
        text(&output)
    );
    if output.status.code() == Some(3) {
        assert_eq!(files(folder.path()), before);
    }
    let output = database(&["names", "--container", "32001"], &control);
    assert_eq!(
        output.status.code(),
        Some(2),
        "a field is missing: {}",
        text(&output)
    );
}

#[test]
fn a_file_that_is_not_there_is_a_mistake_of_the_command_line() {
    let folder = tempfile::tempdir().unwrap();
    let nothing = folder.path().join("NGWGUARD.DB");
    for arguments in [
        &["probe"][..],
        &["check"],
        &["dump"],
        &["names"],
        &["lowercase", "--plan"],
        &["lowercase"],
    ] {
        let output = database(arguments, &nothing);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {text}");
        assert!(
            text.contains("NGWGUARD.DB") && text.contains("Correct the path"),
            "{arguments:?}: {text}"
        );
    }
}
