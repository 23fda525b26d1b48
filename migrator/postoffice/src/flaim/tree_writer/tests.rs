//! Trees, written and read back by the reader and the check, which were proved against databases of others.

use std::collections::BTreeMap;

use super::super::block::BlockHeader;
use super::super::check::{CheckOptions, check};
use super::super::damage::Damage;
use super::super::database::Database;
use super::super::error::{Error, Place};
use super::super::file_set::{Limits, MemoryFileSet, write_all};
use super::super::header::{DATABASE_HEADER_OFFSET, HEADER_BYTES, LOG_HEADER_OFFSET, log_checksum};
use super::super::logical_file::{LogicalFile, LogicalFileKind};
use super::*;
use crate::flaim::DatabaseFile;

const CONTAINER: u16 = 32001;
const INDEX: u16 = 10;

/// One data file under construction.
struct Sink {
    files: MemoryFileSet,
    block_size: u32,
    end: u32,
    /// How often each block was written.
    written: BTreeMap<BlockAddress, usize>,
}

impl Sink {
    fn new(shape: TreeShape) -> Self {
        let block_size = u32::try_from(shape.block_size).unwrap();
        Self {
            files: MemoryFileSet::new(),
            block_size,
            // Old versions have a block without use behind the first.
            end: if shape.version.has_long_log_header() {
                block_size
            } else {
                2 * block_size
            },
            written: BTreeMap::new(),
        }
    }
}

impl BlockSink for Sink {
    fn allocate(&mut self) -> Result<BlockAddress, Error> {
        let address = BlockAddress::new(1, self.end);
        self.end += self.block_size;
        Ok(address)
    }

    fn write(&mut self, address: BlockAddress, block: &[u8]) -> Result<(), Error> {
        *self.written.entry(address).or_default() += 1;
        let file = DatabaseFile::Numbered(address.file_number());
        write_all(&mut self.files, file, u64::from(address.offset()), block)
    }
}

fn shape(version: u16, block_size: usize) -> TreeShape {
    TreeShape {
        version: Version::from_number(version).unwrap(),
        block_size,
        transaction: 5,
    }
}

/// The database around some trees, without a dictionary.
fn database(
    mut sink: Sink,
    shape: TreeShape,
    files: &[(u16, LogicalFileKind, BlockAddress)],
) -> MemoryFileSet {
    for (address, times) in &sink.written {
        assert_eq!(*times, 1, "{address}");
    }
    let blocks_before = if shape.version.has_long_log_header() {
        1
    } else {
        2
    };
    let blocks = usize::try_from(sink.end / sink.block_size).unwrap();
    assert_eq!(sink.written.len() + blocks_before, blocks);
    let empty =
        [32000, 32002].map(|number| (number, LogicalFileKind::Container, BlockAddress::NONE));
    let name_index = (32003, LogicalFileKind::Index, BlockAddress::NONE);
    let all = files.iter().copied().chain(empty).chain([name_index]);
    let entries: Vec<u8> = all
        .flat_map(|(number, kind, root)| {
            let file = LogicalFile {
                number,
                kind,
                root,
                next_record: 1,
            };
            file.entry()
        })
        .collect();
    let header = BlockHeader {
        address: BlockAddress::FIRST_LOGICAL_FILE_BLOCK,
        previous: BlockAddress::NONE,
        next: BlockAddress::NONE,
        kind: kind::LOGICAL_FILES,
        is_root: false,
        level: 0,
        transaction: shape.transaction,
        logical_file: 0,
    };
    let block = header.finish(&entries, shape.block_size);
    write_all(&mut sink.files, DatabaseFile::Numbered(1), 0, &block).unwrap();
    if blocks_before == 2 {
        let header = BlockHeader {
            address: BlockAddress::new(1, sink.block_size),
            kind: kind::PCODE,
            ..header
        };
        let block = header.finish(&[], shape.block_size);
        let offset = u64::from(sink.block_size);
        write_all(&mut sink.files, DatabaseFile::Numbered(1), offset, &block).unwrap();
    }
    let header = headers(shape, BlockAddress::new(1, sink.end));
    write_all(&mut sink.files, DatabaseFile::CONTROL, 0, &header).unwrap();
    sink.files
}

