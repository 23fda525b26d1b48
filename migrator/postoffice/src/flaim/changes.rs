//! The records that committed transactions of the roll-forward log changed.

use std::collections::BTreeMap;
use std::ops::Bound;

use super::record::Record;

/// What became of one record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// It was deleted.
    Deleted,
    /// It was added, or has this content now.
    Now(Record),
}

impl Change {
    /// The record, where there still is one.
    pub(super) fn record(&self) -> Option<&Record> {
        match self {
            Self::Deleted => None,
            Self::Now(record) => Some(record),
        }
    }
}

/// Changed records by container and number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Changes {
    records: BTreeMap<(u16, u32), Change>,
    bytes: usize,
}

/// What one change costs besides the bytes of its record.
const CHANGE_BYTES: usize = 64;

fn cost(change: &Change) -> usize {
    let bytes = change.record().map_or(0, |record| {
        record
            .data
            .len()
            .saturating_add(record.fields.len().saturating_mul(CHANGE_BYTES))
    });
    bytes.saturating_add(CHANGE_BYTES)
}

impl Changes {
    /// How many records are changed.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    /// Roughly how much memory they take, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn set(&mut self, container: u16, number: u32, change: Change) {
        self.bytes = self.bytes.saturating_add(cost(&change));
        if let Some(old) = self.records.insert((container, number), change) {
            self.bytes = self.bytes.saturating_sub(cost(&old));
        }
    }

    /// The change of one record; `None` where it did not change.
    pub(super) fn get(&self, container: u16, number: u32) -> Option<&Change> {
        self.records.get(&(container, number))
    }

    /// Takes over the changes of a later transaction.
    pub(super) fn append(&mut self, later: Self) {
        for ((container, number), change) in later.records {
            self.set(container, number, change);
        }
    }

    /// Whether a record of this container changed.
    pub(super) fn touch(&self, container: u16) -> bool {
        self.of_container(container).next().is_some()
    }

    /// The containers with changed records.
    pub(super) fn containers(&self) -> impl Iterator<Item = u16> {
        let mut previous = None;
        self.records.keys().filter_map(move |(container, _)| {
            let is_new = previous.replace(*container) != Some(*container);
            is_new.then_some(*container)
        })
    }

    /// The changes of one container, in order of the records' numbers.
    pub(super) fn of_container(
        &self,
        container: u16,
    ) -> impl Iterator<Item = (u32, Option<&Record>)> {
        self.records
            .range((container, 0)..=(container, u32::MAX))
            .map(|((_, number), change)| (*number, change.record()))
    }

    /// The first change of a container behind a record number.
    pub(super) fn after(
        &self,
        container: u16,
        number: Option<u32>,
    ) -> Option<(u32, Option<&Record>)> {
        let start = number.map_or(Bound::Included((container, 0)), |number| {
            Bound::Excluded((container, number))
        });
        let range = (start, Bound::Included((container, u32::MAX)));
        let (key, change) = self.records.range(range).next()?;
        Some((key.1, change.record()))
    }
}
