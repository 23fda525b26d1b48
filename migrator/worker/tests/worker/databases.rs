//! Real databases for the sites of tests, made as the simulator makes them.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use postoffice::flaim::{
    DatabaseFile, Dictionary, FieldKind, IndexDefinition, Item, ItemKind, MemoryFileSet, Version,
};
use simulator::flaim::{Creator, DatabaseOptions, FieldValue, RecordBuilder};

use crate::support::{Site, long_ago, set_time};

const TITLE: u16 = 1;
const NAME: u16 = 2;
const PATH: u16 = 3;
const CATALOGUE: u16 = 20;

/// Title, folder and name of each store: those of the files that every site has, and text that must stay.
pub(crate) const STORES: &[(&str, &str, &str)] = &[
    ("Post Office DATABASE", "", "WPHOST.DB"),
    ("User ABC in CAPITALS", "OFUSER", "USERABC.DB"),
    ("Messages One", "OFMSG", "MSG1.DB"),
];

/// A guardian with these stores.
pub(crate) fn guardian(stores: &[(&str, &str, &str)]) -> MemoryFileSet {
    guardian_with(stores, &["StoreName", "StorePath"])
}

/// The number of its catalogue, and those of the fields that hold names and folders.
pub(crate) const NAMES: (u16, [u16; 2]) = (CATALOGUE, [NAME, PATH]);

/// A guardian with these stores, in fields with the first two of these names; the further ones are of no use.
pub(crate) fn guardian_with(stores: &[(&str, &str, &str)], fields: &[&str]) -> MemoryFileSet {
    let version = Version::from_number(310).unwrap();
    let mut dictionary = Dictionary::default();
    let mut add = |number: u16, name: &str, kind: ItemKind| {
        let name = name.to_owned();
        dictionary.insert(number, Item { name, kind });
    };
    add(TITLE, "StoreTitle", ItemKind::Field(Some(FieldKind::Text)));
    for (number, field) in (NAME..).zip(fields) {
        add(number, field, ItemKind::Field(Some(FieldKind::Text)));
    }
    add(CATALOGUE, "StoreCatalog", ItemKind::Container);
    let index = IndexDefinition::on(CATALOGUE).with_piece(NAME, false);
    add(30, "StoreName_IX", ItemKind::Index(index));
    let mut options = DatabaseOptions::new(version);
    // So that no two headers are the same.
    options.transaction += u32::try_from(stores.len()).unwrap();
    let mut creator = Creator::new(MemoryFileSet::new(), options, dictionary).unwrap();
    for (number, (title, path, name)) in (1..).zip(stores) {
        let mut builder = RecordBuilder::new(version, creator.dictionary());
        builder.field(0, TITLE, FieldValue::Text(title)).unwrap();
        // Several names in one record have a folder each.
        let mut paths = path.split_whitespace();
        for name in name.split_whitespace() {
            builder.field(1, NAME, FieldValue::Text(name)).unwrap();
            if let Some(path) = paths.next() {
                builder.field(1, PATH, FieldValue::Text(path)).unwrap();
            }
        }
        let record = builder.finish(number);
        creator.add(CATALOGUE, &record).unwrap();
    }
    creator.finish().unwrap()
}

/// Writes a database under these names for its control file and its data file.
pub(crate) fn write(files: &MemoryFileSet, control: &Path, data: &Path) {
    // Every writing has a time of its own, as in life.
    static WRITINGS: AtomicU64 = AtomicU64::new(9);
    let number = WRITINGS.fetch_add(1, Ordering::Relaxed);
    for (file, path) in [
        (DatabaseFile::CONTROL, control),
        (DatabaseFile::Numbered(1), data),
    ] {
        fs::write(path, files.get(file).unwrap()).unwrap();
        set_time(path, long_ago(number));
    }
}

/// A site whose guardian, with both fall-back copies, is a real database that catalogues these stores.
pub(crate) fn site_with_guardian(stores: &[(&str, &str, &str)]) -> Site {
    let site = Site::with_post_office();
    write_guardian(&site, stores);
    site
}

/// Writes the guardian of a site anew.
pub(crate) fn write_guardian(site: &Site, stores: &[(&str, &str, &str)]) {
    write_set(site, &guardian(stores), &guardian(stores));
}

/// Writes a guardian and its fall-back copies.
pub(crate) fn write_set(site: &Site, files: &MemoryFileSet, fall_backs: &MemoryFileSet) {
    let at = |name: &str| site.source.join(name);
    write(files, &at("NGWGUARD.DB"), &at("NGWGUARD.01"));
    write(fall_backs, &at("NGWGUARD.FBK"), &at("NGWGUARD.FBK.01"));
    let backup = at("OFMSG/GUARDBAK");
    fs::create_dir_all(&backup).unwrap();
    write(
        fall_backs,
        &backup.join("NGWGUARD.FBK"),
        &backup.join("NGWGUARD.FBK.01"),
    );
}
