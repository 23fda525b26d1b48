//! Which keys a record has in an index (flaim-format.md 8.3, 8.4).
//!
//! Only what is verified is made: keys of one or more required pieces, each one field, in US English.  A key
//! whose bytes are not certain (Greek letters, characters without a table entry, values so long that the key is
//! cut) is refused with a reason, never guessed.

use std::collections::{BTreeMap, BTreeSet};

use super::damage::Damage;
use super::dictionary::{IndexDefinition, KeyPiece};
use super::error::Error;
use super::field::FieldKind;
use super::record::{Field, Record};
use super::text::{Codes, Detail, Meaning};
use super::value::number_nibbles;

/// The most keys of one record in one index.
const KEYS_MAX: usize = 65_536;
/// A piece that stays below this length is cut by none of the format's rules, whichever way they are read.
const UNCUT_BYTES_MAX: usize = 200;
/// The byte between two pieces.
const PIECE_MARK: u8 = 0x02;
/// The set of Greek characters, whose case bits are not certain.
const GREEK_SET: u8 = 0x88;

const TOO_MANY_KEYS: NoKey = NoKey::Unknown("a record has too many keys");

/// Why a key cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NoKey {
    /// Its bytes are not certain, or of a form that is not made here.
    Unknown(&'static str),
    /// The value is malformed.
    Damaged(Damage, u16),
}

/// The keys of a record, or the error that they cannot be made.
pub fn keys_of(
    index: u16,
    definition: &IndexDefinition,
    record: &Record,
) -> Result<BTreeSet<Vec<u8>>, Error> {
    keys(definition, record).map_err(|reason| match reason {
        NoKey::Unknown(reason) => Error::IndexNotComputable { index, reason },
        NoKey::Damaged(damage, tag) => {
            let place = super::error::Place::in_logical_file(index);
            place
                .in_record(record.number)
                .in_field(tag)
                .fault(damage)
                .into()
        }
    })
}

/// The keys of a record in an index.
pub(super) fn keys(
    definition: &IndexDefinition,
    record: &Record,
) -> Result<BTreeSet<Vec<u8>>, NoKey> {
    if let Some(reason) = definition.not_computable {
        return Err(NoKey::Unknown(reason));
    }
    if definition.pieces.is_empty() {
        return name_key(record);
    }
    // The values of each piece, by the parent of their fields: only fields of one parent stand in one key.
    let parents = parents(record);
    let mut pieces: Vec<BTreeMap<Option<usize>, BTreeSet<Vec<u8>>>> = Vec::new();
    for piece in &definition.pieces {
        let mut values: BTreeMap<_, BTreeSet<_>> = BTreeMap::new();
        for (field, parent) in record.fields().zip(&parents) {
            if field.tag == piece.tag {
                let families = values.entry(*parent).or_default();
                families.extend(piece_key(piece, field)?);
            }
        }
        pieces.push(values);
    }
    let mut keys = BTreeSet::new();
    for family in pieces.first().into_iter().flat_map(BTreeMap::keys) {
        let mut partial: Vec<Vec<u8>> = vec![Vec::new()];
        for (number, values) in pieces.iter().enumerate() {
            let none = BTreeSet::new();
            partial = combine(&partial, values.get(family).unwrap_or(&none), number > 0)?;
        }
        keys.extend(partial);
        if keys.len() > KEYS_MAX {
            return Err(TOO_MANY_KEYS);
        }
    }
    Ok(keys)
}

/// Every key so far, continued by every value of the next piece.
fn combine(
    partial: &[Vec<u8>],
    values: &BTreeSet<Vec<u8>>,
    is_continued: bool,
) -> Result<Vec<Vec<u8>>, NoKey> {
    if partial.len().saturating_mul(values.len()) > KEYS_MAX {
        return Err(TOO_MANY_KEYS);
    }
    let mut combined = Vec::new();
    for start in partial {
        for value in values {
            let mut key = start.clone();
            if is_continued {
                key.push(PIECE_MARK);
            }
            key.extend_from_slice(value);
            if key.len() > super::element::KEY_BYTES_MAX {
                return Err(NoKey::Unknown("a key is so long that it is cut"));
            }
            combined.push(key);
        }
    }
    Ok(combined)
}

/// The position of each field's parent; none for the root and its siblings.
fn parents(record: &Record) -> Vec<Option<usize>> {
    let mut ancestors: Vec<usize> = Vec::new();
    let mut parents = Vec::new();
    for (position, field) in record.fields().enumerate() {
        ancestors.truncate(usize::from(field.level));
        parents.push(ancestors.last().copied());
        ancestors.push(position);
    }
    parents
}

