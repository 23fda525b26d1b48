//! Every record and every key, as the independent implementation dumps them.

use std::collections::BTreeMap;
use std::io::BufRead as _;

use postoffice::flaim::{
    CheckOptions, Database, DatabaseFile, Field, FieldKind, FileSet, Limits, OpenFileSet, Record,
    Value, check, probe,
};
use serde_json::Value as Json;

use crate::samples::{Sample, from_hex, sound};

/// Level, tag, type, stored bytes, value.
type FieldLine = (u16, u16, String, Vec<u8>, Option<String>);

/// A dump, line by line, without what has no meaning.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    Record(u16, u32, Vec<FieldLine>),
    /// Index, key, record.
    Entry(u16, Vec<u8>, u32),
}

/// A number without the nibble behind its terminator.
fn normalised(kind: &str, mut raw: Vec<u8>) -> Vec<u8> {
    if kind == "number"
        && let Some(last) = raw.last_mut()
        && *last >> 4 == 0x0f
    {
        *last = 0xf0;
    }
    raw
}

fn expected_line(line: &str) -> Option<Line> {
    let json: Json = serde_json::from_str(line).unwrap();
    let number = |name: &str| json[name].as_u64().and_then(|n| u16::try_from(n).ok());
    let drn = u32::try_from(json["drn"].as_u64()?).unwrap();
    if let Some(index) = number("index") {
        return Some(Line::Entry(index, from_hex(json["key"].as_str()?), drn));
    }
    let fields = json["fields"].as_array()?.iter().map(|field| {
        let kind = field["type"].as_str().unwrap().to_owned();
        let value = match &field["value"] {
            Json::Null => None,
            Json::String(text) => Some(text.clone()),
            other => Some(other.to_string()),
        };
        let number = |name: &str| u16::try_from(field[name].as_u64().unwrap()).unwrap();
        let raw = normalised(&kind, from_hex(field["raw"].as_str().unwrap()));
        (number("lvl"), number("tag"), kind, raw, value)
    });
    Some(Line::Record(number("container")?, drn, fields.collect()))
}

fn field_line(field: Field<'_>) -> FieldLine {
    let kind = field.kind.name().to_owned();
    let value = match field.value().unwrap() {
        Value::Text(text) => Some(text),
        Value::Number(number) => Some(number.unwrap_or(0).to_string()),
        Value::Context(record) => Some(record.unwrap_or(0).to_string()),
        Value::Bytes(_) => None,
    };
    assert!(!field.is_encrypted);
    let raw = normalised(&kind, field.stored.to_vec());
    (field.level, field.tag, kind, raw, value)
}

fn record_line(container: u16, record: &Record) -> Line {
    let fields = record.fields().map(field_line).collect();
    Line::Record(container, record.number, fields)
}

/// Compares a database with a dump, one line at a time.
pub(crate) fn assert_reads_as<F: FileSet>(
    name: &str,
    files: F,
    expected: impl Iterator<Item = String>,
    with_indexes: bool,
) {
    let database = Database::open(files, Limits::default())
        .unwrap_or_else(|error| panic!("{name}: {error} {error:?}"));
    let mut expected = expected.filter_map(|line| expected_line(&line)).peekable();
    let mut entries: BTreeMap<u16, Vec<(Vec<u8>, u32)>> = BTreeMap::new();
    let mut containers = database.containers();
    // The dump has the dictionary and the default container first, then the others; the tracker's records too.
    let order = |number: &u16| (*number != 32000, *number != 32001, *number);
    containers.sort_by_key(order);
    for container in containers {
        for record in database.records(container).unwrap() {
            let record = record.unwrap_or_else(|error| panic!("{name}: {error}"));
            let line = record_line(container, &record);
            assert_eq!(expected.next().as_ref(), Some(&line), "{name}");
            if container != 32000 && record.number % 64 == 0 {
                let again = database.record(container, record.number).unwrap();
                assert_eq!(again, Some(record), "{name}");
            }
        }
    }
    for line in expected {
        let Line::Entry(index, key, record) = line else {
            panic!("{name}: a record too many: {line:?}");
        };
        entries.entry(index).or_default().push((key, record));
    }
    if !with_indexes {
        return;
    }
    for index in database.indexes() {
        let mut found: Vec<(Vec<u8>, u32)> = database
            .index_entries(index)
            .unwrap()
            .map(|entry| entry.unwrap_or_else(|error| panic!("{name}: index {index}: {error}")))
            .map(|entry| (entry.key.to_vec(), entry.record))
            .collect();
        let mut expected = entries.remove(&index).unwrap_or_default();
        assert!(found.is_sorted_by(|a, b| a.0 <= b.0), "{name}");
        // The dump may list the records of one key in either order.
        found.sort();
        expected.sort();
        assert_eq!(found.len(), expected.len(), "{name}: index {index}");
        assert_eq!(found, expected, "{name}: index {index}");
    }
    assert!(entries.is_empty(), "{name}: indexes that were not read");
}

