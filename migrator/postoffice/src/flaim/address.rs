//! Addresses of blocks, and the files of one database.
//!
//! A database is a *file set*: the control file, numbered data files, rollback files, and roll-forward logs
//! (format notes 1.1).

use std::cmp::Ordering;
use std::fmt;

use super::version::Version;

/// The bits of an address that number the file; the rest is the offset, always a multiple of 4096.
const FILE_NUMBER_MASK: u32 = 0xfff;

/// Where a block stands: a file number and an offset in that file (format notes 1.1).
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BlockAddress(u32);

impl BlockAddress {
    /// "No block", written `FFFFFFFF`.
    pub const NONE: Self = Self(u32::MAX);

    /// Where the first block with entries for logical files always stands.
    pub const FIRST_LOGICAL_FILE_BLOCK: Self = Self(1);

    /// The address as the format stores it.
    pub const fn from_raw(raw: u32) -> Self {
        Self(raw)
    }

    /// The address of the block at `offset` (a multiple of 4096) of file `file_number` (below 4096).
    pub fn new(file_number: u16, offset: u32) -> Self {
        Self((offset & !FILE_NUMBER_MASK) | (u32::from(file_number) & FILE_NUMBER_MASK))
    }

    /// The stored form.
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// The low byte, which a block on disk does not hold because its checksum stands there.
    pub const fn low_byte(self) -> u8 {
        self.0.to_le_bytes()[0]
    }

    /// Whether this is "no block".
    pub fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// The number of the file that holds the block.
    pub fn file_number(self) -> u16 {
        let [low, high, _, _] = self.0.to_le_bytes();
        u16::from_le_bytes([low, high & 0x0f])
    }

    /// The offset of the block in its file, in bytes.
    pub const fn offset(self) -> u32 {
        self.0 & !FILE_NUMBER_MASK
    }
}

impl Ord for BlockAddress {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.file_number(), self.offset()).cmp(&(other.file_number(), other.offset()))
    }
}

impl PartialOrd for BlockAddress {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for BlockAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:08x}", self.0)
    }
}

impl fmt::Debug for BlockAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}

/// One file of a database's file set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum DatabaseFile {
    /// The control file (number 0), a data file, or a rollback file, by its number.
    Numbered(u16),
    /// A roll-forward log, by its number.
    RollForward(u32),
}

impl DatabaseFile {
    /// The control file, `base.db`.
    pub const CONTROL: Self = Self::Numbered(0);

    /// The path of this file below the folder of the database, for a database whose control file is `base.db`
    /// (format notes 1.1).
    ///
    /// Numbered files of either era have the name that `version` gives them.
    pub fn name(self, base: &str, version: Version) -> String {
        match self {
            Self::Numbered(0) => format!("{base}.db"),
            Self::Numbered(number) => format!("{base}.{}", extension(number, version)),
            Self::RollForward(number) if version.has_long_log_header() => {
                format!("{base}.rfl/{number:08x}.log")
            }
            Self::RollForward(number) => format!("{base}{}.log", five_digits(number)),
        }
    }
}

impl fmt::Display for DatabaseFile {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Numbered(0) => formatter.write_str("control file"),
            Self::Numbered(number) => write!(formatter, "file {number}"),
            Self::RollForward(number) => write!(formatter, "roll-forward log {number}"),
        }
    }
}

fn extension(number: u16, version: Version) -> String {
    const DIGITS: &[u8; 24] = b"0123456789ghjkmnpqstwxyz";
    const SUFFIXES: [&str; 8] = ["", "r", "s", "t", "v", "w", "x", "z"];
    let low = usize::from(number & 0x1ff);
    let group = usize::from(number >> 9);
    let suffix = match (version.has_long_log_header(), group) {
        (false, 0) => "",
        (false, _) => "x",
        (true, _) => SUFFIXES[group % SUFFIXES.len()],
    };
    let first = char::from(DIGITS[(low / DIGITS.len()) % DIGITS.len()]);
    let second = char::from(DIGITS[low % DIGITS.len()]);
    format!("{first}{second}{suffix}")
}

fn five_digits(number: u32) -> String {
    let mut digits = [b'0'; 5];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = match u8::try_from(rest % 36).unwrap_or(0) {
            value @ 0..=9 => b'0' + value,
            value => b'a' + (value - 10),
        };
        rest /= 36;
    }
    digits.iter().copied().map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_notes() {
        let old = Version::from_number(310).unwrap();
        let new = Version::from_number(462).unwrap();
        for (number, name) in [
            (0, "guard.db"),
            (1, "guard.01"),
            (10, "guard.0g"),
            (23, "guard.0z"),
            (24, "guard.10"),
        ] {
            assert_eq!(DatabaseFile::Numbered(number).name("guard", old), name);
            assert_eq!(DatabaseFile::Numbered(number).name("guard", new), name);
        }
        assert_eq!(DatabaseFile::Numbered(512).name("guard", old), "guard.00x");
        assert_eq!(DatabaseFile::Numbered(513).name("guard", new), "guard.01r");
        assert_eq!(DatabaseFile::Numbered(2048).name("guard", new), "guard.00v");
        let log = DatabaseFile::RollForward(1);
        assert_eq!(log.name("guard", old), "guard00001.log");
        assert_eq!(log.name("guard", new), "guard.rfl/00000001.log");
    }

    #[test]
    fn addresses_order_by_file_first() {
        assert!(BlockAddress::from_raw(0x0000_9001) < BlockAddress::from_raw(0x0000_1002));
        assert_eq!(BlockAddress::new(2, 0x3000).raw(), 0x3002);
        assert_eq!(BlockAddress::from_raw(0x3002).file_number(), 2);
        assert_eq!(BlockAddress::from_raw(0x3002).offset(), 0x3000);
    }
}
