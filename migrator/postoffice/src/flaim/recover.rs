//! Recovers a database that was not closed cleanly, in its files (flaim-format.md 10).
//!
//! First the before-images go back into the data files, which is the state of the last checkpoint.  Then the records that
//! committed transactions changed are put into their containers, and what indexes hold about them into those.  Both are
//! written anew as whole trees, because nothing here inserts into one; the result holds the same as after a replay by the
//! format's own engine, in other blocks.

use super::address::DatabaseFile;
use super::block::seal;
use super::database::{Database, Recovery};
use super::error::Error;
use super::file_set::{FileSet, FileSetMut, Limits, size_of};
use super::free_blocks::FreeBlocks;
use super::index_entries::EntryChanges;
use super::logical_file::{DICTIONARY_CONTAINER, LogicalFileKind, set_root};
use super::rebuild::{TreeBlocks, UnreadBlocks, rebuild_index, refuse_tracked, shape};
use super::record::Record;
use super::store::BlockStore;
use super::tree_writer::TreeWriter;
use super::working_copy::WorkingCopy;

/// Recovers a database in its files; writes nothing, and says `None`, where it was closed cleanly.
///
/// `files` must be a copy, because this is no transaction: from the first write until the last the copy is marked as
/// unfinished, and the probe refuses it.
pub fn recover<F: FileSetMut>(files: &mut F, limits: Limits) -> Result<Option<Recovery>, Error> {
    let copy = WorkingCopy::open(files)?;
    let recovery = recover_copy(&copy, limits)?;
    copy.finish()?;
    Ok(recovery)
}

/// Refuses a database whose recovery cannot be written.
pub(super) fn verify<F: FileSet>(database: &Database<F>) -> Result<(), Error> {
    if database.changes.touch(DICTIONARY_CONTAINER) {
        return Err(Error::NotRecoverable {
            reason: "its roll-forward log changes the dictionary",
        });
    }
    verify_images(&database.store)?;
    for container in database.changes.containers() {
        database.logical_file(container, LogicalFileKind::Container)?;
        for (_, change) in database.changes.of_container(container) {
            if let Some(record) = change {
                encode(database, record)?;
            }
        }
    }
    for index in changed_indexes(database)? {
        refuse_tracked(database, index)?;
    }
    Ok(())
}

/// Refuses before-images of blocks that their data files do not hold.
///
/// An image is of a block that was in place at the checkpoint, and data files do not shrink; a log that says otherwise is
/// damaged, and following it would write gigabytes of gap into a small file.
fn verify_images<F: FileSet>(store: &BlockStore<F>) -> Result<(), Error> {
    let block_size = u64::from(store.geometry.block_size);
    let mut known: Option<(DatabaseFile, u64)> = None;
    for address in store.image_addresses() {
        let file = DatabaseFile::Numbered(address.file_number());
        let size = match known {
            Some((known, size)) if known == file => size,
            _ => size_of(&store.files, file)?.unwrap_or(0),
        };
        known = Some((file, size));
        if u64::from(address.offset()) + block_size > size {
            return Err(Error::Rollback {
                address,
                reason: "an image is of a block behind the end of its data file",
            });
        }
    }
    Ok(())
}

/// The indexes that the roll-forward log changes.
fn changed_indexes<F: FileSet>(database: &Database<F>) -> Result<Vec<u16>, Error> {
    let mut changed = Vec::new();
    for index in database.indexes() {
        if !database.replayed_entries(index)?.is_empty() {
            changed.push(index);
        }
    }
    Ok(changed)
}

/// Recovers a copy under change, without finishing it.
pub(super) fn recover_copy<F: FileSetMut>(
    copy: &WorkingCopy<'_, F>,
    limits: Limits,
) -> Result<Option<Recovery>, Error> {
    let header = copy.header()?;
    if header.log.is_clean() {
        return Ok(None);
    }
    let database = Database::open(copy, limits)?;
    verify(&database)?;
    let recovery = database.recovery();
    put_back(copy, &database.store)?;
    drop(database);
    let block_size = u32::try_from(header.block_size).unwrap_or(0);
    copy.edit_header(|edit| edit.rollback_done(block_size))?;
    let database = Database::open(copy, limits)?;
    replay(copy, &database)?;
    let log = header.log;
    copy.edit_header(|edit| {
        edit.checkpoint(log.roll_forward_end());
        if let Some(recovery) = recovery.filter(|recovery| recovery.transactions_replayed > 0) {
            let commits = log
                .commit_count
                .saturating_add(recovery.transactions_replayed);
            let last = log.transaction.max(recovery.last_transaction);
            edit.transactions(last, commits);
        }
    })?;
    Ok(recovery)
}

