//! Every record and every key of a database, one JSON object each.
//!
//! The keys of these objects are a contract: `container drn fields[lvl tag type raw value]` for a record, `index drn key`
//! for an entry of an index; `raw` and `key` are the stored bytes in hexadecimal.

use std::path::Path;

use postoffice::flaim::{
    DEFAULT_CONTAINER, DICTIONARY_CONTAINER, Damage, Database, Field, Limits, Place, Record, Value,
};
use postoffice::names::RelativePath;
use serde_json::{Value as Json, json};
use worker::error::WorkerError;

/// Hands out a line for the database, for each record, and with `with_keys` for each entry of each index.
///
/// A database that was not closed cleanly is shown as recovery would leave it.  `see` says whether to go on.
///
/// # Errors
/// [`WorkerError::Database`] where it cannot be read to its end; what was read by then has been handed out.
pub fn dump(
    file: &Path,
    with_keys: bool,
    see: &mut dyn FnMut(Json) -> bool,
) -> Result<(), WorkerError> {
    let (opened, control) = super::open(file)?;
    let header = opened.header()?;
    let first = json!({
        "db": file.file_name().unwrap_or_default().to_string_lossy(),
        "version": header.version.number(),
        "block": header.block_size,
    });
    if !see(first) {
        return Ok(());
    }
    read_all(&opened.files, with_keys, see).map_err(|source| WorkerError::Database {
        path: RelativePath::root().join(&control),
        source: Box::new(source),
    })
}

fn read_all(
    files: &impl postoffice::flaim::FileSet,
    with_keys: bool,
    see: &mut dyn FnMut(Json) -> bool,
) -> Result<(), postoffice::flaim::Error> {
    let database = Database::open(files, Limits::default())?;
    let mut containers = database.containers();
    containers.sort_by_key(|number| {
        let is_later = (
            *number != DICTIONARY_CONTAINER,
            *number != DEFAULT_CONTAINER,
        );
        (is_later, *number)
    });
    for container in containers {
        for record in database.records(container)? {
            if !see(record_line(container, &record?)?) {
                return Ok(());
            }
        }
    }
    for index in database.indexes().into_iter().filter(|_| with_keys) {
        for entry in database.index_entries(index)? {
            let entry = entry?;
            let line = json!({ "index": index, "drn": entry.record, "key": hex(&entry.key) });
            if !see(line) {
                return Ok(());
            }
        }
    }
    Ok(())
}

fn record_line(container: u16, record: &Record) -> Result<Json, postoffice::flaim::Error> {
    let place = Place::in_logical_file(container).in_record(record.number);
    let fields: Result<Vec<Json>, _> = record
        .fields()
        .map(|field| field_line(field).map_err(|damage| place.in_field(field.tag).fault(damage)))
        .collect();
    Ok(json!({ "container": container, "drn": record.number, "fields": fields? }))
}

fn field_line(field: Field<'_>) -> Result<Json, Damage> {
    let mut line = json!({
        "lvl": field.level,
        "tag": field.tag,
        "type": field.kind.name(),
        "raw": hex(field.stored),
    });
    if field.is_encrypted {
        line["encrypted"] = Json::from(true);
        return Ok(line);
    }
    match field.value()? {
        Value::Text(text) => line["value"] = Json::from(text),
        Value::Number(number) => line["value"] = number_line(number.unwrap_or(0)),
        Value::Context(record) => line["value"] = Json::from(record.unwrap_or(0)),
        // Their bytes are all that there is to them.
        Value::Bytes(_) => {}
    }
    Ok(line)
}

/// A number as JSON; one of more than 64 bits, which no version writes, as text.
fn number_line(number: i128) -> Json {
    i64::try_from(number)
        .map(Json::from)
        .or_else(|_| u64::try_from(number).map(Json::from))
        .unwrap_or_else(|_| Json::from(number.to_string()))
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let nibbles = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    nibbles
        .map(|nibble| char::from(DIGITS[usize::from(nibble)]))
        .collect()
}
