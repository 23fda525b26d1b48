//! The first 2 KiB of the control file: the probe, and what the headers say (flaim-format.md 1.2, 1.3).
//!
//! The probe never guesses.  Only bytes that pass every check which the format's own engine makes at open, and the
//! further ones below, are a database of ours; everything else comes back as a typed [`NotOurs`].  Two of those checks
//! are stricter than the engine's: the product bytes must be those that versions 3.01 and later write (GroupWise's own
//! generation has product 1Fh), and a database that holds a key counts as encrypted even if nothing in it is.

use super::address::{BlockAddress, DatabaseFile};
use super::bytes::{array_at, u8_at, u16_at, u32_at};
use super::error::{Error, NotOurs};
use super::file_set::{FileSet, read_up_to};
use super::version::Version;

/// How many bytes of the control file the headers take.
pub const HEADER_BYTES: usize = 2048;

/// The offset of the first packet in a roll-forward log.
pub const ROLL_FORWARD_START: u32 = 512;

/// Where the log header stands in the control file.
pub const LOG_HEADER_OFFSET: usize = 16;
/// Where the database header stands in the control file.
pub const DATABASE_HEADER_OFFSET: usize = 1876;
const PRODUCT_GROUPWISE: u8 = 0x1f;
const PRODUCT_OURS: u8 = 0xf3;
const FILE_TYPE_OURS: u8 = 1;
/// The largest file where the header names no other size (flaim-format.md 1.1).
const FILE_BYTES_MAX: u64 = 0x7ff0_0000;

/// Where the serial numbers stand in the log header.
const SERIAL_NUMBERS_AT: [usize; 4] = [88, 104, 120, 136];

/// The serial numbers of a database of 4.30 and later; the library draws them at random (flaim-format.md 1.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SerialNumbers {
    /// Of the database.
    pub database: [u8; 16],
    /// Of the current roll-forward log.
    pub roll_forward: [u8; 16],
    /// Of the next roll-forward log.
    pub next_roll_forward: [u8; 16],
    /// Of the next incremental backup.
    pub incremental_backup: [u8; 16],
}

impl SerialNumbers {
    /// Each with its offset in the log header.
    pub fn with_offsets(&self) -> [(usize, [u8; 16]); 4] {
        let [
            database,
            roll_forward,
            next_roll_forward,
            incremental_backup,
        ] = SERIAL_NUMBERS_AT;
        [
            (database, self.database),
            (roll_forward, self.roll_forward),
            (next_roll_forward, self.next_roll_forward),
            (incremental_backup, self.incremental_backup),
        ]
    }
}

/// What the headers of a database say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// The version that counts: the log header's where it has one, else the text of the database header.
    pub version: Version,
    /// The version that the database header spells; older than `version` after an upgrade.
    pub version_text: Version,
    /// The size of a block, 4096 or 8192 bytes.
    pub block_size: usize,
    /// The default language; 0 is US English.
    pub default_language: u8,
    /// The application's own version, major and minor.
    pub application_version: (u8, u8),
    /// Whether the log header has a checksum; a stored 0 or FFFF means that it has none.
    pub checksum_present: bool,
    /// What changes from transaction to transaction.
    pub log: LogHeader,
    /// The bytes themselves.
    pub(super) bytes: Box<[u8; HEADER_BYTES]>,
}

/// The log header: where the database stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeader {
    /// The number of the current roll-forward log.
    pub roll_forward_file: u32,
    /// The offset behind the last committed transaction; 0 where that log is yet to be made.
    pub roll_forward_offset: u32,
    /// The roll-forward log of the last checkpoint.
    pub checkpoint_file: u32,
    /// The offset of the last checkpoint in it.
    pub checkpoint_offset: u32,
    /// The address behind the last before-image.
    pub rollback_end: BlockAddress,
    /// The first before-image that recovery needs; 0 for none.
    pub rollback_first: u32,
    /// The current transaction.
    pub transaction: u32,
    /// How many transactions were committed.
    pub commit_count: u32,
    /// The transaction of the last checkpoint.
    pub checkpoint_transaction: u32,
    /// The newest back-chain block of the list of free blocks.
    pub available_backchain: BlockAddress,
    /// The first block of the list of free blocks.
    pub available_first: BlockAddress,
    /// How many free blocks there are.
    pub available_count: u32,
    /// How many blocks were freed since the newest back-chain block.
    pub available_since_backchain: u8,
    /// The address of the next block to be added.
    pub logical_end: BlockAddress,
    /// The size that no file of the set exceeds, in bytes.
    pub file_bytes_max: u64,
}

