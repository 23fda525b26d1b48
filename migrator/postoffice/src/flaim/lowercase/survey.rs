//! What changed values change in the indexes: counted while the records pass by, held until the indexes are written.

use std::collections::{BTreeMap, BTreeSet};

use super::super::database::Database;
use super::super::dictionary::{IndexDefinition, tag};
use super::super::error::Error;
use super::super::file_set::FileSet;
use super::super::index_entries::EntryChanges;
use super::super::key::keys_of;
use super::super::logical_file::DICTIONARY_CONTAINER;
use super::super::rebuild::refuse_tracked;
use super::super::record::{Field, Record};
use super::values::{NewValue, with_values};
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
pub(super) struct IndexSurvey {
    pub(super) budget: Budget,
    containers: BTreeMap<u16, Surveyed>,
    keys: BTreeMap<u16, EntryChanges>,
}

impl IndexSurvey {
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

/// An index of a container whose records may change.
#[derive(Debug)]
pub(super) struct Watcher {
    pub(super) index: u16,
    pub(super) name: String,
    pub(super) definition: Option<IndexDefinition>,
    /// The tags whose letters its keys hold in either case; `None` where they cannot be told.
    cased: Option<BTreeSet<u16>>,
    /// The tags that its keys hold without regard to case.
    caseless: BTreeSet<u16>,
}

impl Watcher {
    /// Whether keys may change when letters of a field do.
    pub(super) fn sees(&self, tag: u16) -> bool {
        self.cased.as_ref().is_none_or(|tags| tags.contains(&tag))
    }

    /// Why the index stays as it is although these fields change.
    pub(super) fn why_unaffected(&self, tags: &BTreeSet<u16>) -> &'static str {
        if tags.iter().any(|tag| self.sees(*tag)) {
            "the changed records have no keys in it that change"
        } else if tags.iter().any(|tag| self.caseless.contains(tag)) {
            "its keys make no difference between capital and small letters"
        } else {
            "no changed field is in its keys"
        }
    }
}

/// The indexes that cover a container, those over all containers included.
pub(super) fn watchers<F: FileSet>(
    database: &Database<F>,
    container: u16,
) -> Result<Vec<Watcher>, Error> {
    let mut watchers = Vec::new();
    for index in database.indexes() {
        let definition = database.dictionary().index(index);
        let covered = definition.as_ref().and_then(|index| index.container);
        if covered.is_some_and(|covered| covered != container) {
            continue;
        }
        let record = database.record(DICTIONARY_CONTAINER, index.into())?;
        let pieces = record.as_ref().map(pieces);
        let (cased, caseless) = pieces.unwrap_or_default();
        let item = database.dictionary().item(index);
        watchers.push(Watcher {
            index,
            name: item.map(|item| item.name.clone()).unwrap_or_default(),
            definition,
            cased,
            caseless,
        });
    }
    Ok(watchers)
}

/// The tags in the keys of an index, with regard to case and without; read from the dictionary's record because the
/// definition of an index whose keys cannot be made is not whole.
fn pieces(record: &Record) -> (Option<BTreeSet<u16>>, BTreeSet<u16>) {
    let fields: Vec<Field<'_>> = record.fields().collect();
    let mut cased = Some(BTreeSet::new());
    let mut caseless = BTreeSet::new();
    let mut is_in_key = false;
    for (position, field) in fields.iter().enumerate() {
        if field.level == 1 {
            is_in_key = field.tag == tag::KEY;
        }
        if !is_in_key || field.level != 2 {
            continue;
        }
        let below = fields.iter().skip(position + 1);
        let is_upper = below
            .take_while(|field| field.level > 2)
            .any(|field| field.tag == tag::CASE && field.stored.eq_ignore_ascii_case(b"upper"));
        match last_tag(*field) {
            Some(tag) if is_upper => {
                caseless.insert(tag);
            }
            Some(tag) => {
                if let Some(cased) = &mut cased {
                    cased.insert(tag);
                }
            }
            None if is_upper => {}
            None => cased = None,
        }
    }
    (cased, caseless)
}

/// The tag that ends a path: numbers with dots or blanks between them.
fn last_tag(field: Field<'_>) -> Option<u16> {
    if field.tag != tag::FIELD {
        return None;
    }
    let path = std::str::from_utf8(field.stored).ok()?;
    let mut numbers = path.rsplit(['.', ' ']);
    numbers.find(|number| !number.is_empty())?.parse().ok()
}
