//! A message database that is added, because the others are full of users: an empty one, and its entry in the guardian's
//! catalogue.

use postoffice::flaim::probe_files;

use super::change::MailChange;
use super::new_user::{catalogued, store_password};
use super::store::message_database;
use super::{MailError, MailReader};
use crate::database::{Store, create_messages, failed};
use crate::error::SimulatorError;

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
    let files = create_messages(version, &[]).map_err(failed(&control))?;
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
