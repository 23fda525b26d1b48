//! What a check wants to know besides, gathered during the same walk.

use postoffice::names::RelativePath;

use super::offline::Answer;
use super::sample::Draw;
use crate::capabilities::{Area, Capabilities};
use crate::database_locks::try_each_lock;
use crate::error::Result;
use crate::file_system::file_system_of;
use crate::locks::Attempt;
use crate::pool::Threads;
use crate::tree::{Attributes, Time, Visited};
use protocol::{LockReach, Offline, Survey};

/// What has been gathered so far.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) collisions: u64,
    pub(super) kept_names: u64,
    pub(super) stale_items: u64,
    pub(super) locks: Locks,
    offline: Offline,
    newest_seconds: i64,
    draw: Draw,
}

/// How many locks could be taken; each is let go at once.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Locks {
    tried: u64,
    held: u64,
    unsupported: u64,
    unreadable: u64,
}

impl Locks {
    /// Tries the locks of the databases in a folder; `unreadable` hears of those that cannot be opened.
    pub(super) fn try_all(
        area: &Area,
        visited: &Visited<'_>,
        mut unreadable: impl FnMut(&RelativePath),
    ) -> Result<Self> {
        let mut locks = Self::default();
        try_each_lock(area, visited, |path, attempt| {
            locks.tried += 1;
            match attempt {
                Some(Attempt::Busy) => locks.held += 1,
                Some(Attempt::Unsupported) => locks.unsupported += 1,
                Some(Attempt::Held(_)) => {}
                Some(Attempt::NotAsked(_)) | None => {
                    locks.unreadable += 1;
                    unreadable(path);
                }
            }
        })?;
        Ok(locks)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.tried += other.tried;
        self.held += other.held;
        self.unsupported += other.unsupported;
        self.unreadable += other.unreadable;
    }
}

impl Gathered {
    /// Takes notice of a file of an area.
    pub(super) fn see(
        &mut self,
        area: usize,
        path: &RelativePath,
        attributes: &Attributes,
        at_hand: Answer,
    ) {
        // A time that cannot be tells nothing of a clock, and is that file's own finding.
        if !attributes.modified.cannot_be(Time::now()) {
            self.newest_seconds = self.newest_seconds.max(attributes.modified.seconds);
        }
        match at_hand {
            Answer::AtHand => {}
            Answer::NotAsked => self.offline.not_asked += 1,
            Answer::Offline => {
                self.offline.files += 1;
                self.offline.bytes += attributes.size;
                // A sample that fetched files from an archive would change something at the source.
                return;
            }
        }
        self.draw.offer(area, path, attributes.size);
    }

    /// Reads the sample and puts everything together.
    pub(super) fn finish(self, capabilities: &Capabilities, threads: Threads) -> Result<Survey> {
        let areas = &capabilities.areas;
        let sources = areas.iter().map(Area::source).collect::<Result<Vec<_>>>()?;
        let file_systems = sources
            .iter()
            .zip(areas)
            .map(|(folder, area)| file_system_of(folder, area.locks.clone()));
        let (sample, seen) = self.draw.measure(&sources, threads)?;
        Ok(Survey {
            sources: file_systems.collect::<Result<_>>()?,
            destination: match areas.first() {
                Some(area) => file_system_of(&area.destination, LockReach::default())?,
                None => file_system_of(&capabilities.job, LockReach::default())?,
            },
            locks_tried: self.locks.tried,
            locks_held: self.locks.held,
            locks_unsupported: self.locks.unsupported,
            locks_unreadable: self.locks.unreadable,
            newest_seconds: self.newest_seconds,
            now_seconds: Time::now().seconds,
            collisions: self.collisions,
            kept_names: self.kept_names,
            stale_items: self.stale_items,
            offline: self.offline,
            change_times_moved: seen.moved(areas),
            sample,
        })
    }
}
