//! The roll-forward log: which records committed transactions changed since the last checkpoint (format notes 10).
//!
//! The log is replayed into [`Changes`] and never applied to a file.  Every packet's checksum and position is verified,
//! and so are the numbers and serial numbers in the headers of the logs.  A transaction without a commit changes nothing.

use super::address::DatabaseFile;
use super::bytes::{Walk, array_at, u32_at};
use super::changes::{Change, Changes};
use super::database::Database;
use super::error::Error;
use super::file_set::{FileSet, read_up_to};
use super::header::{Header, ROLL_FORWARD_START};
use super::record::Record;
use super::roll_forward_record as records;

/// What a replay found.
#[derive(Debug, Default)]
pub(super) struct Replay {
    pub(super) changes: Changes,
    /// How many transactions were committed.
    pub(super) transactions: u32,
}

/// Kinds of packets (format notes 10, table of packets).
mod packet {
    pub(super) const BEGIN: u8 = 1;
    pub(super) const COMMIT: u8 = 2;
    pub(super) const ABORT: u8 = 3;
    pub(super) const ADD: u8 = 4;
    pub(super) const MODIFY: u8 = 5;
    pub(super) const DELETE: u8 = 6;
    pub(super) const RESERVE: u8 = 7;
    pub(super) const FIELD_CHANGES: u8 = 8;
    pub(super) const RECORD: u8 = 9;
    pub(super) const APPLICATION: u8 = 11;
    pub(super) const APPLICATION_PADDED: u8 = 12;
    pub(super) const BEGIN_WITH_LAST: u8 = 14;
    pub(super) const ADD_FLAGGED: u8 = 19;
    pub(super) const MODIFY_FLAGGED: u8 = 20;
    pub(super) const DELETE_FLAGGED: u8 = 21;
    pub(super) const RECORD_ENCRYPTABLE: u8 = 23;
    pub(super) const RECORD_LARGE: u8 = 24;
    pub(super) const CONFIGURATION: u8 = 27;
}

/// One packet of the log.
struct Packet {
    kind: u8,
    body: Vec<u8>,
    offset: u64,
}

/// Reads packets, from log to log.
struct Log<'a, F> {
    files: &'a F,
    header: &'a Header,
    number: u32,
    offset: u32,
    /// Where this log is complete, if it says so.
    complete_at: u32,
    /// The serial number that the next log must have.
    next_serial: [u8; 16],
}

impl<'a, F: FileSet> Log<'a, F> {
    fn open(files: &'a F, header: &'a Header) -> Result<Self, Error> {
        let (number, offset) = header.log.checkpoint_position();
        let mut log = Self {
            files,
            header,
            number,
            offset,
            complete_at: 0,
            next_serial: [0; 16],
        };
        log.read_header(None)?;
        Ok(log)
    }

    fn refuse(&self, reason: &'static str) -> Error {
        Error::RollForward {
            file: DatabaseFile::RollForward(self.number),
            offset: u64::from(self.offset),
            reason,
        }
    }

    fn read_header(&mut self, serial: Option<[u8; 16]>) -> Result<(), Error> {
        let mut bytes = [0; ROLL_FORWARD_START as usize];
        let file = DatabaseFile::RollForward(self.number);
        if read_up_to(self.files, file, 0, &mut bytes)? < bytes.len() {
            return Err(self.refuse("the log is missing or has no header"));
        }
        if !bytes.starts_with(b"RFL31.00") {
            return Err(self.refuse("it has no header of a roll-forward log"));
        }
        if u32_at(&bytes, 8) != Some(self.number) {
            return Err(self.refuse("its header has another number"));
        }
        self.complete_at = u32_at(&bytes, 12).unwrap_or(0);
        if self.header.version.has_long_log_header() {
            let [database, own, next] =
                [16, 32, 48].map(|at| array_at(&bytes, at).unwrap_or([0; 16]));
            if database != self.header.serial(88) {
                return Err(self.refuse("it belongs to another database"));
            }
            if serial.is_some_and(|serial| serial != own) {
                return Err(self.refuse("its serial number does not follow the log before it"));
            }
            self.next_serial = next;
        }
        Ok(())
    }

