//! Names that the migrator keeps for itself, on both sides: of its unfinished files, and of the marker of a destination.
//!
//! A file of the source under the name of an unfinished one would be taken for a leftover of ours at the destination, and
//! removed there.  So it is never copied, and always reported; the seal misses it until somebody renames it.

use postoffice::names::RelativePath;

use protocol::{Finding, Verdict};

/// Names of unfinished files begin like this; such a file at the destination is always ours and can go.
pub(crate) const TEMPORARY_PREFIX: &[u8] = b".gwmigrate-";

/// Name of the marker of a destination folder ([`crate::marker`]).
pub const MARKER_FILE: &[u8] = b".gwmigrate-owner.json";

/// Whether an entry of a folder is the marker of a destination folder.  The source may have one as well: an earlier migration
/// has made it what it is, and nothing of the mail depends on it.
pub(crate) fn is_marker(folder: &RelativePath, name: &[u8]) -> bool {
    folder.is_root() && name.eq_ignore_ascii_case(MARKER_FILE)
}

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
