//! Names that the migrator keeps for its own unfinished files.
//!
//! A file of the source under such a name would be taken for a leftover of ours at the destination, and removed there.
//! So it is never copied, and always reported; the seal misses it until somebody renames it.

use postoffice::names::RelativePath;

use super::file::TEMPORARY_PREFIX;
use protocol::{Finding, Verdict};

/// Whether a copy that has this name at the destination would look like an unfinished file of ours.
pub(crate) fn is_reserved(destination_name: &[u8]) -> bool {
    destination_name.starts_with(TEMPORARY_PREFIX)
}

/// What is said of such a name.
pub(crate) fn reserved_name(path: &RelativePath, verdict: Verdict) -> Finding {
    Finding::new(
        "name-reserved",
        verdict,
        "its name begins as those of the migrator's own unfinished files do, so it is not copied",
        "Rename it at the source, then run the same command again",
    )
    .about(path.as_bytes())
}
