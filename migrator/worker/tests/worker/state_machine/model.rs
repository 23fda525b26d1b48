//! The reference: what the trees, the queues and the quarantine must hold after each transition, in a few maps.

use std::collections::{BTreeMap, BTreeSet};

use super::transition::{Agent, Change, Run, Transition};

/// The files that a source may have, by lower-case path.  One of them is a folder at other times.
pub(super) const SLOTS: [&str; 11] = [
    "wphost.db",
    "ofuser/userabc.db",
    "ofuser/userdef.db",
    "ofuser/userdef.01",
    "ofmsg/msg2.db",
    "ofviews/win/appt.vew",
    "offiles/fd7/1a1b2c3d.000",
    "gwdms/lib000a/dmdl0001.db",
    "gwdms/lib000a/docs/fd1/document.a",
    "gwdms/lib000a/docs/fd1/document.a/part",
    "gwdms/lib000a/archive/a000000/old.doc",
];

/// Those that are always there: the post office itself, and what its guardian names.
pub(super) const FIXED: [&str; 2] = ["wphost.db", "ofuser/userabc.db"];

/// Those that the first source does not have.
const LATER: [&str; 3] = [
    "ofuser/userdef.db",
    "ofuser/userdef.01",
    "gwdms/lib000a/docs/fd1/document.a/part",
];

/// The folders that a source may lose with all that is in them.
pub(super) const FOLDERS: [&str; 4] = [
    "offiles/fd7",
    "gwdms/lib000a",
    "gwdms/lib000a/docs/fd1/document.a",
    "gwdms/lib000a/archive",
];

/// The items that may stand in the queues.
pub(super) const ITEMS: [&str; 4] = [
    "wpcsin/0/00000a1b.001",
    "wpcsin/4/00000a1c.002",
    "wpcsout/ofs/0/00000a1d.003",
    "wpcsout/ofs/2/00000a1d.003",
];

/// A file of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SourceFile {
    pub(super) bytes: String,
    /// Whether its time is so fresh that it may change again without showing it.
    pub(super) is_fresh: bool,
    /// Another one wherever its size or time changed.
    pub(super) stamp: u32,
    /// Another one wherever anything of it changed.
    pub(super) version: u32,
}

/// A file of the destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Copy {
    pub(super) bytes: String,
    /// Whether it is as the worker wrote it.
    pub(super) is_ours: bool,
    /// The stamp of its source when it was copied; none where that could not be relied on.
    pub(super) stamp: Option<u32>,
    /// The version of its source that it was found equal to.
    pub(super) proven: Option<u32>,
}

impl Copy {
    /// What somebody else has made.
    fn theirs(bytes: String) -> Self {
        Self {
            bytes,
            is_ours: false,
            stamp: None,
            proven: None,
        }
    }
}

/// Everything that is to be.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    pub(super) files: BTreeMap<String, SourceFile>,
    pub(super) items: BTreeMap<String, String>,
    /// By the path as it is spelled there.
    pub(super) copies: BTreeMap<String, Copy>,
    /// The files that the manifest has.
    pub(super) known: BTreeSet<String>,
    /// What stands in the queues of the destination.
    pub(super) queued: BTreeMap<String, String>,
    /// What was carried there.
    pub(super) carried: BTreeMap<String, String>,
    /// What was set aside.
    pub(super) set_aside: Vec<String>,
    /// Whether a pass was ever run to its end.
    pub(super) has_passed: bool,
    /// Counts transitions, so that no two contents are the same.
    pub(super) number: u32,
}

impl Copy {
    /// Whether a pass leaves it as it is.
    fn is_current(&self, source: &SourceFile) -> bool {
        self.is_ours && self.stamp == Some(source.stamp)
    }
}

/// Whether the file is a database, or belongs to one.
fn is_database(path: &str) -> bool {
    path.starts_with("of") && path.contains("user/")
        || std::path::Path::new(path).extension() == Some("db".as_ref())
}

/// Whether `path` lies in `folder`, at any depth.
pub(super) fn is_below(path: &str, folder: &str) -> bool {
    path.strip_prefix(folder)
        .is_some_and(|rest| rest.starts_with('/'))
}

impl Model {
    /// The post office that every case begins with.
    pub(super) fn first() -> Self {
        let mut model = Self::default();
        for slot in SLOTS.into_iter().filter(|slot| !LATER.contains(slot)) {
            model.write(slot, Change::Grown);
        }
        for item in &ITEMS[..2] {
            model.apply(&Transition::ItemArrives(item));
        }
        model
    }

