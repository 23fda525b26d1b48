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
use protocol::{Amount, Finding, InventoryReport, Verdict};

/// The file systems of the destination, by device.
#[derive(Default)]
pub(super) struct Rooms(BTreeMap<u64, Room>);

/// One of them.
struct Room {
    /// The top of it, or of what an area has of it, in words.
    place: String,
    numbers: StatVfs,
    /// What it is to hold.
    wanted: Amount,
    /// What of that it has.
    copied: Amount,
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
        mut tops: BTreeMap<RelativePath, Amount>,
    ) -> Result<()> {
        tops.entry(RelativePath::root()).or_default();
        let mut copied: BTreeMap<RelativePath, Amount> = BTreeMap::new();
        store.each_folder_of_manifest(area.id, |folder, amount| {
            let (top, _) = area.top_of(&folder);
            let sum = copied.entry(top).or_default();
            *sum = *sum + amount;
        })?;
        for (top, wanted) in tops {
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
                    wanted: Amount::default(),
                    copied: Amount::default(),
                }),
            };
            room.wanted = room.wanted + wanted;
            room.copied = room.copied + copied.get(&top).copied().unwrap_or_default();
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
        let wanted = rooms().fold(Amount::default(), |sum, room| sum + room.wanted);
        let spare = rooms().map(|room| spare_of(room.free_bytes(), room.wanted.bytes));
        report.destination_free_bytes = until_full(wanted.bytes, spare.min().unwrap_or(0));
        // Some file systems have no such limit, which 0 says.
        let limited = rooms().filter(|room| room.numbers.f_files > 0);
        let spare = limited.map(|room| spare_of(room.numbers.f_favail, room.wanted.files));
        report.destination_free_inodes = match spare.min() {
            Some(spare) => until_full(wanted.files, spare).max(1),
            None => 0,
        };
    }
}

/// How much more than what is wanted there is room for; less than nothing where it is too little.
fn spare_of(free: u64, wanted: u64) -> i128 {
    i128::from(free) - i128::from(wanted)
}

/// How much all of the destination can take, where the file system with the least to spare has this.
fn until_full(wanted: u64, spare: i128) -> u64 {
    u64::try_from((i128::from(wanted) + spare).max(0)).unwrap_or(u64::MAX)
}

impl Room {
    fn free_bytes(&self) -> u64 {
        self.numbers.f_bavail.saturating_mul(self.numbers.f_frsize)
    }

    fn report(&self, monitor: &dyn Monitor) {
        let Self { place, numbers, .. } = self;
        let bytes = self.wanted.bytes.saturating_sub(self.copied.bytes);
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
        let files = self.wanted.files.saturating_sub(self.copied.files);
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
