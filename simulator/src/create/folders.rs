//! The folders of a tree that is planned, and what each holds.

use std::collections::BTreeMap;
use std::sync::Arc;

use postoffice::flaim::MemoryFileSet;
use postoffice::names::RelativePath;

use crate::database::StoreSize;
use crate::model::{Mailbox, Message, NameCase};
use crate::random::{ATTACHMENTS, Sizes, generator};

/// What a file holds.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// A database with such a number of items.
    Store(StoreSize),
    /// The database of a user.
    Mailbox(Arc<Mailbox>),
    /// A message database.
    Messages(Arc<Vec<Message>>),
    /// A database that is made already, shared among its copies.
    Database(Arc<MemoryFileSet>),
    /// Random bytes of such a size.
    Random(Sizes),
}

impl Content {
    /// Whether it is a database.
    pub(super) fn is_database(&self) -> bool {
        !matches!(self, Self::Bytes(_) | Self::Random(_))
    }

    /// How many files it is.
    fn file_count(&self) -> usize {
        match self {
            Self::Bytes(_) | Self::Random(_) => 1,
            // The control file and one data file: those that are made while the tree is written stay small.
            Self::Store(_) | Self::Mailbox(_) | Self::Messages(_) => 2,
            Self::Database(files) => files.iter().count(),
        }
    }
}

/// A file with a name of its own; for a database, its control file.
#[derive(Debug, Clone)]
pub(super) struct NamedFile {
    /// The name, lower case unless it is `exact`.
    pub(super) name: String,
    /// Whether the name is used as it is, whatever the case of the post office.
    pub(super) exact: bool,
    pub(super) content: Content,
}

impl NamedFile {
    pub(super) fn new(name: impl Into<String>, content: Content) -> Self {
        Self {
            name: name.into(),
            exact: false,
            content,
        }
    }

    pub(super) fn exact(name: impl Into<String>, content: Content) -> Self {
        Self {
            name: name.into(),
            exact: true,
            content,
        }
    }
}

/// One folder and what it holds.
#[derive(Debug, Clone)]
pub(super) struct FolderPlan {
    /// The path as it is on the disk.
    pub(super) path: RelativePath,
    /// The lower-case path, from which the folder's generators are derived.
    pub(super) label: String,
    /// The case of the names in it.
    pub(super) case: NameCase,
    /// The files with names of their own.
    pub(super) named: Vec<NamedFile>,
    /// How many files with opaque names it has.
    pub(super) opaque: usize,
    /// How large those are.
    pub(super) opaque_sizes: Sizes,
}

impl FolderPlan {
    fn new(path: RelativePath, label: &str, case: NameCase) -> Self {
        let (label, named) = (label.to_owned(), Vec::new());
        Self {
            path,
            label,
            case,
            named,
            opaque: 0,
            opaque_sizes: ATTACHMENTS,
        }
    }

    /// The name that a file of this folder has.
    pub(super) fn name_of(&self, seed: u64, file: &NamedFile) -> String {
        if file.exact {
            file.name.clone()
        } else {
            self.on_disk_name(seed, &file.name)
        }
    }

    /// The name that a file with this lower-case name has here.
    pub(super) fn on_disk_name(&self, seed: u64, name: &str) -> String {
        let label = format!("name of {}/{name}", self.label);
        self.case
            .apply(&mut generator(seed, label.as_bytes()), name)
    }

    fn file_count(&self) -> usize {
        let named = self.named.iter().map(|file| file.content.file_count());
        named.sum::<usize>() + self.opaque
    }
}

/// The folders of one tree, by their lower-case path.
pub(super) struct TreePlan {
    seed: u64,
    case: NameCase,
    by_label: BTreeMap<String, FolderPlan>,
}

impl TreePlan {
    pub(super) fn new(seed: u64, case: NameCase) -> Self {
        let root = FolderPlan::new(RelativePath::root(), "", case);
        Self {
            seed,
            case,
            by_label: BTreeMap::from([(String::new(), root)]),
        }
    }

    /// The folder of this lower-case path, made with its parents where it is not there yet.
    pub(super) fn at(&mut self, label: &str) -> &mut FolderPlan {
        let path = if let Some(folder) = self.by_label.get(label) {
            folder.path.clone()
        } else {
            let (parent, name) = label.rsplit_once('/').unwrap_or(("", label));
            let name = self.on_disk(label, name);
            self.at(parent).path.join(name.as_bytes())
        };
        let case = self.case;
        self.by_label
            .entry(label.to_owned())
            .or_insert_with(|| FolderPlan::new(path, label, case))
    }

    fn on_disk(&self, label: &str, name: &str) -> String {
        // The names that made trouble at real sites keep the spelling that made it.
        let trap = match label {
            "offiles/fdf6" => Some("fdF6"),
            "gwdms/lib000a" => Some("LIB000A"),
            "gwdms/lib002f" => Some("lib002F"),
            _ if label == "fdf6" || label.ends_with("/docs/fdf6") => Some("fdF6"),
            _ if label.ends_with("/archive/a000000") => Some("A000000"),
            _ => None,
        };
        match (self.case, trap) {
            (NameCase::Mixed, Some(name)) => name.to_owned(),
            (case, _) => {
                let mut generator = generator(self.seed, format!("folder {label}").as_bytes());
                case.apply(&mut generator, name)
            }
        }
    }

    pub(super) fn file_count(&self) -> usize {
        self.by_label.values().map(FolderPlan::file_count).sum()
    }

    /// The folders with their lower-case paths, parents first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &FolderPlan> {
        self.by_label.values()
    }

    /// What everything is derived from.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    pub(super) fn finish(self) -> Vec<FolderPlan> {
        self.by_label.into_values().collect()
    }
}
