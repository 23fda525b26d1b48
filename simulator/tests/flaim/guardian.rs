//! The profile of the guardian: which values are names, and that nothing else changes.

use std::collections::BTreeMap;
use std::time::Instant;

use postoffice::flaim::{
    CheckOptions, Database, DatabaseFile, Dictionary, FieldKind, IndexDefinition, Item, ItemKind,
    LeftAloneReason, Limits, LowercaseLimits, MemoryFileSet, NameProfile, Version, apply_lowercase,
    check, plan_lowercase,
};
use proptest::prelude::*;
use simulator::flaim::{Creator, DatabaseOptions, FieldValue, RecordBuilder};

/// The container of the catalogue, and another with the same fields.
pub(crate) const STORES: u16 = 20;
pub(crate) const OTHERS: u16 = 21;

pub(crate) const ENTRY: u16 = 1;
pub(crate) const NAME: u16 = 2;
pub(crate) const PATH: u16 = 3;
const FILE: u16 = 4;
pub(crate) const TITLE: u16 = 5;
const PASSWORD: u16 = 6;

fn item(name: &str, kind: ItemKind) -> Item {
    Item {
        name: name.to_owned(),
        kind,
    }
}

pub(crate) fn dictionary(version: u16, is_unique: bool) -> Dictionary {
    let text = || ItemKind::Field(Some(FieldKind::Text));
    let mut dictionary = Dictionary::default();
    for (number, name) in [
        (ENTRY, "StoreEntry"),
        (NAME, "StoreName"),
        (PATH, "STOREPATH"),
        (FILE, "storefile"),
        (TITLE, "StoreTitle"),
        (PASSWORD, "Password"),
    ] {
        dictionary.insert(number, item(name, text()));
    }
    for (number, name) in [(STORES, "Stores"), (OTHERS, "Others")] {
        dictionary.insert(number, item(name, ItemKind::Container));
    }
    let mut on_names = IndexDefinition::on(STORES).with_piece(NAME, false);
    on_names.is_unique = is_unique;
    let mut on_paths = IndexDefinition::on(STORES)
        .with_piece(PATH, true)
        .with_piece(NAME, false);
    on_paths.is_positioning = version >= 430;
    for (number, name, definition) in [
        (30, "StoreName_IX", on_names),
        (31, "StorePathName_IX", on_paths),
        (
            32,
            "StoreFile_IX",
            IndexDefinition::on(STORES).with_piece(FILE, true),
        ),
        (
            33,
            "Title_IX",
            IndexDefinition::on(STORES).with_piece(TITLE, false),
        ),
        (
            34,
            "OtherName_IX",
            IndexDefinition::on(OTHERS).with_piece(NAME, false),
        ),
    ] {
        dictionary.insert(number, item(name, ItemKind::Index(definition)));
    }
    dictionary
}

/// The values of one entry: tag and text.
pub(crate) type Entry = Vec<(u16, String)>;

pub(crate) fn entry(values: &[(u16, &str)]) -> Entry {
    let values = values.iter();
    values
        .map(|(tag, text)| (*tag, (*text).to_owned()))
        .collect()
}

/// A guardian with these entries, numbered from 1, in the catalogue.
pub(crate) fn guardian(version: u16, dictionary: &Dictionary, entries: &[Entry]) -> MemoryFileSet {
    let version = Version::from_number(version).unwrap();
    let options = DatabaseOptions::new(version);
    let files = MemoryFileSet::new();
    let mut creator = Creator::new(files, options, dictionary.clone()).unwrap();
    for (number, entry) in (1..).zip(entries) {
        let mut record = RecordBuilder::new(version, dictionary);
        record.field(0, ENTRY, FieldValue::Text("Entry")).unwrap();
        for (tag, text) in entry {
            record.field(1, *tag, FieldValue::Text(text)).unwrap();
        }
        creator.add(STORES, &record.finish(number)).unwrap();
    }
    creator.finish().unwrap()
}

/// Every value of the catalogue, by record and position.
fn values(files: &MemoryFileSet) -> BTreeMap<(u32, usize), (u16, String)> {
    let database = Database::open(files, Limits::default()).unwrap();
    let mut values = BTreeMap::new();
    for record in database.records(STORES).unwrap() {
        let record = record.unwrap();
        for (position, field) in record.fields().enumerate() {
            let postoffice::flaim::Value::Text(text) = field.value().unwrap() else {
                panic!("not text");
            };
            values.insert((record.number, position), (field.tag, text));
        }
    }
    values
}

