//! Writes the fields of a record as the format stores them (flaim-format.md 7, "which form is used on writing").

use super::field::{FIELD_LEVEL_MAX, FieldKind, RawField, is_registered};
use super::record::{Field, Record};
use super::version::Version;

/// The longest value of the short form, and its highest tag.
const STANDARD_BYTES_MAX: usize = 63;
const STANDARD_TAG_MAX: u16 = 255;
/// The longest value that needs no form for large ones.
pub const ORDINARY_BYTES_MAX: usize = 65_535;
/// How many levels one byte goes up at most.
const LEVELS_UP_MAX: u16 = 7;

impl Record {
    /// A record without fields.
    pub fn new(number: u32) -> Self {
        Self {
            number,
            data: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Adds a field behind the others: the root on level 0 first, then each on a level not more than one below the field
    /// before it.
    ///
    /// # Errors
    /// Why this version has no stored form for it; nothing is added then.
    pub fn push(&mut self, version: Version, field: Field<'_>) -> Result<(), &'static str> {
        let length = field.stored.len();
        if field.is_encrypted {
            return Err("its value is encrypted");
        }
        if length > ORDINARY_BYTES_MAX && !version.has_large_values() {
            return Err("values longer than 64 KiB exist since version 4.61");
        }
        if u32::try_from(length).is_err() {
            return Err("the value is longer than a field can be");
        }
        let (levels_up, is_child) = self.step_to(field.level)?;
        push_levels_up(&mut self.data, levels_up);
        let head = self.data.len();
        push_head(
            &mut self.data,
            FieldHead {
                tag: field.tag,
                kind: field.kind,
                is_child,
                length,
            },
        );
        let start = self.data.len();
        self.data.extend_from_slice(field.stored);
        self.fields.push(RawField {
            level: field.level,
            tag: field.tag,
            kind: field.kind,
            is_encrypted: false,
            value: start..self.data.len(),
            head,
        });
        Ok(())
    }

    /// How many levels up the field before it the next one stands, and whether it is its child.
    fn step_to(&self, level: u16) -> Result<(u16, bool), &'static str> {
        let Some(last) = self.fields.last() else {
            return match level {
                0 => Ok((0, false)),
                _ => Err("the first field of a record stands on level 0"),
            };
        };
        if level > FIELD_LEVEL_MAX || level > last.level + 1 {
            return Err("the field stands more than one level below the field before it");
        }
        Ok((last.level.saturating_sub(level), level > last.level))
    }
}

/// The field that a head is made for.
#[derive(Debug, Clone, Copy)]
struct FieldHead {
    tag: u16,
    kind: FieldKind,
    /// Whether the field is a child of the one before; siblings and fields further up are not.
    is_child: bool,
    /// The length of the value, in bytes.
    length: usize,
}

/// Adds the bytes that lead from the level of one field to a higher one, nearer to the root.
fn push_levels_up(data: &mut Vec<u8>, mut levels: u16) {
    while levels > 0 {
        let step = levels.min(LEVELS_UP_MAX);
        data.push(0xa0 | u8::try_from(step).unwrap_or(0));
        levels -= step;
    }
}

/// Adds the head of a field.
fn push_head(data: &mut Vec<u8>, head: FieldHead) {
    // Registered tags have their type in the dictionary; the dictionary's own tags count as text without one.
    let has_known_kind = is_registered(head.tag) || is_dictionary_text(head);
    if head.length > ORDINARY_BYTES_MAX {
        push_large(data, head);
    } else if !has_known_kind {
        push_tagged(data, head);
    } else if head.tag <= STANDARD_TAG_MAX && head.length <= STANDARD_BYTES_MAX {
        let child = if head.is_child { 0x40 } else { 0 };
        data.push(child | low_byte(head.length));
        data.push(head.tag.to_le_bytes()[0]);
    } else if head.length == 0 {
        let child = if head.is_child { 0x04 } else { 0 };
        let tag = Number::of(head.tag);
        data.push(0xa8 | child | tag.flag(0x02));
        tag.push(data);
    } else {
        let child = if head.is_child { 0x08 } else { 0 };
        let (tag, length) = (Number::of(head.tag), Number::of(length(head)));
        data.push(0x90 | child | tag.flag(0x02) | length.flag(0x01));
        tag.push(data);
        length.push(data);
    }
}

fn is_dictionary_text(head: FieldHead) -> bool {
    head.tag < 0x8000 && head.kind == FieldKind::Text
}

/// The form that carries the type of its value, and the tag with its highest bit inverted.
fn push_tagged(data: &mut Vec<u8>, head: FieldHead) {
    let child = if head.is_child { 0x08 } else { 0 };
    let (tag, length) = (Number::of(head.tag ^ 0x8000), Number::of(length(head)));
    data.push(0x80 | child | tag.flag(0x02) | length.flag(0x01));
    data.push(head.kind.code());
    tag.push(data);
    length.push(data);
}

/// The form for values longer than 64 KiB.
fn push_large(data: &mut Vec<u8>, head: FieldHead) {
    data.push(0xd0 | u8::from(head.is_child));
    data.push(head.kind.code());
    data.extend_from_slice(&head.tag.to_le_bytes());
    let length = u32::try_from(head.length).unwrap_or(u32::MAX);
    data.extend_from_slice(&length.to_le_bytes());
}

fn length(head: FieldHead) -> u16 {
    u16::try_from(head.length).unwrap_or(u16::MAX)
}

fn low_byte(length: usize) -> u8 {
    length.to_le_bytes()[0]
}

/// A number of one byte, or of two where it needs them.
struct Number(u16);

impl Number {
    fn of(number: u16) -> Self {
        Self(number)
    }

    fn is_wide(&self) -> bool {
        self.0 > 0xff
    }

    fn flag(&self, flag: u8) -> u8 {
        if self.is_wide() { flag } else { 0 }
    }

    fn push(&self, data: &mut Vec<u8>) {
        let [low, high] = self.0.to_le_bytes();
        data.push(low);
        if self.is_wide() {
            data.push(high);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flaim::field::FieldKinds;

    struct Kinds;

    impl FieldKinds for Kinds {
        fn kind_of(&self, tag: u16) -> Option<FieldKind> {
            let number = (tag == 3).then_some(FieldKind::Number);
            number.or(Some(FieldKind::Text))
        }
    }

    /// The stored form of the same fields.
    fn encoded(record: &Record, version: Version) -> Result<Vec<u8>, &'static str> {
        let mut again = Record::new(record.number);
        for field in record.fields() {
            again.push(version, field)?;
        }
        Ok(again.data)
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
        assert_eq!(encoded(&record, version), Ok(stored));
    }

    #[test]
    fn long_values_need_a_late_version() {
        let mut stored = vec![0xd0, 0x02, 0x03, 0x00, 0x00, 0x00, 0x01, 0x00];
        stored.resize(stored.len() + 65536, 0x41);
        let record = Record::parse(1, stored.clone(), &Kinds).unwrap();
        let early = Version::from_number(460).unwrap();
        assert!(encoded(&record, early).is_err());
        let late = Version::from_number(461).unwrap();
        assert_eq!(encoded(&record, late), Ok(stored));
    }
}
