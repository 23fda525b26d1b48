//! Writes reference sets: the records of one key, cut into elements (flaim-format.md 8.1, 8.2).

/// An element that is longer is split, if it holds more than one domain.
const SPLIT_BYTES: usize = 180;
/// The byte before the domain of an element.
const DOMAIN: u8 = 0xfc;
/// A run of two further records; the next seven bytes mean up to nine.
const SHORT_RUN: u8 = 0xf0;
/// The byte before the length of a longer run.
const LONG_RUN: u8 = 0xf8;

/// Adds a number of variable length (flaim-format.md 8.1).
fn push_number(bytes: &mut Vec<u8>, number: u32) {
    let [first, second, third, fourth] = number.to_be_bytes();
    match number {
        0..0x80 => bytes.push(fourth),
        0x80..0x4000 => bytes.extend_from_slice(&[0x80 | third, fourth]),
        0x4000..0x10_0000 => bytes.extend_from_slice(&[0xc0 | second, third, fourth]),
        0x10_0000..0x1000_0000 => bytes.extend_from_slice(&[0xd0 | first, second, third, fourth]),
        _ => bytes.extend_from_slice(&[0xe0, first, second, third, fourth]),
    }
}

/// The domain of a record: all records of one domain stand in one element.
fn domain_of(record: u32) -> u32 {
    record >> 8
}

/// The records of one element, written as they come.
#[derive(Debug, Clone, Copy, Default)]
struct Progress {
    bytes: usize,
    last: Option<u32>,
    /// How many records follow the last written one, each one lower.
    run: u32,
    references: u64,
}

/// One element of a reference set under construction.
#[derive(Debug, Default)]
struct Codes {
    bytes: Vec<u8>,
    progress: Progress,
}

impl Codes {
    fn push(&mut self, record: u32) {
        match self.progress.last {
            None => push_number(&mut self.bytes, record),
            Some(last) if last.wrapping_sub(record) == 1 => self.progress.run += 1,
            Some(last) => {
                self.flush_run();
                push_number(&mut self.bytes, last.wrapping_sub(record));
            }
        }
        self.progress.last = Some(record);
        self.progress.references += 1;
        self.progress.bytes = self.bytes.len();
    }

    fn flush_run(&mut self) {
        match self.progress.run {
            0 => {}
            1 => self.bytes.push(1),
            run @ 2..=9 => self
                .bytes
                .push(SHORT_RUN + u8::try_from(run - 2).unwrap_or(0)),
            run => {
                self.bytes.push(LONG_RUN);
                push_number(&mut self.bytes, run);
            }
        }
        self.progress.run = 0;
    }

    /// Goes back to an earlier state; bytes are only ever added.
    fn rewind(&mut self, progress: Progress) {
        self.bytes.truncate(progress.bytes);
        self.progress = progress;
    }

    /// Makes the finished element and starts the next one.
    fn take(&mut self, is_last: bool) -> ReferenceElement {
        self.flush_run();
        let bytes = std::mem::take(&mut self.bytes);
        let progress = std::mem::take(&mut self.progress);
        let domain = progress.last.map(domain_of).filter(|_| !is_last);
        let data = match domain {
            None => bytes,
            Some(domain) => {
                let mut data = vec![DOMAIN];
                push_number(&mut data, domain);
                data.extend_from_slice(&bytes);
                data
            }
        };
        ReferenceElement {
            domain,
            data,
            references: progress.references,
        }
    }
}

/// One finished element of a reference set.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ReferenceElement {
    /// The lowest domain in it; none for the last element of a key.
    pub(super) domain: Option<u32>,
    pub(super) data: Vec<u8>,
    /// How many records it holds.
    pub(super) references: u64,
}

/// The records of one key, in descending order; memory is one element and one domain of at most 256 records.
#[derive(Debug, Default)]
pub(super) struct ReferenceSet {
    /// What is written of the current element: whole domains.
    codes: Codes,
    /// The records of the domain that may still grow.
    domain: Vec<u32>,
}

impl ReferenceSet {
    /// Adds a record that is lower than all before; an element that is complete comes back.
    pub(super) fn push(&mut self, record: u32) -> Option<ReferenceElement> {
        let is_new_domain = self
            .domain
            .last()
            .is_some_and(|last| domain_of(*last) != domain_of(record));
        let finished = if is_new_domain { self.settle() } else { None };
        self.domain.push(record);
        finished
    }

