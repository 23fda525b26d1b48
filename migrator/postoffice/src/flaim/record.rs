//! Records: put together from their elements, and taken apart into fields (flaim-format.md 6, 7).

use std::ops::Range;

use super::address::BlockAddress;
use super::bytes::array_at;
use super::cursor::{Cursor, Start, Step};
use super::damage::Damage;
use super::error::{Error, Place};
use super::field::{FieldKind, FieldKinds, FieldWalk, RawField};
use super::file_set::FileSet;
use super::store::BlockStore;
use super::value::Value;

/// The key of the mark that holds the next record number.
pub(super) const NEXT_RECORD_KEY: [u8; 4] = [0xff; 4];

/// One record: a tree of fields, parents before their children.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The number of the record in its container.
    pub number: u32,
    pub(super) data: Vec<u8>,
    pub(super) fields: Vec<RawField>,
}

/// One field of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The level: 0 for the root, one more for each generation.
    pub level: u16,
    /// The number of the field's name in the dictionary, or 32768 and above where it has none.
    pub tag: u16,
    /// The type of the value.
    pub kind: FieldKind,
    /// Whether the value is encrypted; `stored` then means nothing.
    pub is_encrypted: bool,
    /// The value as it is stored.
    pub stored: &'a [u8],
}

impl Field<'_> {
    /// The value, decoded; encrypted ones stay bytes.
    pub fn value(&self) -> Result<Value, Damage> {
        if self.is_encrypted {
            return Ok(Value::Bytes(self.stored.to_vec()));
        }
        Value::decode(self.kind, self.stored)
    }
}

impl Record {
    /// The fields, in order.
    pub fn fields(&self) -> impl ExactSizeIterator<Item = Field<'_>> {
        self.fields.iter().map(|field| Field {
            level: field.level,
            tag: field.tag,
            kind: field.kind,
            is_encrypted: field.is_encrypted,
            stored: self.data.get(field.value.clone()).unwrap_or_default(),
        })
    }

    /// The fields as they are stored, one behind the other.
    pub fn data(&self) -> &[u8] {
        &self.data
    }

    /// Takes a record's data apart.
    pub fn parse(
        number: u32,
        data: Vec<u8>,
        kinds: &(impl FieldKinds + ?Sized),
    ) -> Result<Self, Damage> {
        let mut walk = FieldWalk::new(&data, kinds);
        let mut fields = Vec::new();
        while let Some(field) = walk.next()? {
            fields.push(field);
        }
        Ok(Self {
            number,
            data,
            fields,
        })
    }
}

/// A part of a record's data that stands in one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) block: BlockAddress,
    /// Where in the block.
    pub(super) range: Range<usize>,
}

/// The data of one record, not yet taken apart.
#[derive(Debug, Clone)]
pub(super) struct RawRecord {
    pub(super) number: u32,
    pub(super) data: Vec<u8>,
    /// Where the record begins.
    pub(super) place: Place,
    /// Where the data stands, in order.
    pub(super) segments: Vec<Segment>,
}

impl RawRecord {
    pub(super) fn parse(self, kinds: &(impl FieldKinds + ?Sized)) -> Result<Record, Error> {
        let place = self.place;
        Record::parse(self.number, self.data, kinds).map_err(|damage| place.fault(damage).into())
    }
}

/// The records of one container as the blocks hold them, in order of their numbers.
pub(super) struct RawRecords<'a, F> {
    cursor: Cursor<'a, F>,
    bytes_max: usize,
    previous: Option<u32>,
    first_wanted: u32,
    next_record: Option<u32>,
    is_done: bool,
}

impl<'a, F: FileSet> RawRecords<'a, F> {
    /// The records from number `first` on; none of them larger than `bytes_max`.
    pub(super) fn open(
        store: &'a BlockStore<F>,
        container: u16,
        root: BlockAddress,
        first: u32,
        bytes_max: usize,
    ) -> Result<Self, Error> {
        let key = first.to_be_bytes();
        let start = if first == 0 {
            Start::Beginning
        } else {
            Start::Key(&key, 0)
        };
        Ok(Self {
            cursor: Cursor::open(store, container, root, start)?,
            bytes_max,
            previous: None,
            first_wanted: first,
            next_record: None,
            is_done: false,
        })
    }

    /// The block that the records were read up to; none behind the last.
    pub(super) fn block(&self) -> Option<BlockAddress> {
        self.cursor.block()
    }

    /// Behind the last record: the number that the next new one gets, where the tree says it.
    pub(super) fn next_record(&self) -> Option<u32> {
        self.next_record
    }

    /// The next record.
    pub(super) fn next(&mut self) -> Result<Option<RawRecord>, Error> {
        while !self.is_done {
            let Some(record) = self.assemble()? else {
                self.is_done = true;
                break;
            };
            if record.number >= self.first_wanted {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn assemble(&mut self) -> Result<Option<RawRecord>, Error> {
        let Some(mut step) = self.cursor.next()? else {
            return Ok(None);
        };
        // A walk from the middle may meet the rest of a record that began in a block before.
        while !step.is_first && self.previous.is_none() && self.first_wanted > 0 {
            match self.cursor.next()? {
                Some(next) => step = next,
                None => return Ok(None),
            }
        }
        let number = self.record_number(step.place)?;
        if number == u32::from_be_bytes(NEXT_RECORD_KEY) {
            self.next_record = array_at(self.cursor.data(&step), 0).map(u32::from_le_bytes);
            return self.expect_end().map(|()| None);
        }
        let place = step.place.in_record(number);
        if !step.is_first {
            return Err(place.fault(Damage::ElementFlags).into());
        }
        if self.previous.is_some_and(|previous| previous >= number) {
            return Err(place.fault(Damage::ElementOrder).into());
        }
        self.previous = Some(number);
        let mut data = Vec::new();
        let mut segments = Vec::new();
        // The limit on the size of a record, and the number of blocks, bound the turns.
        loop {
            let piece = self.cursor.data(&step);
            if data.len().saturating_add(piece.len()) > self.bytes_max {
                return Err(Error::TooLarge {
                    what: "A record",
                    bytes_max: self.bytes_max,
                });
            }
            data.extend_from_slice(piece);
            segments.push(Segment {
                block: step.place.block.unwrap_or(BlockAddress::NONE),
                range: step.data.clone(),
            });
            if step.is_last {
                return Ok(Some(RawRecord {
                    number,
                    data,
                    place,
                    segments,
                }));
            }
            step = self.continuation(number, place)?;
        }
    }

    fn continuation(&mut self, number: u32, place: Place) -> Result<Step, Error> {
        let step = self
            .cursor
            .next()?
            .ok_or_else(|| place.fault(Damage::ElementFlags))?;
        if step.is_first {
            return Err(step.place.fault(Damage::ElementFlags).into());
        }
        if self.record_number(step.place)? != number {
            return Err(step.place.fault(Damage::ElementContinuation).into());
        }
        Ok(step)
    }

    fn record_number(&self, place: Place) -> Result<u32, Error> {
        let key: [u8; 4] = self
            .cursor
            .key()
            .try_into()
            .map_err(|_| place.fault(Damage::ElementKeySize))?;
        Ok(u32::from_be_bytes(key))
    }

    fn expect_end(&mut self) -> Result<(), Error> {
        match self.cursor.next()? {
            None => Ok(()),
            Some(step) => Err(step.place.fault(Damage::NextRecordMark).into()),
        }
    }
}
