//! The files of a new database: blocks are allocated one behind the other, the headers come last (flaim-format.md 1.1, 4,
//! 11.4).

use postoffice::flaim::{
    BLOCK_HEADER_BYTES, BlockAddress, BlockHeader, BlockSink, DatabaseFile, Error, FileSetMut,
    HEADER_BYTES, LOGICAL_FILE_ENTRY_BYTES, LogicalFile, Version, block_kind,
};

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

    /// Takes the first blocks: the one for the entries of containers and indexes, and before 4.30 one behind it that must
    /// exist and is never used.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.allocate()?;
        if self.geometry.version.has_long_log_header() {
            return Ok(());
        }
        let address = self.allocate()?;
        let header = header(address, block_kind::PCODE, 0);
        let block_size = usize::from(self.geometry.block_size);
        self.write(address, &header.finish(&[], block_size))
    }

    /// Writes the entries of containers and indexes (flaim-format.md 4); those that do not fit into the first block go into
    /// further ones.
    pub(super) fn write_logical_files(
        &mut self,
        logical_files: &[LogicalFile],
        transaction: u32,
    ) -> Result<(), Error> {
        let block_size = usize::from(self.geometry.block_size);
        let in_block = (block_size - BLOCK_HEADER_BYTES) / LOGICAL_FILE_ENTRY_BYTES;
        let mut previous = BlockAddress::NONE;
        let mut address = BlockAddress::FIRST_LOGICAL_FILE_BLOCK;
        let mut blocks = logical_files.chunks(in_block).peekable();
        while let Some(entries) = blocks.next() {
            let next = match blocks.peek() {
                Some(_) => self.allocate()?,
                None => BlockAddress::NONE,
            };
            let header = BlockHeader {
                previous,
                next,
                ..header(address, block_kind::LOGICAL_FILES, transaction)
            };
            let elements: Vec<u8> = entries.iter().flat_map(LogicalFile::entry).collect();
            self.write(address, &header.finish(&elements, block_size))?;
            (previous, address) = (address, next);
        }
        Ok(())
    }

    /// The address behind the last block.
    pub(super) fn logical_end(&self) -> BlockAddress {
        let offset = u32::try_from(self.offset).unwrap_or(u32::MAX);
        BlockAddress::new(self.file_number, offset)
    }

    /// Writes the control file, which is one block, and gives the files back.
    pub(super) fn finish(mut self, headers: &[u8; HEADER_BYTES]) -> Result<F, Error> {
        // A gap is filled with zeros.
        let last = u64::from(self.geometry.block_size) - 1;
        self.write_at(DatabaseFile::CONTROL, last, &[0])?;
        self.write_at(DatabaseFile::CONTROL, 0, headers)?;
        Ok(self.files)
    }

    fn write_at(&mut self, file: DatabaseFile, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let written = self.files.write_at(file, offset, bytes);
        written.map_err(|source| Error::Write { file, source })
    }
}

/// The header of a block that belongs to no tree and stands alone.
fn header(address: BlockAddress, kind: u8, transaction: u32) -> BlockHeader {
    BlockHeader {
        address,
        previous: BlockAddress::NONE,
        next: BlockAddress::NONE,
        kind,
        is_root: false,
        level: 0,
        transaction,
        logical_file: 0,
    }
}

impl<F: FileSetMut> BlockSink for DataFiles<F> {
    fn allocate(&mut self) -> Result<BlockAddress, Error> {
        if self.offset >= self.geometry.file_bytes_max {
            if self.file_number >= self.geometry.version.data_file_last() {
                return Err(Error::Full);
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
        self.write_at(file, u64::from(address.offset()), block)
    }
}
