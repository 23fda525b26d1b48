//! The data files of a new database: blocks are allocated one behind the other (flaim-format.md 1.1, 11.4).

use super::super::address::{BlockAddress, DatabaseFile};
use super::super::block::kind;
use super::super::block_writer::BlockHeader;
use super::super::error::Error;
use super::super::file_set::{FileSetMut, write_all};
use super::super::tree_writer::BlockSink;
use super::super::version::Version;

/// How blocks are laid out in files.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewGeometry {
    pub(super) version: Version,
    pub(super) block_size: u16,
    pub(super) file_bytes_max: u64,
}

/// The data files, and where the next block goes.
pub(super) struct DataFiles<F> {
    files: F,
    geometry: NewGeometry,
    file_number: u16,
    offset: u64,
}

impl<F: FileSetMut> DataFiles<F> {
    pub(super) fn new(files: F, geometry: NewGeometry) -> Self {
        Self {
            files,
            geometry,
            file_number: 1,
            offset: 0,
        }
    }

    /// In bytes.
    pub(super) fn block_size(&self) -> u16 {
        self.geometry.block_size
    }

    /// Takes the first blocks: the one for the entries of containers and indexes, and before 4.30 one behind it that must
    /// exist and is never used.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.allocate()?;
        if self.geometry.version.has_long_log_header() {
            return Ok(());
        }
        let address = self.allocate()?;
        let header = BlockHeader {
            address,
            previous: BlockAddress::NONE,
            next: BlockAddress::NONE,
            kind: kind::PCODE,
            is_root: false,
            level: 0,
            transaction: 0,
            logical_file: 0,
        };
        self.write(address, &header.finish(&[], usize::from(self.block_size())))
    }

    /// The address behind the last block.
    pub(super) fn logical_end(&self) -> BlockAddress {
        let offset = u32::try_from(self.offset).unwrap_or(u32::MAX);
        BlockAddress::new(self.file_number, offset)
    }

    pub(super) fn into_files(self) -> F {
        self.files
    }
}

impl<F: FileSetMut> BlockSink for DataFiles<F> {
    fn allocate(&mut self) -> Result<BlockAddress, Error> {
        if self.offset >= self.geometry.file_bytes_max {
            if self.file_number >= self.geometry.version.data_file_last() {
                let reason = "it has more blocks than its files can hold";
                return Err(Error::CannotCreate { reason });
            }
            self.file_number += 1;
            self.offset = 0;
        }
        let address = self.logical_end();
        self.offset += u64::from(self.geometry.block_size);
        Ok(address)
    }

    fn write(&mut self, address: BlockAddress, block: &[u8]) -> Result<(), Error> {
        let file = DatabaseFile::Numbered(address.file_number());
        write_all(&mut self.files, file, u64::from(address.offset()), block)
    }
}
