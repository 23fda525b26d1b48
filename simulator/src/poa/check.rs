//! What the agent needs, under its exact name.
//!
//! The engine composes names in lower case and Linux compares bytes, so a capital letter hides a file from it.
//! What the guardian catalogues is looked for under exactly the name that stands there.
//! 8209 is GroupWise's "path not found"; C06A is what a library folder in the wrong case leads to; C022 is damage.

use std::io;

use cap_std::fs::Dir;
use postoffice::layout::{CopyRule, FolderClass, classify_file, classify_folder};
use postoffice::names::RelativePath;

use crate::database::{self};
use crate::error::SimulatorError;
use crate::model::Store;
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
    catalogued(home)?;
    user_databases(home)
}

fn path(text: &str) -> Result<RelativePath, SimulatorError> {
    RelativePath::from_bytes(text.as_bytes()).ok_or_else(|| not_found(&format!("{text:?}")))
}

fn exists(home: &Dir, path: &RelativePath, is_folder: bool) -> Result<(), SimulatorError> {
    match home.symlink_metadata(tree::as_path(path)) {
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
        b"gwdms" => Err(no_library(&path.to_string())),
        // A folder that is not the agent's may have any name.
        _ => Ok(()),
    }
}

fn no_library(path: &str) -> SimulatorError {
    SimulatorError::Agent {
        number: "C06A",
        text: format!("library folder not found: {path}"),
    }
}

/// What the agent says about a database that it cannot use.
fn damaged(error: SimulatorError) -> SimulatorError {
    match error {
        SimulatorError::Database { .. } | SimulatorError::NotOfTheSimulator { .. } => {
            SimulatorError::Agent {
                number: "C022",
                text: crate::describe_error(&error),
            }
        }
        SimulatorError::Io { what, source, .. } if source.kind() == io::ErrorKind::NotFound => {
            not_found(&what)
        }
        other => other,
    }
}

/// Opens every database that the guardian catalogues, under exactly the name that stands there, and looks for what else
/// it names.
fn catalogued(home: &Dir) -> Result<(), SimulatorError> {
    let stores = database::stores(home, &path("ngwguard.db")?).map_err(damaged)?;
    for store in &stores {
        on_disk(home, store)?;
        if store.file.is_empty() {
            database::open_whole(home, &path(&store.path())?).map_err(damaged)?;
        }
    }
    Ok(())
}

fn on_disk(home: &Dir, store: &Store) -> Result<(), SimulatorError> {
    let file = path(&store.path())?;
    let Err(missing) = exists(home, &file, false) else {
        return Ok(());
    };
    let is_library = store
        .folder
        .split('/')
        .next()
        .is_some_and(|first| first.eq_ignore_ascii_case("gwdms"));
    if is_library && exists(home, &path(&store.folder)?, true).is_err() {
        return Err(no_library(&store.folder));
    }
    Err(missing)
}

/// Finds the database of each user; the agent cannot do without any user at all.
fn user_databases(home: &Dir) -> Result<RelativePath, SimulatorError> {
    let host = path("wphost.db")?;
    let content = database::load(home, &host)
        .and_then(|files| database::read_post_office(&files, &host))
        .map_err(damaged)?;
    let mut database = None;
    for user in content.users {
        let path = path(&format!("ofuser/user{}.db", user.fid))?;
        exists(home, &path, false)?;
        database = database.or(Some(path));
    }
    database.ok_or_else(|| not_found("ofuser/user*.db"))
}
