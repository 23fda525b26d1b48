//! Packets of the roll-forward log, from log to log (flaim-format.md 10).

use super::address::DatabaseFile;
use super::bytes::{array_at, u32_at};
use super::error::Error;
use super::file_set::{FileSet, read_up_to};
use super::header::{Header, ROLL_FORWARD_START};

/// Kinds of packets (flaim-format.md 10, table of packets).
pub(super) mod packet {
    pub(in super::super) const BEGIN: u8 = 1;
    pub(in super::super) const COMMIT: u8 = 2;
    pub(in super::super) const ABORT: u8 = 3;
    pub(in super::super) const ADD: u8 = 4;
    pub(in super::super) const MODIFY: u8 = 5;
    pub(in super::super) const DELETE: u8 = 6;
    pub(in super::super) const RESERVE: u8 = 7;
    pub(in super::super) const FIELD_CHANGES: u8 = 8;
    pub(in super::super) const RECORD: u8 = 9;
    pub(in super::super) const APPLICATION: u8 = 11;
    pub(in super::super) const APPLICATION_PADDED: u8 = 12;
    pub(in super::super) const BEGIN_WITH_LAST: u8 = 14;
    pub(in super::super) const ADD_FLAGGED: u8 = 19;
    pub(in super::super) const MODIFY_FLAGGED: u8 = 20;
    pub(in super::super) const DELETE_FLAGGED: u8 = 21;
    pub(in super::super) const RECORD_ENCRYPTABLE: u8 = 23;
    pub(in super::super) const RECORD_LARGE: u8 = 24;
    pub(in super::super) const CONFIGURATION: u8 = 27;
}

/// One packet of the log.
pub(super) struct Packet {
    pub(super) kind: u8,
    pub(super) body: Vec<u8>,
    pub(super) offset: u64,
}

/// Reads packets, from log to log.
pub(super) struct Log<'a, F> {
    files: &'a F,
    header: &'a Header,
    pub(super) number: u32,
    offset: u32,
    /// Where this log is complete, if it says so.
    complete_at: u32,
    /// The serial number that the next log must have.
    next_serial: [u8; 16],
}

impl<'a, F: FileSet> Log<'a, F> {
    pub(super) fn open(files: &'a F, header: &'a Header) -> Result<Self, Error> {
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

    pub(super) fn refuse(&self, reason: &'static str) -> Error {
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
            if database != self.header.serial_numbers().database {
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
    pub(super) fn next(&mut self) -> Result<Option<Packet>, Error> {
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
