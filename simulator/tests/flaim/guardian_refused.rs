//! What lower-casing refuses before it writes anything, because an index could not be written anew faithfully.

use postoffice::flaim::{
    DatabaseFile, Dictionary, LowercaseLimits, MemoryFileSet, NameProfile, Version, plan_lowercase,
};
use simulator::flaim::{Creator, DatabaseOptions, FieldValue, RecordBuilder};

use crate::guardian::{
    ENTRY, NAME, OTHERS, PATH, STORES, TITLE, assert_sound, dictionary, entry, guardian,
};
use crate::reseal::repair_checksum;

fn code(files: &MemoryFileSet) -> &'static str {
    let limits = LowercaseLimits::default();
    plan_lowercase(files, &NameProfile::Guardian, limits)
        .map_or_else(|error| error.code(), |_| "planned")
}

#[test]
fn names_that_become_one_are_refused_where_an_index_allows_one() {
    let entries = [entry(&[(NAME, "MSG3.DB")]), entry(&[(NAME, "msg3.db")])];
    assert_eq!(
        code(&guardian(310, &dictionary(310, true), &entries)),
        "FLAIM-NOT-UNIQUE"
    );
    assert_eq!(
        code(&guardian(310, &dictionary(310, false), &entries)),
        "planned"
    );
    let others = [entry(&[(NAME, "MSG3.DB")]), entry(&[(NAME, "msg4.db")])];
    assert_eq!(
        code(&guardian(310, &dictionary(310, true), &others)),
        "planned"
    );
}

/// Replaces bytes in every block of the first data file, and makes checksums right; says how often.
fn replace(files: &mut MemoryFileSet, old: &[u8], new: &[u8]) -> usize {
    assert_eq!(old.len(), new.len());
    let data = files.get_mut(DatabaseFile::Numbered(1)).unwrap();
    let mut count = 0;
    for at in 0..data.len() - old.len() {
        if data[at..].starts_with(old) {
            data[at..at + new.len()].copy_from_slice(new);
            repair_checksum(data, at / 4096 * 4096);
            count += 1;
        }
    }
    count
}

/// The language of an index, as a field of its definition: tag 32105 with two bytes.
fn language(code: &str) -> Vec<u8> {
    let mut field = vec![0x92, 0x69, 0x7d, 2];
    field.extend(code.as_bytes());
    field
}

#[test]
fn indexes_of_a_language_that_is_not_known_are_refused_only_where_they_are_affected() {
    let entries = [entry(&[(NAME, "MSG3.DB"), (TITLE, "Title")])];
    let lower = [entry(&[(NAME, "msg3.db"), (TITLE, "Title")])];
    for (entries, expected) in [
        (&entries, "FLAIM-INDEX-NOT-COMPUTABLE"),
        (&lower, "planned"),
    ] {
        let mut files = guardian(400, &dictionary(400, false), entries);
        assert_eq!(code(&files), "planned");
        assert_eq!(replace(&mut files, &language("US"), &language("DE")), 5);
        assert_eq!(code(&files), expected);
    }
    // Without the indexes on names, only those stay that the change does not touch.
    let mut few = Dictionary::default();
    for (number, item) in dictionary(400, false).items() {
        if !matches!(number, 30 | 31) {
            few.insert(number, item.clone());
        }
    }
    let mut files = guardian(400, &few, &entries);
    assert_eq!(replace(&mut files, &language("US"), &language("DE")), 3);
    assert_eq!(code(&files), "planned");
}

/// Makes the tracker out of another container, which has one leaf: its blocks, and its root.
fn make_tracker(files: &mut MemoryFileSet, container: u16) {
    let data = files.get_mut(DatabaseFile::Numbered(1)).unwrap();
    let entry = |data: &[u8], number: u16| {
        let entries = (32..4096).step_by(32);
        let bytes = number.to_le_bytes();
        entries
            .clone()
            .find(|at| data[*at..].starts_with(&bytes))
            .unwrap()
    };
    let (from, to) = (entry(data, container), entry(data, 32002));
    for byte in 4..8 {
        data.swap(from + byte, to + byte);
    }
    repair_checksum(data, 0);
    for start in (0..data.len()).step_by(4096) {
        if data[start + 12] & 0x0f == 1 && data[start + 28..start + 30] == container.to_le_bytes() {
            data[start + 28..start + 30].copy_from_slice(&32002u16.to_le_bytes());
            repair_checksum(data, start);
        }
    }
}

#[test]
fn indexes_that_the_tracker_knows_something_about_are_refused() {
    let version = Version::from_number(452).unwrap();
    let dictionary = dictionary(452, false);
    // Tags of the tracker: count of keys, state, how far an index was built.
    for (tag, index, expected) in [
        (32108, 30, "FLAIM-INDEX-STATE"),
        (32125, 31, "FLAIM-INDEX-STATE"),
        (32174, 30, "FLAIM-INDEX-STATE"),
        (32125, 32, "planned"),
    ] {
        let options = DatabaseOptions::new(version);
        let files = MemoryFileSet::new();
        let mut creator = Creator::new(files, options, dictionary.clone()).unwrap();
        let mut record = RecordBuilder::new(version, &dictionary);
        record.field(0, ENTRY, FieldValue::Text("Entry")).unwrap();
        record.field(1, NAME, FieldValue::Text("MSG3.DB")).unwrap();
        record.field(1, PATH, FieldValue::Text("OFMSG")).unwrap();
        creator.add(STORES, &record.finish(1)).unwrap();
        let mut record = RecordBuilder::new(version, &dictionary);
        record.field(0, 32101, FieldValue::Text("")).unwrap();
        record.field(1, tag, FieldValue::Text("1")).unwrap();
        creator.add(OTHERS, &record.finish(index)).unwrap();
        let mut files = creator.finish().unwrap();
        assert_eq!(code(&files), "planned");
        make_tracker(&mut files, OTHERS);
        assert_sound(&files);
        assert_eq!(code(&files), expected, "{tag} {index}");
    }
}