/// The key bytes of one field; `None` where it is empty.
fn piece_key(piece: &KeyPiece, field: Field<'_>) -> Result<Option<Vec<u8>>, NoKey> {
    if field.is_encrypted {
        return Err(NoKey::Unknown("a value is encrypted"));
    }
    if field.stored.is_empty() {
        return Ok(None);
    }
    let damaged = |damage| NoKey::Damaged(damage, field.tag);
    match field.kind {
        FieldKind::Text => text_key(
            field.stored,
            piece.is_upper,
            piece.characters_max,
            field.tag,
        )
        .map(Some),
        FieldKind::Number => number_key(field.stored).map(Some).map_err(damaged),
        FieldKind::Context => match *field.stored {
            [a, b, c, d] => Ok(Some(vec![0x1f, d, c, b, a])),
            _ => Err(damaged(Damage::ValueContext)),
        },
        FieldKind::Binary => binary_key(field.stored).map(Some),
        FieldKind::Blob => Err(NoKey::Unknown("it covers references to files")),
    }
}

/// The key in the index on names: the root of a record of the dictionary.
fn name_key(record: &Record) -> Result<BTreeSet<Vec<u8>>, NoKey> {
    let Some(root) = record
        .fields()
        .next()
        .filter(|root| !root.stored.is_empty())
    else {
        return Ok(BTreeSet::new());
    };
    let key = text_key(root.stored, false, usize::MAX, root.tag)?;
    Ok(BTreeSet::from([key]))
}

fn text_key(
    stored: &[u8],
    is_upper: bool,
    characters_max: usize,
    tag: u16,
) -> Result<Vec<u8>, NoKey> {
    let mut key = Vec::new();
    let mut details = Bits::default();
    let mut case = Bits::default();
    let (mut has_detail, mut has_lower, mut is_cut) = (false, false, false);
    for code in Codes::new(stored) {
        let code = code.map_err(|damage| NoKey::Damaged(damage, tag))?;
        let Meaning::Known(character) = code.meaning else {
            return Err(NoKey::Unknown("a character has no collation value"));
        };
        if code.stored.first() == Some(&GREEK_SET) {
            return Err(NoKey::Unknown("a value has Greek letters"));
        }
        if key.len() >= characters_max {
            is_cut = true;
            break;
        }
        key.push(character.collation);
        has_lower |= character.is_lower;
        case.push(u16::from(!character.is_lower), 1);
        has_detail |= character.detail != Detail::None;
        match character.detail {
            Detail::None => details.push(0, 1),
            Detail::Diacritic(number) => details.push(0b10 << 5 | u16::from(number), 7),
            Detail::Character(character) => {
                details.push(0b110, 3);
                details.align();
                details.push(character, 16);
            }
        }
        if key.len() + details.bytes.len() + case.bytes.len() + 3 > UNCUT_BYTES_MAX {
            return Err(NoKey::Unknown("a value is so long that its key is cut"));
        }
    }
    if is_cut {
        key.push(0x0c);
    }
    if has_detail {
        key.push(0x07);
        key.extend_from_slice(&details.bytes);
    }
    if has_lower && !is_upper {
        key.push(0x05);
        key.extend_from_slice(&case.bytes);
    } else {
        key.push(0x06);
    }
    Ok(key)
}

/// Bits, the highest of each byte first.
#[derive(Default)]
struct Bits {
    bytes: Vec<u8>,
    used: usize,
}

impl Bits {
    /// Adds the lowest `count` bits of `value`.
    fn push(&mut self, value: u16, count: u32) {
        for position in (0..count).rev() {
            if self.used.is_multiple_of(8) {
                self.bytes.push(0);
            }
            let bit = u8::from(value.checked_shr(position).unwrap_or(0) & 1 == 1);
            if let Some(last) = self.bytes.last_mut() {
                *last |= bit << (7 - self.used % 8);
            }
            self.used += 1;
        }
    }

    /// Fills the last byte with zeros.
    fn align(&mut self) {
        self.used = self.bytes.len() * 8;
    }
}

fn number_key(stored: &[u8]) -> Result<Vec<u8>, Damage> {
    let (is_negative, digits) = number_nibbles(stored)?;
    let count = u8::try_from(digits.len()).map_err(|_| Damage::ValueNumber)?;
    // Seven bits hold the number of digits.
    let length = count
        .checked_add(63)
        .filter(|length| *length < 0x80)
        .ok_or(Damage::ValueNumber)?;
    let mut key = vec![if is_negative {
        !length & 0x7f
    } else {
        0x80 | length
    }];
    let nibbles: Vec<u8> = digits
        .iter()
        .map(|digit| if is_negative { 14 - digit } else { digit + 5 })
        .collect();
    for pair in nibbles.chunks(2) {
        let (high, low) = match *pair {
            [high, low] => (high, low),
            [high] => (high, 0x0f),
            _ => continue,
        };
        key.push(high << 4 | low);
    }
    Ok(key)
}

fn binary_key(stored: &[u8]) -> Result<Vec<u8>, NoKey> {
    if stored.len() * 2 > UNCUT_BYTES_MAX {
        return Err(NoKey::Unknown("a value is so long that its key is cut"));
    }
    let nibbles = stored.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    Ok(nibbles.map(|nibble| nibble + 0x20).collect())
}
