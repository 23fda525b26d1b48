//! Fields of a record as the format stores them (flaim-format.md 7).

use std::ops::Range;

use super::bytes::Walk;
use super::damage::Damage;

/// The deepest level of a field that this engine follows; real records stay below ten.
pub(super) const FIELD_LEVEL_MAX: u16 = 255;

/// The lowest tag of the dictionary's own fields, and the highest (flaim-format.md 9).
const DICTIONARY_TAGS: std::ops::RangeInclusive<u16> = 32100..=32175;
/// Tags from here on are not registered in the dictionary.
const UNREGISTERED_TAG_FIRST: u16 = 0x8000;

/// The type of a field's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FieldKind {
    /// Characters in the format's own code.
    Text,
    /// Decimal digits, packed.
    Number,
    /// Bytes.
    Binary,
    /// The number of another record.
    Context,
    /// A reference to a file.
    Blob,
}

impl FieldKind {
    /// The type with this code (flaim-format.md 7).
    pub(super) fn from_code(code: u8) -> Option<Self> {
        match code {
            0 => Some(Self::Text),
            1 => Some(Self::Number),
            2 => Some(Self::Binary),
            3 => Some(Self::Context),
            8 => Some(Self::Blob),
            _ => None,
        }
    }

    /// The code of the type (flaim-format.md 7).
    pub(super) fn code(self) -> u8 {
        match self {
            Self::Text => 0,
            Self::Number => 1,
            Self::Binary => 2,
            Self::Context => 3,
            Self::Blob => 8,
        }
    }

    /// The name of the type, as the dictionary writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Binary => "binary",
            Self::Context => "context",
            Self::Blob => "blob",
        }
    }

    /// The type of this name in the dictionary.
    pub(super) fn from_name(name: &[u8]) -> Option<Self> {
        [
            Self::Text,
            Self::Number,
            Self::Binary,
            Self::Context,
            Self::Blob,
        ]
        .into_iter()
        .find(|kind| kind.name().as_bytes().eq_ignore_ascii_case(name))
    }
}

/// Whether the dictionary must define this tag.
pub fn is_registered(tag: u16) -> bool {
    tag < UNREGISTERED_TAG_FIRST && !is_dictionary_tag(tag)
}

/// Whether this is one of the dictionary's own tags, which are the same in every database.
pub fn is_dictionary_tag(tag: u16) -> bool {
    DICTIONARY_TAGS.contains(&tag)
}

/// Gives the types of tags whose fields do not carry one.
pub trait FieldKinds {
    /// The type of a registered tag, or `None` where the dictionary does not define it.
    fn kind_of(&self, tag: u16) -> Option<FieldKind>;
}

/// The types known before the dictionary was read: only those of its own fields, which are text.
pub(super) struct DictionaryFields;

impl FieldKinds for DictionaryFields {
    fn kind_of(&self, _tag: u16) -> Option<FieldKind> {
        None
    }
}

/// One field, with its value as a range of the record's data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RawField {
    pub(super) level: u16,
    pub(super) tag: u16,
    pub(super) kind: FieldKind,
    pub(super) is_encrypted: bool,
    pub(super) value: Range<usize>,
    /// Where the head of the field begins; level changes before it do not count.
    pub(super) head: usize,
}

/// What the head of one field says.
struct Head {
    tag: u16,
    /// The type, where the head carries one.
    kind: Option<u8>,
    length: usize,
    is_child: bool,
    is_encrypted: bool,
}

/// Reads the fields of a record one after the other.
pub(super) struct FieldWalk<'a, K: ?Sized> {
    walk: Walk<'a>,
    kinds: &'a K,
    level: Option<u16>,
}

impl<'a, K: FieldKinds + ?Sized> FieldWalk<'a, K> {
    pub(super) fn new(data: &'a [u8], kinds: &'a K) -> Self {
        Self {
            walk: Walk::new(data),
            kinds,
            level: None,
        }
    }

    /// The next field, or `None` at the end of the record.
    pub(super) fn next(&mut self) -> Result<Option<RawField>, Damage> {
        let mut levels_up = 0u16;
        // Every turn takes at least one byte.
        while !self.walk.is_done() {
            let head_at = self.walk.position();
            let code = self.walk.u8().ok_or(Damage::FieldOutside)?;
            match code {
                0xa0..=0xa7 => levels_up = levels_up.saturating_add(u16::from(code & 0x07)),
                0xb0 => {
                    let length = self.walk.u8().ok_or(Damage::FieldOutside)?;
                    self.walk.take(length.into()).ok_or(Damage::FieldOutside)?;
                }
                0xb1 => {
                    let length = self.walk.u16().ok_or(Damage::FieldOutside)?;
                    self.walk.take(length.into()).ok_or(Damage::FieldOutside)?;
                }
                _ => {
                    let head = self.head(code)?;
                    return self.field(&head, head_at, levels_up).map(Some);
                }
            }
        }
        // A change of level is for a field that follows.
        if levels_up > 0 {
            return Err(Damage::FieldLevel);
        }
        Ok(None)
    }

