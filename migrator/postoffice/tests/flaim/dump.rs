//! What the independent implementation dumps of a database, line by line.

use std::collections::BTreeMap;

use postoffice::flaim::{Database, Field, FileSet, Limits, Record, Value};
use serde_json::Value as Json;

use crate::samples::from_hex;

/// Level, tag, type, stored bytes, value.
type FieldLine = (u16, u16, String, Vec<u8>, Option<String>);

/// A dump, line by line, without what has no meaning.
#[derive(Debug, PartialEq, Eq)]
enum Line {
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
