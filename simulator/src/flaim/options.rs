//! What can be chosen about a new database.

use postoffice::flaim::{SerialNumbers, Version};

use super::error::CreateError;
use super::files::NewGeometry;

/// The unit in which the header of 4.30 and later holds the size of a file.
const FILE_UNIT_BYTES: u64 = 1 << 16;
/// The largest file of 4.30 and later that the library makes, in these units (flaim-format.md 1.1).
const FILE_UNITS_DEFAULT: u16 = 0xfffc;
/// The largest file before 4.30; nothing there says otherwise.
const FILE_BYTES_MAX_EARLY: u64 = 0x7ff0_0000;

/// The transaction that writes the dictionary; the library makes a new database in it.
pub(super) const DICTIONARY_TRANSACTION: u32 = 1;
/// The transaction that writes everything else.
pub(super) const DATA_TRANSACTION: u32 = 2;

/// What can be chosen about a new database; its language is US English.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseOptions {
    /// The version.
    pub version: Version,
    /// The size of a block, 4096 or 8192 bytes.
    pub block_size: u16,
    /// The size that no file exceeds, a multiple of 64 KiB, only since 4.30; `None` for what the library takes.
    pub file_bytes_max: Option<u64>,
    /// The application's own version, major and minor.
    pub application_version: (u8, u8),
    /// The serial numbers; this engine draws no random numbers.
    pub serial_numbers: SerialNumbers,
    /// The transaction that the headers name as the current one, at least 2: one makes the dictionary, one the rest.
    pub transaction: u32,
}

impl DatabaseOptions {
    /// Blocks of 4 KiB, files as large as the library makes them; no serial numbers.
    pub fn new(version: Version) -> Self {
        Self {
            version,
            block_size: 4096,
            file_bytes_max: None,
            application_version: (0, 0),
            serial_numbers: SerialNumbers::default(),
            transaction: DATA_TRANSACTION,
        }
    }

    /// The largest file in units of 64 KiB, as the header holds it; 0 before 4.30, which has no such field.
    pub(super) fn file_size_units(&self) -> Result<u16, CreateError> {
        let refuse = |reason| Err(CreateError::CannotCreate { reason });
        match (self.version.has_long_log_header(), self.file_bytes_max) {
            (true, None) => Ok(FILE_UNITS_DEFAULT),
            (true, Some(bytes)) if bytes.is_multiple_of(FILE_UNIT_BYTES) => {
                match u16::try_from(bytes / FILE_UNIT_BYTES) {
                    Ok(units @ 1..=FILE_UNITS_DEFAULT) => Ok(units),
                    _ => refuse("the largest size of a file is too small or too large"),
                }
            }
            (true, Some(_)) => refuse("the largest size of a file is no multiple of 64 KiB"),
            (false, None | Some(FILE_BYTES_MAX_EARLY)) => Ok(0),
            (false, Some(_)) => refuse("versions before 4.30 have one size that no file exceeds"),
        }
    }

    /// How blocks are laid out in files.
    pub(super) fn geometry(&self) -> Result<NewGeometry, CreateError> {
        if self.block_size != 4096 && self.block_size != 8192 {
            let reason = "blocks have 4096 or 8192 bytes";
            return Err(CreateError::CannotCreate { reason });
        }
        if self.transaction < DATA_TRANSACTION {
            let reason = "the current transaction is older than those that make a database";
            return Err(CreateError::CannotCreate { reason });
        }
        let file_bytes_max = match self.file_size_units()? {
            0 => FILE_BYTES_MAX_EARLY,
            units => u64::from(units) * FILE_UNIT_BYTES,
        };
        Ok(NewGeometry {
            version: self.version,
            block_size: self.block_size,
            file_bytes_max,
        })
    }
}
