//! What the agent needs, under its exact name.
//!
//! The engine composes names in lower case and Linux compares bytes, so a capital letter hides a file from it.
//! 8209 is GroupWise's "path not found"; C06A is what a library folder in the wrong case leads to.

use cap_std::fs::Dir;
use postoffice::layout::{CopyRule, FolderClass, classify_file, classify_folder};
use postoffice::names::RelativePath;

use crate::error::{SimulatorError, Tried};
use crate::placeholder::{Record, records};
use crate::tree;

const FILES: [&str; 3] = ["wphost.db", "ngwguard.db", "ngwguard.dc"];
const FOLDERS: [&str; 3] = ["ofuser", "ofmsg", "offiles"];
const QUEUES: [&str; 2] = ["wpcsin", "wpcsout/ofs"];

/// Refuses a post office in which something is missing or has a capital letter; returns one user database.
pub(super) fn check(home: &Dir) -> Result<RelativePath, SimulatorError> {
    for file in FILES {
        exists(home, &path(file)?, false)?;
    }
    for folder in FOLDERS {
        exists(home, &path(folder)?, true)?;
    }
    for queue in QUEUES {
        for priority in 0..postoffice::layout::PRIORITIES {
            exists(home, &path(&format!("{queue}/{priority}"))?, true)?;
        }
    }
    for entry in tree::entries(home)? {
        lower_case(&entry.path, entry.is_folder)?;
    }
    user_databases(home)
}

fn path(text: &str) -> Result<RelativePath, SimulatorError> {
    RelativePath::from_bytes(text.as_bytes()).ok_or_else(|| not_found(&format!("{text:?}")))
}

fn exists(home: &Dir, path: &RelativePath, is_folder: bool) -> Result<(), SimulatorError> {
    match home.symlink_metadata(tree::os(path)) {
        Ok(metadata) if metadata.is_dir() == is_folder => Ok(()),
        _ => Err(not_found(&path.to_string())),
    }
}

fn not_found(path: &str) -> SimulatorError {
    SimulatorError::Agent {
        number: "8209",
        text: format!("path not found: {path}"),
    }
}

/// Refuses what the engine would look for in lower case and not find.
fn lower_case(path: &RelativePath, is_folder: bool) -> Result<(), SimulatorError> {
    if *path == path.to_destination() {
        return Ok(());
    }
    let below = path.components().next().unwrap_or_default();
    let is_database = !is_folder
        && matches!(
            classify_file(path).copy_rule(),
            CopyRule::UnderLock | CopyRule::AtomicSet
        );
    let is_blob_folder = is_folder && classify_folder(path) == FolderClass::BlobFolder;
    match below {
        _ if is_database || is_blob_folder => Err(not_found(&path.to_string())),
        b"ofuser" | b"ofmsg" => Err(not_found(&path.to_string())),
        b"gwdms" => {
            let text = format!("library folder not found: {path}");
            Err(SimulatorError::Agent {
                number: "C06A",
                text,
            })
        }
        // A folder that is not the agent's may have any name.
        _ => Ok(()),
    }
}

/// Finds the database of each user; the agent cannot do without any user at all.
fn user_databases(home: &Dir) -> Result<RelativePath, SimulatorError> {
    let host = path("wphost.db")?;
    let found =
        records(&tree::read(home, &host)?).ok_or_else(|| SimulatorError::NotAPlaceholder {
            path: host.to_string(),
        })?;
    let mut database = None;
    for record in found {
        if let Record::User(user) = record {
            let path = path(&format!("ofuser/user{}.db", user.fid))?;
            exists(home, &path, false)?;
            let file = home.open(tree::os(&path)).tried("open", &path)?;
            drop(file);
            database = database.or(Some(path));
        }
    }
    database.ok_or_else(|| not_found("ofuser/user*.db"))
}
