//! Sorts the entries of one index, however many there are, in bounded memory.
//!
//! Entries gather in memory up to a limit; then they are sorted and go to a scratch file as one run.  In the end all runs
//! are merged.  Where everything fits into memory, no scratch file is made.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::io::{self, BufReader, BufWriter, Read, Seek, Write};

use super::error::Error;

/// How many runs there may be before they become one; each takes one open file and one buffer.
const RUNS_MAX: usize = 48;
/// The buffer of one run, in bytes.
const BUFFER_BYTES: usize = 64 << 10;

/// Makes scratch files: empty, private to whoever made them, gone when they are dropped.
pub trait Scratch {
    /// What a scratch file is.
    type File: Read + Write + Seek;

    /// A new scratch file.
    fn file(&mut self) -> io::Result<Self::File>;
}

/// Scratch files in memory: for tests, and for databases that are known to be small.
#[derive(Debug, Clone, Copy, Default)]
pub struct MemoryScratch;

impl Scratch for MemoryScratch {
    type File = io::Cursor<Vec<u8>>;

    fn file(&mut self) -> io::Result<Self::File> {
        Ok(io::Cursor::new(Vec::new()))
    }
}

fn failed(source: io::Error) -> Error {
    Error::Scratch { source }
}

/// Where one entry's key stands in memory, and its record.
#[derive(Debug, Clone, Copy)]
struct Slot {
    start: usize,
    length: u16,
    record: u32,
}

/// The entries that are in memory.
#[derive(Debug, Default)]
struct Gathered {
    keys: Vec<u8>,
    slots: Vec<Slot>,
}

impl Gathered {
    fn bytes(&self) -> usize {
        self.keys.len() + self.slots.len() * size_of::<Slot>()
    }

    fn key(&self, slot: &Slot) -> &[u8] {
        let end = slot.start + usize::from(slot.length);
        self.keys.get(slot.start..end).unwrap_or_default()
    }

    fn sort(&mut self) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.sort_unstable_by(|a, b| {
            let keys = self.key(a).cmp(self.key(b));
            keys.then_with(|| b.record.cmp(&a.record))
        });
        self.slots = slots;
    }
}

/// Takes the entries of one index in any order.
#[derive(Debug)]
pub(super) struct EntrySorter<S: Scratch> {
    bytes_max: usize,
    gathered: Gathered,
    runs: Vec<S::File>,
}

impl<S: Scratch> EntrySorter<S> {
    /// A sorter that holds about `bytes_max` bytes of entries in memory.
    pub(super) fn new(bytes_max: usize) -> Self {
        Self {
            bytes_max,
            gathered: Gathered::default(),
            runs: Vec::new(),
        }
    }

    /// Adds one record under one key.
    pub(super) fn push(&mut self, scratch: &mut S, key: &[u8], record: u32) -> Result<(), Error> {
        let length = u16::try_from(key.len()).map_err(|_| Error::TooLarge {
            what: "A key",
            bytes_max: usize::from(u16::MAX),
        })?;
        let start = self.gathered.keys.len();
        self.gathered.keys.extend_from_slice(key);
        self.gathered.slots.push(Slot {
            start,
            length,
            record,
        });
        if self.gathered.bytes() > self.bytes_max {
            self.spill(scratch)?;
        }
        Ok(())
    }

    /// The entries, keys in ascending order, the records of one key in descending order.
    pub(super) fn finish(mut self) -> Result<SortedEntries<S::File>, Error> {
        self.gathered.sort();
        let in_memory = Source::Memory {
            gathered: self.gathered,
            position: 0,
        };
        SortedEntries::new(self.runs.into_iter().map(run_source).chain([Ok(in_memory)]))
    }

    /// Writes what is in memory to a file of its own.
    fn spill(&mut self, scratch: &mut S) -> Result<(), Error> {
        if self.runs.len() >= RUNS_MAX {
            let runs = std::mem::take(&mut self.runs);
            let mut merged = SortedEntries::new(runs.into_iter().map(run_source))?;
            let mut run = BufWriter::with_capacity(BUFFER_BYTES, scratch.file().map_err(failed)?);
            while let Some((key, record)) = merged.next()? {
                write_entry(&mut run, key, record).map_err(failed)?;
            }
            self.runs.push(finish_run(run)?);
        }
        self.gathered.sort();
        let mut run = BufWriter::with_capacity(BUFFER_BYTES, scratch.file().map_err(failed)?);
        for slot in &self.gathered.slots {
            write_entry(&mut run, self.gathered.key(slot), slot.record).map_err(failed)?;
        }
        self.runs.push(finish_run(run)?);
        self.gathered.keys.clear();
        self.gathered.slots.clear();
        Ok(())
    }
}

