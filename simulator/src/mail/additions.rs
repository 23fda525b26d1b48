//! What is added to a post office: a user (an empty mailbox, a record in the post office database, an entry in the guardian's
//! catalogue), or a message database, because the others are full of users.

use cap_std::fs::Dir;
use postoffice::flaim::probe_files;
use postoffice::names::RelativePath;
use rand::RngExt;

use super::MailReader;
use super::change::MailChange;
use super::store::message_database;
use crate::database::{self, Edit, OpaqueGuardian, create_mailbox, create_messages, failed};
use crate::error::{MailError, SimulatorError};
use crate::model::{Folder, INBOX, Mailbox, SENT_ITEMS, Store, User};
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
    let label = format!("serial numbers of {name}");
    let options = database::options(version, &mut generator(new.seed, label.as_bytes()));
    let files = create_mailbox(options, &mailbox).map_err(failed(&control))?;
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
        MailChange::of(host.control, host.files, Edit::AddUser(&new.user))?,
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
        let new = opaque.edited(Edit::AddStore(store)).to_bytes();
        let path = guardian.clone();
        return Ok(MailChange::File { path, old, new });
    }
    let old = database::load(root, guardian)?;
    MailChange::of(guardian.clone(), old, Edit::AddStore(store))
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

/// Adds the message database with this number; `seed` is what its password is derived from.
///
/// # Errors
/// What reading the post office database and the guardian says; [`MailError::CannotStore`] where it is there already.
pub fn new_database(
    reader: &mut MailReader<'_>,
    number: u8,
    seed: u64,
) -> Result<Vec<MailChange>, SimulatorError> {
    if reader.message_databases()?.contains(&number) {
        let reason = "the message database is there already";
        return Err(MailError::CannotStore { reason }.into());
    }
    let host = reader.post_office()?;
    let version = probe_files(&host.files)
        .map_err(failed(&host.control))?
        .version;
    let path = message_database(number);
    let (_, name) = path.rsplit_once('/').unwrap_or_default();
    let folder = reader.control("ofmsg")?;
    let control = folder.join(name.as_bytes());
    let label = format!("serial numbers of {name}");
    let options = database::options(version, &mut generator(seed, label.as_bytes()));
    let files = create_messages(options, &[]).map_err(failed(&control))?;
    let store = Store {
        title: format!("message database {number}"),
        folder: String::from_utf8_lossy(folder.as_bytes()).into_owned(),
        name: name.to_owned(),
        number: u32::from(number),
        parent: 1,
        password: store_password(seed, name),
        ..Store::default()
    };
    let guardian = reader.control("ngwguard.db")?;
    let catalogued = catalogued(reader.root(), &guardian, &store)?;
    Ok(vec![MailChange::NewDatabase { control, files }, catalogued])
}
