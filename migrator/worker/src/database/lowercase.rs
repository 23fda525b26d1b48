//! Lower-casing the names in a database where it lies, safely.

use postoffice::flaim::{
    CheckOptions, LowercaseLimits, LowercasePlan, LowercaseReport, NameProfile, apply_lowercase,
    base_of, check, plan_lowercase,
};
use postoffice::names::{RelativePath, printable};
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

use super::{OpenDatabase, Swap, WorkingSet, open_database};
use crate::error::{Result, WorkerError};
use crate::locks::{self, Attempt, lock_file_name};
use crate::tree::Folder;

/// What lower-casing the names in a database would do; nothing is written.
///
/// # Errors
/// [`WorkerError::Database`] with what forbids it; what reading says.
pub fn plan_names(
    folder: &Folder,
    control: &[u8],
    profile: &NameProfile,
    limits: LowercaseLimits,
) -> Result<LowercasePlan> {
    let database = open_database(folder, control)?;
    plan(&database, control, profile, limits)
}

/// Lower-cases the names in a database; `None` where nothing is to be done.
///
/// It is locked meanwhile, changed as a copy beside it, and put in place as a whole.
///
/// # Errors
/// What forbids it; where the result cannot be proven sound, the database stays as it was.
pub fn lowercase_names(
    folder: &Folder,
    control: &[u8],
    profile: &NameProfile,
    limits: LowercaseLimits,
) -> Result<(LowercasePlan, Option<LowercaseReport>)> {
    let _alone = Alone::in_folder(folder)?;
    let swap = Swap::begin(folder)?;
    let lock = lock(folder, control)?;
    let database = open_database(folder, control)?;
    let plan = plan(&database, control, profile, limits)?;
    if plan.is_empty() {
        swap.discard()?;
        return Ok((plan, None));
    }
    let base = base_of(control);
    let mut copy = WorkingSet::copy(&database, base, swap.staging())?;
    let report = change(&mut copy, control, &plan, profile, limits)?;
    copy.keep_owner_and_mode(folder)?;
    require_held(&lock, folder, control)?;
    swap.commit()?;
    Ok((plan, Some(report)))
}

/// Nobody else changes a database of the same folder with this program meanwhile: all of them would make their copy under the same
/// name.
struct Alone<'a>(&'a Folder);

impl<'a> Alone<'a> {
    fn in_folder(folder: &'a Folder) -> Result<Self> {
        match flock(folder, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => Err(WorkerError::Refused {
                code: "database-in-use",
                text:
                    "A database of the same folder is being changed by another run of this program"
                        .into(),
                remedy: "Wait until it has come to its end, then run the same command again".into(),
            }),
            // A file system without such locks keeps nobody out; nor did it before.
            Ok(()) | Err(_) => Ok(Self(folder)),
        }
    }
}

impl Drop for Alone<'_> {
    fn drop(&mut self) {
        // Closing the folder gives it back as well.
        let _ = flock(self.0, FlockOperation::Unlock);
    }
}

/// Plans with an opened database.
pub(crate) fn plan(
    database: &OpenDatabase,
    control: &[u8],
    profile: &NameProfile,
    limits: LowercaseLimits,
) -> Result<LowercasePlan> {
    database.header()?;
    plan_lowercase(&database.files, profile, limits).map_err(in_database(control))
}

/// Carries a plan out on a copy, and proves the result: sound, and nothing left to change.
pub(crate) fn change(
    copy: &mut WorkingSet<'_>,
    control: &[u8],
    plan: &LowercasePlan,
    profile: &NameProfile,
    limits: LowercaseLimits,
) -> Result<LowercaseReport> {
    let report = apply_lowercase(copy, plan, limits).map_err(in_database(control))?;
    let checked = check(&*copy, CheckOptions::default()).map_err(in_database(control))?;
    let left = plan_lowercase(&*copy, profile, limits).map_err(in_database(control))?;
    // As in the plan: what has no meaning in a header may stay what it is.
    if checked.damage().next().is_none() && left.is_empty() {
        return Ok(report);
    }
    Err(WorkerError::Refused {
        code: "names-not-proven",
        text: format!(
            "The changed copy of {} is not sound: {} findings, {} names left; the database stays as it was",
            printable(control),
            checked.findings.len(),
            left.changes.len()
        ),
        remedy:
            "Use another way to convert it ([guardian] engine in the worksheet), and report this"
                .into(),
    })
}

pub(crate) fn in_database(control: &[u8]) -> impl Fn(postoffice::flaim::Error) -> WorkerError {
    let path = RelativePath::root().join(control);
    move |error| WorkerError::database(&path, error)
}

/// Keeps every program that respects the locks of the format out until the value is dropped.
pub(crate) fn lock(folder: &Folder, control: &[u8]) -> Result<Attempt> {
    let path = RelativePath::root().join(control);
    let failed = |errno| WorkerError::reading("lock", &path, errno);
    let wanted = lock_file_name(control);
    let entries = folder.list().map_err(failed)?;
    let lock_file = entries
        .iter()
        .find(|entry| entry.name.eq_ignore_ascii_case(&wanted));
    let lock_file = lock_file.map(|entry| entry.name.as_slice());
    match locks::try_lock(folder, control, lock_file).map_err(failed)? {
        Attempt::Busy => Err(in_use(control)),
        Attempt::NotAsked(errno) => Err(failed(errno)),
        lock => Ok(lock),
    }
}

/// Refuses where a program may have opened the database since it was locked, because there was no lock file to lock.
pub(crate) fn require_held(lock: &Attempt, folder: &Folder, control: &[u8]) -> Result<()> {
    match lock {
        Attempt::Held(held) if held.was_passed(folder, control) => Err(in_use(control)),
        _ => Ok(()),
    }
}

fn in_use(control: &[u8]) -> WorkerError {
    WorkerError::Refused {
        code: "database-in-use",
        text: format!("Another program holds {}", printable(control)),
        remedy: "Stop the agent that works on it, then run the same command again".into(),
    }
}
