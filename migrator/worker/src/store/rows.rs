//! Reading rows: what cannot be read is an error that names its table and row, and never a default.

use postoffice::names::{RelativePath, printable};
use rusqlite::types::{Type, ValueRef};
use rusqlite::{Connection, Row};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

/// Whether a table of files has one in a folder or below it.
pub(super) fn has_files_in(
    connection: &Connection,
    table: &'static str,
    area: u32,
    folder: &RelativePath,
) -> rusqlite::Result<bool> {
    // What is below begins with the path and a slash, which "0" follows.
    let [first, end] = [b'/', b'0'].map(|byte| [folder.as_bytes(), &[byte]].concat());
    connection
        .prepare_cached(&format!(
            "SELECT EXISTS (SELECT 1 FROM {table} WHERE area = ?1 AND folder = ?2)
                 OR EXISTS (SELECT 1 FROM {table} WHERE area = ?1 AND folder > ?3 AND folder < ?4)"
        ))?
        .query_row(
            (area, folder.as_bytes(), first, end),
            in_table(table, |row| row.get(0)),
        )
}

/// A row that does not hold what the worker writes.
#[derive(Debug, Error)]
#[error("table {table}, row {row}: {what}")]
struct DamagedRow {
    table: &'static str,
    row: String,
    what: String,
}

/// The error of a row that cannot be read.
pub(super) fn damaged(
    table: &'static str,
    row: impl std::fmt::Display,
    what: impl Into<String>,
) -> rusqlite::Error {
    let damaged = DamagedRow {
        table,
        row: row.to_string(),
        what: what.into(),
    };
    rusqlite::Error::FromSqlConversionFailure(0, Type::Null, Box::new(damaged))
}

/// Reads rows of a table; the error of one that cannot be read names the table, and the row by its first columns.
pub(super) fn in_table<T>(
    table: &'static str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<T>,
) -> impl Fn(&Row<'_>) -> rusqlite::Result<T> {
    move |row| {
        read(row).map_err(|error| match error {
            // It names its row already.
            rusqlite::Error::FromSqlConversionFailure(_, _, source)
                if source.downcast_ref::<DamagedRow>().is_some() =>
            {
                rusqlite::Error::FromSqlConversionFailure(0, Type::Null, source)
            }
            error => damaged(table, begins(row), error.to_string()),
        })
    }
}

/// How many columns of a row are shown, and how many bytes of each.
const COLUMNS_SHOWN: usize = 3;
const BYTES_SHOWN: usize = 80;

/// The first columns of a row.
fn begins(row: &Row<'_>) -> String {
    let columns = (0..COLUMNS_SHOWN).map_while(|column| row.get_ref(column).ok());
    let shown = columns.map(|value| match value {
        ValueRef::Null => "NULL".to_owned(),
        ValueRef::Integer(number) => number.to_string(),
        ValueRef::Real(number) => number.to_string(),
        ValueRef::Text(bytes) | ValueRef::Blob(bytes) => {
            printable(&bytes[..bytes.len().min(BYTES_SHOWN)])
        }
    });
    format!("that begins with {}", shown.collect::<Vec<_>>().join(" | "))
}

/// The path that a row has in a column; its row is named by all of its bytes.
pub(super) fn path(
    table: &'static str,
    row: &Row<'_>,
    column: usize,
) -> rusqlite::Result<RelativePath> {
    path_of(table, row.get_ref(column)?.as_blob()?)
}

/// The path of these bytes.
pub(super) fn path_of(table: &'static str, bytes: &[u8]) -> rusqlite::Result<RelativePath> {
    RelativePath::from_bytes(bytes).ok_or_else(|| {
        let row = format!("with the folder {:?}", printable(bytes));
        damaged(table, row, "this is no path below a root")
    })
}

/// The word for a value: as in JSON, without the quotes.
pub(super) fn word(value: &impl Serialize) -> rusqlite::Result<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => Ok(word),
        Ok(other) => Err(unwritable(format!("{other} is no word").into())),
        Err(error) => Err(unwritable(error.into())),
    }
}

/// The inverse of [`word`].
pub(super) fn from_word<T: DeserializeOwned>(
    table: &'static str,
    row: impl std::fmt::Display,
    word: &str,
) -> rusqlite::Result<T> {
    serde_json::from_value(serde_json::Value::String(word.to_owned()))
        .map_err(|error| damaged(table, row, error.to_string()))
}

/// A value as JSON.
pub(super) fn json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| unwritable(error.into()))
}

/// The inverse of [`json`].
pub(super) fn from_json<T: DeserializeOwned>(
    table: &'static str,
    row: impl std::fmt::Display,
    text: &str,
) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(|error| damaged(table, row, error.to_string()))
}

fn unwritable(error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::ToSqlConversionFailure(error)
}
