//! The second look of a pass over a source that is at work.
//!
//! While a pass copies, users get mail and databases are made.  What was copied last may then point to what was made
//! after its folder was listed: the guardian to a new user's database, a mailbox to an attachment.  So a pass of stage
//! one looks once more, for new names only.  Whoever makes such things makes what is pointed to first, so everything that
//! the copied databases point to is there by now.
//!
//! It changes no copy and removes nothing, and it is silent: the first look has said what there is to say, and what the
//! second cannot have, the next pass has.  Only what the first could not say is said: that a database which is copied now is
//! damaged, or that one which was left to the second look cannot be had.  Stage two needs none, because nobody works at its
//! source.

use crate::error::Result;
use crate::monitor::{JournalMoment, Monitor};
use protocol::{CopyOptions, Count, Expected, Finding};

/// What a pass looks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PassScope {
    /// Every difference.
    Everything,
    /// Names that the destination does not have.
    NewNames,
}

/// A monitor that hears of what is copied, and not again of what the first look reported.
pub(super) struct Quiet<'a>(pub(super) &'a dyn Monitor);

impl Monitor for Quiet<'_> {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.0.phase(name, expected);
    }

    fn count(&self, what: Count, how_many: u64) {
        match what {
            Count::FilesSeen | Count::BytesSeen | Count::FilesCopied | Count::BytesCopied => {
                self.0.count(what, how_many);
            }
            _ => {}
        }
    }

    fn finding(&self, _: Finding) {}

    fn journal(&self, moment: JournalMoment) {
        self.0.journal(moment);
    }

    fn obey(&self) -> Result<()> {
        self.0.obey()
    }
}

/// The same options, without waiting: a lock that was held a moment ago is left to the next pass.
pub(super) fn without_waiting(options: &CopyOptions) -> CopyOptions {
    CopyOptions {
        retries: 0,
        lock_wait_seconds: 0,
        ..options.clone()
    }
}
