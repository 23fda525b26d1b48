//! Changing the real trees as a transition says.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use super::model::Model;
use super::transition::{Agent, Change, Spelling};
use crate::databases::write_guardian;
use crate::support::{Site, set_time, write_old};

/// How far the time of a fresh file lies ahead: less than what counts as a wrong clock.
const AHEAD: Duration = Duration::from_secs(2);

/// A copy that was made so long after a fresh file was written may be trusted already, so a change that does not show is
/// none that ARCHITECTURE.md rule 3 could catch.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// The first files have times that no transition gives.
const FIRST_TIME: u64 = 1_000_000;

/// The real source and destination.
pub(super) struct Trees {
    pub(super) site: Site,
    /// When the fresh files were written.
    fresh: BTreeMap<String, Instant>,
}

impl Trees {
    pub(super) fn new(site: Site) -> Self {
        Self {
            site,
            fresh: BTreeMap::new(),
        }
    }

    /// The file or folder of the source at this lower-case path, as it is spelled; what is missing is in capitals.
    fn spelled(&self, path: &str) -> PathBuf {
        let mut found = self.site.source.clone();
        for name in path.split('/') {
            let there = fs::read_dir(&found).ok().and_then(|entries| {
                entries
                    .map(|entry| entry.unwrap().file_name())
                    .find(|entry| entry.eq_ignore_ascii_case(name))
            });
            found.push(there.unwrap_or_else(|| name.to_ascii_uppercase().into()));
        }
        found
    }

    /// Brings one file of the source to what the model says.
    pub(super) fn write(&mut self, slot: &str, change: Change, model: &Model) {
        let path = self.spelled(slot);
        let bytes = &model.files[slot].bytes;
        let before = fs::metadata(&path).and_then(|metadata| metadata.modified());
        if change == Change::Hidden {
            // In place, as somebody does who keeps the time.
            fs::write(&path, bytes).unwrap();
            set_time(&path, before.unwrap());
            return;
        }
        if path.is_dir() {
            // Empty by the rules of the model.
            fs::remove_dir_all(&path).unwrap();
        }
        write_old(&path, bytes.as_bytes(), model.number.into());
        let was_fresh_lately = self
            .fresh
            .get(slot)
            .is_some_and(|when| when.elapsed() < FRESH_FOR);
        match change {
            Change::OtherSizeSameTime => set_time(&path, before.unwrap()),
            Change::SameSizeAndTime if was_fresh_lately => set_time(&path, before.unwrap()),
            Change::Fresh | Change::SameSizeAndTime => {
                self.fresh.insert(slot.to_owned(), Instant::now());
                set_time(&path, SystemTime::now() + AHEAD);
            }
            Change::Grown | Change::SameSize | Change::OtherTimeOnly | Change::Hidden => {}
        }
    }

    pub(super) fn remove(&self, slot: &str) {
        fs::remove_file(self.spelled(slot)).unwrap();
    }

    pub(super) fn remove_folder(&self, folder: &str) {
        let path = self.spelled(folder);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        }
    }

    pub(super) fn rename_in_case(&self, slot: &str, from_end: usize, spelling: Spelling) {
        let path = self.spelled(slot);
        let Some(entry) = path.ancestors().nth(from_end) else {
            return;
        };
        // Not above the source, and not the folder that the fall-back copies of the guardian are written to by name.
        let name = entry.file_name().unwrap().to_string_lossy();
        if !entry.starts_with(&self.site.source)
            || entry == self.site.source
            || name.eq_ignore_ascii_case("ofmsg")
        {
            return;
        }
        fs::rename(entry, entry.with_file_name(spelling.spell(&name))).unwrap();
    }

    pub(super) fn change_guardian(&self, number: u32) {
        let title = format!("Post Office number {number}");
        write_guardian(
            &self.site,
            &[
                (&title, "", "WPHOST.DB"),
                ("User ABC in CAPITALS", "OFUSER", "USERABC.DB"),
            ],
        );
    }

    pub(super) fn write_item(&self, item: &str, model: &Model) {
        write_old(
            &self.spelled(item),
            model.items[item].as_bytes(),
            model.number.into(),
        );
    }

    pub(super) fn act(&self, action: Agent, model: &Model) {
        let destination = &self.site.destination;
        match action {
            Agent::Touch { slot, keeps_time } => {
                let path = destination.join(slot);
                let before = fs::metadata(&path).unwrap().modified().unwrap();
                fs::write(&path, &model.copies[slot].bytes).unwrap();
                if keeps_time {
                    set_time(&path, before);
                }
            }
            Agent::Remove(slot) | Agent::TakeItem(slot) => {
                fs::remove_file(destination.join(slot)).unwrap();
            }
            Agent::Add(slot) => make(destination, slot, &model.copies[slot].bytes),
            Agent::AddFolder(slot) => {
                let path = format!("{slot}/inner");
                make(destination, &path, &model.copies[&path].bytes);
            }
            Agent::AddForeign(folder) => {
                let path = format!("{folder}/FOREIGN-{}.TXT", model.number);
                make(destination, &path, &model.copies[&path].bytes);
            }
            Agent::TouchItem(item) => {
                fs::write(destination.join(item), &model.queued[item]).unwrap();
            }
            Agent::AddItem(queue) => {
                let path = format!("{queue}/FOREIGN-{}", model.number);
                make(destination, &path, &model.queued[&path]);
            }
        }
    }

    /// Gives a copy a name in capitals.
    pub(super) fn capitalise(&self, slot: &str) {
        let path = self.site.destination.join(slot);
        let name = path.file_name().unwrap().to_ascii_uppercase();
        fs::rename(&path, path.with_file_name(name)).unwrap();
    }

    /// The post office that every case begins with.
    pub(super) fn fill(&mut self, model: &Model) {
        let items = model.items.iter();
        let files = model.files.iter().map(|(path, file)| (path, &file.bytes));
        for (number, (path, bytes)) in (FIRST_TIME..).zip(files.chain(items)) {
            write_old(&self.spelled(path), bytes.as_bytes(), number);
        }
        self.change_guardian(0);
    }
}

fn make(destination: &Path, path: &str, bytes: &str) {
    let path = destination.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