    /// The last elements of the key: one, or two where the last domain does not fit.
    pub(super) fn finish(&mut self) -> (Option<ReferenceElement>, ReferenceElement) {
        let finished = self.settle();
        (finished, self.codes.take(true))
    }

    /// Writes the records of the domain that is complete.
    ///
    /// A domain alone never takes more than 181 bytes: two bytes for three of its 256 records at worst, the number of the
    /// first, and its own number.
    fn settle(&mut self) -> Option<ReferenceElement> {
        let before = self.codes.progress;
        let is_alone = before.last.is_none();
        self.write_domain();
        // What a run still to be written and the domain in front may take is counted too.
        let length = self.codes.bytes.len() + 2 * 6;
        let finished = if !is_alone && length > SPLIT_BYTES {
            self.codes.rewind(before);
            let finished = self.codes.take(false);
            self.write_domain();
            Some(finished)
        } else {
            None
        };
        self.domain.clear();
        finished
    }

    fn write_domain(&mut self) {
        for record in &self.domain {
            self.codes.push(*record);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::references::{References, domain};
    use super::*;

    /// The elements of a set, each with what the reader makes of it.
    fn elements(records: &[u32]) -> Vec<(ReferenceElement, Vec<u32>)> {
        let mut set = ReferenceSet::default();
        let mut elements: Vec<_> = records
            .iter()
            .filter_map(|record| set.push(*record))
            .collect();
        let (last_but_one, last) = set.finish();
        elements.extend(last_but_one);
        elements.push(last);
        let read = |element: ReferenceElement| {
            let mut references = References::new(&element.data).unwrap();
            let mut numbers = Vec::new();
            while let Some(number) = references.next().unwrap() {
                numbers.push(number);
            }
            assert_eq!(domain(&element.data).unwrap(), element.domain);
            assert_eq!(element.references, numbers.len() as u64);
            (element, numbers)
        };
        elements.into_iter().map(read).collect()
    }

    #[test]
    fn the_examples_of_the_notes() {
        for (records, data) in [
            (&[10][..], &[0x0a][..]),
            (&[10, 9, 6], &[0x0a, 0x01, 0x03]),
            (&[10, 9, 8, 7, 5], &[0x0a, 0xf1, 0x02]),
            (&[12, 11, 10, 9, 8, 7, 6, 5, 4, 3], &[0x0c, 0xf7]),
            (&[13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3], &[0x0d, 0xf8, 0x0a]),
            (&[0xffff_fffe], &[0xe0, 0xff, 0xff, 0xff, 0xfe]),
            (
                &[0x1234_5678, 1],
                &[0xe0, 0x12, 0x34, 0x56, 0x78, 0xe0, 0x12, 0x34, 0x56, 0x77],
            ),
            (&[0x0023_4567], &[0xd0, 0x23, 0x45, 0x67]),
            (&[0x0002_3456], &[0xc2, 0x34, 0x56]),
            (&[0x1234], &[0x92, 0x34]),
        ] {
            let elements = elements(records);
            assert_eq!(elements.len(), 1);
            assert_eq!(elements[0].0.data, data);
            assert_eq!(elements[0].1, records);
        }
    }

    #[test]
    fn long_sets_are_split_between_domains() {
        // The most bytes that records can take: pairs with a gap, in the highest domains.
        let dense: Vec<u32> = (0xffff_0000..0xffff_2000)
            .rev()
            .filter(|n| n % 3 != 0)
            .collect();
        let sparse: Vec<u32> = (1..2000).rev().map(|n| n * 777).collect();
        let runs: Vec<u32> = (1..2_000_000).rev().collect();
        for (records, at_least) in [(dense, 32), (sparse, 20), (runs, 1)] {
            let elements = elements(&records);
            assert!(elements.len() >= at_least, "{}", elements.len());
            let (last, others) = elements.split_last().unwrap();
            assert!(last.0.domain.is_none());
            for (element, numbers) in others {
                assert!(element.data.len() <= 190, "{}", element.data.len());
                assert_eq!(element.domain, numbers.last().map(|last| last >> 8));
            }
            let domains = elements
                .windows(2)
                .map(|pair| (pair[0].1.last(), pair[1].1.first()));
            for (lowest, highest) in domains {
                assert!(lowest.unwrap() >> 8 > highest.unwrap() >> 8);
            }
            let read: Vec<u32> = elements.into_iter().flat_map(|element| element.1).collect();
            assert_eq!(read, records);
        }
    }
}
