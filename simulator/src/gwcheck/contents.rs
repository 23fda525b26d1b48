//! What makes a contents check dangerous: users that `wphost.db` does not know count as deleted.
//!
//! The real tool removes their entries from the guardian, and then their databases and messages.  The entries are enough
//! to make a mistake visible: an agent, or a comparison with the source, misses them.

use std::collections::BTreeSet;

use cap_std::fs::Dir;
use postoffice::layout::{FileClass, classify_file};
use postoffice::names::RelativePath;

use crate::database::{self, EditedBy, Store, Writer};
use crate::error::SimulatorError;

/// Removes the stores of all users that the post office database does not know; gives the names of their files.
pub(super) fn remove_unknown_users(
    home: &Dir,
    guardian: &RelativePath,
) -> Result<BTreeSet<String>, SimulatorError> {
    let host = RelativePath::root().join(b"wphost.db");
    let users = database::read_post_office(&database::load(home, &host)?, &host)?.users;
    let known: BTreeSet<String> = users
        .iter()
        .map(|user| format!("user{}.db", user.fid.to_ascii_lowercase()))
        .collect();
    let gone: BTreeSet<String> = database::stores(home, guardian)?
        .into_iter()
        .filter(|store| is_of_a_user(store) && !known.contains(&store.name.to_ascii_lowercase()))
        .map(|store| store.name)
        .collect();
    if !gone.is_empty() {
        Writer::alone(None).edit(home, guardian, EditedBy::Removing(&gone))?;
    }
    Ok(gone)
}

fn is_of_a_user(store: &Store) -> bool {
    let path = RelativePath::from_bytes(store.path().as_bytes());
    path.is_some_and(|path| classify_file(&path) == FileClass::UserDatabase)
}