impl LogHeader {
    /// Whether the files hold everything that was committed, and nothing else (flaim-format.md 1.3).
    ///
    /// An offset of 0 means a log that is yet to be made; its first packet will stand where packets always begin.
    pub fn is_clean(&self) -> bool {
        self.rollback_first == 0 && self.roll_forward_end() == self.checkpoint_position()
    }

    /// Where the last committed transaction ends: log number and offset.
    pub(super) fn roll_forward_end(&self) -> (u32, u32) {
        let offset = self.roll_forward_offset.max(ROLL_FORWARD_START);
        (self.roll_forward_file, offset)
    }

    /// Where the last checkpoint stands: log number and offset.
    pub(super) fn checkpoint_position(&self) -> (u32, u32) {
        let offset = self.checkpoint_offset.max(ROLL_FORWARD_START);
        (self.checkpoint_file, offset)
    }
}

/// Tells from the first bytes of a control file what it is.
///
/// Fewer than [`HEADER_BYTES`] are never a database of ours; more are not looked at.
pub fn probe(bytes: &[u8]) -> Result<Header, NotOurs> {
    let too_short = || NotOurs::TooShort { bytes: bytes.len() };
    let product = u8_at(bytes, 8);
    if array_at(bytes, 1) != Some(*b"WPC") {
        return Err(letters_missing(bytes, 1, "WPC").unwrap_or_else(too_short));
    }
    let header: Box<[u8; HEADER_BYTES]> =
        Box::new(array_at(bytes, 0).ok_or_else(|| match product {
            Some(PRODUCT_GROUPWISE) => other_generation(bytes),
            _ => too_short(),
        })?);
    let is_flaim = array_at(bytes, DATABASE_HEADER_OFFSET) == Some(*b"FLAIM");
    let text: [u8; 4] = array_at(bytes, DATABASE_HEADER_OFFSET + 5).ok_or_else(too_short)?;
    if product == Some(PRODUCT_GROUPWISE) || (is_flaim && text.starts_with(b"2.")) {
        return Err(other_generation(bytes));
    }
    if !is_flaim {
        return Err(
            letters_missing(bytes, DATABASE_HEADER_OFFSET, "FLAIM").unwrap_or_else(too_short)
        );
    }
    parse(header, text)
}

/// Probes the control file of a file set.
pub fn probe_files(files: &impl FileSet) -> Result<Header, Error> {
    let mut bytes = [0; HEADER_BYTES];
    let count = read_up_to(files, DatabaseFile::CONTROL, 0, &mut bytes)?;
    Ok(probe(bytes.get(..count).unwrap_or(&bytes))?)
}

fn letters_missing(bytes: &[u8], offset: usize, expected: &'static str) -> Option<NotOurs> {
    let seen = bytes.get(offset..offset.checked_add(expected.len())?)?;
    Some(NotOurs::NotADatabase {
        offset,
        expected,
        seen: seen.to_vec(),
    })
}

fn other_generation(bytes: &[u8]) -> NotOurs {
    let letters = bytes.get(DATABASE_HEADER_OFFSET..DATABASE_HEADER_OFFSET + 9);
    let version = letters
        .and_then(|letters| letters.strip_prefix(b"FLAIM"))
        .map(crate::names::printable)
        .unwrap_or_default();
    NotOurs::OtherGeneration {
        version,
        product: u8_at(bytes, 8).unwrap_or(0),
        file_type: u8_at(bytes, 9).unwrap_or(0),
    }
}

/// The bytes of the headers, with offsets as flaim-format.md 1.2 and 1.3 count them.
struct Fields<'a>(&'a [u8; HEADER_BYTES]);

