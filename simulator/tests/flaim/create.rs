//! Databases that this engine creates, against those that the independent implementation made.

use std::collections::BTreeMap;

use postoffice::flaim::{
    CheckOptions, Comparison, Database, DatabaseFile, Dictionary, FieldKind, FileSet,
    IndexDefinition, Item, ItemKind, Limits, LogicalFileKind, MemoryFileSet, Record, SerialNumbers,
    Value, Version, check, probe,
};
use simulator::flaim::{Creator, DatabaseOptions, FieldValue, RecordBuilder};

use crate::dump::assert_reads_as;
use crate::samples::{Sample, load, load_from, sound};

/// What a sample was made with.
fn options_of(database: &Database<&MemoryFileSet>, control: &[u8]) -> DatabaseOptions {
    let header = database.header();
    let serial = |offset: usize| control[16 + offset..][..16].try_into().unwrap();
    let has_serials = header.version.has_long_log_header();
    DatabaseOptions {
        block_size: u16::try_from(header.block_size).unwrap(),
        file_bytes_max: Some(header.log.file_bytes_max),
        application_version: header.application_version,
        serial_numbers: if has_serials {
            SerialNumbers {
                database: serial(88),
                roll_forward: serial(104),
                next_roll_forward: serial(120),
                incremental_backup: serial(136),
            }
        } else {
            SerialNumbers::default()
        },
        ..DatabaseOptions::new(header.version)
    }
}

/// The same record, put together anew from what its fields mean.
fn rebuilt(version: Version, dictionary: &Dictionary, record: &Record) -> Record {
    let mut builder = RecordBuilder::new(version, dictionary);
    for field in record.fields() {
        let value = field.value().unwrap();
        let value = match &value {
            _ if field.stored.is_empty() => FieldValue::Empty(field.kind),
            Value::Text(text) => FieldValue::Text(text),
            Value::Number(number) => FieldValue::Number(number.unwrap()),
            Value::Context(record) => FieldValue::Context(record.unwrap()),
            Value::Bytes(bytes) => FieldValue::Binary(bytes),
        };
        builder.field(field.level, field.tag, value).unwrap();
    }
    builder.finish(record.number)
}

/// A database with everything that the sample holds.
pub(crate) fn created_from(sample: &Sample) -> MemoryFileSet {
    let name = &sample.name;
    let database = Database::open(&sample.files, Limits::default()).unwrap();
    let control = sample.files.get(DatabaseFile::CONTROL).unwrap();
    let options = options_of(&database, control);
    let files = MemoryFileSet::new();
    let dictionary = database.dictionary().clone();
    let mut creator =
        Creator::new(files, options, dictionary).unwrap_or_else(|error| panic!("{name}: {error}"));
    for container in database.containers() {
        for record in database.records(container).unwrap() {
            let record = record.unwrap();
            if container == 32000 {
                continue;
            }
            let rebuilt = rebuilt(options.version, database.dictionary(), &record);
            // Our encoding is the encoding of the other implementation, byte for byte.
            assert_eq!(rebuilt, record, "{name}");
            creator.add(container, &rebuilt).unwrap();
        }
    }
    creator.finish().unwrap()
}

pub(crate) fn assert_sound(name: &str, files: &impl FileSet) {
    let report = check(files, CheckOptions::default()).unwrap();
    assert_eq!(report.findings, [], "{name}");
    for (number, tree) in &report.trees {
        if tree.kind == LogicalFileKind::Index {
            let comparison = Some(Comparison::Whole);
            assert_eq!(tree.comparison, comparison, "{name}: index {number}");
        }
    }
}

/// The first differing byte of two blocks, apart from what is masked.
fn difference(ours: &[u8], theirs: &[u8], masked: &[std::ops::Range<usize>]) -> Option<usize> {
    assert_eq!(ours.len(), theirs.len());
    (0..ours.len()).find(|at| {
        let is_masked = masked.iter().any(|range| range.contains(at));
        !is_masked && ours[*at] != theirs[*at]
    })
}

/// Compares the headers of a created database with those of the sample.
///
/// Masked: where the log stands (the sample has a roll-forward log already, ours is yet to be made), how often was
/// committed, the last transaction in that log, and the checksum over these.
fn assert_same_headers(name: &str, ours: &[u8], theirs: &[u8]) {
    let log = |offset: usize, bytes: usize| 16 + offset..16 + offset + bytes;
    let masked = [log(4, 4), log(28, 4), log(44, 2), log(72, 4)];
    let at = difference(&ours[..2048], &theirs[..2048], &masked);
    assert_eq!(at, None, "{name}: control file");
}

/// Compares a block.
///
/// Masked: both bytes of the checksum, because they cover what is masked; bytes behind the end of the used ones, which
/// have no meaning; and where the block holds entries of containers and indexes, the image that the sample keeps of its
/// earlier state, and in each entry the bytes that the format leaves undefined.
fn assert_same_block(name: &str, offset: usize, ours: &[u8], theirs: &[u8]) {
    let end = usize::from(u16::from_le_bytes([ours[14], ours[15]]));
    let mut masked = vec![0..1, 31..32, end..ours.len()];
    if ours[12] & 0x0f == 4 {
        masked.push(20..28);
        masked.extend((32..end).step_by(32).map(|entry| entry + 8..entry + 12));
    }
    let at = difference(ours, theirs, &masked);
    assert_eq!(at, None, "{name}: block at {offset:#x}");
}

