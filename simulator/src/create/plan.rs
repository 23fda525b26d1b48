//! Which folder holds what.

use std::collections::BTreeMap;
use std::sync::Arc;

use postoffice::flaim::{MemoryFileSet, Version};
use postoffice::layout::{BLOB_FOLDER_LAST, folder_skeleton};
use postoffice::names::RelativePath;
use rand::RngExt;

use super::{
    CreateOptions, NameCase, SMALL_ATTACHMENTS_FROM, catalogue, contents, mail, startup, write,
};
use crate::database::{Library, PostOffice, StoreSize, create_post_office, failed, version};
use crate::error::SimulatorError;
use crate::mail::{Mailbox, Message, Truth};
use crate::people;
use crate::random::{ATTACHMENTS, SMALL_ATTACHMENTS, Sizes, generator};

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
pub(super) struct Folder {
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

impl Folder {
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

    fn file_count(&self) -> usize {
        let named = self.named.iter().map(|file| file.content.file_count());
        named.sum::<usize>() + self.opaque
    }
}

/// A whole post office.
pub(super) struct Plan {
    pub(super) post_office: String,
    pub(super) users: usize,
    pub(super) startup_file: String,
    /// The version of the databases.
    pub(super) version: Version,
    pub(super) folders: Vec<Folder>,
    pub(super) documents: Vec<Folder>,
    /// Who has which messages.
    pub(super) truth: Truth,
}

/// The folders of one tree, by their lower-case path.
pub(super) struct Folders {
    seed: u64,
    case: NameCase,
    by_label: BTreeMap<String, Folder>,
}

impl Folders {
    fn new(seed: u64, case: NameCase) -> Self {
        let root = Folder::new(RelativePath::root(), "", case);
        Self {
            seed,
            case,
            by_label: BTreeMap::from([(String::new(), root)]),
        }
    }

    /// The folder of this lower-case path, made with its parents where it is not there yet.
    pub(super) fn at(&mut self, label: &str) -> &mut Folder {
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
            .or_insert_with(|| Folder::new(path, label, case))
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

    fn file_count(&self) -> usize {
        self.by_label.values().map(Folder::file_count).sum()
    }

    /// The folders with their lower-case paths, parents first.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Folder> {
        self.by_label.values()
    }

    /// What everything is derived from.
    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    fn finish(self) -> Vec<Folder> {
        self.by_label.into_values().collect()
    }
}

/// Everything that a post office holds.
pub(super) fn post_office(options: &CreateOptions) -> Result<Plan, SimulatorError> {
    let version = version(options.seed);
    let mut generator = generator(options.seed, b"post office");
    let name = startup::post_office_name(&mut generator);
    let users = people::users(&mut generator, (options.files / 40).clamp(12, 1500));
    let mut folders = Folders::new(options.seed, options.case);
    for folder in folder_skeleton() {
        folders.at(&String::from_utf8_lossy(folder.as_bytes()));
    }
    let library_documents = options.files / 20;
    let libraries = libraries(options, &mut folders);
    for (folder, documents) in &libraries {
        let count = if documents.is_some() {
            0
        } else {
            library_documents / 2
        };
        contents::library(&mut folders, &mut generator, folder, count);
    }
    let content = PostOffice {
        name: name.clone(),
        users: users.clone(),
        libraries: described(&mut folders, &libraries),
    };
    let path = RelativePath::root().join(b"wphost.db");
    let host = create_post_office(version, &content).map_err(failed(&path))?;
    contents::root(&mut folders, Content::Database(Arc::new(host)));
    let startup_file = startup::add(&mut folders, &name);
    contents::users(&mut folders, &mut generator, &users, options.case);
    contents::messages(&mut folders);
    let mail = mail::mail(options, &name, &users, (options.files / 400).clamp(5, 255))?;
    let truth = mail.truth(&users);
    mail.add(&mut folders, &users);
    contents::queues(&mut folders, &mut generator, options.files / 200);
    let guardian = catalogue::guardian(&folders, &users, version, options.guardian)?;
    contents::guardian(&mut folders, &guardian);
    blobs(options, &mut folders);
    let mut outside = Folders::new(options.seed, options.case);
    contents::documents(&mut outside, &mut generator, "", library_documents.max(20));
    Ok(Plan {
        post_office: name,
        users: users.len(),
        version,
        startup_file: write::on_disk_name(options.seed, folders.at(""), &startup_file),
        folders: folders.finish(),
        documents: outside.finish(),
        truth,
    })
}

/// The libraries by their lower-case folder, each with its document storage area if that is outside.
fn libraries(options: &CreateOptions, folders: &mut Folders) -> Vec<(String, Option<String>)> {
    let outside = options
        .documents
        .as_ref()
        .map(|_| "\\\\NW1\\DOCS\\LIB0001".to_owned());
    let mut libraries = vec![("lib000a".to_owned(), None), ("lib002f".to_owned(), None)];
    if outside.is_some() {
        libraries.push(("lib0001".to_owned(), outside));
    }
    for (folder, _) in &libraries {
        folders.at(&format!("gwdms/{folder}"));
    }
    libraries
}

/// The libraries as the post office database has them.
fn described(folders: &mut Folders, libraries: &[(String, Option<String>)]) -> Vec<Library> {
    let libraries = libraries.iter();
    libraries
        .map(|(label, documents)| {
            let path = &folders.at(&format!("gwdms/{label}")).path;
            let name = path.components().next_back().unwrap_or_default();
            Library {
                folder: String::from_utf8_lossy(name).into_owned(),
                documents: documents.clone(),
            }
        })
        .collect()
}

/// Fills the post office up to its number of files with attachments of messages that are gone, scattered over their
/// folders.
fn blobs(options: &CreateOptions, folders: &mut Folders) {
    let mut generator = generator(options.seed, b"attachments");
    let sizes = if options.files < SMALL_ATTACHMENTS_FROM {
        ATTACHMENTS
    } else {
        SMALL_ATTACHMENTS
    };
    let missing = options.files.saturating_sub(folders.file_count());
    for number in 0..missing {
        // The last folder must never be empty: it is the one whose name has a capital at real sites.
        let folder = match number {
            0 => BLOB_FOLDER_LAST,
            _ => generator.random_range(0..=BLOB_FOLDER_LAST),
        };
        let folder = folders.at(&format!("offiles/fd{folder:x}"));
        folder.opaque += 1;
        folder.opaque_sizes = sizes;
    }
}
