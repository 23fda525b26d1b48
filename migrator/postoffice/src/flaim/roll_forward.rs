//! The roll-forward log: which records committed transactions changed since the last checkpoint (flaim-format.md 10).
//!
//! The log is replayed into [`Changes`] and never applied to a file.  Every packet's checksum and position is verified,
//! and so are the numbers and serial numbers in the headers of the logs.  A transaction without a commit changes nothing.

use super::address::DatabaseFile;
use super::bytes::{Walk, u32_at};
use super::changes::{Change, Changes};
use super::error::Error;
use super::file_set::{FileSet, Limits};
use super::header::Header;
use super::record::Record;
use super::roll_forward_log::{Log, Packet, packet};
use super::roll_forward_record as records;

/// What a replay found.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) changes: Changes,
    /// How many transactions were committed.
    pub(super) transactions: u32,
    /// The number of the last of them; 0 where there is none.
    pub(super) last_transaction: u32,
}

/// An added or modified record whose packets are still being read.
struct Pending {
    container: u16,
    number: u32,
    is_modification: bool,
    /// The kind of packet that carries it; none before the first.
    kind: Option<u8>,
    body: Vec<u8>,
}

struct Replayer<'a, S> {
    header: &'a Header,
    limits: Limits,
    /// A record, by container and number, as the last checkpoint has it.
    stored: S,
    replay: Replay,
    /// The open transaction: its number, where it began, what it changed.
    transaction: Option<(u32, u64, Changes)>,
    pending: Option<Pending>,
    /// How many more bytes of old records may be copied to change them.
    copies_left: usize,
}

/// How many times the limit on changes may be copied while they are made: a short log could else have a large record
/// copied over and over.
const COPIES_MAX: usize = 64;

/// Replays the log from the last checkpoint to the last commit; `stored` reads a record, by container and number, as it was
/// at that checkpoint.
pub(super) fn replay(
    files: &impl FileSet,
    header: &Header,
    limits: Limits,
    stored: impl Fn(u16, u32) -> Result<Option<Record>, Error>,
) -> Result<Replay, Error> {
    let mut replayer = Replayer {
        header,
        limits,
        stored,
        replay: Replay::default(),
        transaction: None,
        pending: None,
        copies_left: limits.changes_bytes_max.saturating_mul(COPIES_MAX),
    };
    if header.log.roll_forward_end() == header.log.checkpoint_position() {
        return Ok(replayer.replay);
    }
    let mut log = Log::open(files, header)?;
    while let Some(packet) = log.next()? {
        let number = log.number;
        let handled = replayer.handle(&packet)?;
        handled.map_err(|reason| Error::RollForward {
            file: DatabaseFile::RollForward(number),
            offset: packet.offset,
            reason,
        })?;
    }
    if replayer.transaction.is_some() || replayer.pending.is_some() {
        return Err(log.refuse("the last transaction has no end"));
    }
    Ok(replayer.replay)
}

/// A step that either fails as a read does, or finds the log wrong for a reason.
type Handled<T = ()> = Result<Result<T, &'static str>, Error>;

const CUT: &str = "a packet is cut short";