impl Fields<'_> {
    fn log_u8(&self, offset: usize) -> u8 {
        u8_at(self.0, LOG_HEADER_OFFSET + offset).unwrap_or(0)
    }

    fn log_u16(&self, offset: usize) -> u16 {
        u16_at(self.0, LOG_HEADER_OFFSET + offset).unwrap_or(0)
    }

    fn log_u32(&self, offset: usize) -> u32 {
        u32_at(self.0, LOG_HEADER_OFFSET + offset).unwrap_or(0)
    }

    fn database_u16(&self, offset: usize) -> u16 {
        u16_at(self.0, DATABASE_HEADER_OFFSET + offset).unwrap_or(0)
    }

    fn database_u32(&self, offset: usize) -> u32 {
        u32_at(self.0, DATABASE_HEADER_OFFSET + offset).unwrap_or(0)
    }

    fn database_u8(&self, offset: usize) -> u8 {
        u8_at(self.0, DATABASE_HEADER_OFFSET + offset).unwrap_or(0)
    }
}

fn parse(bytes: Box<[u8; HEADER_BYTES]>, text: [u8; 4]) -> Result<Header, NotOurs> {
    let fields = Fields(&bytes);
    let (version, version_text) = versions(&fields, text)?;
    let damaged = |what, seen: u64, expected: &str| NotOurs::DamagedHeader {
        what,
        seen,
        expected: expected.to_owned(),
    };
    if (bytes[8], bytes[9]) != (PRODUCT_OURS, FILE_TYPE_OURS) {
        let seen = u64::from(u16::from_be_bytes([bytes[8], bytes[9]]));
        return Err(damaged("product and file type", seen, "0xf301"));
    }
    let block_size = fields.database_u16(14);
    if block_size != 4096 && block_size != 8192 {
        return Err(damaged("block size", u64::from(block_size), "4096 or 8192"));
    }
    let first_block = fields.database_u32(32);
    if first_block != BlockAddress::FIRST_LOGICAL_FILE_BLOCK.raw() {
        return Err(damaged("first block", u64::from(first_block), "1"));
    }
    let checksum_present = verify_log_checksum(&fields, version)?;
    refuse_encryption(&fields, version)?;
    Ok(Header {
        version,
        version_text,
        block_size: usize::from(block_size),
        default_language: fields.database_u8(13),
        application_version: (bytes[10], bytes[11]),
        checksum_present,
        log: log_header(&fields, version),
        bytes,
    })
}

/// The version that counts, and the one that the database header spells (flaim-format.md 1.2, version rule).
fn versions(fields: &Fields<'_>, text: [u8; 4]) -> Result<(Version, Version), NotOurs> {
    let number = fields.log_u16(46);
    let unknown = || NotOurs::UnknownVersion {
        text: crate::names::printable(&text),
        number,
    };
    let [units, b'.', tens, ones] = text else {
        return Err(unknown());
    };
    let spelled = [units, tens, ones].iter().try_fold(0u16, |sum, digit| {
        let digit = digit.is_ascii_digit().then(|| u16::from(digit - b'0'))?;
        Some(sum * 10 + digit)
    });
    let spelled = spelled.and_then(Version::from_number).ok_or_else(unknown)?;
    if number == 0 {
        return Ok((spelled, spelled));
    }
    let version = Version::from_number(number).ok_or_else(unknown)?;
    // An upgrade leaves the old text behind; a text that is newer than the number was never written.
    if version < spelled {
        return Err(unknown());
    }
    Ok((version, spelled))
}

/// Verifies the checksum of the log header; `false` where it has none.
fn verify_log_checksum(fields: &Fields<'_>, version: Version) -> Result<bool, NotOurs> {
    let stored = fields.log_u16(44);
    if stored == 0 || stored == 0xffff {
        return Ok(false);
    }
    let computed = log_checksum(fields.0, version);
    if stored == computed {
        Ok(true)
    } else {
        Err(NotOurs::HeaderChecksum { stored, computed })
    }
}

/// The checksum of the log header: the sum of its words but one (flaim-format.md 1.3).
pub fn log_checksum(bytes: &[u8; HEADER_BYTES], version: Version) -> u16 {
    let fields = Fields(bytes);
    let size = if version.has_long_log_header() {
        512
    } else {
        88
    };
    let sum = (0..size)
        .step_by(2)
        .filter(|&offset| offset != 44)
        .fold(0u16, |sum, offset| sum.wrapping_add(fields.log_u16(offset)));
    if sum == 0 || sum == 0xffff { 1 } else { sum }
}

