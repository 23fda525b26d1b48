//! Who gets which messages, all of it computed before anything is written.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::RngExt;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use super::CreateOptions;
use super::folders::{Content, NamedFile, TreePlan};
use crate::error::SimulatorError;
use crate::fake_data;
use crate::mail::{Composed, compose, default_folders, digest_text, password, render};
use crate::model::{
    Address, AttachedFile, BLOB_BYTES_MIN, Draft, Folder, FolderTruth, INBOX, Mailbox, Message,
    MessageTruth, Pointer, SENT_ITEMS, Truth, User,
};
use crate::random::{Sizes, generator, modified_seconds};

/// How many messages there are for each user.
const MESSAGES_PER_USER: usize = 20;

/// One in so many files at most is a blob of a message; the others belong to messages that were purged.
const FILES_PER_BLOB: usize = 6;

/// How long a list of recipients is that makes everybody's mail a blob.
const RECIPIENTS_MAX: usize = 60;

/// Attachments that stay in the record.
const INLINE_ATTACHMENTS: Sizes = Sizes::new(256, &[40, 40]);
/// Attachments that become blobs; far below a megabyte, so that making many is cheap.
const BLOB_ATTACHMENTS: Sizes = Sizes::new(2048, &[45, 30, 15, 10]);

/// All mail of a post office.
pub(super) struct MailPlan {
    /// The mailboxes, in the order of the users.
    mailboxes: Vec<Mailbox>,
    /// The messages of each message database.
    databases: Vec<Vec<Message>>,
    /// The lower-case path and the bytes of each blob.
    blobs: Vec<(String, Vec<u8>)>,
    truth: Vec<MessageTruth>,
}

/// A message and where it goes.
struct Sending {
    draft: Draft,
    database: usize,
    /// Users by their position, each with the name of a folder.
    placements: Vec<(usize, String)>,
}

/// Draws messages for users of a post office.
struct MessageGenerator<'a> {
    users: &'a [User],
    mailboxes: &'a [Mailbox],
    domain: String,
    databases: usize,
    /// How many more parts of messages may become blobs.
    blobs_left: usize,
}

/// Everybody's mail, in so many message databases.
pub(super) fn mail(
    options: &CreateOptions,
    post_office: &str,
    users: &[User],
    databases: usize,
) -> Result<MailPlan, SimulatorError> {
    let mailboxes: Vec<Mailbox> = users
        .iter()
        .map(|user| mailbox(options.seed, user, databases))
        .collect();
    let mut messages = MessageGenerator {
        users,
        mailboxes: &mailboxes,
        domain: format!("{}.example", post_office.to_ascii_lowercase()),
        databases,
        blobs_left: options.files / FILES_PER_BLOB,
    };
    let mut sendings: Vec<Sending> = (0..users.len() * MESSAGES_PER_USER)
        .map(|number| {
            let label = format!("message {number}");
            messages.sending(&mut generator(options.seed, label.as_bytes()), number)
        })
        .collect();
    // Numbers in folders and records rise with time, as where mail comes in day by day.
    sendings.sort_by_key(|sending| sending.draft.date_seconds);
    let mut plan = MailPlan {
        mailboxes,
        databases: vec![Vec::new(); databases],
        blobs: Vec::new(),
        truth: Vec::new(),
    };
    let mut taken = BTreeSet::new();
    let mut reading = generator(options.seed, b"what was read");
    for sending in &sendings {
        plan.send(sending, users, &mut taken, &mut reading)?;
    }
    Ok(plan)
}

/// A mailbox without messages.
fn mailbox(seed: u64, user: &User, databases: usize) -> Mailbox {
    let mut generator = generator(seed, format!("mailbox of {}", user.fid).as_bytes());
    let mut folders = default_folders();
    for _ in 0..generator.random_range(1..4) {
        let name = format!("Cabinet/{}", fake_data::folder(&mut generator));
        if folders.iter().all(|folder| folder.name != name) {
            let number = u32::try_from(folders.len() + 1).unwrap_or(u32::MAX);
            folders.push(Folder {
                number,
                name,
                next_uid: 1,
                uid_validity: generator.random_range(1..1_000_000),
            });
        }
    }
    Mailbox {
        password: password(seed, &user.fid),
        send_database: u8::try_from(generator.random_range(0..databases)).unwrap_or_default(),
        folders,
        pointers: Vec::new(),
    }
}