fn lines(sample: &Sample) -> impl Iterator<Item = String> {
    let expected = sample.expected.as_deref().unwrap();
    expected.lines().map(str::to_owned)
}

#[test]
fn every_sample_reads_as_its_dump() {
    for sample in sound() {
        assert_reads_as(&sample.name, &sample.files, lines(&sample), true);
    }
}

#[test]
fn the_probe_names_the_version_of_every_sample() {
    for sample in sound() {
        let first = lines(&sample).next().unwrap();
        let expected: Json = serde_json::from_str(&first).unwrap();
        let header = probe(sample.files.get(DatabaseFile::CONTROL).unwrap()).unwrap();
        let version = u64::from(header.version.number());
        assert_eq!(
            expected["version"].as_u64(),
            Some(version),
            "{}",
            sample.name
        );
        let block_size = u64::try_from(header.block_size).unwrap();
        assert_eq!(
            expected["block"].as_u64(),
            Some(block_size),
            "{}",
            sample.name
        );
        assert_eq!(header.unusual_fields(), [], "{}", sample.name);
    }
}

#[test]
fn recovery_says_what_it_did() {
    for (name, blocks, transactions) in [
        ("09-v301-4k-aborted", None, None),
        ("10-v301-4k-needs-rfl", Some(false), Some(true)),
        ("11-v452-4k-needs-rollback-and-rfl", Some(true), Some(true)),
        ("12-v310-4k-needs-rollback", Some(true), Some(false)),
    ] {
        let sample = crate::samples::load(name);
        let database = Database::open(&sample.files, Limits::default()).unwrap();
        let recovery = database.recovery();
        assert_eq!(recovery.map(|r| r.blocks_rolled_back > 0), blocks, "{name}");
        assert_eq!(
            recovery.map(|r| r.transactions_replayed > 0),
            transactions,
            "{name}"
        );
    }
}

#[test]
fn kinds_have_names() {
    assert_eq!(FieldKind::Context.name(), "context");
}

/// Databases too large for the project, below the folder that `FLAIM_SAMPLES` names.
#[test]
fn further_samples_read_as_their_dumps() {
    let Some(folder) = std::env::var_os("FLAIM_SAMPLES") else {
        println!("FLAIM_SAMPLES names no folder with further samples");
        return;
    };
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        let mut files = OpenFileSet::<std::fs::File>::new();
        let mut dump = None;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() && name != "guard.rfl" {
                folders.push(entry.path());
            } else if name == "guard.rfl" {
                let log = std::fs::File::open(entry.path().join("00000001.log"));
                files.insert(DatabaseFile::RollForward(1), log.unwrap());
            } else if name == "guard.dump.jsonl.gz" {
                dump = Some(entry.path());
            } else if let Some(file) = crate::samples::database_file(&name) {
                files.insert(file, std::fs::File::open(entry.path()).unwrap());
            }
        }
        let Some(dump) = dump else { continue };
        let open = || {
            let packed = std::fs::File::open(&dump).unwrap();
            let reader = std::io::BufReader::new(flate2::read::GzDecoder::new(packed));
            reader.lines().map(Result::unwrap)
        };
        let with_indexes = open().any(|line| line.starts_with("{\"index\""));
        assert_reads_as(folder.to_str().unwrap(), &files, open(), with_indexes);
        let report = check(&files, CheckOptions::default()).unwrap();
        assert_eq!(report.findings, [], "{}", folder.display());
        count += 1;
    }
    println!("{count} further samples read as their dumps");
}
