//! Values of records that must be there.

use postoffice::flaim::{Record, Value};
use postoffice::names::RelativePath;

use crate::error::SimulatorError;
use crate::mail::MailError;

/// What a record lacks: its number, and the name of the value.
pub(super) type Lacking = (u32, &'static str);

/// A number, or the number of another record, in the size that is asked for.
pub(super) fn number_of<T: TryFrom<i128>>(
    record: &Record,
    tag: u16,
    what: &'static str,
) -> Result<T, Lacking> {
    let field = record.fields().find(|field| field.tag == tag);
    let value = match field.and_then(|field| field.value().ok()) {
        Some(Value::Number(number)) => number,
        Some(Value::Context(number)) => number.map(i128::from),
        _ => None,
    };
    value
        .and_then(|value| T::try_from(value).ok())
        .ok_or((record.number, what))
}

/// A number that is 0 or 1.
pub(super) fn flag(record: &Record, tag: u16, what: &'static str) -> Result<bool, Lacking> {
    match number_of::<u8>(record, tag, what)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err((record.number, what)),
    }
}

/// Text, which may be empty.
pub(super) fn text_of(record: &Record, tag: u16, what: &'static str) -> Result<String, Lacking> {
    let field = record.fields().find(|field| field.tag == tag);
    match field.and_then(|field| field.value().ok()) {
        Some(Value::Text(text)) => Ok(text),
        _ => Err((record.number, what)),
    }
}

/// Bytes; `None` where the record has none.
pub(super) fn bytes(record: &Record, tag: u16) -> Option<Vec<u8>> {
    let field = record.fields().find(|field| field.tag == tag)?;
    match field.value() {
        Ok(Value::Bytes(bytes)) => Some(bytes),
        _ => None,
    }
}

/// The error that says which record of which database lacks what.
pub(super) fn incomplete(path: &RelativePath, record: u32, what: &'static str) -> SimulatorError {
    let path = path.to_string();
    MailError::Incomplete { path, record, what }.into()
}
