//! The first 2 KiB of the control file of a new database (flaim-format.md 1.2, 1.3, 11.4).

use postoffice::flaim::{
    BlockAddress, DATABASE_HEADER_OFFSET, HEADER_BYTES, LOG_HEADER_OFFSET, ROLL_FORWARD_START,
    SerialNumbers, Version, log_checksum,
};

/// How large a roll-forward log becomes before another is begun, at least; the library's own value.
const ROLL_FORWARD_BYTES_MIN: u32 = 104_857_600;
/// How large a roll-forward log becomes at most; the library's own value.
const ROLL_FORWARD_BYTES_MAX: u32 = 0xfffc_0000;

/// What the header of a new database says.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewHeader {
    pub(super) version: Version,
    /// In bytes.
    pub(super) block_size: u16,
    pub(super) application_version: (u8, u8),
    pub(super) serial_numbers: SerialNumbers,
    /// The size that no file exceeds, in units of 64 KiB; only 4.30 and later write it down.
    pub(super) file_size_max: u16,
    pub(super) transaction: u32,
    pub(super) logical_end: BlockAddress,
}

/// Bytes that are set at offsets.
struct Fields([u8; HEADER_BYTES]);

impl Fields {
    fn set(&mut self, offset: usize, bytes: &[u8]) {
        let place = self.0.get_mut(offset..offset + bytes.len());
        if let Some(place) = place {
            place.copy_from_slice(bytes);
        }
    }

    fn log_u32(&mut self, offset: usize, number: u32) {
        self.set(LOG_HEADER_OFFSET + offset, &number.to_le_bytes());
    }

    fn log_u16(&mut self, offset: usize, number: u16) {
        self.set(LOG_HEADER_OFFSET + offset, &number.to_le_bytes());
    }

    fn database_u32(&mut self, offset: usize, number: u32) {
        self.set(DATABASE_HEADER_OFFSET + offset, &number.to_le_bytes());
    }
}

impl NewHeader {
    /// The bytes of the headers.
    pub(super) fn bytes(&self) -> [u8; HEADER_BYTES] {
        let mut fields = Fields([0; HEADER_BYTES]);
        fields.set(0, b"\xffWPC");
        fields.set(4, &[16, 0, 0, 0, 0xf3, 1]);
        let (major, minor) = self.application_version;
        fields.set(10, &[major, minor]);
        self.log_header(&mut fields);
        self.database_header(&mut fields);
        let checksum = log_checksum(&fields.0, self.version);
        fields.log_u16(44, checksum);
        fields.0
    }

    fn log_header(&self, fields: &mut Fields) {
        // The roll-forward log is yet to be made; its offset of 0 says so.
        fields.log_u32(0, 1);
        fields.log_u32(8, 1);
        fields.log_u32(12, ROLL_FORWARD_START);
        fields.log_u32(16, u32::from(self.block_size));
        fields.log_u32(24, self.transaction);
        fields.log_u32(28, 1);
        fields.log_u32(40, ROLL_FORWARD_BYTES_MIN);
        fields.log_u16(46, self.version.number());
        fields.log_u32(56, self.transaction);
        for no_free_block in [60, 64] {
            fields.log_u32(no_free_block, BlockAddress::NONE.raw());
        }
        fields.log_u32(68, self.logical_end.raw());
        if self.version.has_long_log_header() {
            fields.log_u32(20, 1);
            fields.log_u32(84, ROLL_FORWARD_BYTES_MAX);
            for (offset, serial) in self.serial_numbers.with_offsets() {
                fields.set(LOG_HEADER_OFFSET + offset, &serial);
            }
            fields.log_u16(154, self.file_size_max);
        }
    }

    fn database_header(&self, fields: &mut Fields) {
        fields.set(DATABASE_HEADER_OFFSET, b"FLAIM");
        let version = self.version.to_string();
        fields.set(DATABASE_HEADER_OFFSET + 5, version.as_bytes());
        fields.set(DATABASE_HEADER_OFFSET + 14, &self.block_size.to_le_bytes());
        let first = BlockAddress::FIRST_LOGICAL_FILE_BLOCK.raw();
        fields.database_u32(32, first);
        if !self.version.has_long_log_header() {
            let block_size = u32::from(self.block_size);
            fields.database_u32(24, block_size);
            fields.database_u32(28, 16);
            fields.database_u32(36, first + block_size);
        }
    }
}
