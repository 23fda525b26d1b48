//! What a disk has after its power was lost: what was made durable, and of the rest as little as it likes.
//!
//! The worker is killed, and what it had not synced is undone before the next run.  The job store is left as it is, as if SQLite had
//! been lucky with all of it: then nothing in it may be about what is lost.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::kinds::Kind;
use super::tracer::Operation;
use crate::support::{Node, Site, look, set_modified};

/// Where a worker writes beside its store.
const TREES: [&str; 2] = ["destination", "job/quarantine"];

/// Entries by their paths from the root of a site.
type Nodes = BTreeMap<PathBuf, Node>;

/// What would be there if the power went now.
pub(super) struct Durable {
    root: PathBuf,
    nodes: Nodes,
    /// When the inodes of folders were made.
    born: BTreeMap<u64, SystemTime>,
}

impl Durable {
    /// Everything that is there before the worker begins; nothing where the power stays.
    pub(super) fn at_first(site: &Site, kind: Kind) -> Option<Self> {
        if !matches!(kind, Kind::ContentLost | Kind::NamesLost) {
            return None;
        }
        let mut durable = Self {
            root: site.root.clone(),
            nodes: Nodes::new(),
            born: BTreeMap::new(),
        };
        durable.sync_everything();
        Some(durable)
    }

    fn sync_everything(&mut self) {
        self.nodes = everything(&self.root);
        self.note_births();
    }

    fn note_births(&mut self) {
        for (path, node) in self.nodes.iter().filter(|(_, node)| node.is_folder) {
            let folder = self.root.join(path);
            if folder.is_dir() {
                self.born.insert(node.inode, born(&folder));
            }
        }
    }

    /// Hears of an operation that is about to happen.  What is synced counts as durable from then on.
    pub(super) fn hear(&mut self, operation: &Operation) {
        let path = &operation.path;
        if !TREES.iter().any(|tree| path.starts_with(tree)) {
            return;
        }
        match operation.number {
            libc::SYS_syncfs => self.sync_everything(),
            libc::SYS_fsync | libc::SYS_fdatasync => {
                let now = everything(&self.root);
                let is_folder = self.root.join(path).is_dir();
                if is_folder {
                    self.sync_folder(path, &now);
                } else {
                    // With it come the folders that hold it, as in any journal.
                    let durable = path.ancestors().filter_map(|path| now.get_key_value(path));
                    let durable = durable.map(|(path, node)| (path.clone(), node.clone()));
                    self.nodes.extend(durable);
                    self.note_births();
                }
            }
            _ => {}
        }
    }

    /// The names of a folder are durable; what is in its files is so only where it was synced itself.
    fn sync_folder(&mut self, folder: &Path, now: &Nodes) {
        let bytes = contents_of(&self.nodes);
        let is_in_it = |path: &Path| path.parent() == Some(folder);
        // What went is gone with all that was in it.
        self.nodes.retain(|path, _| {
            let entry = path.ancestors().find(|path| is_in_it(path));
            entry.is_none_or(|entry| now.contains_key(entry))
        });
        for (path, node) in now.iter().filter(|(path, _)| is_in_it(path)) {
            let durable = bytes.get(&node.inode).cloned().unwrap_or_default();
            let node = Node {
                bytes: durable,
                ..node.clone()
            };
            self.nodes.insert(path.clone(), node);
        }
        self.note_births();
    }

    /// Takes away what was not durable when a worker was killed.
    pub(super) fn lose_the_rest(&self, kind: Kind, site: &Site) {
        match kind {
            Kind::ContentLost => self.lose_content(site),
            Kind::NamesLost => self.lose_names(site),
            _ => {}
        }
    }

    /// All names are there, as a journal of metadata may have them; files whose bytes were not written out hold others, with the same
    /// size and times.
    fn lose_content(&self, site: &Site) {
        let durable = contents_of(&self.nodes);
        for (path, node) in everything(&self.root) {
            let kept = durable.get(&node.inode);
            if node.is_folder || kept == Some(&node.bytes) {
                continue;
            }
            let lost = kept.cloned().unwrap_or_else(|| vec![0; node.bytes.len()]);
            let file = self.root.join(&path);
            fs::write(&file, lost).unwrap();
            set_modified(&file, node.modified);
            believe(site, &[&path], &node, &file);
        }
    }

