//! The databases of a simulated post office: real ones, of the generation of FLAIM whose format is documented.
//!
//! | module | what |
//! |---|---|
//! | `schema` | the names in the dictionaries: what a field, container or index is called |
//! | `records` | making a database of records, and reading their fields |
//! | `edit` | making a database anew with some records changed |
//! | `files` | the files of a database in a tree |
//! | `post_office` | `wphost.db`: the post office, its users and libraries |
//! | `mailbox` | user databases: folders, and a pointer for each message |
//! | `messages` | message databases: the one copy of each message |
//! | `store` | library databases, and all others with items |
//! | `guardian` | `ngwguard.db`: the catalogue of all others |
//! | `writer` | changing one in its files, also as an agent does beside other programs |
//! | `lock` | the lock that an agent takes meanwhile |
//! | `opaque` | a guardian of the older generation, which only GroupWise's own tools can change |
//!
//! Every database has a container in which its agent takes notes while it runs, so that any of them can change.
//!
//! GroupWise's real databases belong to a generation of FLAIM whose format nobody has published: one file each, several
//! writers, and names for fields that nobody knows.  What is simulated here is what a migrator must cope with: sets of
//! files, names that are stored inside, indexes over them, and checksums that notice every careless change.

mod edit;
mod files;
mod guardian;
mod lock;
mod mailbox;
mod messages;
mod opaque;
mod post_office;
mod records;
mod schema;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use cap_std::fs::Dir;
use postoffice::flaim::{Database, Dictionary, Limits, MemoryFileSet, SerialNumbers, Version};
use postoffice::names::RelativePath;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use crate::error::SimulatorError;
use crate::flaim::{CreateError, DatabaseOptions};
use crate::model::{GuardianKind, Store};
use crate::random::generator;
use crate::tree;

pub(crate) use edit::{Edit, edited};
pub(crate) use files::{load, names_of, save};
pub(crate) use guardian::catalogue;
pub(crate) use mailbox::{MailboxChange, create_mailbox, next_pointer, read_mailbox};
pub(crate) use messages::{MessagesChange, create_messages, read_messages};
pub use opaque::{OpaqueGuardian, lower_case_names};
pub(crate) use post_office::{create_post_office, read_post_office};
pub(crate) use store::{StoreSize, create_store};
pub use writer::{DatabaseChange, database_digest};
pub(crate) use writer::{Pace, Writer};

/// The version of all databases of a post office: any that the engine knows.
///
/// From 4.30 on a database has a folder for its roll-forward logs, of the name that GroupWise's own log of the guardian
/// has, `ngwguard.rfl`.  A database that was closed cleanly needs none (flaim-format.md 10), and none has one here.
pub(crate) fn version(seed: u64) -> Version {
    let versions: Vec<Version> = Version::all().collect();
    let mut generator = generator(seed, b"version of the databases");
    versions[generator.random_range(0..versions.len())]
}

/// How a database of this version is made, its serial numbers drawn.
pub(crate) fn options(version: Version, generator: &mut ChaCha8Rng) -> DatabaseOptions {
    DatabaseOptions {
        serial_numbers: SerialNumbers {
            database: generator.random(),
            roll_forward: generator.random(),
            next_roll_forward: generator.random(),
            incremental_backup: generator.random(),
        },
        ..DatabaseOptions::new(version)
    }
}

/// The stores that the guardian of a post office catalogues, whichever kind it is of and whatever the case of its name.
///
/// # Errors
/// What opening and reading say.
pub fn guardian_stores(post_office: &std::path::Path) -> Result<Vec<Store>, SimulatorError> {
    let root = tree::open_post_office(post_office)?;
    stores(&root, &guardian_path(&root)?)
}

/// Of which kind the guardian of a post office is, whatever the case of its name.
///
/// # Errors
/// What opening and reading say.
pub fn guardian_kind(post_office: &std::path::Path) -> Result<GuardianKind, SimulatorError> {
    let root = tree::open_post_office(post_office)?;
    let bytes = tree::read(&root, &guardian_path(&root)?)?;
    Ok(match OpaqueGuardian::parse(&bytes) {
        Some(_) => GuardianKind::Opaque,
        None => GuardianKind::Flaim,
    })
}

fn guardian_path(root: &Dir) -> Result<RelativePath, SimulatorError> {
    const NAME: &[u8] = b"ngwguard.db";
    let folder = RelativePath::root();
    let found = tree::name_in_any_case(root, &folder, NAME)?;
    Ok(folder.join(found.as_deref().unwrap_or(NAME)))
}

/// The stores that a guardian catalogues, whichever kind it is of.
pub(crate) fn stores(root: &Dir, guardian: &RelativePath) -> Result<Vec<Store>, SimulatorError> {
    if let Some(opaque) = OpaqueGuardian::parse(&tree::read(root, guardian)?) {
        return Ok(opaque.stores);
    }
    guardian::read(&load(root, guardian)?, guardian)
}

/// The version of a database, or why it has none, and how many records it has, those of its dictionary left out.
pub(crate) fn summary(root: &Dir, control: &RelativePath) -> (String, u64) {
    let count = |files: &MemoryFileSet| -> Result<(String, u64), postoffice::flaim::Error> {
        let database = open(files)?;
        let mut records = 0;
        for container in database.containers() {
            if container != postoffice::flaim::DICTIONARY_CONTAINER {
                for record in database.records(container)? {
                    record?;
                    records += 1;
                }
            }
        }
        Ok((database.header().version.to_string(), records))
    };
    let opaque = || {
        let guardian = OpaqueGuardian::parse(&tree::read(root, control).ok()?)?;
        let records = u64::try_from(guardian.stores.len()).unwrap_or(u64::MAX);
        Some(("opaque".to_owned(), records))
    };
    let read = load(root, control).and_then(|files| count(&files).map_err(failed(control)));
    read.unwrap_or_else(|error| {
        let code = match error {
            SimulatorError::Database { source, .. } => source.code(),
            _ => "unreadable",
        };
        opaque().unwrap_or_else(|| (code.to_owned(), 0))
    })
}

/// Says which database an error is about.
pub(crate) fn failed<E: Into<CreateError>>(
    path: &RelativePath,
) -> impl FnOnce(E) -> SimulatorError + use<E> {
    let path = path.to_string();
    move |source| SimulatorError::Database {
        path,
        source: source.into(),
    }
}

/// Opens a database with all its files, and closes it again.
pub(crate) fn open_whole(root: &Dir, control: &RelativePath) -> Result<(), SimulatorError> {
    let files = load(root, control)?;
    open(&files).map_err(failed(control))?;
    Ok(())
}

/// Opens a database that is held in memory, and refuses one with another dictionary than the simulator gives it.
fn open_ours<'a>(
    files: &'a MemoryFileSet,
    path: &RelativePath,
    dictionary: impl FnOnce(Version) -> Dictionary,
) -> Result<Database<&'a MemoryFileSet>, SimulatorError> {
    let database = open(files).map_err(failed(path))?;
    if *database.dictionary() == dictionary(database.header().version) {
        Ok(database)
    } else {
        Err(SimulatorError::NotOfTheSimulator {
            path: path.to_string(),
        })
    }
}

/// Opens a database that is held in memory.
fn open(files: &MemoryFileSet) -> Result<Database<&MemoryFileSet>, postoffice::flaim::Error> {
    Database::open(files, Limits::default())
}
