//! The versions of the format, and what each changed (flaim-format.md 12).

use std::fmt;

/// Every version that exists between 3.01 and 4.62.
const KNOWN: [u16; 12] = [301, 302, 310, 400, 430, 431, 450, 451, 452, 460, 461, 462];

/// A version of the format that this engine knows: 3.01, 3.02, 3.10, 4.00, 4.30, 4.31, 4.50, 4.51, 4.52, 4.60, 4.61
/// or 4.62.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(u16);

impl Version {
    /// Every known version, oldest first.
    pub fn all() -> impl Iterator<Item = Self> {
        KNOWN.into_iter().map(Self)
    }

    /// The version with this number (301 for 3.01), or `None` where no such version exists.
    pub fn from_number(number: u16) -> Option<Self> {
        KNOWN.contains(&number).then_some(Self(number))
    }

    /// The version as the log header stores it, 301 to 462.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// Non-leaf blocks of containers hold plain record numbers (4.00) instead of variable keys.
    pub const fn has_fixed_container_keys(self) -> bool {
        self.0 >= 400
    }

    /// The log header has 512 bytes, roll-forward logs have a folder of their own, no PCODE block (4.30).
    pub const fn has_long_log_header(self) -> bool {
        self.0 >= 430
    }

    /// Transactions in the roll-forward log name the last committed one (4.31).
    pub const fn has_last_committed(self) -> bool {
        self.0 >= 431
    }

    /// Fields may be encrypted, and roll-forward packets carry flags (4.60).
    pub const fn has_encryption(self) -> bool {
        self.0 >= 460
    }

    /// Values may be longer than 64 KiB (4.61).
    pub const fn has_large_values(self) -> bool {
        self.0 >= 461
    }

    /// Numbers have 64 bits instead of 32 (4.62).
    pub const fn has_long_numbers(self) -> bool {
        self.0 >= 462
    }

    /// The number of the highest data file (flaim-format.md 1.1).
    pub const fn data_file_last(self) -> u16 {
        if self.has_long_log_header() {
            2047
        } else {
            511
        }
    }

    /// The number of the highest rollback file; the lowest follows the highest data file.
    pub const fn rollback_file_last(self) -> u16 {
        if self.has_long_log_header() {
            4095
        } else {
            1023
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{:02}", self.0 / 100, self.0 % 100)
    }
}

impl fmt::Debug for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
