//! Values of fields: numbers, references to records, text (flaim-format.md 7.1).

use super::bytes::array_at;
use super::damage::Damage;
use super::field::FieldKind;
use super::text;

/// A value, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text as Unicode.
    Text(String),
    /// A number; `None` where the field is empty.
    Number(Option<i128>),
    /// The number of another record; `None` where the field is empty.
    Context(Option<u32>),
    /// Bytes without further meaning: binary values, references to files, encrypted values.
    Bytes(Vec<u8>),
}

impl Value {
    /// Decodes a stored value.
    pub(super) fn decode(kind: FieldKind, stored: &[u8]) -> Result<Self, Damage> {
        match kind {
            FieldKind::Text => text::decode(stored).map(Self::Text),
            FieldKind::Number => decode_number(stored).map(Self::Number),
            FieldKind::Context if stored.is_empty() => Ok(Self::Context(None)),
            FieldKind::Context if stored.len() == 4 => {
                let number = array_at(stored, 0).map(u32::from_le_bytes);
                Ok(Self::Context(number))
            }
            FieldKind::Context => Err(Damage::ValueContext),
            FieldKind::Binary | FieldKind::Blob => Ok(Self::Bytes(stored.to_vec())),
        }
    }
}

/// The nibbles of a packed number before its terminator F: an optional B for minus, then digits.
pub(super) fn number_nibbles(stored: &[u8]) -> Result<(bool, Vec<u8>), Damage> {
    let mut digits = Vec::new();
    let mut is_negative = false;
    let nibbles = stored.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    for (position, nibble) in nibbles.enumerate() {
        match nibble {
            0x0b if position == 0 => is_negative = true,
            0..=9 => digits.push(nibble),
            // The terminator stands in the last byte; a nibble behind it has no meaning.
            0x0f if position / 2 + 1 == stored.len() && !digits.is_empty() => {
                return Ok((is_negative, digits));
            }
            _ => return Err(Damage::ValueNumber),
        }
    }
    Err(Damage::ValueNumber)
}

/// A stored number without the nibble behind its terminator, which has no meaning.
pub(super) fn normal_number(stored: &[u8]) -> Vec<u8> {
    let mut bytes = stored.to_vec();
    if let Some(last) = bytes.last_mut()
        && *last >> 4 == 0x0f
    {
        *last = 0xf0;
    }
    bytes
}

fn decode_number(stored: &[u8]) -> Result<Option<i128>, Damage> {
    if stored.is_empty() {
        return Ok(None);
    }
    let (is_negative, digits) = number_nibbles(stored)?;
    let magnitude = digits.iter().try_fold(0i128, |sum, digit| {
        sum.checked_mul(10)?.checked_add(i128::from(*digit))
    });
    let magnitude = magnitude.ok_or(Damage::ValueNumber)?;
    Ok(Some(if is_negative { -magnitude } else { magnitude }))
}

/// A number as it is stored: an optional B for minus, its digits, F; the nibble behind that stays zero.
pub fn encode_number(number: i128) -> Vec<u8> {
    let sign = (number < 0).then_some(0x0b);
    let digits = number.unsigned_abs().to_string().into_bytes();
    let nibbles = digits.into_iter().map(|digit| digit - b'0');
    let nibbles: Vec<u8> = sign.into_iter().chain(nibbles).chain([0x0f]).collect();
    let pairs = nibbles.chunks(2);
    pairs
        .map(|pair| {
            pair.iter()
                .rev()
                .fold(0, |byte, nibble| byte >> 4 | nibble << 4)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_the_notes() {
        for (stored, number) in [
            (&[0x0f][..], 0),
            (&[0xb4, 0x2f], -42),
            (&[0x15, 0xf0], 15),
            (&[0x15, 0xf7], 15),
        ] {
            assert_eq!(decode_number(stored), Ok(Some(number)));
        }
        for (number, stored) in [
            (0, &[0x0f][..]),
            (-42, &[0xb4, 0x2f]),
            (15, &[0x15, 0xf0]),
            (-1, &[0xb1, 0xf0]),
            (i128::from(u32::MAX), &[0x42, 0x94, 0x96, 0x72, 0x95, 0xf0]),
        ] {
            assert_eq!(encode_number(number), stored);
        }
        assert_eq!(decode_number(&[]), Ok(None));
        for bad in [&[0x12][..], &[0xf0], &[0xbf], &[0x1f, 0x2f], &[0x1b, 0xf0]] {
            assert_eq!(decode_number(bad), Err(Damage::ValueNumber));
        }
    }
}
