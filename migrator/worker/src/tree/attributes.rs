//! What the kernel says about one entry.

use std::time::Duration;

use protocol::CLOCK_ALLOWANCE_SECONDS_MAX;
use rustix::fs::{FileType, Stat, Statx, StatxTimestamp};
use serde::{Deserialize, Serialize};

/// A day before 1980-01-01 UTC, because servers keep local times.
const START_OF_1980_SECONDS: i64 = 315_532_800 - 24 * 60 * 60;

/// A point in time as file systems keep it, since 1970-01-01 UTC.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
pub struct Time {
    /// Whole seconds, negative before 1970.
    pub seconds: i64,
    /// The rest, below 1,000,000,000.
    pub nanoseconds: u32,
}

/// How far the times of inodes may lag behind the clock: kernels take them from a clock that moves with the timer interrupt, at
/// most ten milliseconds apart.
pub(crate) const INODE_TIME_LAG: Duration = Duration::from_millis(100);

impl Time {
    /// The clock of this machine.
    pub fn now() -> Self {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
        Self {
            seconds: now.tv_sec,
            nanoseconds: u32::try_from(now.tv_nsec).unwrap_or(0),
        }
    }

    /// The clock that runs since this machine was started, also while it sleeps, in milliseconds; nobody can set it.
    pub fn since_start() -> i64 {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
        now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    }

    /// Milliseconds since 1970-01-01 UTC as a time.
    pub fn from_milliseconds(milliseconds: i64) -> Self {
        let rest = u32::try_from(milliseconds.rem_euclid(1000)).unwrap_or(0);
        Self {
            seconds: milliseconds.div_euclid(1000),
            nanoseconds: rest * 1_000_000,
        }
    }

    /// Whole milliseconds since 1970-01-01 UTC, rounded down.
    pub fn milliseconds(self) -> i64 {
        self.seconds
            .saturating_mul(1000)
            .saturating_add(i64::from(self.nanoseconds / 1_000_000))
    }

    /// Whether no program can have meant it by the clock of `now`: before 1980, when the first of these file systems began to
    /// count, or further ahead than any clock is allowed to be off.
    pub fn cannot_be(self, now: Self) -> bool {
        let ahead = self.seconds.saturating_sub(now.seconds);
        self.seconds < START_OF_1980_SECONDS
            || u64::try_from(ahead).is_ok_and(|ahead| ahead >= CLOCK_ALLOWANCE_SECONDS_MAX)
    }

    /// Whether this time of the clock is certainly later than a time of an inode, which may lag behind the clock.
    pub(crate) fn is_certainly_after(self, changed: Self) -> bool {
        let lag = i128::try_from(INODE_TIME_LAG.as_nanos()).unwrap_or(i128::MAX);
        self.nanoseconds_since(changed) > lag
    }

    /// Nanoseconds from `earlier` to this time; negative where this one is the earlier.
    pub fn nanoseconds_since(self, earlier: Self) -> i128 {
        (i128::from(self.seconds) - i128::from(earlier.seconds)) * 1_000_000_000
            + i128::from(self.nanoseconds)
            - i128::from(earlier.nanoseconds)
    }
}

impl std::fmt::Display for Time {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match jiff::Timestamp::from_second(self.seconds) {
            Ok(time) => write!(formatter, "{time}"),
            Err(_) => write!(formatter, "{} s from 1970", self.seconds),
        }
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; never followed.
    Symlink,
    /// A named pipe, a socket or a device; never opened.
    Special,
}

impl Kind {
    /// What the entry is, in words.
    pub fn words(self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Folder => "a folder",
            Self::Symlink => "a symbolic link",
            Self::Special => "a pipe, socket or device",
        }
    }
}

impl From<FileType> for Kind {
    fn from(file_type: FileType) -> Self {
        match file_type {
            FileType::RegularFile => Self::File,
            FileType::Directory => Self::Folder,
            FileType::Symlink => Self::Symlink,
            _ => Self::Special,
        }
    }
}

/// The attributes of one entry, of the entry itself where it is a symbolic link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attributes {
    /// What it is.
    pub kind: Kind,
    /// Length in bytes.
    pub size: u64,
    /// When its content last changed.
    pub modified: Time,
    /// When its inode last changed; cannot be set by anyone.
    pub changed: Time,
    /// The file system it is on.
    pub device: u64,
    /// Its inode number there.
    pub inode: u64,
    /// How many names it has there.
    pub links: u64,
}

impl From<&Stat> for Attributes {
    // The widths of these fields differ between architectures, so some conversions do nothing on this one.
    #[allow(
        clippy::cast_sign_loss,
        clippy::unnecessary_cast,
        clippy::cast_possible_truncation
    )]
    fn from(stat: &Stat) -> Self {
        Self {
            kind: FileType::from_raw_mode(stat.st_mode).into(),
            size: stat.st_size as u64,
            modified: Time {
                seconds: stat.st_mtime as i64,
                nanoseconds: stat.st_mtime_nsec as u32,
            },
            changed: Time {
                seconds: stat.st_ctime as i64,
                nanoseconds: stat.st_ctime_nsec as u32,
            },
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            links: stat.st_nlink as u64,
        }
    }
}

impl From<StatxTimestamp> for Time {
    fn from(time: StatxTimestamp) -> Self {
        Self {
            seconds: time.tv_sec,
            nanoseconds: time.tv_nsec,
        }
    }
}

impl From<&Statx> for Attributes {
    fn from(statx: &Statx) -> Self {
        Self {
            kind: FileType::from_raw_mode(statx.stx_mode.into()).into(),
            size: statx.stx_size,
            modified: statx.stx_mtime.into(),
            changed: statx.stx_ctime.into(),
            device: rustix::fs::makedev(statx.stx_dev_major, statx.stx_dev_minor),
            inode: statx.stx_ino,
            links: statx.stx_nlink.into(),
        }
    }
}

impl Attributes {
    /// Whether both are the same file, whatever its names.
    pub fn is_same_file(&self, other: &Self) -> bool {
        self.device == other.device && self.inode == other.inode
    }

    /// Whether both are of the same file, which nobody changed between two looks.
    pub fn is_same_and_unchanged(&self, before: &Self) -> bool {
        self.is_same_file(before) && self.is_unchanged_since(before)
    }

    /// Whether its content is that of `before`, as far as length and time can tell.
    pub fn is_unchanged_since(&self, before: &Self) -> bool {
        self.size == before.size && self.modified == before.modified
    }
}