    pub(super) fn is_possible(&self, transition: &Transition) -> bool {
        match transition {
            Transition::Write(slot, change) => {
                let others = || self.files.keys().filter(|path| *path != slot);
                let is_free = !others().any(|path| is_below(path, slot) || is_below(slot, path));
                match change {
                    Change::SameSizeAndTime => {
                        self.files.get(*slot).is_some_and(|file| file.is_fresh)
                    }
                    Change::OtherTimeOnly | Change::OtherSizeSameTime => {
                        self.files.contains_key(*slot)
                    }
                    // Of databases that belong together, one is copied with the other.
                    Change::Hidden => {
                        let file = self.files.get(*slot);
                        file.is_some_and(|file| !file.is_fresh) && !is_database(slot)
                    }
                    Change::Grown | Change::SameSize | Change::Fresh => is_free,
                }
            }
            Transition::Remove(slot) => self.files.contains_key(*slot) && !FIXED.contains(slot),
            Transition::RenameInCase { slot, .. } => self.files.contains_key(*slot),
            Transition::ItemLeaves(item) => self.items.contains_key(*item),
            Transition::RemoveFolder(_)
            | Transition::ChangeGuardian
            | Transition::ItemArrives(_) => true,
            Transition::Agent(action) => self.agent_can(action),
            Transition::Run { run, .. } => match run {
                Run::StageOnePass | Run::StageTwoPass | Run::Prove | Run::Queues => true,
                Run::Guardian => self.has_passed,
                Run::Lowercase { capital } => {
                    capital.is_none_or(|slot| self.copies.contains_key(slot))
                }
            },
        }
    }