/// One entry of a run: the length of the key, the key, the record.
fn write_entry(run: &mut impl Write, key: &[u8], record: u32) -> io::Result<()> {
    let length = u16::try_from(key.len()).unwrap_or(u16::MAX);
    run.write_all(&length.to_le_bytes())?;
    run.write_all(key)?;
    run.write_all(&record.to_le_bytes())
}

fn finish_run<F: Write>(run: BufWriter<F>) -> Result<F, Error> {
    run.into_inner().map_err(|error| failed(error.into_error()))
}

fn run_source<F: Read + Seek>(mut file: F) -> Result<Source<F>, Error> {
    let bytes_left = file.stream_position().map_err(failed)?;
    file.rewind().map_err(failed)?;
    Ok(Source::Run {
        reader: BufReader::with_capacity(BUFFER_BYTES, file),
        bytes_left,
    })
}

/// Where sorted entries come from.
enum Source<F> {
    Memory {
        gathered: Gathered,
        position: usize,
    },
    Run {
        reader: BufReader<F>,
        bytes_left: u64,
    },
}

impl<F: Read> Source<F> {
    /// Puts the next entry into `key` and comes back with its record; none at the end.
    fn next(&mut self, key: &mut Vec<u8>) -> Result<Option<u32>, Error> {
        key.clear();
        match self {
            Self::Memory { gathered, position } => {
                let Some(slot) = gathered.slots.get(*position) else {
                    return Ok(None);
                };
                *position += 1;
                key.extend_from_slice(gathered.key(slot));
                Ok(Some(slot.record))
            }
            Self::Run { bytes_left: 0, .. } => Ok(None),
            Self::Run { reader, bytes_left } => {
                let mut length = [0; 2];
                reader.read_exact(&mut length).map_err(failed)?;
                key.resize(usize::from(u16::from_le_bytes(length)), 0);
                reader.read_exact(key).map_err(failed)?;
                let mut record = [0; 4];
                reader.read_exact(&mut record).map_err(failed)?;
                let taken = u64::try_from(key.len())
                    .unwrap_or(u64::MAX)
                    .saturating_add(6);
                *bytes_left = bytes_left.saturating_sub(taken);
                Ok(Some(u32::from_le_bytes(record)))
            }
        }
    }
}

/// The next entry of one source.
struct Head<F> {
    key: Vec<u8>,
    record: u32,
    source: Source<F>,
}

impl<F> Head<F> {
    fn order(&self) -> (Reverse<&[u8]>, u32) {
        (Reverse(&self.key), self.record)
    }
}

// The heap has its largest at the top: the lowest key, and of that the highest record.
impl<F> Ord for Head<F> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.order().cmp(&other.order())
    }
}

impl<F> PartialOrd for Head<F> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<F> PartialEq for Head<F> {
    fn eq(&self, other: &Self) -> bool {
        self.order() == other.order()
    }
}

impl<F> Eq for Head<F> {}

/// The entries of one index, in order.
pub(super) struct SortedEntries<F> {
    heads: BinaryHeap<Head<F>>,
    key: Vec<u8>,
}

impl<F: Read> SortedEntries<F> {
    fn new(sources: impl Iterator<Item = Result<Source<F>, Error>>) -> Result<Self, Error> {
        let mut heads = BinaryHeap::new();
        for source in sources {
            let mut source = source?;
            let mut key = Vec::new();
            if let Some(record) = source.next(&mut key)? {
                heads.push(Head {
                    key,
                    record,
                    source,
                });
            }
        }
        Ok(Self {
            heads,
            key: Vec::new(),
        })
    }

    /// The next key and record.
    pub(super) fn next(&mut self) -> Result<Option<(&[u8], u32)>, Error> {
        let Some(mut head) = self.heads.peek_mut() else {
            return Ok(None);
        };
        let record = head.record;
        std::mem::swap(&mut self.key, &mut head.key);
        let Head { key, source, .. } = &mut *head;
        match source.next(key)? {
            Some(record) => head.record = record,
            None => drop(PeekMut::pop(head)),
        }
        Ok(Some((&self.key, record)))
    }
}

#[cfg(test)]
mod tests;
