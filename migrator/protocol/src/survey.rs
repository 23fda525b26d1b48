//! What a check wants to know of both sides, besides what an inventory counts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What was seen of both sides.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Survey {
    /// The file systems of the sources, one for each area.
    pub sources: Vec<FileSystem>,
    /// The file system of the destination.
    pub destination: FileSystem,
    /// Databases whose locks were tried.
    pub locks_tried: u64,
    /// Databases whose lock somebody held.
    pub locks_held: u64,
    /// Databases whose file system has no such locks.
    pub locks_unsupported: u64,
    /// Databases that cannot be opened.
    pub locks_unreadable: u64,
    /// The newest time of a file at the source, in seconds since 1970-01-01 UTC by its own clock.
    pub newest_seconds: i64,
    /// The clock of the destination, likewise.
    pub now_seconds: i64,
    /// Names that would become one with another.
    pub collisions: u64,
    /// Names with a letter outside ASCII, or in no known encoding, that are kept as they are.
    pub kept_names: u64,
    /// Items that stand in the queues since longer than a day.
    pub stale_items: u64,
    /// Files that the server of the source has not at hand.
    #[serde(default)]
    pub offline: Offline,
    /// Files whose inode changed while they were only read, of those that were read to see how fast that is.
    #[serde(default)]
    pub change_times_moved: u64,
    /// How fast files were read.
    pub sample: Sample,
}

/// Files that a server has archived or deduplicated, so that reading them is slow and moves data there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Offline {
    /// Files with the attribute of Windows "offline", "recall on open" or "recall on data access".
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Files of which that could not be asked.
    pub not_asked: u64,
}

/// Whom a lock reaches that is taken through a mount.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockReach {
    /// Everybody who uses the files: a copy may rely on it.
    Shared,
    /// Programs of this machine alone.
    KeptHere,
    /// Nobody: there are no locks.
    None,
    /// That could not be measured, so a copy does not rely on it.
    Unknown {
        /// Why not.
        why: String,
    },
}

impl Default for LockReach {
    fn default() -> Self {
        Self::Unknown {
            why: "nobody asked".to_owned(),
        }
    }
}

impl fmt::Display for LockReach {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shared => formatter.write_str("shared"),
            Self::KeptHere => formatter.write_str("kept here"),
            Self::None => formatter.write_str("none"),
            Self::Unknown { why } => write!(formatter, "unknown ({why})"),
        }
    }
}

/// A file system, as far as a check cares.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FileSystem {
    /// Its name, or its number where it has none that is known.
    pub name: String,
    /// Whom a lock reaches that is taken here; of a destination, nobody asks.
    #[serde(default)]
    pub locks: LockReach,
    /// Whether its inodes have a time of their last change that nobody can set.
    #[serde(default)]
    pub keeps_change_times: bool,
}

/// How fast files of the source were read, drawn by chance over all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Sample {
    /// Small files that were read whole.
    pub small_files: u64,
    /// How long that took, all threads together.
    pub small_microseconds: u64,
    /// Bytes of large files that were read.
    pub large_bytes: u64,
    /// How long that took.
    pub large_microseconds: u64,
    /// Files up to this size are small, in bytes.
    pub small_bytes_max: u64,
    /// Bytes of the files at the source that are larger than that.
    pub large_bytes_at_source: u64,
}
