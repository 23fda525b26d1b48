//! What changed values change in the indexes: counted while the records pass by, held until the indexes are written.

use std::collections::{BTreeMap, BTreeSet};

use super::super::database::Database;
use super::super::error::Error;
use super::super::file_set::FileSet;
use super::super::index_entries::EntryChanges;
use super::super::key::keys_of;
use super::super::record::Record;
use super::values::{NewValue, with_values};
use super::watch::{Watcher, refuse_tracked, watchers};
use super::{AffectedIndex, UnaffectedIndex};

/// What one key, or one value, costs besides its own bytes.
const ITEM_BYTES: usize = 96;

/// A limit on memory that is being used up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    left: usize,
    max: usize,
}

impl Budget {
    pub(super) fn new(max: usize) -> Self {
        Self { left: max, max }
    }

    /// Takes room for an item of so many bytes; `false` where there is none.
    pub(super) fn take(&mut self, bytes: usize) -> bool {
        let left = self.left.checked_sub(bytes.saturating_add(ITEM_BYTES));
        self.left = left.unwrap_or(self.left);
        left.is_some()
    }

    /// Takes room for an item of so many bytes, or refuses to go on.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), Error> {
        if self.take(bytes) {
            return Ok(());
        }
        Err(Error::TooLarge {
            what: "The list of names to change",
            bytes_max: self.max,
        })
    }
}

/// One container of which records change.
#[derive(Debug)]
struct Surveyed {
    watchers: Vec<Watcher>,
    tags: BTreeSet<u16>,
}

/// The indexes of every container of which records change.
#[derive(Debug)]
pub(super) struct Survey {
    pub(super) budget: Budget,
    containers: BTreeMap<u16, Surveyed>,
    keys: BTreeMap<u16, EntryChanges>,
}

impl Survey {
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            budget: Budget::new(bytes_max),
            containers: BTreeMap::new(),
            keys: BTreeMap::new(),
        }
    }

    /// Takes up a record of which values change.
    pub(super) fn add<F: FileSet>(
        &mut self,
        database: &Database<F>,
        container: u16,
        record: &Record,
        values: &[NewValue],
    ) -> Result<(), Error> {
        let surveyed = match self.containers.entry(container) {
            std::collections::btree_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::btree_map::Entry::Vacant(entry) => entry.insert(Surveyed {
                watchers: watchers(database, container)?,
                tags: BTreeSet::new(),
            }),
        };
        let tags: BTreeSet<u16> = values
            .iter()
            .filter_map(|value| record.fields.get(value.position))
            .map(|field| field.tag)
            .collect();
        surveyed.tags.extend(&tags);
        let changed = with_values(record, values);
        for watcher in &surveyed.watchers {
            if !tags.iter().any(|tag| watcher.sees(*tag)) {
                continue;
            }
            let index = watcher.index;
            let definition = watcher.definition.as_ref();
            let definition = definition.ok_or(Error::IndexNotComputable {
                index,
                reason: "the dictionary does not define it",
            })?;
            let old = keys_of(index, definition, record)?;
            let new = keys_of(index, definition, &changed)?;
            for key in old.symmetric_difference(&new) {
                self.budget.spend(key.len())?;
            }
            let keys = self.keys.entry(index).or_default();
            keys.remove_all(old.difference(&new).cloned(), record.number);
            keys.add_all(new.difference(&old).cloned(), record.number);
        }
        Ok(())
    }

    /// The indexes whose keys change, and how; refuses those that cannot be written anew.
    pub(super) fn into_keys<F: FileSet>(
        self,
        database: &Database<F>,
    ) -> Result<BTreeMap<u16, EntryChanges>, Error> {
        let mut keys = self.keys;
        keys.retain(|_, changes| !changes.is_empty());
        for index in keys.keys() {
            refuse_tracked(database, *index)?;
        }
        Ok(keys)
    }

    /// Which indexes are written anew, and which are not.
    pub(super) fn indexes(&self) -> (Vec<AffectedIndex>, Vec<UnaffectedIndex>) {
        let mut affected = BTreeMap::new();
        let mut unaffected = BTreeMap::new();
        for surveyed in self.containers.values() {
            for watcher in &surveyed.watchers {
                let index = watcher.index;
                let name = watcher.name.clone();
                if let Some(keys) = self.keys.get(&index).filter(|keys| !keys.is_empty()) {
                    let (keys_removed, keys_added) = keys.counts();
                    let written_anew = AffectedIndex {
                        index,
                        name,
                        keys_removed,
                        keys_added,
                    };
                    affected.insert(index, written_anew);
                } else {
                    let reason = watcher.why_unaffected(&surveyed.tags);
                    let stays = UnaffectedIndex {
                        index,
                        name,
                        reason,
                    };
                    unaffected.insert(index, stays);
                }
            }
        }
        (
            affected.into_values().collect(),
            unaffected.into_values().collect(),
        )
    }
}