impl<S: Fn(u16, u32) -> Result<Option<Record>, Error>> Replayer<'_, S> {
    fn handle(&mut self, packet: &Packet) -> Handled {
        match packet.kind {
            packet::RECORD
            | packet::RECORD_ENCRYPTABLE
            | packet::RECORD_LARGE
            | packet::FIELD_CHANGES => return self.collect(packet),
            _ => {}
        }
        if let Err(reason) = self.finish_pending()? {
            return Ok(Err(reason));
        }
        Ok(match packet.kind {
            packet::BEGIN | packet::BEGIN_WITH_LAST => self.begin(packet),
            packet::COMMIT | packet::ABORT => return self.end(packet),
            packet::ADD
            | packet::MODIFY
            | packet::DELETE
            | packet::ADD_FLAGGED
            | packet::MODIFY_FLAGGED
            | packet::DELETE_FLAGGED => self.operation(packet),
            packet::RESERVE
            | packet::APPLICATION
            | packet::APPLICATION_PADDED
            | packet::CONFIGURATION => Ok(()),
            // Suspending, rebuilding or deleting an index, upgrades, new keys: what they leave behind cannot be known
            // from the records alone.
            _ => Err(
                "it changes indexes, the version or keys, which only the engine itself can replay",
            ),
        })
    }

    fn begin(&mut self, packet: &Packet) -> Result<(), &'static str> {
        let number = u32_at(&packet.body, 0).ok_or(CUT)?;
        if self.transaction.is_some() {
            return Err("a transaction begins inside another");
        }
        self.transaction = Some((number, packet.offset, Changes::default()));
        Ok(())
    }

    fn end(&mut self, packet: &Packet) -> Handled {
        let Some((number, began, changes)) = self.transaction.take() else {
            return Ok(Err("a transaction ends that never began"));
        };
        let named = (u32_at(&packet.body, 0), u32_at(&packet.body, 4));
        if named != (Some(number), u32::try_from(began).ok()) {
            return Ok(Err("a transaction ends that is not the one that began"));
        }
        if packet.kind == packet::COMMIT {
            self.replay.changes.append(changes);
            self.replay.transactions = self.replay.transactions.saturating_add(1);
            self.replay.last_transaction = number;
            let bytes_max = self.limits.changes_bytes_max;
            if self.replay.changes.bytes() > bytes_max {
                return Err(too_many_changes(bytes_max));
            }
        }
        Ok(Ok(()))
    }

    fn operation(&mut self, packet: &Packet) -> Result<(), &'static str> {
        let mut walk = Walk::new(&packet.body);
        let transaction = walk.u32().ok_or(CUT)?;
        let container = walk.u16().ok_or(CUT)?;
        let number = walk.u32().ok_or(CUT)?;
        let Some((open, _, changes)) = &mut self.transaction else {
            return Err("a record changes outside any transaction");
        };
        if *open != transaction {
            return Err("a record changes in another transaction than the open one");
        }
        match packet.kind {
            packet::DELETE | packet::DELETE_FLAGGED => {
                changes.set(container, number, Change::Deleted);
            }
            kind => {
                self.pending = Some(Pending {
                    container,
                    number,
                    is_modification: matches!(kind, packet::MODIFY | packet::MODIFY_FLAGGED),
                    kind: None,
                    body: Vec::new(),
                });
            }
        }
        Ok(())
    }

    /// Adds a packet to the record that is being read.
    fn collect(&mut self, packet: &Packet) -> Handled {
        let bytes_max = self.limits.record_bytes_max;
        let Some(pending) = &mut self.pending else {
            return Ok(Err("a part of a record stands alone"));
        };
        if *pending.kind.get_or_insert(packet.kind) != packet.kind {
            return Ok(Err("the parts of a record are of different kinds"));
        }
        if pending.body.len().saturating_add(packet.body.len()) > bytes_max {
            return Err(Error::TooLarge {
                what: "A record in the roll-forward log",
                bytes_max,
            });
        }
        pending.body.extend_from_slice(&packet.body);
        Ok(Ok(()))
    }

    fn finish_pending(&mut self) -> Handled {
        let Some(pending) = self.pending.take() else {
            return Ok(Ok(()));
        };
        let Some(kind) = pending.kind else {
            return Ok(Err("a changed record has no content"));
        };
        let record = if kind == packet::FIELD_CHANGES {
            if !pending.is_modification {
                return Ok(Err("an added record consists of changes"));
            }
            let Some(old) = self.current(pending.container, pending.number)? else {
                return Ok(Err("a record changes that does not exist"));
            };
            let cost = old
                .data
                .len()
                .saturating_add(old.fields.len() * size_of::<Record>());
            let Some(copies_left) = self.copies_left.checked_sub(cost) else {
                return Err(too_many_changes(self.limits.changes_bytes_max));
            };
            self.copies_left = copies_left;
            let version = self.header.version;
            let bytes_max = self.limits.record_bytes_max;
            records::change(&old, &pending.body, version, bytes_max)
        } else {
            let form = match kind {
                packet::RECORD => records::Form::Plain,
                packet::RECORD_ENCRYPTABLE => records::Form::Encryptable,
                _ => records::Form::Large,
            };
            records::read(pending.number, &pending.body, form)
        };
        let record = match record {
            Ok(record) => record,
            Err(reason) => return Ok(Err(reason)),
        };
        if let Some((_, _, changes)) = &mut self.transaction {
            changes.set(pending.container, pending.number, Change::Now(record));
            let bytes_max = self.limits.changes_bytes_max;
            if changes.bytes() > bytes_max {
                return Err(too_many_changes(bytes_max));
            }
        }
        Ok(Ok(()))
    }

    /// A record as the open transaction sees it.
    fn current(&self, container: u16, number: u32) -> Result<Option<Record>, Error> {
        let transaction = self.transaction.as_ref();
        let own = transaction.and_then(|(_, _, changes)| changes.get(container, number));
        match own.or_else(|| self.replay.changes.get(container, number)) {
            Some(change) => Ok(change.record().cloned()),
            None => (self.stored)(container, number),
        }
    }
}

fn too_many_changes(bytes_max: usize) -> Error {
    Error::TooLarge {
        what: "The change set of the roll-forward log",
        bytes_max,
    }
}
