//! Carries a plan out on a copy of the files: values in place, affected indexes anew, headers last.

use std::collections::BTreeMap;

use super::super::address::BlockAddress;
use super::super::block::seal;
use super::super::database::Database;
use super::super::error::{Error, Place};
use super::super::field::FieldKind;
use super::super::file_set::{FileSet, FileSetMut};
use super::super::index_entries::EntryChanges;
use super::super::rebuild::rebuild_index;
use super::super::record::{RawRecord, Record};
use super::super::recover::recover_copy;
use super::super::store::BlockStore;
use super::super::text;
use super::super::working_copy::WorkingCopy;
use super::survey::IndexSurvey;
use super::values::{NewValue, lower_stored, value_range};
use super::{LowercaseLimits, LowercasePlan, LowercaseReport, NameChange};

/// New bytes for a place in a block.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Patch {
    block: BlockAddress,
    offset: usize,
    bytes: Vec<u8>,
}

/// Carries a plan out.
///
/// `files` must be a copy, because this is no transaction: from the first write until the last the copy is marked as
/// unfinished, and the probe refuses it.  Whoever calls this syncs the copy and puts it in place as a whole.  Of a database
/// that was closed cleanly everything is read and verified before the first write; one that was not is recovered first,
/// in the same copy.
pub fn apply_lowercase<F: FileSetMut>(
    files: &mut F,
    plan: &LowercasePlan,
    limits: LowercaseLimits,
) -> Result<LowercaseReport, Error> {
    let copy = WorkingCopy::open(files)?;
    let mut report = LowercaseReport {
        recovery: recover_copy(&copy, limits.database)?,
        ..LowercaseReport::default()
    };
    if !plan.changes.is_empty() {
        let database = Database::open(&copy, limits.database)?;
        let (patches, keys) = gather(&database, plan, limits)?;
        report.values = plan.changes.len();
        report.value_blocks = write_values(&copy, &database.store, &patches)?;
        for (index, changes) in keys {
            report
                .indexes
                .push(rebuild_index(&copy, &database, index, changes)?);
        }
    }
    copy.finish()?;
    Ok(report)
}

/// What the plan changes in blocks, and in the keys of indexes.
type Gathered = (Vec<Patch>, BTreeMap<u16, EntryChanges>);

fn gather<F: FileSet>(
    database: &Database<F>,
    plan: &LowercasePlan,
    limits: LowercaseLimits,
) -> Result<Gathered, Error> {
    let mut survey = IndexSurvey::new(limits.changes_bytes_max);
    let mut patches = Vec::new();
    let of_one_container = |a: &NameChange, b: &NameChange| a.container == b.container;
    for changes in plan.changes.chunk_by(of_one_container) {
        let (Some(first), Some(last)) = (changes.first(), changes.last()) else {
            continue;
        };
        let container = first.container;
        let mut by_record = changes.chunk_by(|a, b| a.record == b.record).peekable();
        let mut records = database.raw_records(container, first.record)?;
        while let Some(raw) = records.next()? {
            let Some(of_record) = by_record.next_if(|changes| is_of(changes, raw.number)) else {
                if raw.number > last.record {
                    break;
                }
                continue;
            };
            let record = raw.clone().parse(database.dictionary())?;
            let values = new_values(container, &record, of_record)?;
            for value in &values {
                survey.budget.spend(value.stored.len())?;
                patches.extend(patches_of(&raw, &record, value));
            }
            survey.add(database, container, &record, &values)?;
        }
        // Records that the plan names and the container does not have, or a plan out of order.
        if let Some(left) = by_record.next().and_then(<[_]>::first) {
            return Err(Error::PlanStale(place_of(left)));
        }
    }
    patches.sort_unstable();
    Ok((patches, survey.into_keys(database)?))
}

fn is_of(changes: &[NameChange], record: u32) -> bool {
    changes
        .first()
        .is_some_and(|change| change.record == record)
}

fn place_of(change: &NameChange) -> Place {
    Place::in_logical_file(change.container)
        .in_record(change.record)
        .in_field(change.field)
}

/// The new values of a record, after a comparison of the old ones with the plan.
fn new_values(
    container: u16,
    record: &Record,
    changes: &[NameChange],
) -> Result<Vec<NewValue>, Error> {
    let mut values: Vec<NewValue> = Vec::with_capacity(changes.len());
    for change in changes {
        let stale = || Error::PlanStale(place_of(change));
        let field = record.fields().nth(change.position).ok_or_else(stale)?;
        let damaged = |damage| place_of(change).fault(damage);
        let is_planned = field.tag == change.field
            && change.container == container
            && field.kind == FieldKind::Text
            && !field.is_encrypted
            && text::decode(field.stored).map_err(damaged)? == change.old;
        let stored = lower_stored(field.stored).map_err(damaged)?;
        let Some(stored) = stored.filter(|_| is_planned) else {
            return Err(stale());
        };
        let is_new = text::decode(&stored).map_err(damaged)? == change.new;
        let is_further = values
            .last()
            .is_none_or(|last| last.position < change.position);
        if !is_new || !is_further {
            return Err(stale());
        }
        let position = change.position;
        values.push(NewValue { position, stored });
    }
    Ok(values)
}

/// Where a new value goes: its record may be spread over several elements and blocks.
fn patches_of(raw: &RawRecord, record: &Record, value: &NewValue) -> Vec<Patch> {
    let mut patches = Vec::new();
    let Some(range) = record.fields.get(value.position).map(value_range) else {
        return patches;
    };
    let mut segment_start = 0;
    for segment in &raw.segments {
        let segment_end = segment_start + segment.range.len();
        let from = range.start.max(segment_start);
        let to = range.end.min(segment_end);
        if from < to {
            let bytes = value.stored.get(from - range.start..to - range.start);
            patches.push(Patch {
                block: segment.block,
                offset: segment.range.start + (from - segment_start),
                bytes: bytes.unwrap_or_default().to_vec(),
            });
        }
        segment_start = segment_end;
    }
    patches
}

/// Writes values into their blocks, each block once; says how many blocks.
fn write_values<F: FileSetMut>(
    copy: &WorkingCopy<'_, F>,
    store: &BlockStore<&WorkingCopy<'_, F>>,
    patches: &[Patch],
) -> Result<usize, Error> {
    let mut blocks = 0;
    for patches in patches.chunk_by(|a, b| a.block == b.block) {
        let Some(address) = patches.first().map(|patch| patch.block) else {
            continue;
        };
        let mut bytes = store.read(address)?.into_bytes();
        for patch in patches {
            let range = patch.offset..patch.offset + patch.bytes.len();
            if let Some(place) = bytes.get_mut(range) {
                place.copy_from_slice(&patch.bytes);
            }
        }
        seal(&mut bytes, address);
        copy.write_block(address, &bytes)?;
        blocks += 1;
    }
    Ok(blocks)
}