    /// The next packet; `None` at the end of what was committed.
    fn next(&mut self) -> Result<Option<Packet>, Error> {
        let end = self.header.log.roll_forward_end();
        // Each turn opens the next log, and only so many stand between here and the end.
        while (self.number, self.offset) != end {
            if self.number > end.0 || (self.number == end.0 && self.offset > end.1) {
                return Err(self.refuse("it runs past the last commit"));
            }
            let is_complete = self.complete_at != 0 && self.offset >= self.complete_at;
            if self.number == end.0 || !is_complete {
                return self.packet().map(Some);
            }
            self.number += 1;
            self.offset = ROLL_FORWARD_START;
            let is_unmade = (self.number, self.offset) == end;
            if !(is_unmade && self.header.log.roll_forward_offset == 0) {
                self.read_header(Some(self.next_serial))?;
            }
        }
        Ok(None)
    }

    fn packet(&mut self) -> Result<Packet, Error> {
        let file = DatabaseFile::RollForward(self.number);
        let offset = u64::from(self.offset);
        let mut head = [0; 8];
        if read_up_to(self.files, file, offset, &mut head)? < head.len() {
            return Err(self.refuse("the log ends inside a packet"));
        }
        let [own @ .., checksum, kind, low, high] = head;
        if u32::from_le_bytes(own) != self.offset {
            return Err(self.refuse("a packet says that it stands elsewhere"));
        }
        let kind = kind & 0x7f;
        let length = usize::from(u16::from_le_bytes([low, high]));
        let is_padded = matches!(
            kind,
            packet::FIELD_CHANGES
                | packet::RECORD
                | packet::APPLICATION_PADDED
                | packet::RECORD_ENCRYPTABLE
                | packet::RECORD_LARGE
        );
        let stored = if is_padded {
            length.next_multiple_of(4)
        } else {
            length
        };
        let mut body = vec![0; stored];
        if read_up_to(self.files, file, offset + 8, &mut body)? < stored {
            return Err(self.refuse("the log ends inside a packet"));
        }
        let covered = head.iter().skip(5).chain(&body);
        let computed = covered.fold(0, |xor, byte| xor ^ byte).max(1);
        if computed != checksum && !(computed == 1 && checksum == 0) {
            return Err(self.refuse("the checksum of a packet is wrong"));
        }
        body.truncate(length);
        let size = u32::try_from(stored + 8).unwrap_or(u32::MAX);
        self.offset = self
            .offset
            .checked_add(size)
            .ok_or_else(|| self.refuse("it is larger than a log can be"))?;
        Ok(Packet { kind, body, offset })
    }
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

struct Replayer<'a, F> {
    database: &'a Database<F>,
    replay: Replay,
    /// The open transaction: its number, where it began, what it changed.
    transaction: Option<(u32, u64, Changes)>,
    pending: Option<Pending>,
}

/// Replays the log from the last checkpoint to the last commit.
pub(super) fn replay<F: FileSet>(database: &Database<F>) -> Result<Replay, Error> {
    let header = database.header();
    let mut replayer = Replayer {
        database,
        replay: Replay::default(),
        transaction: None,
        pending: None,
    };
    if header.log.roll_forward_end() == header.log.checkpoint_position() {
        return Ok(replayer.replay);
    }
    let mut log = Log::open(database.files(), header)?;
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

impl<F: FileSet> Replayer<'_, F> {
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
            let bytes_max = self.database.limits().changes_bytes_max;
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
        let bytes_max = self.database.limits().record_bytes_max;
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
            let version = self.database.header().version;
            let bytes_max = self.database.limits().record_bytes_max;
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
            let bytes_max = self.database.limits().changes_bytes_max;
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
            None => self.database.stored_record(container, number),
        }
    }
}

fn too_many_changes(bytes_max: usize) -> Error {
    Error::TooLarge {
        what: "The change set of the roll-forward log",
        bytes_max,
    }
}
