//! The names in the dictionaries.
//!
//! A migrator that changes names inside databases can go by these only: they say what is a file name, what is a path,
//! and what is text that belongs to users and must never be changed.

use postoffice::flaim::{Dictionary, FieldKind, IndexDefinition, Item, ItemKind, Version};

/// The container of the catalogue of stores, in the guardian.
pub(super) const CATALOG: u16 = 20;
/// The fields of a store.
pub(super) mod store {
    /// Text for people, in any case they like: never to be changed.
    pub(in super::super) const TITLE: u16 = 1;
    /// The name of the database's file.
    pub(in super::super) const NAME: u16 = 2;
    /// The folder of the database, relative to the post office, with slashes.
    pub(in super::super) const PATH: u16 = 3;
    /// A file that is no store, as one path.
    pub(in super::super) const FILE: u16 = 4;
    /// Which of its kind.
    pub(in super::super) const NUMBER: u16 = 5;
    /// Bytes that happen to hold letters.
    pub(in super::super) const PASSWORD: u16 = 6;
    /// The record of the store that it belongs to.
    pub(in super::super) const PARENT: u16 = 7;
}

/// The containers of the post office database.
pub(super) const POST_OFFICES: u16 = 20;
pub(super) const USERS: u16 = 21;
pub(super) const LIBRARIES: u16 = 22;
/// The fields of the post office database.
pub(super) mod host {
    pub(in super::super) const NAME: u16 = 1;
    pub(in super::super) const USER_FID: u16 = 2;
    pub(in super::super) const USER_NAME: u16 = 3;
    pub(in super::super) const LIBRARY_FOLDER: u16 = 4;
    pub(in super::super) const LIBRARY_DOCUMENTS: u16 = 5;
}

/// The containers of a user database: one record about the mailbox, its folders, and a pointer for each message.
pub(super) const MAILBOX: u16 = 20;
pub(super) const FOLDERS: u16 = 21;
pub(super) const POINTERS: u16 = 22;
/// The fields of a user database.
pub(super) mod mailbox {
    pub(in super::super) const PASSWORD: u16 = 1;
    pub(in super::super) const SEND_DATABASE: u16 = 2;
    pub(in super::super) const FOLDER_NAME: u16 = 3;
    pub(in super::super) const FOLDER_NEXT_UID: u16 = 4;
    pub(in super::super) const FOLDER_VALIDITY: u16 = 5;
    pub(in super::super) const FOLDER: u16 = 6;
    pub(in super::super) const UID: u16 = 7;
    pub(in super::super) const DATABASE: u16 = 8;
    pub(in super::super) const MESSAGE: u16 = 9;
    pub(in super::super) const READ: u16 = 10;
    pub(in super::super) const RECEIVED: u16 = 11;
}

/// The containers of a message database: one record that counts, and the messages.
pub(super) const COUNTER: u16 = 20;
pub(super) const MESSAGES: u16 = 21;
/// The fields of a message database; fields, containers and indexes share their numbers.
pub(super) mod message {
    pub(in super::super) const NEXT: u16 = 1;
    pub(in super::super) const ID: u16 = 2;
    pub(in super::super) const FROM_NAME: u16 = 3;
    pub(in super::super) const FROM_ADDRESS: u16 = 4;
    pub(in super::super) const DATE: u16 = 5;
    pub(in super::super) const SUBJECT: u16 = 6;
    pub(in super::super) const USES: u16 = 7;
    pub(in super::super) const ATTACHMENT_NAME: u16 = 8;
    /// The parts that can be long; each has the fields of [`super::part`] from this number on.
    pub(in super::super) const RECIPIENTS: u16 = 40;
    pub(in super::super) const BODY: u16 = 50;
    pub(in super::super) const ATTACHMENT: u16 = 60;
}
/// The fields of a part, counted from the part's own number: its bytes, or where its blob is and what it must hold.
pub(super) mod part {
    pub(in super::super) const INLINE: u16 = 0;
    pub(in super::super) const BLOB_FOLDER: u16 = 1;
    pub(in super::super) const BLOB_NAME: u16 = 2;
    pub(in super::super) const BLOB_BYTES: u16 = 3;
    pub(in super::super) const BLOB_DIGEST: u16 = 4;
}

