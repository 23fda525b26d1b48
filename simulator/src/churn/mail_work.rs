//! What users and the agent do with mail.

use fake::Fake;
use fake::faker::lorem::en::{Paragraph, Words};
use postoffice::layout::FileClass;
use postoffice::names::RelativePath;
use rand::{Rng, RngExt};

use super::work::{Changed, Work};
use crate::error::{SimulatorError, Tried};
use crate::mail::{self, Delivered, MailChange, MailReader, MailStore, NameLookup, digest_text};
use crate::model::{
    Address, AttachedFile, Draft, INBOX, MailEvent, Mailbox, MessageTruth, Placement, Pointer,
    SENT_ITEMS, User,
};
use crate::random::Sizes;
use crate::tree;

/// How many users get one message at most.
const RECIPIENTS_MAX: usize = 4;

/// Attachments of new messages: about half of them become blobs.
const ATTACHED: Sizes = Sizes::new(1024, &[50, 30, 20]);

/// A message of a user.
struct Chosen {
    user: String,
    mailbox: Mailbox,
    pointer: Pointer,
}

impl Chosen {
    /// The name of the folder that it is in.
    fn folder(&self) -> String {
        let mut folders = self.mailbox.folders.iter();
        let folder = folders.find(|folder| folder.number == self.pointer.folder);
        folder.map(|folder| folder.name.clone()).unwrap_or_default()
    }
}

