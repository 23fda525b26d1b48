//! Writes the root of a tree into the entry of its container or index (flaim-format.md 4).

use super::address::BlockAddress;
use super::block_writer::seal;
use super::error::Error;
use super::file_set::FileSetMut;
use super::logical_file::walk_entries;
use super::store::BlockStore;
use super::working_copy::WorkingCopy;

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
