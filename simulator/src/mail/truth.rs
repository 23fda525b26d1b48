//! Who has which messages and who can log in, found by reading everything.

use std::fmt;
use std::path::Path;

use postoffice::names::printable;
use serde::{Deserialize, Serialize};

use super::{MailStore, NameLookup};
use crate::error::{MailError, SimulatorError};
use crate::model::{FolderTruth, MessageTruth, Truth};
use crate::tree;

/// Reads the whole message store of the post office at `path`, names in any case.  It takes no locks: nobody may be
/// changing it meanwhile.
///
/// # Errors
/// Whatever is missing, damaged or not what a record says it is: a [`MailError`] or an error of a database.
pub fn truth(path: &Path) -> Result<Truth, SimulatorError> {
    let store = MailStore::new(tree::open_post_office(path)?, NameLookup::AnyCase);
    let mut reader = store.reader().with_checks();
    // Databases without a single message count too.
    for number in reader.message_databases()? {
        reader.messages_files(number)?;
    }
    let mut truth = Truth::default();
    for user in reader.users()? {
        let mailbox = reader.mailbox(&user.fid)?;
        truth
            .folders
            .extend(FolderTruth::of_mailbox(&user.fid, &mailbox));
        for pointer in &mailbox.pointers {
            let mut folders = mailbox.folders.iter();
            let folder = folders.find(|folder| folder.number == pointer.folder);
            let folder = folder.ok_or_else(|| MailError::PointerInNoFolder {
                path: super::store::user_database(&user.fid),
                pointer: pointer.number,
                folder: pointer.folder,
            })?;
            let message = reader.message(&user.fid, pointer)?;
            let digest = digest_text(&reader.rendered(&message)?);
            truth.messages.push(MessageTruth {
                user: user.fid.clone(),
                folder: folder.name.clone(),
                message_id: message.id,
                digest,
                uid: pointer.uid,
                is_read: pointer.is_read,
                received_seconds: pointer.received_seconds,
            });
        }
    }
    Ok(truth.sorted())
}

/// The digest of a rendered message as text.
pub(crate) fn digest_text(rendered: &super::Rendered) -> String {
    rendered.digest().to_hex().as_str().to_owned()
}

/// A user who can log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The file identifier, which is the name to log in with.
    pub user: String,
    /// The name that people see.
    pub display_name: String,
    /// The password.
    pub password: String,
}

/// The accounts of a post office, in the order of its users.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accounts {
    /// The accounts.
    pub accounts: Vec<Account>,
}

impl fmt::Display for Accounts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for account in &self.accounts {
            let name = printable(account.display_name.as_bytes());
            let user = printable(account.user.as_bytes());
            writeln!(formatter, "{user} {} {name}", account.password)?;
        }
        Ok(())
    }
}

/// Reads the accounts of the post office at `path`, names in any case.
///
/// # Errors
/// What reading the post office database or a user database says.
pub fn accounts(path: &Path) -> Result<Accounts, SimulatorError> {
    let store = MailStore::new(tree::open_post_office(path)?, NameLookup::AnyCase);
    let mut reader = store.reader();
    let mut accounts = Vec::new();
    for user in reader.users()? {
        accounts.push(Account {
            password: reader.mailbox(&user.fid)?.password,
            user: user.fid,
            display_name: user.display_name,
        });
    }
    Ok(Accounts { accounts })
}
