//! The records of the dictionary (flaim-format.md 9).

use postoffice::flaim::{
    CHARACTERS_DEFAULT_MAX, DEFAULT_CONTAINER, Dictionary, FieldKind, FieldKinds as _,
    IndexDefinition, Item, ItemKind, KeyPiece, Record, Version, dictionary_tag as tag,
};

use super::error::CreateError;
use super::record_builder::{FieldValue, RecordBuilder};

/// The highest number of an item of an application's own (flaim-format.md 4).
const ITEM_LAST: u16 = 31_999;
/// The language of every index that this engine makes keys for.
const LANGUAGE: FieldValue<'_> = FieldValue::Text("US");
/// An option that is on because its field is there.
const PRESENT: FieldValue<'_> = FieldValue::Empty(FieldKind::Text);

/// The records that define the items, in order of their numbers.
///
/// What they say is read back and compared, so that nothing is defined which the reader would understand otherwise.
pub(super) fn records(
    version: Version,
    dictionary: &Dictionary,
) -> Result<Vec<Record>, CreateError> {
    let mut records = Vec::new();
    let mut read_back = Dictionary::default();
    for (number, item) in dictionary.items() {
        let refuse = |reason| CreateError::CannotDefine {
            item: number,
            reason,
        };
        check(version, dictionary, number, item).map_err(refuse)?;
        let record = record(version, dictionary, number, item)?;
        let added = read_back.add(&record);
        if added.is_err() || read_back.item(number) != Some(item) {
            return Err(refuse("its definition does not read back as it was given"));
        }
        records.push(record);
    }
    Ok(records)
}

/// Refuses what cannot be defined, or what could not be indexed afterwards.
fn check(
    version: Version,
    dictionary: &Dictionary,
    number: u16,
    item: &Item,
) -> Result<(), &'static str> {
    if number == 0 || number > ITEM_LAST {
        return Err("items have numbers from 1 to 31999");
    }
    if item.name.is_empty() {
        return Err("it has no name");
    }
    let definition = match &item.kind {
        ItemKind::Field(Some(_)) | ItemKind::Container => return Ok(()),
        ItemKind::Field(None) => return Err("a field needs a type"),
        ItemKind::Other(_) => return Err("only fields, containers and indexes are defined"),
        ItemKind::Index(definition) => definition,
    };
    if let Some(reason) = definition.not_computable {
        return Err(reason);
    }
    let is_container = |number: u16| {
        let item = dictionary.item(number);
        number == DEFAULT_CONTAINER || item.is_some_and(|item| item.kind == ItemKind::Container)
    };
    if !definition.container.is_some_and(is_container) {
        return Err("it covers a container that does not exist");
    }
    if definition.is_positioning && !version.has_long_log_header() {
        return Err("positioning indexes exist since version 4.30");
    }
    let is_covered = |piece: &KeyPiece| match dictionary.kind_of(piece.tag) {
        None => Err("a piece of its key is a field that does not exist"),
        Some(FieldKind::Blob) => Err("a piece of its key is a reference to a file"),
        Some(_) if piece.characters_max == 0 => Err("a piece of its key takes no characters"),
        Some(_) => Ok(()),
    };
    definition.pieces.iter().try_for_each(is_covered)
}

fn record(
    version: Version,
    dictionary: &Dictionary,
    number: u16,
    item: &Item,
) -> Result<Record, CreateError> {
    let mut builder = RecordBuilder::new(version, dictionary);
    let name = FieldValue::Text(&item.name);
    match &item.kind {
        ItemKind::Field(kind) => {
            builder.field(0, tag::FIELD, name)?;
            if let Some(kind) = kind {
                builder.field(1, tag::TYPE, FieldValue::Text(kind.name()))?;
            }
        }
        ItemKind::Container | ItemKind::Other(_) => {
            builder.field(0, tag::CONTAINER, name)?;
        }
        ItemKind::Index(definition) => {
            builder.field(0, tag::INDEX, name)?;
            push_index(&mut builder, definition)?;
        }
    }
    Ok(builder.finish(u32::from(number)))
}

/// The options of an index in the order in which the library writes them, its key last.
fn push_index(
    builder: &mut RecordBuilder<'_>,
    definition: &IndexDefinition,
) -> Result<(), CreateError> {
    // The default container is meant where none is named.
    if let Some(container) = definition
        .container
        .filter(|number| *number != DEFAULT_CONTAINER)
    {
        builder.field(1, tag::CONTAINER, FieldValue::Text(&container.to_string()))?;
    }
    builder.field(1, tag::LANGUAGE, LANGUAGE)?;
    if definition.is_unique {
        builder.field(1, tag::UNIQUE, PRESENT)?;
    }
    if definition.is_positioning {
        builder.field(1, tag::POSITIONING, PRESENT)?;
    }
    builder.field(1, tag::KEY, PRESENT)?;
    for piece in &definition.pieces {
        builder.field(2, tag::FIELD, FieldValue::Text(&piece.tag.to_string()))?;
        if piece.is_upper {
            builder.field(3, tag::CASE, FieldValue::Text("upper"))?;
        }
        builder.field(3, tag::REQUIRED, PRESENT)?;
        if piece.characters_max != CHARACTERS_DEFAULT_MAX {
            let limit = piece.characters_max.to_string();
            builder.field(3, tag::LIMIT, FieldValue::Text(&limit))?;
        }
    }
    Ok(())
}