    /// The files that the agent has made where the source has none yet.
    pub(super) fn contested(&self) -> Vec<&'static str> {
        let is_contested =
            |slot: &&str| self.copies.contains_key(*slot) && !self.files.contains_key(*slot);
        SLOTS.into_iter().filter(is_contested).collect()
    }

    /// Where the agent can make a file that the source may have some day.
    pub(super) fn free(&self) -> Vec<&'static str> {
        let is_free = |slot: &&'static str| self.agent_can(&Agent::Add(slot));
        SLOTS.into_iter().filter(is_free).collect()
    }

    fn agent_can(&self, action: &Agent) -> bool {
        match action {
            Agent::Touch { slot, .. } | Agent::Remove(slot) => self.copies.contains_key(*slot),
            // In a folder that is there, where nothing stands.
            Agent::Add(slot) | Agent::AddFolder(slot) => {
                let folder = slot.rsplit_once('/').map_or("", |(folder, _)| folder);
                self.has_passed
                    && self.copies.keys().any(|path| is_below(path, folder))
                    && !self
                        .copies
                        .keys()
                        .any(|path| path == slot || is_below(path, slot) || is_below(slot, path))
            }
            Agent::AddForeign(_) | Agent::AddItem(_) => true,
            Agent::TakeItem(item) | Agent::TouchItem(item) => self.queued.contains_key(*item),
        }
    }

    pub(super) fn apply(&mut self, transition: &Transition) {
        self.number += 1;
        match transition {
            Transition::Write(slot, change) => self.write(slot, *change),
            Transition::Remove(slot) => {
                self.files.remove(*slot);
            }
            Transition::RemoveFolder(folder) => {
                self.files.retain(|path, _| !is_below(path, folder));
            }
            Transition::RenameInCase { .. } | Transition::ChangeGuardian => {}
            Transition::ItemArrives(item) => {
                let bytes = self.bytes("item", 0);
                self.items.insert((*item).to_owned(), bytes);
            }
            Transition::ItemLeaves(item) => {
                self.items.remove(*item);
            }
            Transition::Agent(action) => self.act(action),
            Transition::Run { run, .. } => self.run(run),
        }
    }

    /// Content that nothing else has, with a length that is wanted at least.
    pub(super) fn bytes(&self, by: &str, length: usize) -> String {
        format!("{:.<length$}", format!("{by} {:06}", self.number))
    }

    fn write(&mut self, slot: &str, change: Change) {
        let before = self.files.get(slot).map_or(0, |file| file.bytes.len());
        let was_fresh = self.files.get(slot).is_some_and(|file| file.is_fresh);
        let bytes = match change {
            Change::OtherTimeOnly => self.files[slot].bytes.clone(),
            Change::Grown | Change::OtherSizeSameTime => self.bytes("source", before + 1),
            Change::SameSize | Change::Fresh | Change::SameSizeAndTime | Change::Hidden => {
                self.bytes("source", before)
            }
        };
        let is_fresh = match change {
            Change::Fresh => true,
            Change::SameSizeAndTime | Change::OtherSizeSameTime => was_fresh,
            Change::Grown | Change::SameSize | Change::OtherTimeOnly | Change::Hidden => false,
        };
        let stamp = match (change, self.files.get(slot)) {
            (Change::Hidden, Some(file)) => file.stamp,
            _ => self.number,
        };
        let file = SourceFile {
            bytes,
            is_fresh,
            stamp,
            version: self.number,
        };
        self.files.insert(slot.to_owned(), file);
    }

    fn act(&mut self, action: &Agent) {
        let theirs = Copy::theirs;
        match action {
            Agent::Touch { slot, .. } => {
                let bytes = self.bytes("agent", self.copies[*slot].bytes.len());
                self.copies.insert((*slot).to_owned(), theirs(bytes));
            }
            Agent::Remove(slot) => {
                self.copies.remove(*slot);
            }
            Agent::Add(slot) => {
                let bytes = self.bytes("agent", 0);
                self.copies.insert((*slot).to_owned(), theirs(bytes));
            }
            Agent::AddFolder(slot) => {
                let bytes = self.bytes("agent", 0);
                self.copies.insert(format!("{slot}/inner"), theirs(bytes));
            }
            Agent::AddForeign(folder) => {
                let bytes = self.bytes("agent", 0);
                let path = format!("{folder}/FOREIGN-{}.TXT", self.number);
                self.copies.insert(path, theirs(bytes));
            }
            Agent::TakeItem(item) => {
                self.queued.remove(*item);
            }
            Agent::TouchItem(item) => {
                let bytes = self.bytes("agent", 0);
                self.queued.insert((*item).to_owned(), bytes);
            }
            Agent::AddItem(queue) => {
                let bytes = self.bytes("agent", 0);
                let path = format!("{queue}/FOREIGN-{}", self.number);
                self.queued.insert(path, bytes);
            }
        }
    }

    fn run(&mut self, run: &Run) {
        match run {
            Run::StageOnePass | Run::StageTwoPass => self.pass(),
            Run::Lowercase { capital } => {
                if let Some(copy) = capital.and_then(|slot| self.copies.get_mut(slot)) {
                    // Renamed by somebody else: the time of its inode says so.
                    copy.is_ours = false;
                }
                self.copies = lower(std::mem::take(&mut self.copies));
                self.queued = lower(std::mem::take(&mut self.queued));
            }
            Run::Guardian => {}
            Run::Prove => self.prove(),
            Run::Queues => self.carry_queues(),
        }
    }

    /// ARCHITECTURE.md rules 2 and 5: the destination becomes equal; what is not ours and in nobody's place is kept.
    fn pass(&mut self) {
        let before = std::mem::take(&mut self.copies);
        for (path, copy) in before.clone() {
            let is_kept = if self.files.contains_key(&path) {
                !self.known.contains(&path)
            } else {
                !copy.is_ours
            };
            if is_kept {
                self.set_aside.push(copy.bytes);
            }
        }
        let copied = |(path, file): (&String, &SourceFile)| {
            let there = before
                .get(path)
                .filter(|_| self.known.contains(path))
                .filter(|copy| copy.is_current(file));
            let copy = there.cloned().unwrap_or_else(|| Copy {
                bytes: file.bytes.clone(),
                is_ours: true,
                stamp: (!file.is_fresh).then_some(file.stamp),
                proven: None,
            });
            (path.clone(), copy)
        };
        self.copies = self.files.iter().map(copied).collect();
        self.known = self.files.keys().cloned().collect();
        self.has_passed = true;
    }

    /// ARCHITECTURE.md rule 9: what is equal is proven, and what differs is copied again by the next pass.
    fn prove(&mut self) {
        for (path, copy) in &mut self.copies {
            let Some(file) = self.files.get(path).filter(|file| copy.is_current(file)) else {
                continue;
            };
            if is_database(path) {
                continue;
            }
            if copy.bytes == file.bytes {
                copy.proven = Some(file.version);
            } else {
                copy.stamp = None;
            }
        }
    }

    /// The files of which a seal finds the copy to be another, although nothing but its bytes tells.
    pub(super) fn hidden(&self) -> Vec<&str> {
        let differs = |(path, file): &(&String, &SourceFile)| {
            self.copies
                .get(*path)
                .is_none_or(|copy| copy.bytes != file.bytes)
        };
        let files = self.files.iter().filter(differs);
        files.map(|(path, _)| path.as_str()).collect()
    }

    /// What a seal does about them: the next pass copies them again.
    pub(super) fn doubt_hidden(&mut self) {
        let hidden: Vec<String> = self.hidden().into_iter().map(str::to_owned).collect();
        for path in hidden {
            if let Some(copy) = self.copies.get_mut(&path) {
                copy.stamp = None;
            }
        }
    }

    /// The most files that a seal may take as proven.
    pub(super) fn proven(&self) -> usize {
        let is_proven = |(path, file): &(&String, &SourceFile)| {
            let copy = self.copies.get(*path);
            copy.is_some_and(|copy| copy.is_ours && copy.proven == Some(file.version))
        };
        self.files.iter().filter(is_proven).count()
    }

    /// ARCHITECTURE.md rule 7: what stands at the source stands at the destination, and nothing else.
    fn carry_queues(&mut self) {
        for (path, bytes) in std::mem::take(&mut self.queued) {
            if self.carried.get(&path) != Some(&bytes) {
                self.set_aside.push(bytes);
            }
        }
        self.carried = self.items.clone();
        self.queued = self.items.clone();
    }
}

fn lower<T>(map: BTreeMap<String, T>) -> BTreeMap<String, T> {
    map.into_iter()
        .map(|(path, value)| (path.to_ascii_lowercase(), value))
        .collect()
}