pub(crate) fn assert_sound(files: &MemoryFileSet) {
    let report = check(files, CheckOptions::default()).unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn names_change_and_titles_passwords_and_strange_values_stay() {
    let entries = [
        entry(&[
            (NAME, "USERABC.DB"),
            (PATH, "OFUSER"),
            (FILE, "OFUSER/USERABC.DB"),
            (TITLE, "USERABC.DB"),
            (PASSWORD, "SeCrEt"),
        ]),
        entry(&[
            (NAME, "dmdd002F.db"),
            (PATH, "GWDMS\\lib002F"),
            (FILE, "\\\\SERVER\\VOL1\\PO\\OFUSER\\USERABC.DB"),
            (TITLE, "Library of the Board"),
        ]),
        entry(&[(NAME, "Quarterly Report"), (PATH, "C:\\PO\\OFUSER")]),
        entry(&[(NAME, "ÄRGER.DB"), (PATH, "/OFUSER"), (FILE, "Ärger")]),
        entry(&[(NAME, "msg3.db"), (PATH, "OFFILES/FDF6")]),
        entry(&[(NAME, "Hello"), (NAME, "MSG3.DB")]),
    ];
    let mut files = guardian(310, &dictionary(310, false), &entries);
    let limits = LowercaseLimits::default();
    let plan = plan_lowercase(&files, &NameProfile::Guardian, limits).unwrap();
    let changes: Vec<(u32, u16, &str, &str)> = plan
        .changes
        .iter()
        .map(|change| {
            let (old, new) = (change.old.as_str(), change.new.as_str());
            (change.record, change.field, old, new)
        })
        .collect();
    let expected = [
        (1, NAME, "USERABC.DB", "userabc.db"),
        (1, PATH, "OFUSER", "ofuser"),
        (1, FILE, "OFUSER/USERABC.DB", "ofuser/userabc.db"),
        (2, NAME, "dmdd002F.db", "dmdd002f.db"),
        (2, PATH, "GWDMS\\lib002F", "gwdms\\lib002f"),
        (5, PATH, "OFFILES/FDF6", "offiles/fdf6"),
        (6, NAME, "MSG3.DB", "msg3.db"),
    ];
    assert_eq!(changes, expected);
    let left_alone: Vec<(u32, u16, LeftAloneReason)> = plan
        .left_alone
        .iter()
        .map(|value| (value.record, value.field, value.reason))
        .collect();
    let expected = [
        (2, FILE, LeftAloneReason::UncPath),
        (3, NAME, LeftAloneReason::Blank),
        (3, PATH, LeftAloneReason::DriveOrVolume),
        (4, NAME, LeftAloneReason::NonAsciiCapital),
        (4, PATH, LeftAloneReason::AbsolutePath),
        (4, FILE, LeftAloneReason::NonAsciiCapital),
        (6, NAME, LeftAloneReason::UnknownName),
    ];
    assert_eq!(left_alone, expected);
    let rebuilt: Vec<u16> = plan.rebuilt.iter().map(|index| index.index).collect();
    assert_eq!(rebuilt, [30, 31]);
    let unaffected: Vec<(u16, &str)> = plan
        .unaffected
        .iter()
        .map(|index| (index.index, index.reason))
        .collect();
    let caseless = "its keys make no difference between capital and small letters";
    let no_field = "no changed field is in its keys";
    assert_eq!(unaffected, [(32, caseless), (33, no_field)]);

    let mut expected = values(&files);
    for change in &plan.changes {
        expected
            .get_mut(&(change.record, change.position))
            .unwrap()
            .1 = change.new.clone();
    }
    apply_lowercase(&mut files, &plan, limits).unwrap();
    assert_eq!(values(&files), expected);
    assert_sound(&files);
    let again = plan_lowercase(&files, &NameProfile::Guardian, limits).unwrap();
    assert!(again.is_empty());
    assert_eq!(again.left_alone.len(), 7);
}

/// A guardian with 2,000 databases, or as many as `FLAIM_NAMES` says; tells how long it takes.
#[test]
fn many_names_become_lower_case() {
    let count = std::env::var("FLAIM_NAMES").map_or(2_000, |count| count.parse().unwrap());
    let entries: Vec<Entry> = (0..count)
        .map(|number: u32| {
            let name = format!("USER{number:05X}.DB");
            let name = name.replacen("USER0", "USER", 1);
            entry(&[
                (NAME, &name),
                (PATH, "OFUSER"),
                (FILE, &format!("OFUSER/{name}")),
                (TITLE, "A Mailbox"),
            ])
        })
        .collect();
    let mut files = guardian(310, &dictionary(310, false), &entries);
    let bytes = files.get(DatabaseFile::Numbered(1)).unwrap().len();
    let limits = LowercaseLimits::default();
    let start = Instant::now();
    let plan = plan_lowercase(&files, &NameProfile::Guardian, limits).unwrap();
    let planned = start.elapsed();
    assert_eq!(plan.changes.len(), entries.len() * 3);
    let start = Instant::now();
    let report = apply_lowercase(&mut files, &plan, limits).unwrap();
    println!(
        "{count} databases in {bytes} bytes: plan {planned:?}, apply {:?}, {:?}",
        start.elapsed(),
        report.indexes
    );
    assert_sound(&files);
    let database = Database::open(&files, Limits::default()).unwrap();
    for record in database.records(STORES).unwrap() {
        for field in record.unwrap().fields().filter(|field| field.level > 0) {
            let has_capital = field.stored.iter().any(u8::is_ascii_uppercase);
            assert_eq!(has_capital, field.tag == TITLE);
        }
    }
}

/// A name in capital and small letters, or something that is none.
fn any_value() -> impl Strategy<Value = (u16, String)> {
    prop_oneof![
        (Just(NAME), "[Uu][Ss][Ee][Rr][a-zA-Z0-9]{3}\\.[Dd][Bb]"),
        (Just(NAME), "[a-zA-Z0-9]{1,8}\\.[Ff][Bb][Kk]"),
        (
            Just(PATH),
            "[Oo][Ff][Uu][Ss][Ee][Rr]|[Gg][Ww]DMS[/\\\\]LIB00[0-9A-Fa-f]{2}"
        ),
        (Just(FILE), "[Oo]fmsg/[Mm]sg[0-9]{1,3}\\.[dD][Bb]"),
        (
            prop_oneof![Just(NAME), Just(PATH), Just(FILE)],
            "[ -~]{0,30}"
        ),
        (prop_oneof![Just(TITLE), Just(PASSWORD)], "[ -~À-ÿ]{0,60}"),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// What the plan names changes, everything else stays, the database stays sound, and there is nothing left to do.
    #[test]
    fn only_what_the_plan_names_changes(
        version in prop_oneof![Just(301u16), Just(310), Just(400), Just(430), Just(452), Just(462)],
        entries in proptest::collection::vec(proptest::collection::vec(any_value(), 0..6), 0..120),
    ) {
        let limits = LowercaseLimits::default();
        let mut files = guardian(version, &dictionary(version, false), &entries);
        let before = files.clone();
        let plan = plan_lowercase(&files, &NameProfile::Guardian, limits).unwrap();
        let mut expected = values(&files);
        for change in &plan.changes {
            prop_assert!(matches!(change.field, NAME | PATH | FILE));
            prop_assert_eq!(change.old.to_ascii_lowercase(), change.new.as_str());
            let value = expected.get_mut(&(change.record, change.position)).unwrap();
            prop_assert_eq!(&value.1, &change.old);
            value.1.clone_from(&change.new);
        }
        let is_named = |text: &str| {
            let lower = text.to_ascii_lowercase();
            lower.len() == 10 && lower.starts_with("user") && lower.get(7..) == Some(".db")
        };
        for (tag, text) in expected.values() {
            let is_name = *tag == NAME && is_named(text) && !text.contains(' ');
            prop_assert!(!is_name || !text.contains(|letter: char| letter.is_ascii_uppercase())
                || plan.left_alone.iter().any(|left| left.value == *text));
        }
        apply_lowercase(&mut files, &plan, limits).unwrap();
        prop_assert_eq!(values(&files), expected);
        assert_sound(&files);
        let again = plan_lowercase(&files, &NameProfile::Guardian, limits).unwrap();
        prop_assert!(again.is_empty());
        if plan.is_empty() {
            prop_assert!(files.iter().eq(before.iter()));
        }
    }
}
