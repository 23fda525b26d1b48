//! Containers and indexes: the entries that say where their trees begin (flaim-format.md 4).

use std::collections::BTreeMap;

use super::address::BlockAddress;
use super::block::{BLOCK_HEADER_BYTES, kind, seal};
use super::bytes::{array_at, u8_at, u16_at, u32_at};
use super::damage::Damage;
use super::error::{Error, Fault, Place};
use super::file_set::{FileSet, FileSetMut};
use super::store::BlockStore;
use super::working_copy::WorkingCopy;

/// The container of the dictionary.
pub const DICTIONARY_CONTAINER: u16 = 32000;
/// The container for records that name no other.
pub const DEFAULT_CONTAINER: u16 = 32001;
/// The container in which the engine keeps track of indexes.
pub const TRACKER_CONTAINER: u16 = 32002;
/// The index on the names in the dictionary.
pub const NAME_INDEX: u16 = 32003;

/// How many bytes one entry takes.
pub const LOGICAL_FILE_ENTRY_BYTES: usize = 32;

/// Whether a logical file holds records or keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LogicalFileKind {
    /// Records.
    Container,
    /// Keys.
    Index,
}

/// One container or index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogicalFile {
    /// Its number.
    pub number: u16,
    /// What it holds.
    pub kind: LogicalFileKind,
    /// The root of its tree; none while it is empty.
    pub root: BlockAddress,
    /// The number that the next record gets, valid only while there is no root.
    pub next_record: u32,
}

/// What one entry holds: nothing in use, a container or index, or nonsense.
pub(super) fn parse_entry(entry: &[u8]) -> Result<Option<LogicalFile>, Damage> {
    let number = u16_at(entry, 0).ok_or(Damage::LogicalFileEntry)?;
    let root = u32_at(entry, 4).ok_or(Damage::LogicalFileEntry)?;
    let kind = match u8_at(entry, 2) {
        Some(1) => LogicalFileKind::Container,
        Some(3) => LogicalFileKind::Index,
        Some(15) => return Ok(None),
        _ => return Err(Damage::LogicalFileEntry),
    };
    Ok(Some(LogicalFile {
        number,
        kind,
        root: BlockAddress::from_raw(root),
        next_record: u32_at(entry, 12).ok_or(Damage::LogicalFileEntry)?,
    }))
}

impl LogicalFile {
    /// The entry as a new database holds it (flaim-format.md 4); some of its bytes have no meaning in any version.
    pub fn entry(&self) -> [u8; LOGICAL_FILE_ENTRY_BYTES] {
        /// How full blocks become, and how empty before they are merged, in 128th; always these.
        const FILL: [u8; 2] = [116, 44];
        let kind = match self.kind {
            LogicalFileKind::Container => 1,
            LogicalFileKind::Index => 3,
        };
        let mut entry = [0; LOGICAL_FILE_ENTRY_BYTES];
        let parts: [(usize, &[u8]); 5] = [
            (0, &self.number.to_le_bytes()),
            (2, &[kind]),
            (4, &self.root.raw().to_le_bytes()),
            (12, &self.next_record.to_le_bytes()),
            (16, &FILL),
        ];
        for (offset, part) in parts {
            for (to, from) in entry.iter_mut().skip(offset).zip(part) {
                *to = *from;
            }
        }
        entry
    }
}

/// Walks the chain of blocks with entries, and hands out each block's address and each entry with its place.
///
/// `see_fault` decides what a fault means: the reader stops, the check takes a note.
pub(super) fn walk_entries<F: FileSet>(
    store: &BlockStore<F>,
    mut see_block: impl FnMut(BlockAddress) -> Result<(), Error>,
    mut see_entry: impl FnMut(LogicalFile, Place) -> Result<(), Error>,
    mut see_fault: impl FnMut(Fault) -> Result<(), Error>,
) -> Result<(), Error> {
    let mut address = BlockAddress::FIRST_LOGICAL_FILE_BLOCK;
    let mut previous = BlockAddress::NONE;
    let mut blocks_left = store.geometry.block_count();
    while !address.is_none() {
        let place = Place::default().at_block(address);
        let Some(left) = blocks_left.checked_sub(1) else {
            return see_fault(place.fault(Damage::TreeLoop));
        };
        blocks_left = left;
        see_block(address)?;
        let block = match store.inspect(address)? {
            Ok(block) => block,
            Err(faults) => return faults.into_iter().try_for_each(see_fault),
        };
        if block.kind != kind::LOGICAL_FILES {
            let fault = place.fault(Damage::BlockKind);
            return see_fault(fault.with_numbers(block.kind, kind::LOGICAL_FILES));
        }
        if block.previous != previous {
            let fault = place.fault(Damage::BlockPrevious);
            see_fault(fault.with_numbers(block.previous.raw(), previous.raw()))?;
        }
        let used = block.used().get(BLOCK_HEADER_BYTES..).unwrap_or_default();
        for (position, entry) in used.chunks(LOGICAL_FILE_ENTRY_BYTES).enumerate() {
            let at = place.at_element(BLOCK_HEADER_BYTES + position * LOGICAL_FILE_ENTRY_BYTES);
            let whole: Option<[u8; LOGICAL_FILE_ENTRY_BYTES]> = array_at(entry, 0);
            match whole.map_or(Err(Damage::LogicalFileEntry), |entry| parse_entry(&entry)) {
                Ok(Some(file)) => see_entry(file, at)?,
                Ok(None) => {}
                Err(damage) => see_fault(at.fault(damage))?,
            }
        }
        previous = address;
        address = block.next;
    }
    Ok(())
}

/// Every container and index of a database, by number; the first fault ends it.
pub(super) fn read_all<F: FileSet>(
    store: &BlockStore<F>,
) -> Result<BTreeMap<u16, LogicalFile>, Error> {
    let mut files = BTreeMap::new();
    walk_entries(
        store,
        |_| Ok(()),
        |file, place| match files.insert(file.number, file) {
            None => Ok(()),
            Some(_) => Err(place.fault(Damage::LogicalFileTwice).into()),
        },
        |fault| Err(fault.into()),
    )?;
    Ok(files)
}

/// Where the root stands in an entry.
const ROOT_OFFSET: usize = 4;
/// Where the number of the next record stands in an entry; it counts only while there is no root.
const NEXT_RECORD_OFFSET: usize = 12;

/// Sets the root of a container or index, and, for a container, the number of the next record.
pub(super) fn set_root<F: FileSetMut>(
    copy: &WorkingCopy<'_, F>,
    number: u16,
    root: BlockAddress,
    next_record: Option<u32>,
) -> Result<(), Error> {
    let store = BlockStore::open(copy, &copy.header()?)?;
    let mut found = None;
    walk_entries(
        &store,
        |_| Ok(()),
        |file, place| {
            if file.number == number {
                found = place.block.zip(place.element);
            }
            Ok(())
        },
        |fault| Err(fault.into()),
    )?;
    let (address, entry) = found.ok_or(Error::NoSuchLogicalFile { number })?;
    let mut bytes = store.read(address)?.into_bytes();
    let mut put = |offset: usize, value: u32| {
        let start = entry + offset;
        if let Some(place) = bytes.get_mut(start..start + 4) {
            place.copy_from_slice(&value.to_le_bytes());
        }
    };
    put(ROOT_OFFSET, root.raw());
    if let Some(next_record) = next_record {
        put(NEXT_RECORD_OFFSET, next_record);
    }
    seal(&mut bytes, address);
    copy.write_block(address, &bytes)
}