fn refuse_encryption(fields: &Fields<'_>, version: Version) -> Result<(), NotOurs> {
    let remnant = fields.database_u32(40);
    if remnant != 0 {
        return Err(NotOurs::Encrypted {
            what: "encryption version",
            seen: remnant,
        });
    }
    let key_bytes = fields.log_u16(156);
    if version.has_encryption() && key_bytes != 0 {
        return Err(NotOurs::Encrypted {
            what: "length of the database key",
            seen: u32::from(key_bytes),
        });
    }
    Ok(())
}

fn log_header(fields: &Fields<'_>, version: Version) -> LogHeader {
    let address = |offset| BlockAddress::from_raw(fields.log_u32(offset));
    let file_bytes_max = match u64::from(fields.log_u16(154)) << 16 {
        size if size > 0 && version.has_long_log_header() => size,
        _ => FILE_BYTES_MAX,
    };
    LogHeader {
        roll_forward_file: fields.log_u32(0),
        roll_forward_offset: fields.log_u32(4),
        checkpoint_file: fields.log_u32(8),
        checkpoint_offset: fields.log_u32(12),
        rollback_end: address(16),
        rollback_first: fields.log_u32(32),
        transaction: fields.log_u32(24),
        commit_count: fields.log_u32(28),
        checkpoint_transaction: fields.log_u32(56),
        available_backchain: address(60),
        available_first: address(64),
        available_count: fields.log_u32(80),
        available_since_backchain: fields.log_u8(77),
        logical_end: address(68),
        file_bytes_max,
    }
}

impl Header {
    /// The serial numbers; without meaning before 4.30.
    pub fn serial_numbers(&self) -> SerialNumbers {
        let at = |offset| {
            array_at(self.bytes.as_slice(), LOG_HEADER_OFFSET + offset).unwrap_or_default()
        };
        let [
            database,
            roll_forward,
            next_roll_forward,
            incremental_backup,
        ] = SERIAL_NUMBERS_AT.map(at);
        SerialNumbers {
            database,
            roll_forward,
            next_roll_forward,
            incremental_backup,
        }
    }

    /// The fields that always have one value, and do not: name, what stands there, what should.
    ///
    /// None of them keeps a reader from reading, so the probe accepts them; the check reports them.
    pub fn unusual_fields(&self) -> Vec<(&'static str, u64, u64)> {
        let fields = Fields(&self.bytes);
        let mut unusual = Vec::new();
        let mut expect = |what, seen: u64, allowed: &[u64]| {
            if !allowed.contains(&seen) {
                let expected = allowed.first().copied().unwrap_or(0);
                unusual.push((what, seen, expected));
            }
        };
        let prefix = |at| u64::from(u32_at(self.bytes.as_slice(), at).unwrap_or(0));
        expect("first byte", u64::from(self.bytes[0]), &[0xff]);
        expect("offset of the header", prefix(4), &[16]);
        expect("file encryption key and packet offset", prefix(12), &[0]);
        expect("reserved bytes", fields.database_u32(9).into(), &[0]);
        for (what, offset) in [("log segment size", 16), ("log extent size", 20)] {
            expect(what, fields.database_u32(offset).into(), &[0]);
        }
        // An upgraded database keeps what its first version wrote.
        let block_size = u64::try_from(self.block_size).unwrap_or(0);
        let eras = [
            self.version_text.has_long_log_header(),
            self.version.has_long_log_header(),
        ];
        for (what, offset, early) in [
            ("first log segment", 24, block_size),
            ("offset of the log header", 28, 16),
            ("PCODE block", 36, block_size + 1),
        ] {
            let allowed = eras.map(|is_long| if is_long { 0 } else { early });
            expect(what, fields.database_u32(offset).into(), &allowed);
        }
        let block = self.bytes.get(1920..).unwrap_or_default();
        let set = block.iter().filter(|byte| **byte != 0).count();
        expect("bytes set in the encryption block", set as u64, &[0]);
        let checksum = u64::from(fields.log_u16(44));
        if !self.checksum_present {
            let computed = u64::from(log_checksum(&self.bytes, self.version));
            expect("log header checksum", checksum, &[computed]);
        }
        unusual
    }
}
