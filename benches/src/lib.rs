//! What the benchmarks work on: databases, made from nothing but a number; and the tool beside its peers.

mod order;
pub mod side_by_side;

pub use order::order;

use postoffice::flaim::{
    Dictionary, FieldKind, IndexDefinition, Item, ItemKind, MemoryFileSet, Version,
};
use simulator::flaim::{CreateError, Creator, DatabaseOptions, FieldValue, RecordBuilder};

const TITLE: u16 = 1;
const NAME: u16 = 2;
const PATH: u16 = 3;
const NUMBER: u16 = 4;
const CATALOGUE: u16 = 20;

/// The version of the databases: the newest without a folder for its logs.
const VERSION: u16 = 400;

/// A guardian that catalogues so many databases, names in capitals, with three indexes.
///
/// # Errors
/// What the engine says; none where the number of databases fits into a file set.
pub fn guardian(databases: u32) -> Result<MemoryFileSet, CreateError> {
    let reason = "the version is not known";
    let version = Version::from_number(VERSION).ok_or(CreateError::CannotCreate { reason })?;
    let mut dictionary = Dictionary::default();
    for (number, name, kind) in [
        (TITLE, "StoreTitle", FieldKind::Text),
        (NAME, "StoreName", FieldKind::Text),
        (PATH, "StorePath", FieldKind::Text),
        (NUMBER, "StoreNumber", FieldKind::Number),
    ] {
        let name = name.to_owned();
        let kind = ItemKind::Field(Some(kind));
        dictionary.insert(number, Item { name, kind });
    }
    let mut add = |number, name: &str, kind| {
        let name = name.to_owned();
        dictionary.insert(number, Item { name, kind });
    };
    add(CATALOGUE, "StoreCatalog", ItemKind::Container);
    let on = || IndexDefinition::on(CATALOGUE);
    for (number, name, index) in [
        (30, "StoreName_IX", on().with_piece(NAME, true)),
        (31, "StoreNameMixed_IX", on().with_piece(NAME, false)),
        (
            32,
            "StorePath_IX",
            on().with_piece(PATH, false).with_piece(NUMBER, false),
        ),
    ] {
        add(number, name, ItemKind::Index(index));
    }
    let options = DatabaseOptions::new(version);
    let mut creator = Creator::new(MemoryFileSet::new(), options, dictionary)?;
    for number in 1..=databases {
        let name = format!("USER{}.DB", in_base_36(number));
        let path = format!("GWDMS/LIB{:04X}", number % 255);
        let mut builder = RecordBuilder::new(version, creator.dictionary());
        builder.field(
            0,
            TITLE,
            FieldValue::Text("Store of a User, in Capitals AND not"),
        )?;
        builder.field(1, NAME, FieldValue::Text(&name))?;
        builder.field(1, PATH, FieldValue::Text(&path))?;
        builder.field(1, NUMBER, FieldValue::Number(number.into()))?;
        let record = builder.finish(number);
        creator.add(CATALOGUE, &record)?;
    }
    creator.finish()
}

/// A number as user databases are numbered, in four places.
fn in_base_36(number: u32) -> String {
    let places = [36 * 36 * 36, 36 * 36, 36, 1];
    places
        .iter()
        .filter_map(|place| char::from_digit(number / place % 36, 36))
        .map(|digit| digit.to_ascii_uppercase())
        .collect()
}