/// The container of library databases and all others with items, and its fields.
pub(super) const ITEMS: u16 = 20;
pub(super) mod item {
    pub(in super::super) const SUBJECT: u16 = 1;
    pub(in super::super) const BODY: u16 = 2;
    pub(in super::super) const BYTES: u16 = 3;
    pub(in super::super) const FOLDER: u16 = 4;
}

/// The notes of the agent, in every database, and the number of the first, which counts changes.
pub(super) const ACTIVITY: u16 = 91;
pub(super) const ACTIVITY_NOTE: u16 = 90;

/// A dictionary, item by item.
struct Items(Dictionary);

impl Items {
    /// What every database has.
    fn new() -> Self {
        let mut items = Self(Dictionary::default());
        items.field(ACTIVITY_NOTE, "ActivityNote", FieldKind::Text);
        items.container(ACTIVITY, "Activity");
        items
    }

    fn add(&mut self, number: u16, name: &str, kind: ItemKind) {
        let name = name.to_owned();
        self.0.insert(number, Item { name, kind });
    }

    fn field(&mut self, number: u16, name: &str, kind: FieldKind) {
        self.add(number, name, ItemKind::Field(Some(kind)));
    }

    fn container(&mut self, number: u16, name: &str) {
        self.add(number, name, ItemKind::Container);
    }

    fn index(&mut self, number: u16, name: &str, definition: IndexDefinition) {
        self.add(number, name, ItemKind::Index(definition));
    }
}

/// The dictionary of the guardian; where the version knows that, an index counts its references.
pub(super) fn guardian(version: Version) -> Dictionary {
    let mut items = Items::new();
    for (number, name, kind) in [
        (store::TITLE, "StoreTitle", FieldKind::Text),
        (store::NAME, "StoreName", FieldKind::Text),
        (store::PATH, "StorePath", FieldKind::Text),
        (store::FILE, "StoreFile", FieldKind::Text),
        (store::NUMBER, "StoreNumber", FieldKind::Number),
        (store::PASSWORD, "StorePassword", FieldKind::Binary),
        (store::PARENT, "StoreParent", FieldKind::Context),
    ] {
        items.field(number, name, kind);
    }
    items.container(CATALOG, "StoreCatalog");
    let on = || IndexDefinition::on(CATALOG);
    items.index(30, "StoreName_IX", on().with_piece(store::NAME, true));
    items.index(31, "StoreNameMixed_IX", on().with_piece(store::NAME, false));
    let paths = on().with_piece(store::PATH, false);
    let paths = IndexDefinition {
        is_positioning: version.has_long_log_header(),
        ..paths.with_piece(store::NUMBER, false)
    };
    items.index(32, "StorePath_IX", paths);
    items.0
}

/// The dictionary of the post office database.
pub(super) fn post_office() -> Dictionary {
    let mut items = Items::new();
    for (number, name) in [
        (host::NAME, "PostOfficeName"),
        (host::USER_FID, "UserFid"),
        (host::USER_NAME, "UserDisplayName"),
        (host::LIBRARY_FOLDER, "LibraryFolder"),
        (host::LIBRARY_DOCUMENTS, "LibraryDocuments"),
    ] {
        items.field(number, name, FieldKind::Text);
    }
    items.container(POST_OFFICES, "PostOffices");
    items.container(USERS, "Users");
    items.container(LIBRARIES, "Libraries");
    let fids = IndexDefinition::on(USERS).with_piece(host::USER_FID, true);
    items.index(30, "UserFid_IX", fids);
    items.0
}

