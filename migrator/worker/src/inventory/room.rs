//! Whether each file system of the destination has room for what it is still to take.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use postoffice::names::RelativePath;
use rustix::fs::{StatVfs, fstat, fstatvfs};

use crate::capabilities::Area;
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::store::JobStore;
use protocol::numbers::{bytes as bytes_as_words, count};
use protocol::{Finding, InventoryReport, Verdict};

/// The file systems of the destination, by device.
#[derive(Default)]
pub(super) struct Rooms(BTreeMap<u64, Room>);

/// One of them.
struct Room {
    /// The top of it, or of what an area has of it, in words.
    place: String,
    numbers: StatVfs,
    /// What it is to hold.
    files: u64,
    bytes: u64,
    /// What of that it has.
    copied_files: u64,
    copied_bytes: u64,
}

impl Rooms {
    /// Adds what an area brings: files and bytes by the top of the file system that takes them.
    ///
    /// # Errors
    /// What asking the file systems, or the job store, says.
    pub(super) fn add(
        &mut self,
        area: &Area,
        store: &JobStore,
        mut tops: BTreeMap<RelativePath, (u64, u64)>,
    ) -> Result<()> {
        tops.entry(RelativePath::root()).or_default();
        let mut copied: BTreeMap<RelativePath, (u64, u64)> = BTreeMap::new();
        store.each_folder_of_manifest(area.id, |folder, files, bytes| {
            let (top, _) = area.top_of(&folder);
            let sum = copied.entry(top).or_default();
            *sum = (sum.0 + files, sum.1 + bytes);
        })?;
        for (top, (files, bytes)) in tops {
            let failed = |errno| WorkerError::writing("ask for the room of", &top, errno);
            let (_, folder) = area.top_of(&top);
            let device = fstat(folder).map_err(failed)?.st_dev;
            let room = match self.0.entry(device) {
                Entry::Occupied(entry) => entry.into_mut(),
                Entry::Vacant(entry) => entry.insert(Room {
                    place: if top.is_root() {
                        area.label.clone()
                    } else {
                        format!("{}, {top}", area.label)
                    },
                    numbers: fstatvfs(folder).map_err(failed)?,
                    files: 0,
                    bytes: 0,
                    copied_files: 0,
                    copied_bytes: 0,
                }),
            };
            let (copied_files, copied_bytes) = copied.get(&top).copied().unwrap_or_default();
            room.files += files;
            room.bytes += bytes;
            room.copied_files += copied_files;
            room.copied_bytes += copied_bytes;
        }
        Ok(())
    }

    /// Says where there is too little.  The report shows what all of the destination can take until the first of its file systems is
    /// full.
    pub(super) fn report(self, monitor: &dyn Monitor, report: &mut InventoryReport) {
        for room in self.0.values() {
            room.report(monitor);
        }
        let rooms = || self.0.values();
        let bytes = rooms().map(|room| room.bytes).sum();
        let left = rooms().map(|room| spare(room.free_bytes(), room.bytes));
        report.destination_free_bytes = more(bytes, left.min());
        // Some file systems have no such limit, which 0 says.
        let limited = || rooms().filter(|room| room.numbers.f_files > 0);
        let files = rooms().map(|room| room.files).sum();
        let left = limited().map(|room| spare(room.numbers.f_favail, room.files));
        report.destination_free_inodes =
            left.min().map_or(0, |left| more(files, Some(left)).max(1));
    }
}

fn spare(free: u64, needed: u64) -> i128 {
    i128::from(free) - i128::from(needed)
}

fn more(needed: u64, spare: Option<i128>) -> u64 {
    let sum = i128::from(needed) + spare.unwrap_or(0);
    u64::try_from(sum.max(0)).unwrap_or(u64::MAX)
}

impl Room {
    fn free_bytes(&self) -> u64 {
        self.numbers.f_bavail.saturating_mul(self.numbers.f_frsize)
    }

    fn report(&self, monitor: &dyn Monitor) {
        let Self { place, numbers, .. } = self;
        let bytes = self.bytes.saturating_sub(self.copied_bytes);
        if bytes > self.free_bytes() {
            let text = format!(
                "{} are still to be copied and the destination has room for {}",
                bytes_as_words(bytes),
                bytes_as_words(self.free_bytes())
            );
            let remedy = "Give the destination more room before stage one";
            let finding = Finding::new("not-enough-room", Verdict::Refused, text, remedy);
            monitor.finding(finding.about(place.as_bytes()));
        }
        let files = self.files.saturating_sub(self.copied_files);
        if numbers.f_files > 0 && files > numbers.f_favail {
            let text = format!(
                "{} files are still to be copied and the destination can take {} more",
                count(files),
                count(numbers.f_favail)
            );
            let remedy = "Use a file system with more inodes for the post office";
            let finding = Finding::new("not-enough-inodes", Verdict::Refused, text, remedy);
            monitor.finding(finding.about(place.as_bytes()));
        }
    }
}