/// The headers of a database that ends there (flaim-format.md 1.2, 1.3).
fn headers(shape: TreeShape, end: BlockAddress) -> [u8; HEADER_BYTES] {
    let mut bytes = [0; HEADER_BYTES];
    let mut set = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    let block_size = u32::try_from(shape.block_size).unwrap().to_le_bytes();
    let transaction = shape.transaction.to_le_bytes();
    set(0, b"\xffWPC\x10\0\0\0\xf3\x01");
    for (offset, number) in [
        (0, [1, 0, 0, 0]),
        (8, [1, 0, 0, 0]),
        (12, [0, 2, 0, 0]),
        (16, block_size),
        (24, transaction),
        (56, transaction),
        (60, [0xff; 4]),
        (64, [0xff; 4]),
        (68, end.raw().to_le_bytes()),
    ] {
        set(LOG_HEADER_OFFSET + offset, &number);
    }
    let version = shape.version;
    set(LOG_HEADER_OFFSET + 46, &version.number().to_le_bytes());
    set(DATABASE_HEADER_OFFSET, b"FLAIM");
    set(DATABASE_HEADER_OFFSET + 5, version.to_string().as_bytes());
    set(DATABASE_HEADER_OFFSET + 14, &block_size[..2]);
    set(DATABASE_HEADER_OFFSET + 32, &[1]);
    if !version.has_long_log_header() {
        let second = [&[1], &block_size[1..]].concat();
        set(DATABASE_HEADER_OFFSET + 24, &block_size);
        set(DATABASE_HEADER_OFFSET + 28, &[16]);
        set(DATABASE_HEADER_OFFSET + 36, &second);
    }
    let sum = log_checksum(&bytes, version);
    bytes[LOG_HEADER_OFFSET + 44..][..2].copy_from_slice(&sum.to_le_bytes());
    bytes
}

/// A record whose root is an unregistered text of that length (flaim-format.md 7: TAGGED, wide tag and length).
fn record(length: u16, salt: u8) -> Vec<u8> {
    let mut data = vec![0x83, 0x00, 0x01, 0x00];
    data.extend(length.to_le_bytes());
    data.extend((0..length).map(|n| 0x20 + u8::try_from(n % 64).unwrap() / 2 + salt % 16));
    data
}

/// What a container holds after it was written and read back; the check must find nothing.
fn container_round_trip(shape: TreeShape, records: &BTreeMap<u32, Vec<u8>>) -> u8 {
    let mut sink = Sink::new(shape);
    let mut writer = TreeWriter::container(shape, CONTAINER);
    for (number, data) in records {
        writer.record(&mut sink, *number, data).unwrap();
    }
    let next = writer.last_record() + 1;
    let root = writer.finish(&mut sink, next).unwrap();
    let files = database(
        sink,
        shape,
        &[(CONTAINER, LogicalFileKind::Container, root)],
    );
    let report = check(&files, CheckOptions::default()).unwrap();
    assert_eq!(report.findings, []);
    let database = Database::open(&files, Limits::default()).unwrap();
    let read = database.records(CONTAINER).unwrap().map(|record| {
        let record = record.unwrap();
        (record.number, record.data)
    });
    assert_eq!(read.collect::<BTreeMap<_, _>>(), *records);
    for number in records.keys().step_by(97) {
        assert!(database.record(CONTAINER, *number).unwrap().is_some());
    }
    if root.is_none() {
        0
    } else {
        database.store.read(root).unwrap().level
    }
}

#[test]
fn containers_of_every_height_read_back() {
    for (version, block_size) in [(310, 4096), (430, 4096), (462, 8192)] {
        let shape = shape(version, block_size);
        assert_eq!(container_round_trip(shape, &BTreeMap::new()), 0);
        let mut levels = Vec::new();
        for count in [1u32, 60, 3_000, 30_000] {
            let records = (1..=count)
                .map(|n| {
                    (
                        n * 3,
                        record(u16::try_from(n % 120 + 1).unwrap(), n.to_le_bytes()[0]),
                    )
                })
                .collect();
            levels.push(container_round_trip(shape, &records));
        }
        assert!(
            levels.is_sorted() && levels.last() >= Some(&1),
            "{levels:?}"
        );
    }
}

#[test]
fn records_longer_than_blocks_read_back() {
    let records = [
        (1, 10u16),
        (2, 60_000),
        (3, 249),
        (4, 250),
        (0xff00_0000, 30_000),
        (0xffff_fff0, 1),
    ]
    .map(|(number, length)| (number, record(length, 0)));
    let shape = shape(452, 4096);
    assert_eq!(
        container_round_trip(shape, &records.into_iter().collect()),
        1
    );
}

