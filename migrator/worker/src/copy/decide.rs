//! Whether a file must be copied.

use crate::store::{ManifestFile, UnfinishedPass};
use crate::tree::{Attributes, Kind, Time};

/// What to do with one file of the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// The copy is still good.
    Keep,
    /// The name is free at the destination: write it directly.
    Create,
    /// Write under a temporary name and rename over what is there.
    Replace,
    /// What stands there may be left over from a pass that was cut off; its bytes decide.
    MaybeLeftover,
    /// Something that is not ours stands there: it is set aside first.
    AfterSettingAside,
    /// A folder stands there: it goes first, entry by entry.
    AfterRemovingFolder,
}

/// The one rule for deltas (ARCHITECTURE.md rule 2).
pub(crate) fn decide(
    source: &Attributes,
    known: Option<&ManifestFile>,
    destination: Option<&Attributes>,
    unfinished: Option<UnfinishedPass>,
) -> Decision {
    let Some(destination) = destination else {
        return Decision::Create;
    };
    match destination.kind {
        Kind::Folder => return Decision::AfterRemovingFolder,
        Kind::Symlink | Kind::Special => return Decision::AfterSettingAside,
        Kind::File => {}
    }
    match known {
        Some(known)
            if known.source_is_unchanged(source) && known.destination_is_untouched(destination) =>
        {
            Decision::Keep
        }
        Some(_) => Decision::Replace,
        None if may_be_leftover(destination, unfinished) => Decision::MaybeLeftover,
        None => Decision::AfterSettingAside,
    }
}

/// Whether a file of the destination that is in no manifest may have been written by a pass that was cut off before it could
/// commit: the time of an inode cannot be set.
fn may_be_leftover(destination: &Attributes, unfinished: Option<UnfinishedPass>) -> bool {
    destination.kind == Kind::File
        && unfinished.is_some_and(|pass| !pass.began.is_certainly_after(destination.changed))
}

/// The coarsest granularity of times that is known of any source: FAT and NetWare count in two seconds.
///
/// The window is never narrower, also where finer times were seen: a copy too many costs little.
const COARSEST_GRANULARITY_SECONDS: i64 = 2;

/// Whether a source time is too fresh to be trusted (ARCHITECTURE.md rule 3): the file could have been changed again
/// within the same tick of its clock, after it was read.
///
/// Whatever that clock says, it has moved on since the file was known to have this very time already: `known_since`, when a
/// copy of it with that time was written.  So a time that is ahead by years is copied once more, and not by every pass.
pub(crate) fn is_racy(
    modified: Time,
    known_since: Option<Time>,
    copy_began: Time,
    clock_allowance_seconds: u64,
) -> bool {
    let window = COARSEST_GRANULARITY_SECONDS
        .saturating_add(i64::try_from(clock_allowance_seconds).unwrap_or(i64::MAX));
    let is_fresh = |time| copy_began.nanoseconds_since(time) <= i128::from(window) * 1_000_000_000;
    is_fresh(modified) && known_since.is_none_or(is_fresh)
}

/// Whether two times differ by exactly one hour, within the granularity: a changed daylight saving setting.
pub(crate) fn is_one_hour_apart(left: Time, right: Time) -> bool {
    let apart = left.nanoseconds_since(right).unsigned_abs();
    let hour = 3_600_u128 * 1_000_000_000;
    let granularity = u128::from(COARSEST_GRANULARITY_SECONDS.unsigned_abs()) * 1_000_000_000;
    apart.abs_diff(hour) <= granularity
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Time {
        Time {
            seconds,
            nanoseconds: 0,
        }
    }

    #[test]
    fn fresh_times_are_racy_and_old_ones_are_not() {
        assert!(is_racy(at(100), None, at(100), 0));
        assert!(is_racy(at(100), None, at(102), 0));
        assert!(!is_racy(at(100), None, at(103), 0));
        assert!(is_racy(at(100), None, at(103), 1));
        assert!(
            is_racy(at(5000), None, at(100), 0),
            "a source clock that is ahead"
        );
        assert!(is_racy(at(100), None, at(4000), u64::MAX));
    }

    #[test]
    fn a_time_that_is_ahead_is_believed_once_its_clock_must_have_moved_on() {
        assert!(is_racy(at(5000), Some(at(99)), at(100), 0));
        assert!(!is_racy(at(5000), Some(at(90)), at(100), 0));
        assert!(is_racy(at(5000), Some(at(90)), at(100), 10));
        assert!(!is_racy(at(i64::MAX), Some(at(90)), at(100), 0));
        assert!(!is_racy(at(i64::MIN), None, at(100), 0));
    }

    #[test]
    fn an_hour_is_recognised_both_ways() {
        assert!(is_one_hour_apart(at(7200), at(3600)));
        assert!(is_one_hour_apart(at(3600), at(7201)));
        assert!(!is_one_hour_apart(at(3600), at(7210)));
    }
}