/// The dictionary of user databases.
pub(super) fn mailbox() -> Dictionary {
    let mut items = Items::new();
    for (number, name, kind) in [
        (mailbox::PASSWORD, "MailboxPassword", FieldKind::Text),
        (
            mailbox::SEND_DATABASE,
            "MailboxSendDatabase",
            FieldKind::Number,
        ),
        (mailbox::FOLDER_NAME, "FolderName", FieldKind::Text),
        (mailbox::FOLDER_NEXT_UID, "FolderNextUid", FieldKind::Number),
        (
            mailbox::FOLDER_VALIDITY,
            "FolderUidValidity",
            FieldKind::Number,
        ),
        (mailbox::FOLDER, "PointerFolder", FieldKind::Context),
        (mailbox::UID, "PointerUid", FieldKind::Number),
        (mailbox::DATABASE, "PointerDatabase", FieldKind::Number),
        (mailbox::MESSAGE, "PointerMessage", FieldKind::Context),
        (mailbox::READ, "PointerRead", FieldKind::Number),
        (mailbox::RECEIVED, "PointerReceived", FieldKind::Number),
    ] {
        items.field(number, name, kind);
    }
    items.container(MAILBOX, "Mailbox");
    items.container(FOLDERS, "Folders");
    items.container(POINTERS, "Pointers");
    let names = IndexDefinition::on(FOLDERS).with_piece(mailbox::FOLDER_NAME, false);
    items.index(30, "FolderName_IX", names);
    items.0
}

/// The dictionary of message databases.
pub(super) fn messages() -> Dictionary {
    let mut items = Items::new();
    for (number, name, kind) in [
        (message::NEXT, "MessageNext", FieldKind::Number),
        (message::ID, "MessageId", FieldKind::Text),
        (message::FROM_NAME, "MessageFromName", FieldKind::Text),
        (message::FROM_ADDRESS, "MessageFromAddress", FieldKind::Text),
        (message::DATE, "MessageDate", FieldKind::Number),
        (message::SUBJECT, "MessageSubject", FieldKind::Text),
        (message::USES, "MessageUses", FieldKind::Number),
        (
            message::ATTACHMENT_NAME,
            "MessageAttachmentName",
            FieldKind::Text,
        ),
    ] {
        items.field(number, name, kind);
    }
    for (first, name) in [
        (message::RECIPIENTS, "MessageRecipients"),
        (message::BODY, "MessageBody"),
        (message::ATTACHMENT, "MessageAttachment"),
    ] {
        for (number, ending, kind) in [
            (part::INLINE, "Inline", FieldKind::Binary),
            (part::BLOB_FOLDER, "BlobFolder", FieldKind::Number),
            (part::BLOB_NAME, "BlobName", FieldKind::Text),
            (part::BLOB_BYTES, "BlobBytes", FieldKind::Number),
            (part::BLOB_DIGEST, "BlobDigest", FieldKind::Binary),
        ] {
            items.field(first + number, &format!("{name}{ending}"), kind);
        }
    }
    items.container(COUNTER, "MessageCounter");
    items.container(MESSAGES, "Messages");
    // Subjects are in nobody's index: they hold characters that have no place in its order.
    let ids = IndexDefinition::on(MESSAGES).with_piece(message::ID, false);
    items.index(30, "MessageId_IX", ids);
    items.0
}

/// The dictionary of library databases and all others with items.
pub(super) fn items() -> Dictionary {
    let mut items = Items::new();
    items.field(item::SUBJECT, "ItemSubject", FieldKind::Text);
    items.field(item::BODY, "ItemBody", FieldKind::Text);
    items.field(item::BYTES, "ItemBytes", FieldKind::Number);
    items.field(item::FOLDER, "ItemFolder", FieldKind::Context);
    items.container(ITEMS, "Items");
    let subjects = IndexDefinition::on(ITEMS).with_piece(item::SUBJECT, false);
    items.index(30, "ItemSubject_IX", subjects);
    items.0
}
