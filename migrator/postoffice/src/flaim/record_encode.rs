//! Writes the fields of a record as the format stores them (flaim-format.md 7).

use super::field_writer::{FieldHead, ORDINARY_BYTES_MAX, push_head, push_levels_up};
use super::record::Record;
use super::version::Version;

/// The stored form of a record; `None` where this version has none.
pub(super) fn encode_record(record: &Record, version: Version) -> Option<Vec<u8>> {
    let mut data = Vec::with_capacity(record.data.len() + record.fields.len() * 4);
    let mut previous: Option<u16> = None;
    for field in record.fields() {
        let length = field.stored.len();
        let is_too_long = length > ORDINARY_BYTES_MAX && !version.has_large_values();
        if field.is_encrypted || is_too_long {
            return None;
        }
        let is_child = match previous {
            None if field.level == 0 => false,
            Some(level) if field.level <= level => {
                push_levels_up(&mut data, level - field.level);
                false
            }
            Some(level) if field.level == level + 1 => true,
            _ => return None,
        };
        previous = Some(field.level);
        let head = FieldHead {
            tag: field.tag,
            kind: field.kind,
            is_child,
            length,
        };
        push_head(&mut data, head);
        data.extend_from_slice(field.stored);
    }
    Some(data)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flaim::field::{FieldKind, FieldKinds};

    struct Kinds;

    impl FieldKinds for Kinds {
        fn kind_of(&self, tag: u16) -> Option<FieldKind> {
            let number = (tag == 3).then_some(FieldKind::Number);
            number.or(Some(FieldKind::Text))
        }
    }

    #[test]
    fn every_form_is_written_as_it_was() {
        // Root; child with long value; grandchild; two levels up; tagged and wide.
        let mut stored = vec![0x02, 0x01, 0x41, 0x42, 0x99, 0x02, 0x2c, 0x01];
        stored.extend([0x41; 300]);
        stored.extend([0x41, 0x06, 0x43, 0xa2, 0x01, 0x03, 0x5f]);
        stored.extend([0x82, 0x02, 0x2c, 0x01, 0x02, 0x01, 0x02]);
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