#[test]
fn small_databases_equal_the_samples_byte_for_byte() {
    let samples = sound().into_iter();
    let empty: Vec<Sample> = samples
        .filter(|sample| sample.name.starts_with("14-"))
        .collect();
    assert_eq!(empty.len(), 13);
    for sample in empty {
        let name = &sample.name;
        let created = created_from(&sample);
        assert_sound(name, &created);
        let expected = sample.expected.as_deref().unwrap();
        assert_reads_as(name, &created, expected.lines().map(str::to_owned), true);
        let bytes = |files: &MemoryFileSet, file| files.get(file).unwrap().clone();
        let ours = bytes(&created, DatabaseFile::CONTROL);
        let theirs = bytes(&sample.files, DatabaseFile::CONTROL);
        assert_same_headers(name, &ours, &theirs);
        let block_size = probe(&ours).unwrap().block_size;
        assert_eq!(ours.len(), block_size);
        let ours = bytes(&created, DatabaseFile::Numbered(1));
        let theirs = bytes(&sample.files, DatabaseFile::Numbered(1));
        for (position, block) in ours.chunks(block_size).enumerate() {
            let offset = position * block_size;
            assert_same_block(name, offset, block, &theirs[offset..offset + block_size]);
        }
        let numbers: Vec<_> = created.iter().map(|(file, _)| file).collect();
        assert_eq!(numbers, [DatabaseFile::CONTROL, DatabaseFile::Numbered(1)]);
    }
}

#[test]
fn databases_created_from_samples_hold_what_the_samples_hold() {
    let mut samples: Vec<Sample> = [
        "01-v301-4k-tiny",
        "02-v302-4k-upper-stores",
        "05-v430-4k-positioning",
        "07-v462-4k-large",
        "08-v462-4k-multifile",
    ]
    .map(load)
    .into();
    samples.push(load_from("13-v301-upper", "before"));
    samples.push(load_from("13-v400-mixed", "before"));
    for sample in samples {
        let name = &sample.name;
        let created = created_from(&sample);
        let expected = sample.expected.as_deref().unwrap();
        assert_reads_as(name, &created, expected.lines().map(str::to_owned), true);
        assert_sound(name, &created);
        let count = created.iter().count();
        let is_multifile = name.starts_with("08-");
        assert_eq!(count > 2, is_multifile, "{name}: {count} files");
    }
}

/// A dictionary of one text field and one index on it.
fn small_dictionary(is_unique: bool) -> Dictionary {
    let mut dictionary = Dictionary::default();
    let item = |name: &str, kind| Item {
        name: name.to_owned(),
        kind,
    };
    let text = ItemKind::Field(Some(FieldKind::Text));
    dictionary.insert(1, item("Name", text));
    let definition = IndexDefinition {
        is_unique,
        ..IndexDefinition::on(32001).with_piece(1, false)
    };
    dictionary.insert(2, item("Name_IX", ItemKind::Index(definition)));
    dictionary
}

fn version(number: u16) -> Version {
    Version::from_number(number).unwrap()
}

#[test]
fn two_records_with_one_key_are_refused_only_in_a_unique_index() {
    for is_unique in [false, true] {
        let dictionary = small_dictionary(is_unique);
        let options = DatabaseOptions::new(version(452));
        let files = MemoryFileSet::new();
        let mut creator = Creator::new(files, options, dictionary).unwrap();
        for number in 1..=2 {
            let mut builder = RecordBuilder::new(options.version, creator.dictionary());
            builder.field(0, 1, FieldValue::Text("same")).unwrap();
            let record = builder.finish(number);
            creator.add(32001, &record).unwrap();
        }
        let outcome = creator.finish().map_err(|error| error.code());
        assert_eq!(outcome.err(), is_unique.then_some("FLAIM-NOT-UNIQUE"));
    }
}

