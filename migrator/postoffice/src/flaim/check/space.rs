//! Which blocks are used, and the list of free ones (flaim-format.md 3).

use std::collections::BTreeMap;

use super::super::address::{BlockAddress, DatabaseFile};
use super::super::block::kind;
use super::super::bytes::u32_at;
use super::super::damage::Damage;
use super::super::error::{Error, Place};
use super::super::file_set::{FileSet, size_of};
use super::super::header::Header;
use super::super::store::BlockStore;
use super::Findings;

/// How many free blocks lie between two blocks of the back chain.
const BACKCHAIN_STEP: u64 = 36;
/// Where the database header names the PCODE block, in the control file.
const PCODE_OFFSET: usize = 1876 + 36;

/// The blocks that were met so far, one bit for each.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Bits by the number of a page of 64 blocks of 4 KiB: only pages that were met take memory.
    pages: BTreeMap<(u16, u32), u64>,
}

impl Space {
    fn page_and_bit(address: BlockAddress) -> ((u16, u32), u64) {
        let number = address.offset() >> 12;
        ((address.file_number(), number >> 6), 1 << (number & 63))
    }

    /// Takes a block for one use; `false` where it was taken before.
    pub(super) fn take(&mut self, address: BlockAddress) -> bool {
        let (page, bit) = Self::page_and_bit(address);
        let bits = self.pages.entry(page).or_default();
        let is_new = *bits & bit == 0;
        *bits |= bit;
        is_new
    }

    fn is_taken(&self, address: BlockAddress) -> bool {
        let (page, bit) = Self::page_and_bit(address);
        self.pages.get(&page).is_some_and(|bits| bits & bit != 0)
    }

    /// Every data file must reach to the end of the database.
    pub(super) fn check_files<F: FileSet>(
        store: &BlockStore<F>,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        for number in 1..=store.geometry.logical_end.file_number() {
            let used = store.geometry.used_bytes(number);
            let size = size_of(&store.files, DatabaseFile::Numbered(number))?.unwrap_or(0);
            if size < used {
                let place = Place::default().at_block(BlockAddress::new(number, 0));
                findings.add(place.fault(Damage::FileShort).with_numbers(size, used));
            }
        }
        Ok(())
    }

    /// The PCODE block, which databases before 4.30 have and never use.
    pub(super) fn check_pcode<F: FileSet>(
        &mut self,
        store: &BlockStore<F>,
        header: &Header,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        let raw = u32_at(header.bytes.as_slice(), PCODE_OFFSET).unwrap_or(0);
        if raw == 0 {
            return Ok(());
        }
        let address = BlockAddress::from_raw(raw);
        let place = Place::default().at_block(address);
        if !self.take(address) {
            findings.add(place.fault(Damage::BlockUsedTwice));
            return Ok(());
        }
        match store.inspect(address)? {
            Err(faults) => findings.add_all(faults),
            Ok(block) if block.kind == kind::PCODE => {}
            Ok(block) => {
                let fault = place.fault(Damage::BlockKind);
                findings.add(fault.with_numbers(block.kind, kind::PCODE));
            }
        }
        Ok(())
    }

    /// Walks the list of free blocks, and says how many there are.
    pub(super) fn check_available<F: FileSet>(
        &mut self,
        store: &BlockStore<F>,
        header: &Header,
        findings: &mut Findings,
    ) -> Result<u64, Error> {
        let log = &header.log;
        let mut address = log.available_first;
        let mut count = 0u64;
        let mut next_backchain = u64::from(log.available_since_backchain);
        // What the header and then each back-chain block says about the next one, and who says so.
        let mut expected = (log.available_backchain, BlockAddress::NONE);
        // A block that was met before ends the walk, so a circle does.
        while !address.is_none() {
            let place = Place::default().at_block(address);
            if !self.take(address) {
                findings.add(place.fault(Damage::BlockUsedTwice));
                return Ok(count);
            }
            let block = match store.inspect(address)? {
                Ok(block) => block,
                Err(faults) => {
                    findings.add_all(faults);
                    return Ok(count);
                }
            };
            if block.kind != kind::FREE {
                findings.add(place.fault(Damage::AvailableKind));
                return Ok(count);
            }
            count += 1;
            if count == next_backchain {
                if expected != (address, block.previous) {
                    findings.add(place.fault(Damage::AvailableBackchain));
                }
                expected = (block.older_backchain(), address);
                next_backchain += BACKCHAIN_STEP;
            }
            address = block.next;
        }
        if !expected.0.is_none() {
            let place = Place::default().at_block(expected.0);
            findings.add(place.fault(Damage::AvailableBackchain));
        }
        let stated = u64::from(log.available_count);
        if count != stated {
            let fault = Place::default().fault(Damage::AvailableCount);
            findings.add(fault.with_numbers(stated, count));
        }
        Ok(count)
    }

    /// Every block below the end of the database that nothing uses.
    pub(super) fn check_unused<F: FileSet>(
        &self,
        store: &BlockStore<F>,
        findings: &mut Findings,
    ) -> Result<(), Error> {
        for number in 1..=store.geometry.logical_end.file_number() {
            let size = size_of(&store.files, DatabaseFile::Numbered(number))?.unwrap_or(0);
            let end = store.geometry.used_bytes(number).min(size);
            let block_size = u64::from(store.geometry.block_size);
            for position in 0..end / block_size {
                let offset = u32::try_from(position * block_size).unwrap_or(u32::MAX);
                let address = BlockAddress::new(number, offset);
                if !self.is_taken(address) {
                    let place = Place::default().at_block(address);
                    findings.add(place.fault(Damage::BlockUnused));
                }
                if findings.is_full() {
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}
