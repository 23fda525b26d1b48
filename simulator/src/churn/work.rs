//! The operations themselves.

use std::collections::{BTreeMap, BTreeSet};

use cap_std::fs::Dir;
use postoffice::layout::{CopyRule, FileClass, FolderClass, classify_file, classify_folder};
use postoffice::names::RelativePath;
use rand::{Rng, RngExt};
use rand_chacha::ChaCha8Rng;

use super::{ChurnKind, ChurnOperation};
use crate::database::{Edit, Writer};
use crate::error::{SimulatorError, Tried};
use crate::mail::{self, MailChange, NewUser};
use crate::model::MailEvent;
use crate::random::{ATTACHMENTS, QUEUED, Sizes, opaque_name};
use crate::{fake_data, tree};

/// How much a database grows at once, in bytes.
const GROWTH_BYTES: usize = 8192;

/// How many attachments are looked at for one with a letter in its name; most have one.
const RENAME_TRIES_MAX: usize = 1000;

/// The file that an operation is about, and what else it changed.
pub(super) type Changed = (RelativePath, Vec<RelativePath>);

fn lower(path: &RelativePath) -> Vec<u8> {
    path.as_bytes().to_ascii_lowercase()
}

/// A post office that is being changed.
///
/// Paths are kept by what they are, so that an operation costs the same in a post office of any size.
pub(crate) struct Work<'a> {
    pub(super) root: &'a Dir,
    pub(crate) writer: Writer,
    pub(crate) generator: ChaCha8Rng,
    files: BTreeMap<FileClass, Vec<RelativePath>>,
    pub(crate) databases: Vec<RelativePath>,
    folders: BTreeSet<RelativePath>,
    /// Every file in lower case: a source server says that a name exists whatever its case.
    taken: BTreeSet<Vec<u8>>,
    /// What became of messages in the operation that is being done.
    pub(super) events: Vec<MailEvent>,
}

