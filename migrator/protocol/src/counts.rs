//! What a worker counts while it works.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Count {
    /// Folders of the source that were listed.
    FoldersSeen,
    /// Files of the source that were looked at.
    FilesSeen,
    /// Bytes of those files.
    BytesSeen,
    /// Files that were copied because they were new, changed or doubtful.
    FilesCopied,
    /// Bytes that were copied.
    BytesCopied,
    /// Files whose copy is still good.
    FilesUnchanged,
    /// Files that vanished at the source and were removed at the destination.
    FilesRemoved,
    /// Entries of the destination that were set aside in the quarantine.
    SetAside,
    /// Files that are left to the next pass.
    FilesDeferred,
    /// Files that are never copied, such as lock files.
    FilesLeftOut,
    /// Bytes of those files.
    BytesLeftOut,
    /// Names that were made lower case at the destination.
    Renamed,
    /// Queued items that were carried over.
    QueuedItems,
    /// Files that were compared byte for byte with their source.
    FilesProven,
}

impl Count {
    /// All counts, in the order in which people read them.
    pub const ALL: [Self; 14] = [
        Self::FoldersSeen,
        Self::FilesSeen,
        Self::BytesSeen,
        Self::FilesCopied,
        Self::BytesCopied,
        Self::FilesUnchanged,
        Self::FilesRemoved,
        Self::SetAside,
        Self::FilesDeferred,
        Self::FilesLeftOut,
        Self::BytesLeftOut,
        Self::Renamed,
        Self::QueuedItems,
        Self::FilesProven,
    ];
}

/// Counts at one moment; those that are zero are left out.
pub type Counts = BTreeMap<Count, u64>;

/// How much a phase is expected to be; zero where that is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Expected {
    /// Files to look at.
    pub files: u64,
    /// Bytes of those files.
    pub bytes: u64,
    /// Seconds that are waited whatever happens.
    #[serde(default)]
    pub seconds: u64,
}

impl Expected {
    /// A wait, rounded up to whole seconds.
    pub fn wait(wait: std::time::Duration) -> Self {
        Self {
            seconds: wait.as_secs() + u64::from(wait.subsec_nanos() > 0),
            ..Self::default()
        }
    }
}