    fn field(&mut self, head: &Head, head_at: usize, levels_up: u16) -> Result<RawField, Damage> {
        let level = self.next_level(head.is_child, levels_up)?;
        let start = self.walk.position();
        self.walk.take(head.length).ok_or(Damage::FieldOutside)?;
        let kind = match head.kind {
            Some(code) => FieldKind::from_code(code).ok_or(Damage::FieldKind)?,
            None if is_registered(head.tag) => {
                self.kinds.kind_of(head.tag).ok_or(Damage::FieldTag)?
            }
            None => FieldKind::Text,
        };
        self.level = Some(level);
        Ok(RawField {
            level,
            tag: head.tag,
            kind,
            is_encrypted: head.is_encrypted,
            value: start..self.walk.position(),
            head: head_at,
        })
    }

    fn next_level(&self, is_child: bool, levels_up: u16) -> Result<u16, Damage> {
        let level = match self.level {
            None if is_child || levels_up > 0 => None,
            None => Some(0),
            // Behind a change of level stands a sibling.
            Some(_) if is_child && levels_up > 0 => None,
            Some(level) if is_child => level.checked_add(1),
            Some(level) => level.checked_sub(levels_up),
        };
        level
            .filter(|level| *level <= FIELD_LEVEL_MAX)
            .ok_or(Damage::FieldLevel)
    }

    fn head(&mut self, code: u8) -> Result<Head, Damage> {
        self.head_or_end(code)?.ok_or(Damage::FieldCode)
    }

    /// The head that begins with `code`; `Ok(None)` where no field begins so.
    fn head_or_end(&mut self, code: u8) -> Result<Option<Head>, Damage> {
        let head = match code {
            0x00..=0x7f => self.standard(code),
            0x80..=0x9f if code & 0x04 == 0 => self.tagged_or_open(code),
            0xa8..=0xaf if code & 0x01 == 0 => self.number(code & 0x02 != 0).map(|tag| Head {
                tag,
                kind: None,
                length: 0,
                is_child: code & 0x04 != 0,
                is_encrypted: false,
            }),
            0xd0..=0xdf => self.large(code),
            0xe0 | 0xe1 => self.encrypted(code),
            _ => return Ok(None),
        };
        head.map(Some).ok_or(Damage::FieldOutside)
    }

    /// `0c LLLLLL`: a short value under a short tag.
    fn standard(&mut self, code: u8) -> Option<Head> {
        Some(Head {
            tag: u16::from(self.walk.u8()?),
            kind: None,
            length: usize::from(code & 0x3f),
            is_child: code & 0x40 != 0,
            is_encrypted: false,
        })
    }

    /// `1000 c0tl` with a type and an inverted tag, or `1001 c0tl`.
    fn tagged_or_open(&mut self, code: u8) -> Option<Head> {
        let is_tagged = code & 0x10 == 0;
        let kind = if is_tagged {
            Some(self.walk.u8()? & 0x0f)
        } else {
            None
        };
        let tag = self.number(code & 0x02 != 0)?;
        let length = self.number(code & 0x01 != 0)?;
        Some(Head {
            tag: if is_tagged { tag ^ 0x8000 } else { tag },
            kind,
            length: usize::from(length),
            is_child: code & 0x08 != 0,
            is_encrypted: false,
        })
    }

    /// `1101 xxec`: a value longer than 64 KiB.
    fn large(&mut self, code: u8) -> Option<Head> {
        let kind = self.walk.u8()?;
        let tag = self.walk.u16()?;
        let mut length = self.walk.u32()?;
        let is_encrypted = code & 0x02 != 0;
        if is_encrypted {
            self.walk.u16()?;
            length = self.walk.u32()?;
        }
        Some(Head {
            tag,
            kind: Some(kind),
            length: usize::try_from(length).ok()?,
            is_child: code & 0x01 != 0,
            is_encrypted,
        })
    }

    /// `1110 000c`: an encrypted value.
    fn encrypted(&mut self, code: u8) -> Option<Head> {
        let widths = self.walk.u8()?;
        let tag = self.number(widths & 0x08 != 0)?;
        self.number(widths & 0x04 != 0)?;
        self.number(widths & 0x02 != 0)?;
        let length = self.number(widths & 0x01 != 0)?;
        Some(Head {
            tag,
            kind: Some(widths >> 4),
            length: usize::from(length),
            is_child: code & 0x01 != 0,
            is_encrypted: true,
        })
    }

    fn number(&mut self, is_wide: bool) -> Option<u16> {
        if is_wide {
            self.walk.u16()
        } else {
            self.walk.u8().map(u16::from)
        }
    }
}
