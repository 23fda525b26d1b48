//! The kinds of faults.

use std::path::Path;

use super::calls::Effect;
use super::tracer::{Operation, Tree, Verdict};

/// What goes wrong, once or from then on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The worker is killed.
    Killed,
    /// The worker is killed, and so is the next one, elsewhere.
    KilledTwice,
    /// The power is lost, and with it the bytes of files that were not synced.
    ContentLost,
    /// The power is lost, and with it the names that were not synced.
    NamesLost,
    /// One operation fails with an input/output error.
    InputOutput,
    /// One operation of the destination or of the job folder finds no room.
    NoRoom,
    /// One read or write of the two trees is done for half of its bytes, which is no error.
    Halved,
    /// One name of the source is missing, which was there when its folder was listed, or goes while it is listed itself.
    SourceMissing,
    /// The mount of the source is gone and does not come back: a network file system that lost its server.
    SourceStale,
    /// The same, as a mount in user space says it.
    SourceNotConnected,
}

pub(super) const KINDS: [Kind; 10] = [
    Kind::Killed,
    Kind::KilledTwice,
    Kind::ContentLost,
    Kind::NamesLost,
    Kind::InputOutput,
    Kind::NoRoom,
    Kind::Halved,
    Kind::SourceMissing,
    Kind::SourceStale,
    Kind::SourceNotConnected,
];

impl Kind {
    /// The kind with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        KINDS.into_iter().find(|kind| format!("{kind:?}") == name)
    }

    /// Whether the worker ends there, without a word.
    pub(super) fn kills(self) -> bool {
        matches!(
            self,
            Self::Killed | Self::KilledTwice | Self::ContentLost | Self::NamesLost
        )
    }

    /// Whether it stays.
    pub(super) fn is_source_gone(self) -> bool {
        matches!(self, Self::SourceStale | Self::SourceNotConnected)
    }

    /// Whether the fault can only be at operations that change something.  Killed before one that does not is the same as
    /// killed before the next one that does: what is on the disk is the same.
    pub(super) fn only_changes(self) -> bool {
        self.kills() || self == Self::NoRoom
    }

    /// Whether the fault can be at a call with this effect.
    pub(super) fn fits_effect(self, effect: Effect) -> bool {
        match self {
            _ if self.kills() => !matches!(effect, Effect::Looks | Effect::Locks | Effect::Reads),
            Self::NoRoom => matches!(effect, Effect::NeedsRoom | Effect::Writes),
            Self::Halved => matches!(effect, Effect::Reads | Effect::Writes),
            Self::SourceMissing => matches!(effect, Effect::Looks | Effect::NeedsRoom),
            _ => true,
        }
    }

    /// Whether the fault can be at this operation.
    pub(super) fn fits(self, operation: &Operation) -> bool {
        let fits_tree = match self {
            Self::NoRoom => operation.tree != Tree::Source,
            Self::Halved => operation.tree != Tree::Job,
            Self::SourceMissing => {
                // A root that is missing is a mistake of the worksheet, or a mount that another test takes away.
                let is_root = operation.path == Path::new("source");
                let is_listing = operation.number == libc::SYS_getdents64;
                operation.tree == Tree::Source && (operation.is_by_name || is_listing) && !is_root
            }
            Self::SourceStale | Self::SourceNotConnected => operation.tree == Tree::Source,
            _ => true,
        };
        fits_tree && self.fits_effect(operation.effect)
    }

    /// What is done to the fitting operation `number`, counted from 1, when the fault is to be at `at`;
    /// 0 is none.
    pub(super) fn judge(self, number: usize, at: usize) -> Verdict {
        if at == 0 || number < at || (number > at && !self.is_source_gone()) {
            return Verdict::Happens;
        }
        match self {
            Self::Killed | Self::KilledTwice | Self::ContentLost | Self::NamesLost => {
                Verdict::Kills
            }
            Self::InputOutput => Verdict::Fails(libc::EIO),
            Self::NoRoom => Verdict::Fails(libc::ENOSPC),
            Self::Halved => Verdict::Halved,
            Self::SourceMissing => Verdict::Fails(libc::ENOENT),
            Self::SourceStale => Verdict::Fails(libc::ESTALE),
            Self::SourceNotConnected => Verdict::Fails(libc::ENOTCONN),
        }
    }
}