#[test]
fn what_is_not_finished_is_no_database() {
    /// Files that fail when a certain number of bytes was written.
    struct Failing<'a>(&'a mut MemoryFileSet, usize);
    impl FileSet for Failing<'_> {
        fn size(&self, file: DatabaseFile) -> std::io::Result<Option<u64>> {
            self.0.size(file)
        }
        fn read_at(
            &self,
            file: DatabaseFile,
            offset: u64,
            buffer: &mut [u8],
        ) -> std::io::Result<usize> {
            self.0.read_at(file, offset, buffer)
        }
    }
    impl postoffice::flaim::FileSetMut for Failing<'_> {
        fn write_at(
            &mut self,
            file: DatabaseFile,
            offset: u64,
            bytes: &[u8],
        ) -> std::io::Result<()> {
            self.1 = self
                .1
                .checked_sub(bytes.len())
                .ok_or(std::io::ErrorKind::StorageFull)?;
            self.0.write_at(file, offset, bytes)
        }
    }
    let dictionary = small_dictionary(false);
    let options = DatabaseOptions::new(version(310));
    let mut enough = 0;
    loop {
        let mut files = MemoryFileSet::new();
        let failing = Failing(&mut files, enough);
        let creator = Creator::new(failing, options, dictionary.clone());
        let outcome = creator.and_then(Creator::finish).map(|_| ());
        let is_database = Database::open(&files, Limits::default()).is_ok();
        assert_eq!(outcome.is_ok(), is_database, "{enough}");
        match outcome {
            Ok(()) => break,
            Err(error) => assert_eq!(error.code(), "FLAIM-WRITE"),
        }
        enough += 512;
    }
    assert!(enough > 4 * 4096);
}

#[test]
fn what_cannot_be_created_is_refused() {
    let refusal = |options, dictionary: &Dictionary| {
        let files = MemoryFileSet::new();
        let creator = Creator::new(files, options, dictionary.clone());
        creator.err().map(|error| error.code())
    };
    let dictionary = small_dictionary(false);
    let good = DatabaseOptions::new(version(462));
    assert_eq!(refusal(good, &dictionary), None);
    for bad in [
        DatabaseOptions {
            block_size: 2048,
            ..good
        },
        DatabaseOptions {
            transaction: 1,
            ..good
        },
        DatabaseOptions {
            file_bytes_max: Some(100_000),
            ..good
        },
        DatabaseOptions {
            file_bytes_max: Some(1 << 33),
            ..good
        },
        DatabaseOptions {
            file_bytes_max: Some(1 << 17),
            ..DatabaseOptions::new(version(400))
        },
    ] {
        assert_eq!(
            refusal(bad, &dictionary),
            Some("FLAIM-CANNOT-CREATE"),
            "{bad:?}"
        );
    }
    let index = |change: fn(&mut IndexDefinition)| {
        let mut definition = IndexDefinition::on(32001).with_piece(1, true);
        change(&mut definition);
        ItemKind::Index(definition)
    };
    for (number, kind) in [
        (0, ItemKind::Container),
        (32_000, ItemKind::Container),
        (3, ItemKind::Field(None)),
        (3, ItemKind::Other(32117)),
        (3, index(|definition| definition.pieces.clear())),
        (3, index(|definition| definition.container = None)),
        (3, index(|definition| definition.container = Some(77))),
        (3, index(|definition| definition.pieces[0].tag = 77)),
        (
            3,
            index(|definition| definition.not_computable = Some("test")),
        ),
    ] {
        let mut dictionary = dictionary.clone();
        let name = "Bad".to_owned();
        dictionary.insert(
            number,
            Item {
                name,
                kind: kind.clone(),
            },
        );
        assert_eq!(
            refusal(good, &dictionary),
            Some("FLAIM-CANNOT-DEFINE"),
            "{kind:?}"
        );
    }
    let mut positioning = dictionary.clone();
    let kind = index(|definition| definition.is_positioning = true);
    let name = "Counted".to_owned();
    positioning.insert(3, Item { name, kind });
    assert_eq!(refusal(good, &positioning), None);
    let early = DatabaseOptions::new(version(400));
    assert_eq!(refusal(early, &positioning), Some("FLAIM-CANNOT-DEFINE"));
    let mut files = MemoryFileSet::new();
    files.insert(DatabaseFile::Numbered(1), vec![]);
    let creator = Creator::new(files, good, dictionary);
    assert_eq!(
        creator.err().map(|error| error.code()),
        Some("FLAIM-CANNOT-CREATE")
    );
}

#[test]
fn many_containers_and_indexes_take_several_blocks_of_entries() {
    let mut dictionary = small_dictionary(false);
    for number in 10..400 {
        let name = format!("Container {number}");
        let kind = ItemKind::Container;
        dictionary.insert(number, Item { name, kind });
    }
    let options = DatabaseOptions::new(version(310));
    let mut creator = Creator::new(MemoryFileSet::new(), options, dictionary).unwrap();
    let mut expected = BTreeMap::new();
    for number in (10..400).step_by(7) {
        let mut builder = RecordBuilder::new(options.version, creator.dictionary());
        let name = format!("in {number}");
        builder.field(0, 1, FieldValue::Text(&name)).unwrap();
        let record = builder.finish(5);
        creator.add(number, &record).unwrap();
        creator.set_next_record(number, 100).unwrap();
        expected.insert(number, vec![record]);
    }
    assert!(creator.set_next_record(500, 1).is_err());
    let files = creator.finish().unwrap();
    assert_sound("many containers", &files);
    let database = Database::open(&files, Limits::default()).unwrap();
    for number in 10..400 {
        let records: Result<Vec<_>, _> = database.records(number).unwrap().collect();
        let expected = expected.remove(&number).unwrap_or_default();
        assert_eq!(records.unwrap(), expected);
    }
}