impl MessageGenerator<'_> {
    fn sending(&mut self, generator: &mut ChaCha8Rng, number: usize) -> Sending {
        let sender =
            (generator.random_range(0..4) > 0).then(|| generator.random_range(0..self.users.len()));
        let mut to: BTreeSet<usize> = BTreeSet::new();
        let count = match generator.random_range(0..40) {
            0 => self.users.len().min(RECIPIENTS_MAX),
            _ => generator.random_range(1..5),
        };
        for _ in 0..count {
            to.insert(generator.random_range(0..self.users.len()));
        }
        let mut recipients: Vec<Address> = to.iter().map(|user| self.address(*user)).collect();
        if sender.is_some() && generator.random_range(0..5) == 0 {
            recipients.push(fake_data::outsider(generator));
        }
        let mut placements: Vec<(usize, String)> = to
            .iter()
            .map(|user| (*user, self.folder(generator, *user)))
            .collect();
        placements.extend(sender.map(|user| (user, SENT_ITEMS.to_owned())));
        let database = match sender {
            Some(user) => usize::from(self.mailboxes[user].send_database),
            None => generator.random_range(0..self.databases),
        };
        let name: u64 = generator.random();
        let draft = Draft {
            id: format!("{name:016x}.{number}@{}", self.domain),
            from: sender.map_or_else(|| fake_data::outsider(generator), |user| self.address(user)),
            recipients,
            date_seconds: modified_seconds(generator),
            subject: fake_data::subject(generator),
            body: self.body(generator),
            attachment: self.attachment(generator),
        };
        Sending {
            draft,
            database,
            placements,
        }
    }

    fn address(&self, user: usize) -> Address {
        let user = &self.users[user];
        Address {
            name: user.display_name.clone(),
            address: format!("{}@{}", user.fid, self.domain),
        }
    }

    /// A folder for what a user gets: mostly the one where it arrives.
    fn folder(&self, generator: &mut ChaCha8Rng, user: usize) -> String {
        let folders = self.mailboxes[user].folders.iter();
        let others: Vec<&str> = folders
            .map(|folder| folder.name.as_str())
            .filter(|name| *name != SENT_ITEMS)
            .collect();
        match generator.random_range(0..5) {
            0 | 1 => others.choose(generator).copied().unwrap_or(INBOX),
            _ => INBOX,
        }
        .to_owned()
    }

    /// Whether a part that wants to be a blob may be one.
    fn may_be_blob(&mut self) -> bool {
        let left = self.blobs_left.checked_sub(1);
        self.blobs_left = left.unwrap_or(0);
        left.is_some()
    }

    fn body(&mut self, generator: &mut ChaCha8Rng) -> String {
        let is_long = generator.random_range(0..12) == 0 && self.may_be_blob();
        let bytes_min = if is_long {
            BLOB_BYTES_MIN + generator.random_range(0..4000)
        } else {
            generator.random_range(40..700)
        };
        fake_data::body(generator, bytes_min)
    }

    fn attachment(&mut self, generator: &mut ChaCha8Rng) -> Option<AttachedFile> {
        if generator.random_range(0..4) > 0 {
            return None;
        }
        let is_blob = generator.random_range(0..5) > 0 && self.may_be_blob();
        let sizes = if is_blob {
            BLOB_ATTACHMENTS
        } else {
            INLINE_ATTACHMENTS
        };
        Some(fake_data::file(generator, sizes))
    }
}

impl MailPlan {
    /// Stores one message.
    fn send(
        &mut self,
        sending: &Sending,
        users: &[User],
        taken: &mut BTreeSet<String>,
        reading: &mut ChaCha8Rng,
    ) -> Result<(), SimulatorError> {
        let Sending {
            draft,
            database,
            placements,
        } = sending;
        let number = u32::try_from(self.databases[*database].len() + 1).unwrap_or(u32::MAX);
        let composed = compose(draft, number, |blob| taken.contains(&blob.path()))?;
        let Composed {
            mut message,
            contents,
            blobs,
        } = composed;
        message.uses = u32::try_from(placements.len()).unwrap_or(u32::MAX);
        let digest = digest_text(&render(&message, &contents)?);
        for (blob, bytes) in blobs {
            taken.insert(blob.path());
            self.blobs.push((blob.path(), bytes));
        }
        for (user, folder_name) in placements {
            let mailbox = &mut self.mailboxes[*user];
            let mut folders = mailbox.folders.iter_mut();
            let Some(folder) = folders.find(|folder| folder.name == *folder_name) else {
                continue;
            };
            let pointer = Pointer {
                number: u32::try_from(mailbox.pointers.len() + 1).unwrap_or(u32::MAX),
                folder: folder.number,
                uid: folder.next_uid,
                database: u8::try_from(*database).unwrap_or(u8::MAX),
                message: number,
                is_read: folder.name == SENT_ITEMS || reading.random_range(0..3) > 0,
                received_seconds: draft.date_seconds + reading.random_range(0..600),
            };
            folder.next_uid += 1;
            self.truth.push(MessageTruth {
                user: users[*user].fid.clone(),
                folder: folder.name.clone(),
                message_id: message.id.clone(),
                digest: digest.clone(),
                uid: pointer.uid,
                is_read: pointer.is_read,
                received_seconds: pointer.received_seconds,
            });
            mailbox.pointers.push(pointer);
        }
        self.databases[*database].push(message);
        Ok(())
    }

    /// Who has which messages.
    pub(super) fn truth(&self, users: &[User]) -> Truth {
        let mailboxes = users.iter().zip(&self.mailboxes);
        let folders =
            mailboxes.flat_map(|(user, mailbox)| FolderTruth::of_mailbox(&user.fid, mailbox));
        Truth {
            folders: folders.collect(),
            messages: self.truth.clone(),
        }
        .sorted()
    }

    /// Adds the user databases, the message databases and the blobs to a post office.
    pub(super) fn add(self, folders: &mut TreePlan, users: &[User]) {
        for (user, mailbox) in users.iter().zip(self.mailboxes) {
            let name = format!("user{}.db", user.fid);
            let content = Content::Mailbox(Arc::new(mailbox));
            folders
                .at("ofuser")
                .named
                .push(NamedFile::new(name, content));
        }
        for (number, messages) in self.databases.into_iter().enumerate() {
            let name = format!("msg{number}.db");
            let content = Content::Messages(Arc::new(messages));
            folders
                .at("ofmsg")
                .named
                .push(NamedFile::new(name, content));
        }
        for (path, bytes) in self.blobs {
            let (folder, name) = path.rsplit_once('/').unwrap_or_default();
            let file = NamedFile::new(name, Content::Bytes(bytes));
            folders.at(folder).named.push(file);
        }
    }
}