/// Writes every before-image to the place of its block.
fn put_back<F: FileSetMut>(
    copy: &WorkingCopy<'_, F>,
    store: &BlockStore<&WorkingCopy<'_, F>>,
) -> Result<(), Error> {
    for address in store.image_addresses() {
        let mut bytes = store.read(address)?.into_bytes();
        seal(&mut bytes, address);
        copy.write_block(address, &bytes)?;
    }
    Ok(())
}

/// Writes the containers and indexes anew that committed transactions changed.
fn replay<F: FileSetMut>(
    copy: &WorkingCopy<'_, F>,
    database: &Database<&WorkingCopy<'_, F>>,
) -> Result<(), Error> {
    // The keys of a record before its change come from its container, so that one is written last.
    for index in changed_indexes(database)? {
        rebuild_index(copy, database, index, EntryChanges::default())?;
    }
    for container in database.changes.containers() {
        rebuild_container(copy, database, container)?;
    }
    Ok(())
}

/// Writes a container anew, its changed records as they are now and the others byte by byte as they were.
fn rebuild_container<F: FileSetMut>(
    copy: &WorkingCopy<'_, F>,
    database: &Database<&WorkingCopy<'_, F>>,
    container: u16,
) -> Result<(), Error> {
    let file = database.logical_file(container, LogicalFileKind::Container)?;
    let TreeBlocks { leaves, branches } = TreeBlocks::read(&database.store, container, file.root)?;
    let mut unread = UnreadBlocks::new(container, leaves);
    let mut blocks = FreeBlocks::open(copy)?;
    let mut writer = TreeWriter::container(shape(&copy.header()?), container);
    let mut records = database.raw_records(container, 0)?;
    let mut stored = records.next()?;
    // Nothing above the leaves is read once the walk has begun.
    blocks.reuse(branches);
    // The highest number of any record, those deleted meanwhile included: no number is given twice.
    let mut last_change = None;
    loop {
        blocks.reuse(unread.read_up_to(records.block())?);
        let change = database.changes.after(container, last_change);
        match (stored.take(), change) {
            (Some(raw), change) if change.is_none_or(|(changed, _)| raw.number < changed) => {
                writer.record(&mut blocks, raw.number, &raw.data)?;
                stored = records.next()?;
            }
            (raw, Some((changed, record))) => {
                last_change = Some(changed);
                stored = match raw {
                    Some(raw) if raw.number == changed => records.next()?,
                    other => other,
                };
                if let Some(record) = record {
                    let data = encode(database, record)?;
                    writer.record(&mut blocks, changed, &data)?;
                }
            }
            (_, None) => break,
        }
    }
    let highest = writer.last_record().max(last_change.unwrap_or(0));
    let next = records.next_record().unwrap_or(file.next_record);
    let next = next.max(highest.saturating_add(1));
    let root = writer.finish(&mut blocks, next)?;
    blocks.finish()?;
    set_root(copy, container, root, Some(next))
}

/// The stored form of a changed record; refused where it would not read back as the same.
fn encode<F: FileSet>(database: &Database<F>, record: &Record) -> Result<Vec<u8>, Error> {
    let refuse = || Error::NotRecoverable {
        reason: "a record of its roll-forward log has no stored form",
    };
    let version = database.header().version;
    let mut stored = Record::new(record.number);
    for field in record.fields() {
        stored.push(version, field).map_err(|_| refuse())?;
    }
    let again = Record::parse(record.number, stored.data.clone(), database.dictionary());
    let is_same = again.is_ok_and(|again| again.fields().eq(record.fields()));
    if is_same {
        Ok(stored.data)
    } else {
        Err(refuse())
    }
}
