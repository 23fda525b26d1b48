//! Writes the fields of a record as the format stores them (format notes 7).

use super::field::{FieldKind, is_registered};
use super::record::{Field, Record};
use super::version::Version;

/// The longest value of a field with the shortest head.
const STANDARD_BYTES_MAX: usize = 63;
/// The most levels that one byte goes up.
const LEVELS_UP_MAX: u16 = 7;

/// The stored form of a record; `None` where this version has none.
pub(super) fn encode_record(record: &Record, version: Version) -> Option<Vec<u8>> {
    let mut data = Vec::with_capacity(record.data.len() + record.fields.len() * 4);
    let mut previous = None;
    for field in record.fields() {
        if field.is_encrypted {
            return None;
        }
        let is_child = match previous {
            None if field.level == 0 => false,
            None => return None,
            Some(level) if field.level > level => {
                if field.level != level + 1 {
                    return None;
                }
                true
            }
            Some(level) => {
                let mut levels_up = level - field.level;
                while levels_up > 0 {
                    let step = levels_up.min(LEVELS_UP_MAX);
                    data.push(0xa0 | u8::try_from(step).ok()?);
                    levels_up -= step;
                }
                false
            }
        };
        previous = Some(field.level);
        head(&mut data, field, is_child, version)?;
        data.extend_from_slice(field.stored);
    }
    Some(data)
}

/// Whether the type of a field stands nowhere but in the dictionary.
fn has_implied_kind(field: Field<'_>) -> bool {
    is_registered(field.tag) || (field.tag < 0x8000 && field.kind == FieldKind::Text)
}

fn head(data: &mut Vec<u8>, field: Field<'_>, is_child: bool, version: Version) -> Option<()> {
    let flag = |bit: u8, is_set: bool| if is_set { bit } else { 0 };
    let length = field.stored.len();
    let Ok(short_length) = u16::try_from(length) else {
        if !version.has_large_values() {
            return None;
        }
        data.push(0xd0 | flag(0x01, is_child));
        data.push(field.kind.code());
        data.extend_from_slice(&field.tag.to_le_bytes());
        data.extend_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
        return Some(());
    };
    if !has_implied_kind(field) {
        let tag = field.tag ^ 0x8000;
        let wide = flag(0x02, tag > 0xff) | flag(0x01, short_length > 0xff);
        data.push(0x80 | flag(0x08, is_child) | wide);
        data.push(field.kind.code());
        number(data, tag);
        number(data, short_length);
    } else if length == 0 {
        data.push(0xa8 | flag(0x04, is_child) | flag(0x02, field.tag > 0xff));
        number(data, field.tag);
    } else if field.tag <= 0xff && length <= STANDARD_BYTES_MAX {
        data.push(flag(0x40, is_child) | u8::try_from(length).ok()?);
        number(data, field.tag);
    } else {
        let wide = flag(0x02, field.tag > 0xff) | flag(0x01, short_length > 0xff);
        data.push(0x90 | flag(0x08, is_child) | wide);
        number(data, field.tag);
        number(data, short_length);
    }
    Some(())
}

/// A number in one byte, or in two where it needs them.
fn number(data: &mut Vec<u8>, number: u16) {
    match u8::try_from(number) {
        Ok(byte) => data.push(byte),
        Err(_) => data.extend_from_slice(&number.to_le_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flaim::field::FieldKinds;

    struct Kinds;

    impl FieldKinds for Kinds {
        fn kind_of(&self, tag: u16) -> Option<FieldKind> {
            (tag == 3)
                .then_some(FieldKind::Number)
                .or(Some(FieldKind::Text))
        }
    }

    #[test]
    fn every_form_is_written_as_it_was() {
        // Root; child with long value; grandchild without one; three levels up at once; tagged and wide.
        let mut stored = vec![0x02, 0x01, 0x41, 0x42, 0x99, 0x02, 0x2c, 0x01];
        stored.extend([0x41; 300]);
        stored.extend([
            0xac, 0x06, 0xa2, 0x01, 0x03, 0x5f, 0x82, 0x02, 0x2c, 0x01, 0x02, 0x01, 0x02,
        ]);
        stored.extend([0x93, 0x2c, 0x01, 0x00, 0x01]);
        stored.extend([0x42; 256]);
        stored.extend([0x4b, 0x07]);
        stored.extend([0x43; 11]);
        let record = Record::parse(1, stored.clone(), &Kinds).unwrap();
        let version = Version::from_number(301).unwrap();
        assert_eq!(encode_record(&record, version), Some(stored));
    }

    #[test]
    fn long_values_need_a_late_version() {
        let mut stored = vec![0xd0, 0x02, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00];
        stored.resize(stored.len() + 65536, 0x41);
        let record = Record::parse(1, stored.clone(), &Kinds).unwrap();
        let early = Version::from_number(460).unwrap();
        assert_eq!(encode_record(&record, early), None);
        let late = Version::from_number(461).unwrap();
        assert_eq!(encode_record(&record, late), Some(stored));
    }
}
