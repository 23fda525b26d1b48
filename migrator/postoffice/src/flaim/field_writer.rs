//! Writes the heads of fields (flaim-format.md 7, "which form is used on writing").

use super::field::{FieldKind, is_registered};

/// The longest value of the short form, and its highest tag.
const STANDARD_BYTES_MAX: usize = 63;
const STANDARD_TAG_MAX: u16 = 255;
/// The longest value that needs no form for large ones.
pub(super) const ORDINARY_BYTES_MAX: usize = 65_535;
/// How many levels one byte goes up at most.
const LEVELS_UP_MAX: u16 = 7;

/// The field that a head is made for.
#[derive(Debug, Clone, Copy)]
pub(super) struct FieldHead {
    pub(super) tag: u16,
    pub(super) kind: FieldKind,
    /// Whether the field is a child of the one before; siblings and fields further up are not.
    pub(super) is_child: bool,
    /// The length of the value, in bytes.
    pub(super) length: usize,
}

/// Adds the bytes that lead from the level of one field to a higher one, nearer to the root.
pub(super) fn push_levels_up(data: &mut Vec<u8>, mut levels: u16) {
    while levels > 0 {
        let step = levels.min(LEVELS_UP_MAX);
        data.push(0xa0 | u8::try_from(step).unwrap_or(0));
        levels -= step;
    }
}

/// Adds the head of a field.
pub(super) fn push_head(data: &mut Vec<u8>, head: FieldHead) {
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