#[test]
fn what_is_out_of_order_is_refused() {
    let shape = shape(452, 4096);
    let mut sink = Sink::new(shape);
    let mut writer = TreeWriter::container(shape, CONTAINER);
    let data = record(5, 0);
    writer.record(&mut sink, 5, &data).unwrap();
    for number in [0, 4, 5, u32::MAX] {
        let refused = writer.record(&mut sink, number, &data).unwrap_err();
        assert_eq!(refused.code(), "FLAIM-OUT-OF-ORDER");
    }
    assert_eq!(
        writer.record(&mut sink, 6, &[]).unwrap_err().code(),
        "FLAIM-RECORD-EMPTY"
    );
    assert_eq!(
        writer.record(&mut sink, 6, &data[..3]).unwrap_err().code(),
        "FLAIM-FIELD-OUTSIDE"
    );
    assert!(writer.finish(&mut sink, 5).is_err());
    let mut writer = TreeWriter::index(shape, INDEX, false);
    writer.entry(&mut sink, b"b", 7).unwrap();
    for (key, record) in [(&b"a"[..], 9), (b"b", 7), (b"b", 8), (b"c", 0), (b"", 1)] {
        let refused = writer.entry(&mut sink, key, record).unwrap_err();
        assert_eq!(refused.code(), "FLAIM-OUT-OF-ORDER");
    }
}

/// Writes an index and reads it back; the check must find nothing but that the dictionary does not know it.
fn index_round_trip(shape: TreeShape, is_counted: bool, entries: &[(Vec<u8>, u32)]) -> u8 {
    let mut sink = Sink::new(shape);
    let mut writer = TreeWriter::index(shape, INDEX, is_counted);
    for (key, record) in entries {
        writer.entry(&mut sink, key, *record).unwrap();
    }
    let root = writer.finish(&mut sink).unwrap();
    let files = database(
        sink,
        shape,
        &[
            (CONTAINER, LogicalFileKind::Container, BlockAddress::NONE),
            (INDEX, LogicalFileKind::Index, root),
        ],
    );
    let report = check(&files, CheckOptions::default()).unwrap();
    // Only the reader of the dictionary misses something here.
    let missing = Place::in_logical_file(INDEX).fault(Damage::DictionaryItem);
    assert_eq!(report.findings, [missing]);
    let database = Database::open(&files, Limits::default()).unwrap();
    let read = database.index_entries(INDEX).unwrap().map(|entry| {
        let entry = entry.unwrap();
        (entry.key.to_vec(), entry.record)
    });
    assert!(read.eq(entries.iter().cloned()));
    if root.is_none() {
        return 0;
    }
    let root = database.store.read(root).unwrap();
    if root.level > 0 {
        let is_counted_kind = root.kind == kind::BRANCH_COUNTED;
        assert_eq!(is_counted_kind, is_counted);
    }
    root.level
}

/// Entries of `keys` keys, of which every tenth belongs to many records.
fn entries(keys: u32, records: u32, tail: usize) -> Vec<(Vec<u8>, u32)> {
    let mut entries = Vec::new();
    for key in 0..keys {
        let mut bytes = format!("common start {key:08}").into_bytes();
        bytes.resize(bytes.len() + tail, b'x');
        let count = if key % 10 == 3 { records } else { 1 };
        for record in (1..=count).rev() {
            entries.push((bytes.clone(), record * 5 + key % 7));
        }
    }
    entries
}

#[test]
fn indexes_of_every_shape_read_back() {
    for is_counted in [false, true] {
        for (version, block_size) in [(430, 4096), (462, 8192)] {
            let shape = shape(version, block_size);
            assert_eq!(index_round_trip(shape, is_counted, &[]), 0);
            let mut levels = Vec::new();
            for (keys, records, tail) in [
                (1, 1, 0),
                (20, 40_000, 0),
                (3_000, 300, 30),
                (2_000, 1, 600),
            ] {
                let entries = entries(keys, records, tail);
                levels.push(index_round_trip(shape, is_counted, &entries));
            }
            assert!(
                levels.is_sorted() && levels.last() >= Some(&3),
                "{levels:?}"
            );
        }
    }
}

#[test]
fn a_tree_that_needs_a_ninth_level_is_refused() {
    // Blocks so small that only two of the longest keys go into one.
    let shape = shape(452, 2048);
    let mut sink = Discard(0);
    let mut writer = TreeWriter::index(shape, INDEX, false);
    // No two keys share a byte at their start, so each takes all its 640 bytes.
    let outcome = (1u32..6_000).try_for_each(|number| {
        let mut key = number.to_be_bytes().to_vec();
        key.resize(640, 0);
        writer.entry(&mut sink, &key, 1)
    });
    assert_eq!(outcome.unwrap_err().code(), "FLAIM-TREE-TOO-HIGH");
}

/// Takes blocks and forgets them.
struct Discard(u32);

impl BlockSink for Discard {
    fn allocate(&mut self) -> Result<BlockAddress, Error> {
        self.0 += 1;
        Ok(BlockAddress::new(1, self.0 << 12))
    }

    fn write(&mut self, _address: BlockAddress, _block: &[u8]) -> Result<(), Error> {
        Ok(())
    }
}
