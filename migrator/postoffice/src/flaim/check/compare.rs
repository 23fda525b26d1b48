//! Compares the keys of records with the keys of indexes.
//!
//! First by a fingerprint that does not depend on order: the sum of a keyed hash of each key with its record.  Two
//! passes, no memory.  Only where the sums differ are the entries looked up one by one, to name them.

use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};

use super::super::damage::Damage;
use super::super::database::Database;
use super::super::dictionary::IndexDefinition;
use super::super::error::{Error, Place};
use super::super::file_set::FileSet;
use super::super::index_entries::{IndexEntry, StoredEntries};
use super::super::key::{NoKey, keys};
use super::super::logical_file::LogicalFileKind;
use super::{Comparison, Findings, TreeReport};

/// How many steps of looking up go into naming the entries that differ; then what was named must do.
const NAMING_STEPS_MAX: u64 = 20_000_000;

/// A sum over entries that is the same in any order.
#[derive(Default, PartialEq, Eq)]
struct Fingerprint {
    entries: u64,
    sums: [u64; 2],
}

impl Fingerprint {
    fn add(&mut self, hashers: &[RandomState; 2], key: &[u8], record: u32) {
        self.entries = self.entries.wrapping_add(1);
        for (sum, hasher) in self.sums.iter_mut().zip(hashers) {
            *sum = sum.wrapping_add(hasher.hash_one((key, record)));
        }
    }
}

/// Compares every index whose own blocks and whose container are sound.
pub(super) fn indexes<F: FileSet>(
    database: &Database<F>,
    trees: &mut BTreeMap<u16, TreeReport>,
    findings: &mut Findings,
) -> Result<(), Error> {
    let sound: Vec<u16> = database
        .indexes()
        .into_iter()
        .filter(|index| !findings.concern(*index))
        .collect();
    for index in database.indexes() {
        let definition = database.dictionary().index(index);
        let comparison = match &definition {
            None => none("the dictionary does not define it"),
            Some(definition) if definition.not_computable.is_some() => {
                none(definition.not_computable.unwrap_or_default())
            }
            Some(definition) => {
                let container = definition.container.unwrap_or_default();
                if !sound.contains(&index) || findings.concern(container) {
                    none("it or its container is damaged")
                } else {
                    compare(database, index, container, definition, findings)?
                }
            }
        };
        if let Some(tree) = trees.get_mut(&index) {
            tree.comparison = Some(comparison);
        }
    }
    Ok(())
}

fn none(reason: &'static str) -> Comparison {
    Comparison::None { reason }
}

fn compare<F: FileSet>(
    database: &Database<F>,
    index: u16,
    container: u16,
    definition: &IndexDefinition,
    findings: &mut Findings,
) -> Result<Comparison, Error> {
    let hashers = [RandomState::new(), RandomState::new()];
    let mut of_records = Fingerprint::default();
    let mut records_left_out = 0u64;
    let mut first_reason = None;
    for record in database.records(container)? {
        let record = record?;
        match keys(definition, &record) {
            Ok(keys) => {
                for key in keys {
                    of_records.add(&hashers, &key, record.number);
                }
            }
            Err(reason) => {
                records_left_out += 1;
                first_reason.get_or_insert(match reason {
                    NoKey::Unknown(reason) => reason,
                    NoKey::Damaged(..) => "a value is malformed",
                });
            }
        }
    }
    if let Some(reason) = first_reason {
        let is_whole = name_differences(database, index, container, definition, findings)?;
        return Ok(Comparison::Partial {
            records_left_out,
            reason: if is_whole {
                reason
            } else {
                "comparing the rest one by one takes too long"
            },
        });
    }
    let mut of_index = Fingerprint::default();
    for entry in database.index_entries(index)? {
        let entry = entry?;
        of_index.add(&hashers, &entry.key, entry.record);
    }
    if of_records != of_index {
        name_differences(database, index, container, definition, findings)?;
        // The sums differ, so something does, even where none could be named in time.
        if !findings.concern(index) {
            findings.add(Place::in_logical_file(index).fault(Damage::KeyNotInIndex));
        }
    }
    Ok(Comparison::Whole)
}

/// Names each entry that stands on one side only; `false` where that took too long or found too much to go on.
fn name_differences<F: FileSet>(
    database: &Database<F>,
    index: u16,
    container: u16,
    definition: &IndexDefinition,
    findings: &mut Findings,
) -> Result<bool, Error> {
    let place = Place::in_logical_file(index);
    let mut steps_left = NAMING_STEPS_MAX;
    // Dense runs make a single look-up long; without an end, naming would take the square of the database's size.
    let mut may_go_on = || {
        steps_left = steps_left.saturating_sub(1);
        steps_left > 0
    };
    let root = database.logical_file(index, LogicalFileKind::Index)?.root;
    for record in database.records(container)? {
        let record = record?;
        for key in keys(definition, &record).unwrap_or_default() {
            let wanted = IndexEntry {
                key: key.into(),
                record: record.number,
            };
            let store = &database.store;
            let mut entries =
                StoredEntries::open_at(store, index, root, &wanted.key, wanted.record)?;
            let mut nearest = entries.next()?;
            while nearest
                .as_ref()
                .is_some_and(|(entry, _)| entry.order() < wanted.order())
            {
                nearest = entries.next()?;
                if !may_go_on() {
                    return Ok(false);
                }
            }
            if nearest.is_none_or(|(entry, _)| entry != wanted) {
                findings.add(place.in_record(record.number).fault(Damage::KeyNotInIndex));
            }
            if findings.is_full() || !may_go_on() {
                return Ok(false);
            }
        }
    }
    let mut entries = StoredEntries::open(&database.store, index, root)?;
    while let Some((entry, at)) = entries.next()? {
        if !may_go_on() {
            return Ok(false);
        }
        let is_backed = match database.stored_record(container, entry.record)? {
            // A record whose keys cannot be made may have any.
            Some(record) => {
                keys(definition, &record).map_or(true, |keys| keys.contains(&entry.key[..]))
            }
            None => false,
        };
        if !is_backed {
            findings.add(at.in_record(entry.record).fault(Damage::KeyNotInRecord));
        }
        if findings.is_full() {
            return Ok(false);
        }
    }
    Ok(true)
}
