//! Names that the migrator keeps for itself: of its unfinished files, of the marker of a destination, and in the job folder;
//! and what is said of names of the source that cannot be as they are.
//!
//! A file of the source under the name of an unfinished one would be taken for a leftover of ours at the destination, and
//! removed there.  So it is never copied, and always reported; the seal misses it until somebody renames it.

use postoffice::names::{KeptReason, NAME_BYTES_MAX, RelativePath, printable};
use rustix::io::Errno;

use crate::tree::Time;
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

/// What is said of a name that no folder of this server can hold.
pub(crate) fn name_too_long(path: &RelativePath, verdict: Verdict) -> Finding {
    let bytes = path.split_last().map_or(0, |(_, name)| name.len());
    let text = format!(
        "its name is {bytes} bytes long, and no folder of Linux holds one of more than {NAME_BYTES_MAX}; it is not copied"
    );
    let remedy = "Give it a shorter name at the source, then run the same command again";
    Finding::new("name-too-long", verdict, text, remedy).about(path.as_bytes())
}

/// Whether a file system said that it can hold nothing of a name: some take fewer bytes, and some nothing but UTF-8.
pub(crate) fn refuses_name(errno: Errno) -> bool {
    matches!(errno, Errno::NAMETOOLONG | Errno::ILSEQ)
}

/// What is said of such a name.
pub(crate) fn name_refused(path: &RelativePath, errno: Errno, verdict: Verdict) -> Finding {
    let text = format!(
        "the file system of the destination cannot hold this name ({errno}); it is not copied"
    );
    let remedy = "Give it a shorter name, of letters, digits, dots, - and _, at the source, then run the same command again";
    Finding::new("name-too-long", verdict, text, remedy).about(path.as_bytes())
}

/// Whether a name holds a character that clients of Windows shares show in place of another one: U+F000 to U+F0FF
/// (mount.cifs(8), `mapposix` and `mapchars`), U+2400 to U+2421 and U+201B (rclone, "Restricted characters").
pub(crate) fn is_mapped(name: &[u8]) -> bool {
    let is_of_a_client =
        |c: char| matches!(c, '\u{f000}'..='\u{f0ff}' | '\u{2400}'..='\u{2421}' | '\u{201b}');
    !name.is_ascii() && str::from_utf8(name).is_ok_and(|name| name.contains(is_of_a_client))
}

/// What is said of such a name.
pub(crate) fn name_mapped(path: &RelativePath) -> Finding {
    let text = "its name holds a character that the client of the mount shows in place of another one; it is copied under the name that \
                the mount shows, which is not the one that the server has";
    let remedy = "Rename it on the server itself, to letters, digits, dots, - and _, then run the same command again; or nothing, where \
                  GroupWise does not use this name";
    Finding::new("name-mapped", Verdict::NeedsAttention, text, remedy).about(path.as_bytes())
}

/// What is said of a name that its folder shows more than once, as different entries.
pub(crate) fn listed_twice(path: &RelativePath, verdict: Verdict) -> Finding {
    let text = "its folder shows this name more than once, for different entries; only one of them can be opened, and which one that is \
                cannot be told";
    let remedy = "Look at this folder on the server itself: where two names differ only by what the mount cannot show, rename one of \
                  them; where there is one, mount the source anew; then run the same command again";
    Finding::new("listed-twice", verdict, text, remedy).about(path.as_bytes())
}

/// What is said of a name by which the same file is opened as by an `other` one.
pub(crate) fn same_file(path: &RelativePath, other: &[u8], verdict: Verdict) -> Finding {
    let text = format!(
        "the mount opens one and the same file by this name and by {}, so what the server has under one of them cannot be had",
        printable(other)
    );
    let remedy = "Look at this folder on the server itself and rename one of the two there, so that they differ by more than a blank or a \
                  dot at the end; then run the same command again";
    Finding::new("same-file", verdict, text, remedy).about(path.as_bytes())
}

/// What is said of a file whose time cannot be; one before its time harms nothing.
pub(crate) fn time_odd(path: &RelativePath, modified: Time, now: Time) -> Finding {
    let (verdict, remedy) = if modified > now {
        let remedy = "Give it another time at the source, or accept this finding (`gwmigrate accept time-odd ENTRY --note WHY --by NAME`); where all new files there have such times, set the \
                      clock of the source";
        (Verdict::NeedsAttention, remedy)
    } else {
        (Verdict::Done, "")
    };
    let text = format!(
        "it says that it was modified at {modified}, which cannot be; it is copied as any other file"
    );
    Finding::new("time-odd", verdict, text, remedy).about(path.as_bytes())
}

/// What is said of an entry that would get the same name as an `other` one.
pub(crate) fn name_collision(path: &RelativePath, other: &str, remedy: &str) -> Finding {
    let text = format!("it would get the same name as {other}");
    Finding::new("name-collision", Verdict::Refused, text, remedy).about(path.as_bytes())
}
