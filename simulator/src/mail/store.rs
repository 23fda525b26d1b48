//! Finding and reading mailboxes, messages and blobs.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use cap_std::fs::Dir;
use postoffice::flaim::{CheckOptions, MemoryFileSet, check};
use postoffice::names::{RelativePath, printable};

use super::render::{PartContents, Rendered, render};
use crate::database::{self, failed};
use crate::error::{MailError, SimulatorError, Tried};
use crate::model::{BlobReference, Mailbox, Message, Messages, Part, Pointer, PostOffice, User};
use crate::tree;

/// How names are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameLookup {
    /// As on the source server: in any case; where there are several, the one in lower case.
    AnyCase,
    /// As on Linux: in lower case alone.
    Exact,
}

/// The message store of one post office.
#[derive(Debug)]
pub struct MailStore {
    root: Dir,
    lookup: NameLookup,
}

impl MailStore {
    /// The message store below a post office's folder.
    pub fn new(root: Dir, lookup: NameLookup) -> Self {
        Self { root, lookup }
    }

    /// A reader.  It remembers what it has read, so it lives as long as one look at the store and no longer.
    pub fn reader(&self) -> MailReader<'_> {
        MailReader {
            store: self,
            listings: BTreeMap::new(),
            messages: BTreeMap::new(),
            checks: false,
        }
    }
}

/// The names in a folder by their lower-case form.
type Listing = BTreeMap<Vec<u8>, Vec<u8>>;

/// One look at a message store.
#[derive(Debug)]
pub struct MailReader<'a> {
    store: &'a MailStore,
    listings: BTreeMap<RelativePath, Listing>,
    messages: BTreeMap<u8, BTreeMap<u32, Message>>,
    checks: bool,
}

/// A database that was read, and where it is.
pub(super) struct Loaded<T> {
    pub(super) control: RelativePath,
    pub(super) files: MemoryFileSet,
    pub(super) content: T,
}

