//! Lower-cases stored text: ASCII letters only, nothing moves (flaim-format.md 7.1).

use super::super::damage::Damage;
use super::super::field::RawField;
use super::super::record::Record;
use super::super::text::Codes;

/// The stored text in lower case; `None` where it has no ASCII capital letter.
pub(super) fn lower_stored(stored: &[u8]) -> Result<Option<Vec<u8>>, Damage> {
    if !stored.iter().any(u8::is_ascii_uppercase) {
        return Ok(None);
    }
    let mut lowered = Vec::with_capacity(stored.len());
    for code in Codes::new(stored) {
        // The second byte of a longer code may look like a letter, and is none.
        match code?.stored {
            [letter] => lowered.push(letter.to_ascii_lowercase()),
            longer => lowered.extend_from_slice(longer),
        }
    }
    Ok((lowered != stored).then_some(lowered))
}

/// A value of a record that changes: which field, and its new bytes, as many as it has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NewValue {
    pub(super) position: usize,
    pub(super) stored: Vec<u8>,
}

/// The record with these values.
pub(super) fn with_values(record: &Record, values: &[NewValue]) -> Record {
    let mut changed = record.clone();
    for value in values {
        let range = record.fields.get(value.position).map(value_range);
        let place = range.and_then(|range| changed.data.get_mut(range));
        if let Some(place) = place.filter(|place| place.len() == value.stored.len()) {
            place.copy_from_slice(&value.stored);
        }
    }
    changed
}

/// Where the value of a field stands in its record's data.
pub(super) fn value_range(field: &RawField) -> std::ops::Range<usize> {
    field.value.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flaim::encode_text;

    #[test]
    fn only_letters_of_one_byte_change() {
        let lower = |text: &str| lower_stored(&encode_text(text));
        assert_eq!(lower("USER.DB"), Ok(Some(b"user.db".to_vec())));
        assert_eq!(lower("user.db"), Ok(None));
        assert_eq!(lower("ÄB"), Ok(Some(encode_text("Äb"))));
        // A tab as Unicode, a control byte, and a unit of UTF-16 whose bytes are letters.
        for stored in [&[0xea, 0x00, 0x41][..], &[0xf2, 0x41], &[0x81, 0x41]] {
            assert_eq!(lower_stored(stored), Ok(None), "{stored:02x?}");
        }
        assert_eq!(lower_stored(&[0x41, 0xea, 0x41]), Err(Damage::ValueText));
    }
}
