//! The guardian as it was when its names had been converted: while it stays like that, and the source too, no pass copies
//! it again over the converted one.

use std::collections::BTreeMap;

use postoffice::names::RelativePath;
use serde::{Deserialize, Serialize};

use super::fall_backs::{stage_empty_log, stage_fall_backs};
use super::{GUARDIAN, guardian_files};
use crate::capabilities::Area;
use crate::database::{Swap, lock, open_database};
use crate::error::Result;
use crate::store::JobStore;
use crate::tree::{Attributes, Time};

/// The fact of the job that holds it; empty where nothing is converted.
const FACT: &str = "guardian-converted";
/// What stands there from before a converted guardian is put in place until it is accepted.
const CONVERTING: &str = "converting";

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
    let text = serde_json::to_string(&accepted).unwrap_or_default();
    store.remember_one(FACT, text)
}

/// The guardian that was accepted as converted and was not copied again since.
///
/// # Errors
/// What the job store says.
pub(crate) fn accepted(store: &JobStore) -> Result<Option<Accepted>> {
    let fact = store.fact(FACT)?.unwrap_or_default();
    // Whatever does not read as one was never accepted by this version: the guardian is copied and converted again.
    Ok(serde_json::from_str(&fact).ok())
}

/// Remembers that a converted guardian is about to be put in place: a run that finds it there, and nothing left to
/// convert, then knows whose work that was.
///
/// # Errors
/// What the job store says.
pub(super) fn announce(store: &JobStore) -> Result<()> {
    store.remember_one(FACT, CONVERTING)
}

/// Whether a converted guardian was put in place, or about to be, and not accepted.
///
/// # Errors
/// What the job store says.
pub(super) fn is_announced(store: &JobStore) -> Result<bool> {
    Ok(store.fact(FACT)?.as_deref() == Some(CONVERTING))
}

/// Forgets it, because the guardian is about to be copied again.
///
/// # Errors
/// What the job store says.
pub(crate) fn forget(store: &JobStore) -> Result<()> {
    if store.fact(FACT)?.is_some_and(|fact| !fact.is_empty()) {
        store.remember_one(FACT, "")?;
    }
    Ok(())
}