impl MailReader<'_> {
    /// The same, but every database is checked as a whole when it is read.
    #[must_use]
    pub fn with_checks(mut self) -> Self {
        self.checks = true;
        self
    }

    /// The users of the post office.
    pub fn users(&mut self) -> Result<Vec<User>, SimulatorError> {
        Ok(self.post_office()?.content.users)
    }

    /// The mailbox of a user.
    pub fn mailbox(&mut self, fid: &str) -> Result<Mailbox, SimulatorError> {
        Ok(self.mailbox_files(fid)?.content)
    }

    /// The message to which a pointer leads; `fid` names its user.
    pub fn message(&mut self, fid: &str, pointer: &Pointer) -> Result<Message, SimulatorError> {
        if !self.messages.contains_key(&pointer.database) {
            let found = self.messages_files(pointer.database)?;
            let messages = found.content.messages.into_iter();
            let by_number = messages.map(|message| (message.number, message)).collect();
            self.messages.insert(pointer.database, by_number);
        }
        let found = self.messages.get(&pointer.database);
        let found = found.and_then(|messages| messages.get(&pointer.message));
        found.cloned().ok_or_else(|| {
            MailError::PointerLeadsNowhere {
                path: user_database(fid),
                pointer: pointer.number,
                database: message_database(pointer.database),
                message: pointer.message,
            }
            .into()
        })
    }

    /// A message as the bytes that a client gets, every part of it read and compared with what its record says.
    pub fn rendered(&mut self, message: &Message) -> Result<Rendered, SimulatorError> {
        let attachment = message.attachment.as_ref().map(|file| &file.content);
        let contents = PartContents {
            recipients: self.part(message, &message.recipients)?,
            body: self.part(message, &message.body)?,
            attachment: attachment
                .map(|part| self.part(message, part))
                .transpose()?,
        };
        Ok(render(message, &contents)?)
    }

    /// The bytes of a part.
    fn part(&mut self, message: &Message, part: &Part) -> Result<Vec<u8>, SimulatorError> {
        match part {
            Part::Inline(bytes) => Ok(bytes.clone()),
            Part::Blob(blob) => self.blob(message, blob),
        }
    }

    fn blob(&mut self, message: &Message, blob: &BlobReference) -> Result<Vec<u8>, SimulatorError> {
        let path = blob.path();
        let differs = |what| MailError::BlobDiffers {
            message: message.id.clone(),
            path: path.clone(),
            what,
        };
        let found = self.find(&path)?.ok_or_else(|| MailError::BlobMissing {
            message: message.id.clone(),
            path: path.clone(),
        })?;
        let metadata = self.store.root.symlink_metadata(tree::as_path(&found));
        if metadata.tried("look at", &found)?.len() != blob.bytes {
            return Err(differs("size").into());
        }
        let bytes = tree::read(&self.store.root, &found)?;
        if *blake3::hash(&bytes).as_bytes() != blob.digest {
            return Err(differs("digest").into());
        }
        Ok(bytes)
    }

    pub(super) fn post_office(&mut self) -> Result<Loaded<PostOffice>, SimulatorError> {
        self.database("wphost.db", database::read_post_office)
    }

    pub(super) fn mailbox_files(&mut self, fid: &str) -> Result<Loaded<Mailbox>, SimulatorError> {
        self.database(&user_database(fid), database::read_mailbox)
    }

    pub(super) fn messages_files(
        &mut self,
        number: u8,
    ) -> Result<Loaded<Messages>, SimulatorError> {
        self.database(&message_database(number), database::read_messages)
    }

    fn database<T>(
        &mut self,
        lower: &str,
        read: impl FnOnce(&MemoryFileSet, &RelativePath) -> Result<T, SimulatorError>,
    ) -> Result<Loaded<T>, SimulatorError> {
        let control = self.control(lower)?;
        let files = database::load(&self.store.root, &control)?;
        if self.checks {
            let report = check(&files, CheckOptions::default()).map_err(failed(&control))?;
            if let Some(finding) = report.findings.first() {
                let (path, finding) = (control.to_string(), format!("{finding:?}"));
                return Err(MailError::Damaged { path, finding }.into());
            }
        }
        let content = read(&files, &control)?;
        Ok(Loaded {
            control,
            files,
            content,
        })
    }

    /// The control file with this lower-case path.
    pub(super) fn control(&mut self, lower: &str) -> Result<RelativePath, SimulatorError> {
        self.find(lower)?.ok_or_else(|| {
            let path = printable(lower.as_bytes());
            MailError::Missing { path }.into()
        })
    }

    /// The file or folder with this lower-case path, under the name that it has.
    pub(super) fn find(&mut self, lower: &str) -> Result<Option<RelativePath>, SimulatorError> {
        let Some(wanted) = RelativePath::from_bytes(lower.as_bytes()) else {
            return Ok(None);
        };
        if self.store.lookup == NameLookup::Exact {
            let there = self
                .store
                .root
                .symlink_metadata(tree::as_path(&wanted))
                .is_ok();
            return Ok(there.then_some(wanted));
        }
        let mut path = RelativePath::root();
        for name in wanted.components() {
            let Some(found) = self.listing(&path)?.get(name) else {
                return Ok(None);
            };
            path = path.join(found);
        }
        Ok(Some(path))
    }

    fn listing(&mut self, folder: &RelativePath) -> Result<&Listing, SimulatorError> {
        if !self.listings.contains_key(folder) {
            let names = match tree::names(&self.store.root, folder) {
                // Something else of that name; the path then leads nowhere.
                Err(SimulatorError::Io { source, .. })
                    if source.kind() == io::ErrorKind::NotADirectory =>
                {
                    Vec::new()
                }
                names => names?,
            };
            let mut listing = Listing::new();
            for name in names {
                // Names come sorted, and small letters behind capitals: the one in lower case is the last of several.
                listing.insert(name.to_ascii_lowercase(), name);
            }
            self.listings.insert(folder.clone(), listing);
        }
        Ok(self.listings.entry(folder.clone()).or_default())
    }

    pub(super) fn root(&self) -> &Dir {
        &self.store.root
    }

    /// The numbers of the message databases that there are.
    pub fn message_databases(&mut self) -> Result<Vec<u8>, SimulatorError> {
        let Some(folder) = self.find("ofmsg")? else {
            return Ok(Vec::new());
        };
        let names = self.listing(&folder)?.keys();
        let numbers = names.filter_map(|name| {
            let number = name.strip_prefix(b"msg")?.strip_suffix(b".db")?;
            std::str::from_utf8(number).ok()?.parse().ok()
        });
        Ok(numbers.collect())
    }
}

/// The lower-case path of a user's database.
pub(super) fn user_database(fid: &str) -> String {
    format!("ofuser/user{}.db", fid.to_ascii_lowercase())
}

/// The lower-case path of a message database.
pub(super) fn message_database(number: u8) -> String {
    format!("ofmsg/msg{number}.db")
}

/// The lower-case paths of all blobs to which messages refer.
pub(crate) fn referenced_blobs(root: &Dir) -> Result<BTreeSet<Vec<u8>>, SimulatorError> {
    let root = root.try_clone().tried("open", &RelativePath::root())?;
    let store = MailStore::new(root, NameLookup::AnyCase);
    let mut reader = store.reader();
    let mut found = BTreeSet::new();
    for number in reader.message_databases()? {
        let messages = reader.messages_files(number)?.content.messages;
        let blobs = messages.iter().flat_map(Message::blobs);
        found.extend(blobs.map(|blob| blob.path().into_bytes()));
    }
    Ok(found)
}