    /// No name is there that was not durable, and those that went are back.
    fn lose_names(&self, site: &Site) {
        let now = everything(&self.root);
        let lost = self.root.join("lost");
        fs::create_dir(&lost).unwrap();
        let stays = |path: &PathBuf| {
            let nodes = now.get(path).zip(self.nodes.get(path));
            nodes.is_some_and(|(now, durable)| now.inode == durable.inode)
        };
        // Where each file that lost its name is, and what that was.
        let mut nameless: BTreeMap<u64, (PathBuf, PathBuf)> = BTreeMap::new();
        let files = now.iter().filter(|(_, node)| !node.is_folder);
        for (path, node) in files.filter(|(path, _)| !stays(path)) {
            let aside = lost.join(nameless.len().to_string());
            fs::rename(self.root.join(path), &aside).unwrap();
            nameless.insert(node.inode, (aside, path.clone()));
        }
        self.lose_folders();
        for (path, node) in self.nodes.iter().filter(|(_, node)| !node.is_folder) {
            let file = self.root.join(path);
            let mut was = path.clone();
            if let Some((aside, name)) = nameless.remove(&node.inode) {
                was = name;
                if !stays(path) {
                    fs::rename(aside, &file).unwrap();
                }
            }
            if fs::read(&file).ok().as_ref() != Some(&node.bytes) {
                fs::write(&file, &node.bytes).unwrap();
                set_modified(&file, node.modified);
            }
            believe(site, &[path, &was], node, &file);
        }
        fs::remove_dir_all(&lost).unwrap();
    }

    /// Folders that went or were renamed are back, with the inodes that they had where there still are such; those that came are gone.
    fn lose_folders(&self) {
        for (path, node) in self.nodes.iter().filter(|(_, node)| node.is_folder) {
            let folder = self.root.join(path);
            if folder.is_dir() {
                continue;
            }
            // The number of an inode that went may be that of a newer one by now.
            let is_it = |(path, now): &(&PathBuf, &Node)| {
                now.inode == node.inode && born(&self.root.join(path)) == self.born[&node.inode]
            };
            match everything(&self.root).iter().find(is_it) {
                Some((renamed, _)) => fs::rename(self.root.join(renamed), &folder).unwrap(),
                None => fs::create_dir(&folder).unwrap(),
            }
        }
        // Deeper ones first.
        for (path, _) in everything(&self.root).iter().rev() {
            let is_durable = self.nodes.keys().any(|durable| durable.starts_with(path));
            if !is_durable {
                fs::remove_dir(self.root.join(path)).unwrap();
            }
        }
    }
}

fn born(folder: &Path) -> SystemTime {
    fs::metadata(folder).unwrap().created().unwrap()
}

/// What is in files, by their inodes.
fn contents_of(nodes: &Nodes) -> BTreeMap<u64, Vec<u8>> {
    let files = nodes.values().filter(|node| !node.is_folder);
    files.map(|node| (node.inode, node.bytes.clone())).collect()
}

/// Everything that is there now.
fn everything(root: &Path) -> Nodes {
    let mut nodes = Nodes::new();
    for tree in TREES.map(Path::new) {
        if root.join(tree).is_dir() {
            let found = look(&root.join(tree)).into_iter();
            nodes.extend(found.map(|(path, node)| {
                let below = tree.join(std::ffi::OsStr::from_bytes(&path));
                (below, node)
            }));
        }
    }
    nodes
}

/// Puts into the store, where it knows a file as it was, the inode that it has now: a disk that lost its power changes none, and this
/// test had to.
fn believe(site: &Site, paths: &[&PathBuf], was: &Node, file: &Path) {
    let now = fs::metadata(file).unwrap();
    for path in paths {
        if let Ok(path) = path.strip_prefix(TREES[0]) {
            site.believe_inode(path, (was.inode, was.changed), &now);
        }
    }
}
