//! Whether an item has stood still.
//!
//! An item that is being written looks like one that is whole: its writer pauses, and a client of the source shows its length
//! as it was a moment ago.  So an item counts when its size and its time were the same in two looks that are further apart
//! than that, and when nobody holds a lock on it.

use std::time::{Duration, Instant};

use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::{QueueRun, SourceItem};
use crate::locks::{self, Trial};
use crate::pool::lock;
use crate::store::Stamp;
use crate::tree::Time;
use protocol::Verdict;

/// How often an item may be seen to have moved before it is left to a later run.
const MOVES_MAX: u32 = 2;

/// What was seen of an item that is not carried yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct Looks {
    stamp: Stamp,
    since: Instant,
    moves: u32,
}

/// What is known of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stillness {
    /// It has stood still for long enough.
    Still,
    /// It has not stood for long enough; it can be asked again after this time.
    Wait(Duration),
    /// It moved each time, and is left to a later run, which has been said.
    Moving,
}

impl QueueRun<'_> {
    /// Looks at an item once more.
    pub(super) fn look_at_item(&self, path: &RelativePath, standing: &SourceItem) -> Stillness {
        let stamp = Stamp::from(&standing.attributes);
        let now = Instant::now();
        let mut looks = lock(&self.looks);
        let seen = looks.entry(path.clone()).or_insert_with(|| Looks {
            stamp,
            since: self.still_since(path, stamp).unwrap_or(now),
            moves: 0,
        });
        let apart = Duration::from_secs(self.options.still_seconds);
        let (is_locked, not_asked) = self.lock_of(standing);
        let is_moving = seen.stamp != stamp || is_locked || not_asked.is_some();
        if is_moving {
            *seen = Looks {
                stamp,
                since: now,
                moves: seen.moves + 1,
            };
        }
        if seen.moves > MOVES_MAX {
            drop(looks);
            self.say_moving(path, standing, not_asked);
            return Stillness::Moving;
        }
        if is_moving {
            return Stillness::Wait(apart);
        }
        match apart.checked_sub(now.duration_since(seen.since)) {
            None | Some(Duration::ZERO) => Stillness::Still,
            Some(left) => Stillness::Wait(left),
        }
    }

    /// Since when it is known that an item has stood still, from the proof that the source is at rest; none where nothing is.
    ///
    /// Where this machine was started anew since, less time counts than has gone by.
    fn still_since(&self, path: &RelativePath, stamp: Stamp) -> Option<Instant> {
        let standing = self
            .standing
            .get(path)
            .filter(|standing| standing.stamp == stamp)?;
        let still = Time::since_start().checked_sub(standing.since)?;
        Instant::now().checked_sub(Duration::from_millis(u64::try_from(still).ok()?))
    }

    /// Something of an item moved while it was copied: it has to stand still anew.
    pub(super) fn has_moved(&self, path: &RelativePath) {
        let mut looks = lock(&self.looks);
        if let Some(seen) = looks.get_mut(path) {
            seen.since = Instant::now();
            seen.moves += 1;
        }
    }

    /// Whether another program holds a lock on an item; and why that could not be asked, where such a lock is relied on.
    fn lock_of(&self, standing: &SourceItem) -> (bool, Option<Errno>) {
        match locks::try_whole_file(&standing.folder, &standing.source_name) {
            Ok(Trial::Busy) => (true, None),
            Ok(Trial::NotAsked(errno)) if self.area.relies_on_locks() => (false, Some(errno)),
            // What keeps an item from being opened its copy says.
            Ok(Trial::Granted | Trial::Unsupported | Trial::NotAsked(_)) | Err(_) => (false, None),
        }
    }

    fn say_moving(&self, path: &RelativePath, standing: &SourceItem, not_asked: Option<Errno>) {
        if !self.give_up(path.clone()) {
            return;
        }
        let (text, remedy) = match not_asked {
            None => (
                "it is still being written, so it is left to the next run".to_owned(),
                "See what writes it, and let that end; then run the same command again, which carries it over",
            ),
            Some(errno) => (
                format!(
                    "its lock could not be asked for ({errno}), so it may still be being written, and is left to the next run"
                ),
                "See why the server of the source does not answer for locks, then run the same command again, which carries it over",
            ),
        };
        let path = standing.source_path();
        self.monitor.report(
            "queue-item-moving",
            Verdict::Temporary,
            &path,
            &text,
            remedy,
        );
    }
}
