//! The dictionary: which fields, containers and indexes a database has (flaim-format.md 9).

use std::collections::BTreeMap;

use super::damage::Damage;
use super::field::{FieldKind, FieldKinds};
use super::logical_file::{DEFAULT_CONTAINER, DICTIONARY_CONTAINER, NAME_INDEX};
use super::record::{Field, Record};
use super::text;

/// Tags of the dictionary's own fields.
pub mod tag {
    /// A field; in the definition of an index, a piece of its key.
    pub const FIELD: u16 = 32100;
    /// An index.
    pub const INDEX: u16 = 32101;
    /// The type of a field.
    pub const TYPE: u16 = 32102;
    /// A comment.
    pub const COMMENT: u16 = 32103;
    /// A container; in the definition of an index, the one that it covers.
    pub const CONTAINER: u16 = 32104;
    /// The language.
    pub const LANGUAGE: u16 = 32105;
    /// A piece that a record need not have.
    pub const OPTIONAL: u16 = 32106;
    /// One record for each key.
    pub const UNIQUE: u16 = 32107;
    /// The pieces of the key.
    pub const KEY: u16 = 32108;
    /// A count of references.
    pub const REFERENCES: u16 = 32109;
    /// The state of an item.
    pub const STATE: u16 = 32125;
    /// Whether case counts.
    pub const CASE: u16 = 32138;
    /// What is counted.
    pub const COUNT: u16 = 32141;
    /// Inner blocks count references.
    pub const POSITIONING: u16 = 32142;
    /// A piece that a record must have.
    pub const REQUIRED: u16 = 32147;
    /// Which part of a value becomes a key.
    pub const USE: u16 = 32148;
    /// The most characters of a key.
    pub const LIMIT: u16 = 32150;
    /// The container that was indexed last.
    pub const LAST_CONTAINER: u16 = 32173;
    /// The record that was indexed last.
    pub const LAST_RECORD: u16 = 32174;
    /// The transaction that made an index usable.
    pub const ONLINE_TRANSACTION: u16 = 32175;
}

/// The most characters of a text that a key takes where the index names no other limit.
pub const CHARACTERS_DEFAULT_MAX: usize = 256;

/// What one item of the dictionary defines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ItemKind {
    /// A field; without a type where the definition names none that is known.
    Field(Option<FieldKind>),
    /// An index.
    Index(IndexDefinition),
    /// A container.
    Container,
    /// Something else: an area, a reserved name, an encryption definition.
    Other(u16),
}

/// One item of the dictionary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its name, which need not be the only one of its kind.
    pub name: String,
    /// What it defines.
    pub kind: ItemKind,
}

/// How an index makes keys out of records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexDefinition {
    /// The container whose records it covers; `None` for all of them.
    pub container: Option<u16>,
    /// The pieces of a key, in order.
    pub pieces: Vec<KeyPiece>,
    /// Whether each key belongs to one record.
    pub is_unique: bool,
    /// Whether its inner blocks count references.
    pub is_positioning: bool,
    /// Why this engine cannot make its keys, where it cannot.
    pub not_computable: Option<&'static str>,
}

/// One piece of the keys of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyPiece {
    /// The tag of the field.
    pub tag: u16,
    /// Whether case makes no difference.
    pub is_upper: bool,
    /// The most characters of a text that the key takes.
    pub characters_max: usize,
}

impl IndexDefinition {
    /// An index on the records of one container, without pieces yet.
    pub fn on(container: u16) -> Self {
        Self {
            container: Some(container),
            pieces: Vec::new(),
            is_unique: false,
            is_positioning: false,
            not_computable: None,
        }
    }

    /// The same index with one more piece: a field, with or without case.
    #[must_use]
    pub fn with_piece(mut self, tag: u16, is_upper: bool) -> Self {
        self.pieces.push(KeyPiece {
            tag,
            is_upper,
            characters_max: CHARACTERS_DEFAULT_MAX,
        });
        self
    }
}

/// Every item of a database's dictionary, by number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dictionary {
    items: BTreeMap<u16, Item>,
}

impl FieldKinds for Dictionary {
    fn kind_of(&self, tag: u16) -> Option<FieldKind> {
        match self.items.get(&tag)?.kind {
            ItemKind::Field(kind) => kind,
            _ => None,
        }
    }
}

impl Dictionary {
    /// The items by number.
    pub fn items(&self) -> impl Iterator<Item = (u16, &Item)> {
        self.items.iter().map(|(number, item)| (*number, item))
    }

    /// One item.
    pub fn item(&self, number: u16) -> Option<&Item> {
        self.items.get(&number)
    }

    /// Defines an item, or replaces the one of that number.
    pub fn insert(&mut self, number: u16, item: Item) {
        self.items.insert(number, item);
    }

    /// The number of the item with this name; the lowest where there are several.
    pub fn number_of(&self, name: &str) -> Option<u16> {
        let mut items = self.items.iter();
        items
            .find(|(_, item)| item.name == name)
            .map(|(number, _)| *number)
    }

