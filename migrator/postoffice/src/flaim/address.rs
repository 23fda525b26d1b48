//! Addresses of blocks, and the files of one database.
//!
//! A database is a *file set*: the control file, numbered data files, rollback files, and roll-forward logs
//! (flaim-format.md 1.1).

use std::cmp::Ordering;
use std::fmt;

use super::version::Version;

/// The bits of an address that number the file; the rest is the offset, always a multiple of 4096.
const FILE_NUMBER_MASK: u32 = 0xfff;

/// Where a block stands: a file number and an offset in that file (flaim-format.md 1.1).
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
    /// (flaim-format.md 1.1).
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

impl DatabaseFile {
    /// Which file of the database with this base a file of this name in the same folder is, in any case of either;
    /// `None` where it is none (flaim-format.md 1.1).
    ///
    /// Roll-forward logs that have a folder of their own ([`Self::roll_forward_folder`]) are named by
    /// [`Self::of_log_name`].
    pub fn of_name(base: &[u8], name: &[u8], version: Version) -> Option<Self> {
        let start = name.get(..base.len())?;
        let rest = name.get(base.len()..)?;
        if !start.eq_ignore_ascii_case(base) {
            return None;
        }
        let rest = std::str::from_utf8(rest).ok()?.to_ascii_lowercase();
        match rest.as_str() {
            // A control file that does not end in `.db` gives its whole name to its companions.
            "" | ".db" => Some(Self::CONTROL),
            _ => match (rest.strip_prefix('.'), rest.strip_suffix(".log")) {
                (Some(extension), _) => number_of(extension, version).map(Self::Numbered),
                (None, Some(digits)) if !version.has_long_log_header() && digits.len() == 5 => {
                    u32::from_str_radix(digits, 36).ok().map(Self::RollForward)
                }
                _ => None,
            },
        }
    }

    /// The name of the folder that holds the roll-forward logs, in lower case; `None` for versions that keep the log
    /// beside the database.
    pub fn roll_forward_folder(base: &[u8], version: Version) -> Option<Vec<u8>> {
        let name = [base.to_ascii_lowercase().as_slice(), b".rfl"].concat();
        version.has_long_log_header().then_some(name)
    }

    /// Which roll-forward log a file of this name in the folder of the logs is.
    pub fn of_log_name(name: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?.to_ascii_lowercase();
        let digits = name
            .strip_suffix(".log")
            .filter(|digits| digits.len() == 8)?;
        u32::from_str_radix(digits, 16).ok().map(Self::RollForward)
    }
}

/// What all files of a database have in front of their extension: the name of the control file without `.db`, or all
/// of it where it ends otherwise (flaim-format.md 1.1).
pub fn base_of(control_name: &[u8]) -> &[u8] {
    match control_name
        .len()
        .checked_sub(3)
        .map(|at| control_name.split_at(at))
    {
        Some((base, end)) if !base.is_empty() && end.eq_ignore_ascii_case(b".db") => base,
        _ => control_name,
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

/// The digits of file numbers.
const DIGITS: &[u8; 24] = b"0123456789ghjkmnpqstwxyz";
/// What follows them from number 512 on.
const SUFFIXES: [&str; 8] = ["", "r", "s", "t", "v", "w", "x", "z"];

/// The number that [`extension`] writes so; file 0 is the control file and has none.
fn number_of(extension: &str, version: Version) -> Option<u16> {
    let mut bytes = extension.bytes();
    let mut digit = || {
        let byte = bytes.next()?;
        let value = DIGITS.iter().position(|digit| *digit == byte)?;
        u16::try_from(value).ok()
    };
    let low = digit()? * 24 + digit()?;
    let suffix = extension.get(2..)?;
    let group = if version.has_long_log_header() {
        SUFFIXES.iter().position(|known| *known == suffix)?
    } else {
        ["", "x"].iter().position(|known| *known == suffix)?
    };
    let number = low + u16::try_from(group).ok()? * 512;
    (number > 0 && low < 512).then_some(number)
}

fn extension(number: u16, version: Version) -> String {
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
    fn every_name_that_is_written_is_read_again_in_any_case() {
        for version in [310, 462].map(|number| Version::from_number(number).unwrap()) {
            let last = if version.has_long_log_header() {
                4095
            } else {
                1023
            };
            let numbered = (0..=last).map(DatabaseFile::Numbered);
            let logs = [1, 35, 36, 46_655].map(DatabaseFile::RollForward);
            for file in numbered.chain(logs) {
                let name = file.name("guard", version);
                for name in [name.clone(), name.to_ascii_uppercase()] {
                    let (folder, log) = name.rsplit_once('/').unwrap_or(("", &name));
                    let read = if folder.is_empty() {
                        DatabaseFile::of_name(b"Guard", name.as_bytes(), version)
                    } else {
                        let known = DatabaseFile::roll_forward_folder(b"GUARD", version).unwrap();
                        assert!(folder.as_bytes().eq_ignore_ascii_case(&known));
                        DatabaseFile::of_log_name(log.as_bytes())
                    };
                    assert_eq!(read, Some(file), "{name}");
                }
            }
            for other in [
                "guard.00",
                "guard.lck",
                "guardx.01",
                "guard.0a",
                "guard.dc",
                "guar",
                "guard.001y",
            ] {
                assert_eq!(
                    DatabaseFile::of_name(b"guard", other.as_bytes(), version),
                    None,
                    "{other}"
                );
            }
        }
    }

    #[test]
    fn the_base_is_the_name_without_db() {
        for (name, base) in [
            ("GUARD.DB", "GUARD"),
            ("ngwguard.fbk", "ngwguard.fbk"),
            (".db", ".db"),
            ("db", "db"),
        ] {
            assert_eq!(base_of(name.as_bytes()), base.as_bytes());
        }
    }

    #[test]
    fn addresses_order_by_file_first() {
        assert!(BlockAddress::from_raw(0x0000_9001) < BlockAddress::from_raw(0x0000_1002));
        assert_eq!(BlockAddress::new(2, 0x3000).raw(), 0x3002);
        assert_eq!(BlockAddress::from_raw(0x3002).file_number(), 2);
        assert_eq!(BlockAddress::from_raw(0x3002).offset(), 0x3000);
    }
}
