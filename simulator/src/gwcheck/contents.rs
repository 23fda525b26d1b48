//! What makes a contents check dangerous: users that `wphost.db` does not know count as deleted.
//!
//! The real tool removes their entries from the guardian, and then their databases and messages.  The entries are enough
//! to make a mistake visible: an agent, or a comparison with the source, misses them.

use std::collections::BTreeSet;

use cap_std::fs::Dir;
use postoffice::layout::{FileClass, classify_file};
use postoffice::names::RelativePath;

use crate::database::{self, EditedBy, OpaqueGuardian, Store, failed};
use crate::error::SimulatorError;
use crate::tree;

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
        remove(home, guardian, &gone)?;
    }
    Ok(gone)
}

fn is_of_a_user(store: &Store) -> bool {
    let path = RelativePath::from_bytes(store.path().as_bytes());
    path.is_some_and(|path| classify_file(&path) == FileClass::UserDatabase)
}

fn remove(
    home: &Dir,
    guardian: &RelativePath,
    gone: &BTreeSet<String>,
) -> Result<(), SimulatorError> {
    let bytes = tree::read(home, guardian)?;
    if let Some(mut opaque) = OpaqueGuardian::parse(&bytes) {
        opaque.stores.retain(|store| !gone.contains(&store.name));
        opaque.changes = opaque.changes.wrapping_add(1);
        return tree::write_changes(home, guardian, &bytes, &opaque.to_bytes(), None);
    }
    let old = database::load(home, guardian)?;
    let new = database::edited(&old, EditedBy::Removing(gone)).map_err(failed(guardian))?;
    database::save(home, guardian, &old, &new, None).map(|_| ())
}