    /// The definition of an index, the built-in one on names included.
    pub fn index(&self, number: u16) -> Option<IndexDefinition> {
        if number == NAME_INDEX {
            return Some(name_index());
        }
        match &self.items.get(&number)?.kind {
            ItemKind::Index(definition) => Some(definition.clone()),
            _ => None,
        }
    }

    /// Takes up what a record of the dictionary container defines.
    pub fn add(&mut self, record: &Record) -> Result<(), Damage> {
        let number = u16::try_from(record.number).map_err(|_| Damage::DictionaryItem)?;
        let fields: Vec<Field<'_>> = record.fields().collect();
        let (root, rest) = fields.split_first().ok_or(Damage::DictionaryItem)?;
        let kind = match root.tag {
            tag::FIELD => ItemKind::Field(field_kind(rest)),
            tag::INDEX => ItemKind::Index(index_definition(rest)?),
            tag::CONTAINER => ItemKind::Container,
            other => ItemKind::Other(other),
        };
        let name = text::decode(root.stored)?;
        self.items.insert(number, Item { name, kind });
        Ok(())
    }
}

/// The index on names: the root of each record of the dictionary, mixed case (flaim-format.md 8.5).
fn name_index() -> IndexDefinition {
    IndexDefinition::on(DICTIONARY_CONTAINER)
}

fn field_kind(fields: &[Field<'_>]) -> Option<FieldKind> {
    let named = fields
        .iter()
        .find(|field| field.level == 1 && field.tag == tag::TYPE)?;
    FieldKind::from_name(named.stored)
}

/// The number that a text spells.
fn spelled_number(stored: &[u8]) -> Option<u16> {
    std::str::from_utf8(stored).ok()?.trim().parse().ok()
}

fn index_definition(fields: &[Field<'_>]) -> Result<IndexDefinition, Damage> {
    let mut definition = IndexDefinition::on(DEFAULT_CONTAINER);
    let refuse = |definition: &mut IndexDefinition, reason| {
        definition.not_computable.get_or_insert(reason);
    };
    for (position, field) in fields.iter().enumerate() {
        if field.level != 1 {
            continue;
        }
        match field.tag {
            tag::COMMENT | tag::COUNT => {}
            tag::CONTAINER if field.stored == b"*" => definition.container = None,
            tag::CONTAINER => {
                let number = spelled_number(field.stored).ok_or(Damage::DictionaryItem)?;
                definition.container = (number != 0).then_some(number);
            }
            tag::LANGUAGE if field.stored.eq_ignore_ascii_case(b"US") => {}
            tag::LANGUAGE => refuse(&mut definition, "its language is not US English"),
            tag::UNIQUE => definition.is_unique = true,
            tag::POSITIONING => definition.is_positioning = true,
            tag::KEY => {
                let rest = fields.get(position + 1..).unwrap_or_default();
                if let Err(reason) = add_pieces(&mut definition, rest) {
                    refuse(&mut definition, reason);
                }
            }
            _ => refuse(&mut definition, "it has an option that is not known"),
        }
    }
    if definition.container.is_none() {
        refuse(&mut definition, "it covers all containers");
    }
    if definition.pieces.is_empty() {
        refuse(&mut definition, "it has no key");
    }
    Ok(definition)
}

/// Reads the pieces below the key field; the reason where one cannot be computed.
fn add_pieces(definition: &mut IndexDefinition, fields: &[Field<'_>]) -> Result<(), &'static str> {
    let mut required = Vec::new();
    for field in fields.iter().take_while(|field| field.level > 1) {
        if field.level == 2 {
            if field.tag != tag::FIELD {
                return Err("its key has a part that is not known");
            }
            // A path of several tags stands with dots or blanks between them.
            let tag = spelled_number(field.stored).ok_or("it follows a path of several fields")?;
            definition.pieces.push(KeyPiece {
                tag,
                is_upper: false,
                characters_max: CHARACTERS_DEFAULT_MAX,
            });
            required.push(false);
            continue;
        }
        let (Some(piece), Some(is_required)) = (definition.pieces.last_mut(), required.last_mut())
        else {
            return Err("its key has a part that is not known");
        };
        match (field.level, field.tag) {
            (3, tag::REQUIRED) => *is_required = true,
            (3, tag::OPTIONAL) => return Err("a piece of its key is optional"),
            (3, tag::CASE) => piece.is_upper = field.stored.eq_ignore_ascii_case(b"upper"),
            (3, tag::LIMIT) => {
                let limit = spelled_number(field.stored).ok_or("its limit is malformed")?;
                piece.characters_max = usize::from(limit);
            }
            (3, tag::USE) if field.stored.eq_ignore_ascii_case(b"value") => {}
            _ => return Err("a piece of its key has an option that is not known"),
        }
    }
    if required.iter().all(|is_required| *is_required) {
        Ok(())
    } else {
        Err("a piece of its key is not required")
    }
}
