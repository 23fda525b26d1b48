//! Text as the format stores it, and its table of characters (flaim-format.md 7.1).

use std::collections::HashMap;
use std::sync::LazyLock;

use super::damage::Damage;

/// One character of the table: the stored bytes, Unicode, the collation value, the key of the character alone in a
/// mixed-case index (flaim-format.md 7.1).
const TABLE: &str = include_str!("tables/us-text.tsv");

/// What an index key holds about one character besides its collation value (flaim-format.md 8.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Nothing.
    None,
    /// A diacritic, by its number.
    Diacritic(u8),
    /// The WordPerfect character itself, as capital letter.
    Character(u16),
}

/// One character that the table knows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Character {
    pub(super) unicode: char,
    pub(super) collation: u8,
    pub(super) detail: Detail,
    pub(super) is_lower: bool,
}

/// One step through stored text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Code<'a> {
    /// The stored bytes of the character.
    pub(super) stored: &'a [u8],
    /// What they mean.
    pub(super) meaning: Meaning,
}

/// What the bytes of one code of a text mean.
#[derive(Debug, Clone, Copy)]
pub(super) enum Meaning {
    /// A character of the table.
    Known(Character),
    /// A unit of UTF-16.
    Unit(u16),
    /// A control byte.
    Control(u8),
    /// White space that the table does not list.
    Space(char),
    /// A character of a set that the table does not list.
    Unlisted,
}

static CHARACTERS: LazyLock<HashMap<u16, Character>> = LazyLock::new(|| {
    let rows = TABLE.lines().skip(1);
    rows.filter_map(table_row).collect()
});

fn table_row(row: &str) -> Option<(u16, Character)> {
    let mut columns = row.split('\t');
    let stored = u16::from_str_radix(columns.next()?, 16).ok()?;
    let unicode = u32::from_str_radix(columns.next()?, 16).ok()?;
    let collation = u8::from_str_radix(columns.next()?, 16).ok()?;
    // The key: collation value, then "07" and details where there are some, then the case.
    let key = columns.next()?.get(2..)?;
    let (detail, case) = match key.strip_prefix("07") {
        None => (Detail::None, key),
        Some(rest) => table_detail(rest)?,
    };
    let is_lower = match case {
        "06" => false,
        "0500" => true,
        _ => return None,
    };
    let character = Character {
        unicode: char::from_u32(unicode)?,
        collation,
        detail,
        is_lower,
    };
    Some((stored, character))
}

/// The detail at the start of a key's rest, and what follows it.
fn table_detail(rest: &str) -> Option<(Detail, &str)> {
    if let Some(rest) = rest.strip_prefix("c0") {
        let character = u16::from_str_radix(rest.get(..4)?, 16).ok()?;
        return Some((Detail::Character(character), rest.get(4..)?));
    }
    let bits = u8::from_str_radix(rest.get(..2)?, 16).ok()?;
    Some((Detail::Diacritic((bits >> 1) & 0x1f), rest.get(2..)?))
}

/// Walks through stored text, code by code.
pub(super) struct Codes<'a> {
    rest: &'a [u8],
}

impl<'a> Codes<'a> {
    pub(super) fn new(stored: &'a [u8]) -> Self {
        Self { rest: stored }
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8], Damage> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(Damage::ValueText)?;
        self.rest = rest;
        Ok(taken)
    }

    fn code(&mut self, first: u8) -> Result<Code<'a>, Damage> {
        let length = match first {
            0x20..=0x7e | 0xc0..=0xdf => 1,
            0x80..=0xbf | 0xe9 | 0xf0..=0xf7 => 2,
            0xe8 | 0xea => 3,
            _ => return Err(Damage::ValueText),
        };
        let stored = self.take(length)?;
        let listed = |character| CHARACTERS.get(&character).copied();
        let meaning = match (first, stored) {
            (0x20..=0x7e, _) => listed(u16::from(first)).map_or(Meaning::Unlisted, Meaning::Known),
            (0x80..=0xbf, [set, character]) => listed(u16::from_be_bytes([*set, *character]))
                .map_or(Meaning::Unlisted, Meaning::Known),
            (0xc0..=0xdf, _) => Meaning::Space(white_space(first & 0x1f)),
            (0xea, [_, high, low]) => Meaning::Unit(u16::from_be_bytes([*high, *low])),
            (0xf0..=0xf7, [_, control]) => Meaning::Control(*control),
            _ => Meaning::Unlisted,
        };
        Ok(Code { stored, meaning })
    }
}

impl<'a> Iterator for Codes<'a> {
    type Item = Result<Code<'a>, Damage>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = *self.rest.first()?;
        let code = self.code(first);
        if code.is_err() {
            self.rest = &[];
        }
        Some(code)
    }
}

fn white_space(code: u8) -> char {
    match code {
        3..=5 => '-',
        7 => '\r',
        12 => '\t',
        13 => '\n',
        _ => ' ',
    }
}

/// Stored text as Unicode; what has no Unicode form that is known becomes U+FFFD.
pub(super) fn decode(stored: &[u8]) -> Result<String, Damage> {
    let mut units: Vec<u16> = Vec::with_capacity(stored.len());
    for code in Codes::new(stored) {
        let character = match code?.meaning {
            Meaning::Known(character) => character.unicode,
            Meaning::Space(character) => character,
            Meaning::Control(byte) => char::from(byte),
            Meaning::Unlisted => char::REPLACEMENT_CHARACTER,
            Meaning::Unit(unit) => {
                units.push(unit);
                continue;
            }
        };
        units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
    }
    Ok(String::from_utf16_lossy(&units))
}

/// Text in the format's code, in the shortest form that the table has (flaim-format.md 7.1).
pub fn encode_text(text: &str) -> Vec<u8> {
    static STORED: LazyLock<HashMap<char, u16>> = LazyLock::new(|| {
        let characters = CHARACTERS.iter();
        characters
            .map(|(stored, character)| (character.unicode, *stored))
            .collect()
    });
    let mut stored = Vec::with_capacity(text.len());
    for character in text.chars() {
        match STORED.get(&character).map(|code| code.to_be_bytes()) {
            Some([0, byte]) => stored.push(byte),
            Some(bytes) => stored.extend_from_slice(&bytes),
            None => {
                for unit in character.encode_utf16(&mut [0; 2]) {
                    stored.push(0xea);
                    stored.extend_from_slice(&unit.to_be_bytes());
                }
            }
        }
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_whole() {
        assert_eq!(CHARACTERS.len(), 1116);
        assert_eq!(TABLE.lines().count(), 1117);
    }

    #[test]
    fn text_goes_there_and_back() {
        let text = "Grüße ЖΩ €\t\n中 user/ABC.db 𐍈";
        assert_eq!(decode(&encode_text(text)).unwrap(), text);
    }

    #[test]
    fn cut_codes_are_damage() {
        for stored in [&[0x81][..], &[0xea, 0x00], &[0xff, 0x01], &[0x7f]] {
            assert_eq!(decode(stored), Err(Damage::ValueText));
        }
    }
}