impl<'a> Work<'a> {
    /// The post office below `root` as it is now.
    pub(crate) fn new(
        root: &'a Dir,
        writer: Writer,
        generator: ChaCha8Rng,
    ) -> Result<Self, SimulatorError> {
        let mut work = Self {
            root,
            writer,
            generator,
            files: BTreeMap::new(),
            databases: Vec::new(),
            folders: BTreeSet::new(),
            taken: BTreeSet::new(),
            events: Vec::new(),
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

    pub(super) fn add(&mut self, path: RelativePath) {
        let class = classify_file(&path);
        let lower = path.as_bytes().to_ascii_lowercase();
        let locked = matches!(class.copy_rule(), CopyRule::UnderLock | CopyRule::AtomicSet);
        if locked && lower.ends_with(b".db") {
            self.databases.push(path.clone());
        }
        self.taken.insert(lower);
        self.files.entry(class).or_default().push(path);
    }

    /// Does one operation to its end.
    ///
    /// # Errors
    /// What it met; [`SimulatorError::Lacks`] where the post office has nothing that it could be done with.
    pub(crate) fn operate(&mut self, kind: ChurnKind) -> Result<ChurnOperation, SimulatorError> {
        let (path, others) = match kind {
            ChurnKind::NewBlob => (self.new_blob()?, Vec::new()),
            ChurnKind::ChangedDatabase => self.change_database(0)?,
            ChurnKind::GrownDatabase => self.change_database(GROWTH_BYTES)?,
            ChurnKind::NewUser => self.new_user()?,
            ChurnKind::QueuedOut => (self.queue(b"wpcsin")?, Vec::new()),
            ChurnKind::QueuedIn => (self.queue(b"wpcsout/ofs")?, Vec::new()),
            ChurnKind::Consumed => (self.remove(FileClass::Queued)?, Vec::new()),
            ChurnKind::PurgedBlob => (self.purge_blob()?, Vec::new()),
            ChurnKind::RenamedCase => self.rename_case()?,
            ChurnKind::DeliveredMail => self.deliver_mail()?,
            ChurnKind::SentMail => self.send_mail()?,
            ChurnKind::ReadMail => self.read_mail()?,
            ChurnKind::MovedMail => self.move_mail()?,
            ChurnKind::PurgedMail => self.purge_mail()?,
            ChurnKind::NewMessageDatabase => self.new_message_database()?,
        };
        let mail = std::mem::take(&mut self.events);
        Ok(ChurnOperation {
            kind,
            path,
            others,
            mail,
        })
    }

    /// The index of one of so many things, or an error that says what a post office lacks.
    pub(crate) fn choose(
        &mut self,
        count: usize,
        what: &'static str,
    ) -> Result<usize, SimulatorError> {
        if count == 0 {
            return Err(SimulatorError::Lacks { what });
        }
        Ok(self.generator.random_range(0..count))
    }

    /// Takes the first such file of a class out of the books.
    pub(super) fn take_where(
        &mut self,
        class: FileClass,
        is_wanted: impl Fn(&RelativePath) -> bool,
    ) -> Option<RelativePath> {
        let files = self.files.get_mut(&class)?;
        let index = files.iter().position(is_wanted)?;
        let path = files.swap_remove(index);
        self.taken.remove(&lower(&path));
        Some(path)
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
        let open = self
            .root
            .open_dir(tree::as_path(folder))
            .tried("open", folder)?;
        tree::write_new(&open, name.as_bytes(), bytes, self.writer.mode())?;
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

    pub(super) fn queue(&mut self, queue: &[u8]) -> Result<RelativePath, SimulatorError> {
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
            .remove_file(tree::as_path(&path))
            .tried("remove", &path)?;
        Ok(path)
    }

    /// Lets the agent take notes in a database; the first file that changed comes first.
    fn change_database(&mut self, grow_bytes: usize) -> Result<Changed, SimulatorError> {
        let index = self.choose(self.databases.len(), "database")?;
        let control = self.databases[index].clone();
        let by = match grow_bytes {
            0 => Edit::Note,
            bytes => Edit::Grow(bytes),
        };
        let mut changed = self.writer.edit(self.root, &control, by)?;
        // Data files come first, and they are what grows.
        let path = changed.remove(0);
        Ok((path, changed))
    }

    /// A user with a new mailbox, a record in the post office database, and an entry in the guardian's catalogue.
    fn new_user(&mut self) -> Result<Changed, SimulatorError> {
        let store = self.store()?;
        let mut reader = store.reader();
        let users = reader.users()?;
        let mut taken = users.iter().map(|user| user.fid.clone()).collect();
        let user = fake_data::user(&mut self.generator, 3, &mut taken);
        let databases = reader.message_databases()?;
        let index = self.choose(databases.len(), "message database")?;
        let new = NewUser {
            user,
            seed: self.generator.random(),
            send_database: databases[index],
        };
        let changes = mail::new_user(&mut reader, &new)?;
        self.made_database(&changes)
    }

    /// A message database with the lowest number that is free, and its entry in the guardian's catalogue.
    fn new_message_database(&mut self) -> Result<Changed, SimulatorError> {
        let store = self.store()?;
        let mut reader = store.reader();
        let taken = reader.message_databases()?;
        let free = (0..=u8::MAX).find(|number| !taken.contains(number));
        let number = free.ok_or(SimulatorError::Lacks {
            what: "number left for a message database",
        })?;
        let changes = mail::new_database(&mut reader, number, self.generator.random())?;
        self.made_database(&changes)
    }

    /// Writes changes that begin with a new database; that comes first in what changed.
    fn made_database(&mut self, changes: &[MailChange]) -> Result<Changed, SimulatorError> {
        let changed = self.write_mail(changes)?;
        let Some(MailChange::NewDatabase { control, .. }) = changes.first() else {
            return Err(SimulatorError::Lacks {
                what: "new database",
            });
        };
        let others = changed.into_iter().filter(|path| path != control);
        Ok((control.clone(), others.collect()))
    }

    /// Removes an attachment to which no message refers: that of a message that was purged.
    fn purge_blob(&mut self) -> Result<RelativePath, SimulatorError> {
        let referenced = mail::referenced_blobs(self.root)?;
        let mut kept = Vec::new();
        let mut path = self.take(FileClass::Blob)?;
        while referenced.contains(&lower(&path)) {
            kept.push(path);
            path = self.take(FileClass::Blob)?;
        }
        for path in kept {
            self.add(path);
        }
        let removed = self.root.remove_file(tree::as_path(&path));
        removed.tried("remove", &path)?;
        Ok(path)
    }

    fn rename_case(&mut self) -> Result<Changed, SimulatorError> {
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
            return Err(SimulatorError::Lacks {
                what: "attachment with a letter in its name",
            });
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
            .rename(tree::as_path(&old), self.root, tree::as_path(&new))
            .tried("rename", &old)?;
        self.add(new.clone());
        Ok((new, vec![old]))
    }
}
