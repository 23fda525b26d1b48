//! A stand-in for GWCheck, the vendor's own tool, as far as a migration needs it: a structure check of the guardian with
//! the keyword `storelowercase` makes the names in it lower case.
//!
//! A contents check does the harm that the real one does, so that whoever asks for one sees it.
//!
//! Real guardians are of a generation that only the vendor's tools can change; [`crate::database::OpaqueGuardian`] plays
//! that one.  A guardian of the later generation is converted too, because it is GroupWise's own.
//!
//! It is called as the real one is on Linux, `gwcheckt OPTIONSFILE`, and says what it does in the real one's manner.  The
//! form of the options file beyond its root and its action is what administrators remember, not what is documented.

mod options;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::io::Write;
use std::path::Path;

use cap_std::fs::Dir;
use postoffice::flaim::{LowercaseLimits, NameProfile, apply_lowercase, plan_lowercase};
use postoffice::layout::{FileClass, classify_file};
use postoffice::names::RelativePath;

use crate::database::{self, Edit, OpaqueGuardian, Writer, failed, lower_case_names};
use crate::error::{SimulatorError, Tried};
use crate::model::Store;
use crate::tree::{self, WriteMode};
use options::Options;

/// The guardian's file.
const GUARDIAN: &[u8] = b"ngwguard.db";

/// Does what an options file asks for; what it says goes to `out`, and to the log that the file names.
///
/// # Errors
/// An options file that it cannot follow, a post office that is none, a guardian that is no guardian.
pub fn run(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
) -> Result<(), SimulatorError> {
    let mut arguments = arguments.into_iter();
    let file = arguments.next().ok_or_else(|| SimulatorError::Start {
        text: "usage: gwcheckt OPTIONSFILE".into(),
    })?;
    let options = Options::read(Path::new(&file))?;
    let mut log = String::new();
    let result = check(&options, &mut log);
    if let Err(error) = &result {
        let _ = writeln!(log, "Error: {}", crate::describe_error(error));
    }
    // Whoever started it reads this or the log; a closed pipe is no reason to leave a guardian half done.
    let _ = out.write_all(log.as_bytes());
    if let Some(path) = &options.log_file {
        std::fs::write(path, &log).tried_at("write", path)?;
    }
    result
}

fn check(options: &Options, log: &mut String) -> Result<(), SimulatorError> {
    let home = tree::open_post_office(&options.post_office)?;
    let guardian = RelativePath::root().join(GUARDIAN);
    let _ = writeln!(log, "Post office: {}", options.post_office.display());
    let _ = writeln!(log, "Reading Guardian Database store catalog info");
    let stores = database::stores(&home, &guardian)?;
    for (number, store) in (1..).zip(&stores) {
        let _ = writeln!(log, "- {number}/{} {}", stores.len(), store.path());
    }
    let mut problems = 0;
    if options.removes_users {
        for name in remove_unknown_users(&home, &guardian)? {
            problems += 1;
            let _ = writeln!(
                log,
                "Problem: {name} is of a user who is not in wphost.db; store removed from the catalog"
            );
        }
    }
    if options.has_keyword {
        let changed = lowercase(&home, &guardian)?;
        let _ = writeln!(
            log,
            "STORELOWERCASE: {changed} bytes of the guardian changed"
        );
    } else {
        let _ = writeln!(log, "No name was changed");
    }
    let _ = writeln!(log, "Total problems: {problems}");
    Ok(())
}

/// Makes the names in the guardian lower case; says how many bytes became others.
fn lowercase(home: &Dir, guardian: &RelativePath) -> Result<usize, SimulatorError> {
    let old = tree::read(home, guardian)?;
    if OpaqueGuardian::parse(&old).is_some() {
        let new = lower_case_names(&old).unwrap_or_else(|| old.clone());
        tree::write_changes(home, guardian, &old, &new, WriteMode::default())?;
        return Ok(differences(&old, &new));
    }
    let old = database::load(home, guardian)?;
    let (profile, limits) = (NameProfile::Guardian, LowercaseLimits::default());
    let plan = plan_lowercase(&old, &profile, limits).map_err(failed(guardian))?;
    let mut new = old.clone();
    apply_lowercase(&mut new, &plan, limits).map_err(failed(guardian))?;
    database::save(home, guardian, &old, &new, WriteMode::default())?;
    let files = old.iter().zip(new.iter());
    Ok(files
        .map(|((_, old), (_, new))| differences(old, new))
        .sum())
}

fn differences(old: &[u8], new: &[u8]) -> usize {
    old.iter().zip(new).filter(|(old, new)| old != new).count()
}

/// Removes the stores of all users that the post office database does not know; gives the names of their files.
fn remove_unknown_users(
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
        Writer::alone(None).edit(home, guardian, Edit::RemoveStores(&gone))?;
    }
    Ok(gone)
}

fn is_of_a_user(store: &Store) -> bool {
    let path = RelativePath::from_bytes(store.path().as_bytes());
    path.is_some_and(|path| classify_file(&path) == FileClass::UserDatabase)
}
