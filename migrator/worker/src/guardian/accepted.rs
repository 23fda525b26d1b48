//! The guardian as it was when its names had been converted: while it stays like that, and the source too, no pass copies
//! it again over the converted one.

use std::collections::BTreeMap;

use postoffice::names::RelativePath;
use serde::{Deserialize, Serialize};

use super::fall_backs::{stage_empty_log, stage_fall_backs};
use super::{GUARDIAN, guardian_files};
use crate::capabilities::Area;
use crate::database::{Swap, lock, open_database, require_held};
use crate::error::Result;
use crate::store::JobStore;
use crate::tree::{Attributes, Time};
use protocol::Proof;

/// The fact of the job that holds it.
const FACT: &str = "guardian";

/// What is kept as the engine where the built-in one converted.
pub(super) const BUILT_IN: &str = "built-in";

/// How far a conversion is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Conversion {
    /// A converted guardian is about to be put in place, or was, and is not accepted yet.
    Converting,
    /// This one was accepted.
    Converted(Accepted),
}

/// What a file was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    modified: Time,
    changed: Time,
}

impl From<&Attributes> for Stamp {
    fn from(attributes: &Attributes) -> Self {
        Self {
            size: attributes.size,
            modified: attributes.modified,
            changed: attributes.changed,
        }
    }
}

/// A converted guardian.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Accepted {
    /// Who converted it.
    engine: String,
    files: BTreeMap<String, Stamp>,
}

impl Accepted {
    /// Whether the built-in engine converted it, and so changed exactly what it takes for names.
    pub(super) fn is_built_in(&self) -> bool {
        self.engine == BUILT_IN
    }

    /// Whether the file at this path of the destination belongs to it.
    pub(crate) fn has(&self, path: &RelativePath) -> bool {
        self.files.contains_key(&path.to_string())
    }

    /// Whether the guardian of the destination is still what was accepted.
    ///
    /// # Errors
    /// What listing says.
    pub(crate) fn is_unchanged(&self, area: &Area) -> Result<bool> {
        Ok(stamps(area)? == self.files)
    }
}

fn stamps(area: &Area) -> Result<BTreeMap<String, Stamp>> {
    let files = guardian_files(&area.destination)?;
    let stamps = files.iter();
    Ok(stamps
        .map(|(path, attributes)| (path.to_string(), Stamp::from(attributes)))
        .collect())
}

/// Takes the guardian of the destination as converted by somebody else: its fall-back copies become the same, and its log
/// begins anew.
///
/// # Errors
/// What the kernel and the job store say.
pub(super) fn take_over(area: &Area, store: &JobStore, engine: &str) -> Result<()> {
    let place = &area.destination;
    let swap = Swap::begin(place)?;
    let lock = lock(place, GUARDIAN)?;
    let converted = open_database(place, GUARDIAN)?;
    stage_fall_backs(place, &converted, swap.staging())?;
    stage_empty_log(place, swap.staging())?;
    require_held(&lock, place, GUARDIAN)?;
    swap.commit()?;
    drop(lock);
    accept(area, store, engine)
}

/// Remembers the guardian of the destination as converted.
///
/// # Errors
/// What listing and the job store say.
pub(super) fn accept(area: &Area, store: &JobStore, engine: &str) -> Result<()> {
    let accepted = Accepted {
        engine: engine.to_owned(),
        files: stamps(area)?,
    };
    store.remember_value(FACT, &Conversion::Converted(accepted))?;
    store.record_proof(Proof::Guardian)
}

/// The guardian that was accepted as converted and was not copied again since.
///
/// # Errors
/// What the job store says.
pub(crate) fn accepted(store: &JobStore) -> Result<Option<Accepted>> {
    Ok(match store.value(FACT)? {
        Some(Conversion::Converted(accepted)) => Some(accepted),
        Some(Conversion::Converting) | None => None,
    })
}

/// Remembers that a converted guardian is about to be put in place: a run that finds it there, and nothing left to
/// convert, then knows whose work that was.
///
/// # Errors
/// What the job store says.
pub(super) fn announce(store: &JobStore) -> Result<()> {
    store.remember_value(FACT, &Conversion::Converting)
}

/// Whether a converted guardian was put in place, or about to be, and not accepted.
///
/// # Errors
/// What the job store says.
pub(super) fn is_announced(store: &JobStore) -> Result<bool> {
    Ok(store.value(FACT)? == Some(Conversion::Converting))
}

/// Forgets it, because the guardian is about to be copied again.
///
/// # Errors
/// What the job store says.
pub(crate) fn forget(store: &JobStore) -> Result<()> {
    if store.value::<Conversion>(FACT)?.is_some() {
        store.forget_value(FACT)?;
    }
    Ok(())
}

/// Has the guardian copied and converted again, because the converted one could not be proven.
///
/// # Errors
/// What listing and the job store say.
pub(crate) fn doubt(area: &Area, store: &JobStore) -> Result<()> {
    let files = guardian_files(&area.destination)?.into_iter();
    let files: Vec<(RelativePath, Vec<u8>)> = files
        .filter_map(|(path, _)| {
            let (folder, name) = path.split_last()?;
            Some((folder, name.to_vec()))
        })
        .collect();
    store.doubt_files(area.id, &files)?;
    forget(store)
}
