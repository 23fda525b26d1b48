//! Names that the migrator keeps for itself: of its unfinished files, of the marker of a destination, and in the job folder;
//! and what is said of names of the source that cannot be as they are.
//!
//! A file of the source under the name of an unfinished one would be taken for a leftover of ours at the destination, and
//! removed there.  So it is never copied, and always reported; the seal misses it until somebody renames it.

use postoffice::names::{KeptReason, RelativePath};

use protocol::{Finding, Verdict};

/// Names of unfinished files begin like this; such a file at the destination is always ours and can go.
pub(crate) const TEMPORARY_PREFIX: &[u8] = b".gwmigrate-";

/// Name of the marker of a destination folder ([`crate::marker`]).
pub const MARKER_FILE: &[u8] = b".gwmigrate-owner.json";

/// Name of the seal in the job folder.
pub const SEAL_FILE: &str = "seal.json";

/// The folder of the job folder that holds what was set aside.
pub(crate) const QUARANTINE_FOLDER: &[u8] = b"quarantine";

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

/// What is said of a name that keeps its capital letters, or may have some.
pub(crate) fn kept_name(path: &RelativePath, reason: KeptReason) -> Finding {
    let text = match reason {
        KeptReason::NotUtf8 => "its name is not valid UTF-8 and is kept as it is",
        KeptReason::NonAsciiCapital => {
            "its name has a capital letter outside ASCII and is kept as it is"
        }
    };
    let remedy = "Nothing, unless GroupWise itself uses this name";
    Finding::new("name-kept", Verdict::NeedsAttention, text, remedy).about(path.as_bytes())
}

/// What is said of an entry that would get the same name as an `other` one.
pub(crate) fn name_collision(path: &RelativePath, other: &str, remedy: &str) -> Finding {
    let text = format!("it would get the same name as {other}");
    Finding::new("name-collision", Verdict::Refused, text, remedy).about(path.as_bytes())
}