impl Work<'_> {
    /// Mail that waited in the queue for what arrives comes into mailboxes, and leaves the queue then.
    pub(super) fn deliver_mail(&mut self) -> Result<Changed, SimulatorError> {
        let store = self.store()?;
        let mut reader = store.reader();
        let users = reader.users()?;
        let to = self.some_users(&users)?;
        let draft = self.draft(None, &to);
        let placements: Vec<Placement> = to.iter().map(|user| placement(user, INBOX)).collect();
        let databases = reader.message_databases()?;
        let index = self.choose(databases.len(), "message database")?;
        let delivered = mail::deliver(&mut reader, &draft, databases[index], &placements)?;
        let changed = self.write_mail(&delivered.changes)?;
        self.arrived(&placements, &delivered);
        // Only what is stored may leave the queue: whoever is killed in between delivers twice rather than never.
        let waits = |path: &RelativePath| {
            path.as_bytes()
                .to_ascii_lowercase()
                .starts_with(b"wpcsout/ofs/")
        };
        let Some(item) = self.take_where(FileClass::Queued, waits) else {
            return first_and_rest(changed);
        };
        self.root
            .remove_file(tree::as_path(&item))
            .tried("remove", &item)?;
        Ok((item, changed))
    }

    /// A user sends to others of the post office, and to somebody elsewhere, for whom it goes into a queue.
    pub(super) fn send_mail(&mut self) -> Result<Changed, SimulatorError> {
        let store = self.store()?;
        let mut reader = store.reader();
        let users = reader.users()?;
        let index = self.choose(users.len(), "user")?;
        let sender = users[index].clone();
        let to = self.some_users(&users)?;
        let draft = self.draft(Some(&sender), &to);
        let mut placements: Vec<Placement> = to.iter().map(|user| placement(user, INBOX)).collect();
        placements.push(Placement {
            is_read: true,
            ..placement(&sender, SENT_ITEMS)
        });
        let database = reader.mailbox(&sender.fid)?.send_database;
        let delivered = mail::deliver(&mut reader, &draft, database, &placements)?;
        let changed = self.write_mail(&delivered.changes)?;
        self.arrived(&placements, &delivered);
        let item = self.queue(b"wpcsin")?;
        Ok((item, changed))
    }

    /// A user reads a message, or says that it is unread again.
    pub(super) fn read_mail(&mut self) -> Result<Changed, SimulatorError> {
        self.with_a_message(|_, reader, chosen| {
            let (user, pointer) = (chosen.user.clone(), &chosen.pointer);
            let is_read = !pointer.is_read;
            let changes = mail::mark_read(reader, &user, pointer.number, is_read)?;
            let event = MailEvent::Marked {
                folder: chosen.folder(),
                uid: pointer.uid,
                user,
                is_read,
            };
            Ok((changes, event))
        })
    }

    /// A user moves a message to another folder.
    pub(super) fn move_mail(&mut self) -> Result<Changed, SimulatorError> {
        self.with_a_message(|work, reader, chosen| {
            let (user, pointer) = (chosen.user.clone(), &chosen.pointer);
            let others: Vec<_> = chosen
                .mailbox
                .folders
                .iter()
                .filter(|folder| folder.number != pointer.folder)
                .collect();
            let index = work.choose(others.len(), "other folder to move mail to")?;
            let to = others[index];
            let changes = mail::move_message(reader, &user, pointer.number, &to.name)?;
            let event = MailEvent::Moved {
                from: chosen.folder(),
                uid: pointer.uid,
                to: to.name.clone(),
                new_uid: to.next_uid,
                user,
            };
            Ok((changes, event))
        })
    }

    /// A user purges a message; with its last pointer the message goes, and its blobs.
    pub(super) fn purge_mail(&mut self) -> Result<Changed, SimulatorError> {
        self.with_a_message(|_, reader, chosen| {
            let (user, pointer) = (chosen.user.clone(), &chosen.pointer);
            let changes = mail::purge(reader, &user, pointer.number)?;
            let event = MailEvent::Purged {
                folder: chosen.folder(),
                uid: pointer.uid,
                user,
            };
            Ok((changes, event))
        })
    }

    /// Lets somebody do something with one of their messages, and says what became of it once it is written.
    fn with_a_message(
        &mut self,
        act: impl FnOnce(
            &mut Self,
            &mut MailReader<'_>,
            &Chosen,
        ) -> Result<(Vec<MailChange>, MailEvent), SimulatorError>,
    ) -> Result<Changed, SimulatorError> {
        let store = self.store()?;
        let mut reader = store.reader();
        let chosen = self.choose_message(&mut reader)?;
        let (changes, event) = act(self, &mut reader, &chosen)?;
        let changed = self.write_mail(&changes)?;
        self.events.push(event);
        first_and_rest(changed)
    }

    /// The message store as the source server finds names: in any case.
    pub(super) fn store(&self) -> Result<MailStore, SimulatorError> {
        let root = self.root.try_clone();
        let root = root.tried("open", &RelativePath::root())?;
        Ok(MailStore::new(root, NameLookup::AnyCase))
    }

    /// Writes changes and keeps the books.
    pub(super) fn write_mail(
        &mut self,
        changes: &[MailChange],
    ) -> Result<Vec<RelativePath>, SimulatorError> {
        let mut changed = Vec::new();
        for change in changes {
            let paths = mail::apply(self.root, std::slice::from_ref(change), &self.writer)?;
            for path in &paths {
                match change {
                    MailChange::NewBlob { .. } | MailChange::NewDatabase { .. } => {
                        self.add(path.clone());
                    }
                    MailChange::RemovedBlob { .. } => {
                        self.take_where(FileClass::Blob, |known| known == path);
                    }
                    MailChange::Database { .. } | MailChange::File { .. } => {}
                }
            }
            changed.extend(paths);
        }
        Ok(changed)
    }

    /// Says that a message has come into mailboxes.
    fn arrived(&mut self, placements: &[Placement], delivered: &Delivered) {
        for (placement, pointer) in placements.iter().zip(&delivered.pointers) {
            self.events.push(MailEvent::Arrived(MessageTruth {
                user: placement.user.clone(),
                folder: placement.folder.clone(),
                message_id: delivered.message.id.clone(),
                digest: digest_text(&delivered.rendered),
                uid: pointer.uid,
                is_read: pointer.is_read,
                received_seconds: pointer.received_seconds,
            }));
        }
    }

    fn some_users(&mut self, users: &[User]) -> Result<Vec<User>, SimulatorError> {
        let count = self.generator.random_range(1..=RECIPIENTS_MAX);
        let mut some: Vec<User> = Vec::new();
        for _ in 0..count {
            let index = self.choose(users.len(), "user")?;
            if !some.contains(&users[index]) {
                some.push(users[index].clone());
            }
        }
        Ok(some)
    }

    /// A message, from a user or from somebody elsewhere.
    fn draft(&mut self, sender: Option<&User>, to: &[User]) -> Draft {
        let address = |user: &User| Address {
            name: user.display_name.clone(),
            address: format!("{}@post-office.example", user.fid),
        };
        let subject: Vec<String> = Words(2..6).fake_with_rng(&mut self.generator);
        let body: String = Paragraph(1..12).fake_with_rng(&mut self.generator);
        let id: u128 = self.generator.random();
        let attachment = self.generator.random_bool(0.3).then(|| {
            let mut bytes = vec![0; ATTACHED.draw(&mut self.generator)];
            self.generator.fill_bytes(&mut bytes);
            let name = "attached.bin".to_owned();
            AttachedFile { name, bytes }
        });
        let outsider = || Address {
            name: String::new(),
            address: "somebody@elsewhere.example".to_owned(),
        };
        Draft {
            id: format!("{id:032x}@post-office.example"),
            from: sender.map_or_else(outsider, address),
            recipients: to.iter().map(address).collect(),
            date_seconds: self.generator.random_range(1_400_000_000..1_500_000_000),
            subject: subject.join(" "),
            body: format!("{}\r\n", body.replace('\n', "\r\n")),
            attachment,
        }
    }

    /// A message of somebody who has one, beginning with any user.
    fn choose_message(&mut self, reader: &mut MailReader<'_>) -> Result<Chosen, SimulatorError> {
        let users = reader.users()?;
        let first = self.choose(users.len(), "user")?;
        for user in users[first..].iter().chain(&users[..first]) {
            let mailbox = reader.mailbox(&user.fid)?;
            if mailbox.pointers.is_empty() {
                continue;
            }
            let index = self.choose(mailbox.pointers.len(), "message")?;
            let pointer = mailbox.pointers[index].clone();
            return Ok(Chosen {
                user: user.fid.clone(),
                mailbox,
                pointer,
            });
        }
        Err(SimulatorError::Lacks { what: "message" })
    }
}

fn placement(user: &User, folder: &str) -> Placement {
    Placement {
        user: user.fid.clone(),
        folder: folder.to_owned(),
        is_read: false,
    }
}

fn first_and_rest(mut changed: Vec<RelativePath>) -> Result<Changed, SimulatorError> {
    if changed.is_empty() {
        return Err(SimulatorError::Lacks {
            what: "file that changed with its mail",
        });
    }
    let first = changed.remove(0);
    Ok((first, changed))
}
