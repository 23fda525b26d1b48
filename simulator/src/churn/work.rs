//! The operations themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use cap_std::fs::Dir;
use postoffice::layout::{CopyRule, FileClass, FolderClass, classify_file, classify_folder};
use postoffice::names::RelativePath;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::{ChurnKind, ChurnOperation};
use crate::error::{SimulatorError, Tried};
use crate::placeholder::{Record, count_change, database, random_at, records};
use crate::random::{ATTACHMENTS, QUEUED, Sizes, USER_DATABASES, opaque_name};
use crate::{people, tree};

/// How many attachments are looked at for one with a letter in its name; most have one.
const RENAME_TRIES_MAX: usize = 1000;

/// A post office that is being changed.
///
/// Paths are kept by what they are, so that an operation costs the same in a post office of any size.
pub(super) struct Work<'a> {
    root: &'a Dir,
    time: SystemTime,
    pub(super) generator: ChaCha8Rng,
    files: BTreeMap<FileClass, Vec<RelativePath>>,
    databases: Vec<RelativePath>,
    folders: BTreeSet<RelativePath>,
    /// Every file in lower case: a source server says that a name exists whatever its case.
    taken: BTreeSet<Vec<u8>>,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        root: &'a Dir,
        time: SystemTime,
        generator: ChaCha8Rng,
    ) -> Result<Self, SimulatorError> {
        let mut work = Self {
            root,
            time,
            generator,
            files: BTreeMap::new(),
            databases: Vec::new(),
            folders: BTreeSet::new(),
            taken: BTreeSet::new(),
        };
        for entry in tree::entries(root)? {
            if entry.is_folder {
                work.folders.insert(entry.path);
            } else if entry.is_file {
                work.add(entry.path);
            }
        }
        Ok(work)
    }

    fn add(&mut self, path: RelativePath) {
        let class = classify_file(&path);
        let lower = path.as_bytes().to_ascii_lowercase();
        let locked = matches!(class.copy_rule(), CopyRule::UnderLock | CopyRule::AtomicSet);
        if locked && lower.ends_with(b".db") {
            self.databases.push(path.clone());
        }
        self.taken.insert(lower);
        self.files.entry(class).or_default().push(path);
    }

    pub(super) fn operate(&mut self, kind: ChurnKind) -> Result<ChurnOperation, SimulatorError> {
        let (path, other) = match kind {
            ChurnKind::NewBlob => (self.new_blob()?, None),
            ChurnKind::ChangedDatabase => (self.change_database(0)?, None),
            ChurnKind::GrownDatabase => (self.change_database(4096)?, None),
            ChurnKind::NewUser => self.new_user()?,
            ChurnKind::QueuedOut => (self.queue(b"wpcsin")?, None),
            ChurnKind::QueuedIn => (self.queue(b"wpcsout/ofs")?, None),
            ChurnKind::Consumed => (self.remove(FileClass::Queued)?, None),
            ChurnKind::PurgedBlob => (self.remove(FileClass::Blob)?, None),
            ChurnKind::RenamedCase => self.rename_case()?,
        };
        Ok(ChurnOperation { kind, path, other })
    }

    /// The index of one of so many things, or an error that says what a post office lacks.
    fn choose(&mut self, count: usize, what: &'static str) -> Result<usize, SimulatorError> {
        if count == 0 {
            let text = format!("The post office has no {what}");
            return Err(SimulatorError::Start { text });
        }
        Ok(self.generator.random_range(0..count))
    }

    /// Takes one file of a class out of the books.
    fn take(&mut self, class: FileClass) -> Result<RelativePath, SimulatorError> {
        let count = self.files.get(&class).map_or(0, Vec::len);
        let index = self.choose(count, "file of the kind to remove or rename")?;
        let path = self.files.entry(class).or_default().swap_remove(index);
        self.taken.remove(&path.as_bytes().to_ascii_lowercase());
        Ok(path)
    }

    fn folder(
        &mut self,
        wanted: impl Fn(&RelativePath) -> bool,
        what: &'static str,
    ) -> Result<RelativePath, SimulatorError> {
        let candidates = self.folders.iter().filter(|path| wanted(path));
        let folders: Vec<_> = candidates.cloned().collect();
        let index = self.choose(folders.len(), what)?;
        Ok(folders[index].clone())
    }

    fn new_file(
        &mut self,
        folder: &RelativePath,
        name: &str,
        bytes: &[u8],
    ) -> Result<RelativePath, SimulatorError> {
        let path = folder.join(name.as_bytes());
        let open = self.root.open_dir(tree::os(folder)).tried("open", folder)?;
        tree::write_new(&open, name.as_bytes(), bytes, self.time)?;
        self.add(path.clone());
        Ok(path)
    }

    fn opaque(
        &mut self,
        folder: &RelativePath,
        sizes: Sizes,
    ) -> Result<RelativePath, SimulatorError> {
        let mut name = opaque_name(&mut self.generator);
        while self.is_taken(folder, &name) {
            name = opaque_name(&mut self.generator);
        }
        let mut bytes = vec![0; sizes.draw(&mut self.generator)];
        self.generator.fill_bytes(&mut bytes);
        self.new_file(folder, &name, &bytes)
    }

    fn is_taken(&self, folder: &RelativePath, name: &str) -> bool {
        self.taken
            .contains(&folder.join(name.as_bytes()).as_bytes().to_ascii_lowercase())
    }

    fn new_blob(&mut self) -> Result<RelativePath, SimulatorError> {
        let is_blobs = |path: &RelativePath| classify_folder(path) == FolderClass::BlobFolder;
        let folder = self.folder(is_blobs, "folder for attachments")?;
        self.opaque(&folder, ATTACHMENTS)
    }

    fn queue(&mut self, queue: &[u8]) -> Result<RelativePath, SimulatorError> {
        let is_priority = |path: &RelativePath| {
            path.split().is_some_and(|(folder, name)| {
                folder.as_bytes().eq_ignore_ascii_case(queue) && matches!(name, [b'0'..=b'7'])
            })
        };
        let folder = self.folder(is_priority, "message queue")?;
        self.opaque(&folder, QUEUED)
    }

    fn remove(&mut self, class: FileClass) -> Result<RelativePath, SimulatorError> {
        let path = self.take(class)?;
        self.root
            .remove_file(tree::os(&path))
            .tried("remove", &path)?;
        Ok(path)
    }

    fn change_database(&mut self, grow_bytes: usize) -> Result<RelativePath, SimulatorError> {
        let index = self.choose(self.databases.len(), "database")?;
        let path = self.databases[index].clone();
        let mut bytes = tree::read(self.root, &path)?;
        let at = random_at(&bytes).ok_or_else(|| SimulatorError::NotAPlaceholder {
            path: path.to_string(),
        })?;
        count_change(&mut bytes);
        // A real agent writes a block or two.
        let end = bytes.len().min(at + 512);
        self.generator.fill_bytes(&mut bytes[at..end]);
        let old_bytes = bytes.len();
        bytes.resize(old_bytes + grow_bytes, 0);
        self.generator.fill_bytes(&mut bytes[old_bytes..]);
        tree::overwrite(self.root, &path, &bytes, self.time)?;
        Ok(path)
    }

    fn new_user(&mut self) -> Result<(RelativePath, Option<RelativePath>), SimulatorError> {
        let hosts = self.files.get(&FileClass::PostOfficeDatabase);
        let host = hosts
            .and_then(|hosts| hosts.first())
            .cloned()
            .unwrap_or_default();
        let old = tree::read(self.root, &host)?;
        let not_ours = || SimulatorError::NotAPlaceholder {
            path: host.to_string(),
        };
        let mut records = records(&old).ok_or_else(not_ours)?;
        let random_bytes = old.len() - random_at(&old).ok_or_else(not_ours)?;
        let fid = |record: &Record| match record {
            Record::User(user) => Some(user.fid.clone()),
            _ => None,
        };
        let mut taken = records.iter().filter_map(fid).collect();
        let user = people::user(&mut self.generator, 3, &mut taken);
        let is_users = |path: &RelativePath| classify_folder(path) == FolderClass::Users;
        let folder = self.folder(is_users, "folder for user databases")?;
        let random = USER_DATABASES.draw(&mut self.generator);
        let bytes = database(&mut self.generator, &[], random);
        let path = self.new_file(&folder, &format!("user{}.db", user.fid), &bytes)?;
        records.push(Record::User(user));
        let bytes = database(&mut self.generator, &records, random_bytes);
        tree::overwrite(self.root, &host, &bytes, self.time)?;
        Ok((path, Some(host)))
    }

    fn rename_case(&mut self) -> Result<(RelativePath, Option<RelativePath>), SimulatorError> {
        let mut old = self.take(FileClass::Blob)?;
        let has_letter = |path: &RelativePath| {
            let name = path.components().next_back().unwrap_or_default();
            name.iter().any(u8::is_ascii_alphabetic)
        };
        for _ in 0..RENAME_TRIES_MAX {
            if has_letter(&old) {
                break;
            }
            let other = self.take(FileClass::Blob)?;
            self.add(std::mem::replace(&mut old, other));
        }
        if !has_letter(&old) {
            let text = "No attachment has a letter in its name".to_owned();
            return Err(SimulatorError::Start { text });
        }
        let (folder, name) = old.split().unwrap_or_default();
        let lower = !name.iter().any(u8::is_ascii_uppercase);
        let name = if lower {
            name.to_ascii_uppercase()
        } else {
            name.to_ascii_lowercase()
        };
        let new = folder.join(&name);
        self.root
            .rename(tree::os(&old), self.root, tree::os(&new))
            .tried("rename", &old)?;
        self.add(new.clone());
        Ok((new, Some(old)))
    }
}
