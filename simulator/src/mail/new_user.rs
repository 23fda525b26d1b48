//! A user who is added: an empty mailbox, a record in the post office database, an entry in the guardian's catalogue.

use cap_std::fs::Dir;
use postoffice::flaim::probe_files;
use postoffice::names::RelativePath;
use rand::RngExt;

use super::change::MailChange;
use super::{Folder, INBOX, MailError, MailReader, Mailbox, SENT_ITEMS};
use crate::database::{
    self, EditedBy, OpaqueGuardian, Store, User, create_mailbox, edited, failed,
};
use crate::error::SimulatorError;
use crate::random::generator;
use crate::tree;

/// The folders that every mailbox has.
const FOLDERS: [&str; 4] = [INBOX, SENT_ITEMS, "Cabinet", "Trash"];

/// The longest file identifier.
const FID_CHARACTERS_MAX: usize = 3;

/// How many characters a password has.
const PASSWORD_CHARACTERS: usize = 12;

/// The bytes of a store's password.
const STORE_PASSWORD_BYTES: usize = 16;

/// Who is added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewUser {
    /// The user; nobody has this file identifier yet.
    pub user: User,
    /// What the password is derived from.
    pub seed: u64,
    /// The number of the message database through which the user sends.
    pub send_database: u8,
}

/// Adds a user.
///
/// # Errors
/// What reading the post office database and the guardian says; [`MailError::CannotStore`] where somebody has the file
/// identifier, or it is none.
pub fn new_user(
    reader: &mut MailReader<'_>,
    new: &NewUser,
) -> Result<Vec<MailChange>, SimulatorError> {
    let host = reader.post_office()?;
    let fid = new.user.fid.to_ascii_lowercase();
    let is_fid = |fid: &str| {
        let is_short = (1..=FID_CHARACTERS_MAX).contains(&fid.len());
        is_short && fid.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let mut users = host.content.users.iter();
    if !is_fid(&fid) || users.any(|user| user.fid.eq_ignore_ascii_case(&fid)) {
        let reason = "the file identifier is taken, or none at all";
        return Err(MailError::CannotStore { reason }.into());
    }
    let count = host.content.users.len().saturating_add(1);
    let version = probe_files(&host.files)
        .map_err(failed(&host.control))?
        .version;
    let folder = reader.control("ofuser")?;
    let name = format!("user{fid}.db");
    let control = folder.join(name.as_bytes());
    let mailbox = Mailbox {
        password: password(new.seed, &fid),
        send_database: new.send_database,
        folders: default_folders(),
        pointers: Vec::new(),
    };
    let files = create_mailbox(version, &mailbox).map_err(failed(&control))?;
    let with_user =
        edited(&host.files, EditedBy::User(&new.user)).map_err(failed(&host.control))?;
    let store = Store {
        title: new.user.display_name.clone(),
        folder: String::from_utf8_lossy(folder.as_bytes()).into_owned(),
        name,
        number: u32::try_from(count).unwrap_or(u32::MAX),
        parent: 1,
        password: store_password(new.seed, &fid),
        ..Store::default()
    };
    let guardian = reader.control("ngwguard.db")?;
    let catalogued = catalogued(reader.root(), &guardian, &store)?;
    Ok(vec![
        MailChange::NewDatabase { control, files },
        MailChange::Database {
            control: host.control,
            old: host.files,
            new: with_user,
        },
        catalogued,
    ])
}

/// Adds a store to a guardian, whichever kind it is of.
pub(super) fn catalogued(
    root: &Dir,
    guardian: &RelativePath,
    store: &Store,
) -> Result<MailChange, SimulatorError> {
    let old = tree::read(root, guardian)?;
    if let Some(opaque) = OpaqueGuardian::parse(&old) {
        let new = opaque.edited(EditedBy::Adding(store)).to_bytes();
        let path = guardian.clone();
        return Ok(MailChange::File { path, old, new });
    }
    let old = database::load(root, guardian)?;
    let new = edited(&old, EditedBy::Adding(store)).map_err(failed(guardian))?;
    Ok(MailChange::Database {
        control: guardian.clone(),
        old,
        new,
    })
}

/// The folders of a new mailbox, all empty.
pub(crate) fn default_folders() -> Vec<Folder> {
    let names = (1..).zip(FOLDERS);
    names
        .map(|(number, name)| Folder {
            number,
            name: name.to_owned(),
            next_uid: 1,
            uid_validity: number,
        })
        .collect()
}

/// The password of a user.
pub(crate) fn password(seed: u64, fid: &str) -> String {
    const CHARACTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut generator = generator(seed, format!("password of {fid}").as_bytes());
    (0..PASSWORD_CHARACTERS)
        .map(|_| char::from(CHARACTERS[generator.random_range(0..CHARACTERS.len())]))
        .collect()
}

/// The password of the store of a user or database.
pub(super) fn store_password(seed: u64, name: &str) -> Vec<u8> {
    let mut generator = generator(seed, format!("store of {name}").as_bytes());
    let bytes: [u8; STORE_PASSWORD_BYTES] = generator.random();
    bytes.to_vec()
}
