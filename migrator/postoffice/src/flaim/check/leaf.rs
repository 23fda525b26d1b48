//! Leaves of a tree: elements, records and their fields, reference sets.

use std::cmp::Ordering;

use super::super::block::{BLOCK_HEADER_BYTES, Block};
use super::super::bytes::u32_at;
use super::super::damage::Damage;
use super::super::dictionary::{Dictionary, IndexDefinition};
use super::super::element::{KeyBuffer, LeafElement};
use super::super::error::Place;
use super::super::field::{FieldWalk, RawField};
use super::super::file_set::Limits;
use super::super::logical_file::{LogicalFile, LogicalFileKind};
use super::super::record::NEXT_RECORD_KEY;
use super::super::references::{self, References};
use super::super::value::Value;
use super::Findings;

/// What a parent must say about its child.
#[derive(Debug, Clone, Default)]
pub(super) struct Summary {
    /// The key of the child's last element; none where it has only an end mark.
    pub(super) last_key: Option<Vec<u8>>,
    pub(super) domain: u32,
    pub(super) references: u64,
    /// Whether everything below was read.
    pub(super) is_whole: bool,
}

/// What is known at this point of the walk along the leaves of one tree.
#[derive(Debug)]
pub(super) struct Leaves<'a> {
    file: LogicalFile,
    dictionary: Option<&'a Dictionary>,
    is_unique: bool,
    record_bytes_max: usize,
    /// The key of the last element; none at the start and behind a gap.
    previous: Option<Vec<u8>>,
    /// Whether the last element waits for its continuation; unknown at the start and behind a gap.
    is_open: Option<bool>,
    /// The data of the record so far, and where its elements end; none where its beginning is unknown.
    record: Option<(Vec<u8>, Vec<usize>)>,
    /// The lowest reference of the key so far.
    lowest: Option<u32>,
    last_record: u32,
    /// The marks at the end of the tree that were met.
    marks: Marks,
    has_gap: bool,
    entries: u64,
    references_max: u64,
}

/// The marks at the end of a tree.
#[derive(Debug, Default)]
struct Marks {
    next_record: bool,
    end: bool,
}

impl<'a> Leaves<'a> {
    pub(super) fn new(file: LogicalFile, references_max: u64) -> Self {
        Self {
            file,
            dictionary: None,
            is_unique: false,
            record_bytes_max: 0,
            previous: None,
            is_open: Some(false),
            record: None,
            lowest: None,
            last_record: 0,
            marks: Marks::default(),
            has_gap: false,
            entries: 0,
            references_max,
        }
    }

    pub(super) fn know(
        &mut self,
        dictionary: &'a Dictionary,
        definition: Option<&IndexDefinition>,
        limits: Limits,
    ) {
        self.dictionary = Some(dictionary);
        self.is_unique = definition.is_some_and(|definition| definition.is_unique);
        self.record_bytes_max = limits.record_bytes_max;
    }

    pub(super) fn entries(&self) -> u64 {
        self.entries
    }

    /// Forgets what came before: a block could not be read.
    pub(super) fn gap(&mut self) {
        self.previous = None;
        self.is_open = None;
        self.record = None;
        self.lowest = None;
        self.has_gap = true;
    }

    /// The end of a tree that was read whole.
    pub(super) fn finish(&mut self, place: Place, findings: &mut Findings) {
        if self.has_gap {
            return;
        }
        if !self.marks.end {
            findings.add(place.fault(Damage::EndMarkMissing));
        }
        let needs_next_record = self.file.kind == LogicalFileKind::Container;
        if needs_next_record && !self.marks.next_record {
            findings.add(place.fault(Damage::NextRecordMark));
        }
        if self.is_open == Some(true) {
            findings.add(place.fault(Damage::ElementFlags));
        }
    }

    /// Every element of one leaf.
    pub(super) fn block(
        &mut self,
        block: &Block,
        place: Place,
        findings: &mut Findings,
    ) -> Summary {
        let used = block.used();
        let mut key = KeyBuffer::default();
        let mut summary = Summary::default();
        let entries_before = self.entries;
        let mut offset = BLOCK_HEADER_BYTES;
        while offset < used.len() {
            let at = place.at_element(offset);
            let is_first = offset == BLOCK_HEADER_BYTES;
            match self.element(used, offset, is_first, &mut key, at, findings) {
                Ok(element) => {
                    offset = element.end();
                    if !element.is_end_mark() {
                        summary.last_key = Some(key.key().to_vec());
                        summary.domain = self.domain_of(used, &element);
                    }
                }
                Err(damage) => {
                    findings.add(at.fault(damage));
                    self.gap();
                    return summary;
                }
            }
        }
        if offset == BLOCK_HEADER_BYTES {
            findings.add(place.fault(Damage::BlockEmpty));
        }
        if self.marks.end != block.next.is_none() {
            let damage = if self.marks.end {
                Damage::EndMarkEarly
            } else {
                Damage::EndMarkMissing
            };
            findings.add(place.fault(damage));
        }
        summary.references = self.entries - entries_before;
        summary.is_whole = true;
        summary
    }

    fn domain_of(&self, used: &[u8], element: &LeafElement) -> u32 {
        let data = used.get(element.data.clone()).unwrap_or_default();
        match self.file.kind {
            LogicalFileKind::Container => 0,
            LogicalFileKind::Index => references::domain(data).ok().flatten().unwrap_or(0),
        }
    }

    /// One element; damage that keeps the rest of the block from being read comes back as an error.
    fn element(
        &mut self,
        used: &[u8],
        offset: usize,
        is_first: bool,
        key: &mut KeyBuffer,
        at: Place,
        findings: &mut Findings,
    ) -> Result<LeafElement, Damage> {
        let element = LeafElement::parse(used, offset)?;
        if self.marks.end {
            return Err(Damage::EndMarkEarly);
        }
        if element.is_end_mark() {
            self.marks.end = true;
            return Ok(element);
        }
        let suffix = used.get(element.key.clone()).unwrap_or_default();
        let is_maximal = key.prefix_is_maximal(element.prefix, suffix);
        let damage = prefix_damage(is_first, element.prefix, is_maximal, key);
        key.advance(element.prefix, suffix)?;
        self.check_key_size(key.key())?;
        if let Some(damage) = damage {
            findings.add(at.fault(damage));
        }
        let order = self.check_sequence(key.key(), &element);
        if let Err(damage) = order {
            findings.add(at.fault(damage));
        }
        let data = used.get(element.data.clone()).unwrap_or_default();
        match self.file.kind {
            LogicalFileKind::Container => {
                self.record_element(key.key(), &element, data, at, findings);
            }
            LogicalFileKind::Index => {
                if let Err(damage) = self.reference_element(&element, data) {
                    findings.add(at.fault(damage));
                }
            }
        }
        self.is_open = Some(!element.is_last);
        self.previous = Some(key.key().to_vec());
        Ok(element)
    }

    fn check_key_size(&self, key: &[u8]) -> Result<(), Damage> {
        let fits = match self.file.kind {
            LogicalFileKind::Container => key.len() == NEXT_RECORD_KEY.len(),
            LogicalFileKind::Index => !key.is_empty(),
        };
        if fits {
            Ok(())
        } else {
            Err(Damage::ElementKeySize)
        }
    }

    /// First elements have new, higher keys; continuations follow what they continue.
    fn check_sequence(&self, key: &[u8], element: &LeafElement) -> Result<(), Damage> {
        if self
            .is_open
            .is_some_and(|is_open| is_open == element.is_first)
        {
            return Err(Damage::ElementFlags);
        }
        let Some(previous) = &self.previous else {
            return Ok(());
        };
        match (previous.as_slice().cmp(key), element.is_first) {
            (Ordering::Less, true) | (Ordering::Equal, false) => Ok(()),
            (Ordering::Greater, _) => Err(Damage::ElementOrder),
            _ => Err(Damage::ElementContinuation),
        }
    }

    fn record_element(
        &mut self,
        key: &[u8],
        element: &LeafElement,
        data: &[u8],
        at: Place,
        findings: &mut Findings,
    ) {
        let number = key.try_into().map_or(0, u32::from_be_bytes);
        if key == NEXT_RECORD_KEY {
            let is_whole = element.is_first && element.is_last && data.len() == 4;
            let next = u32_at(data, 0).unwrap_or(0);
            if !is_whole || next <= self.last_record || self.marks.next_record {
                let fault = at.fault(Damage::NextRecordMark);
                findings.add(fault.with_numbers(next, u64::from(self.last_record) + 1));
            }
            self.marks.next_record = true;
            return;
        }
        self.last_record = number;
        if element.is_first {
            self.entries += 1;
            self.record = Some((Vec::new(), Vec::new()));
        }
        let Some((record, ends)) = &mut self.record else {
            return;
        };
        if record.len().saturating_add(data.len()) > self.record_bytes_max {
            // Records beyond the caller's limit are not taken apart.
            self.record = None;
            return;
        }
        record.extend_from_slice(data);
        ends.push(record.len());
        if element.is_last
            && let Some((record, ends)) = self.record.take()
            && let Some(dictionary) = self.dictionary
        {
            check_fields(&record, &ends, dictionary, at.in_record(number), findings);
        }
    }

    /// The references of one element (flaim-format.md 8.2).
    fn reference_element(&mut self, element: &LeafElement, data: &[u8]) -> Result<(), Damage> {
        let domain = references::domain(data)?;
        // Every element but the last of a key names its domain.
        if domain.is_some() == element.is_last {
            return Err(Damage::ReferenceDomain);
        }
        let mut before = self.lowest.take().filter(|_| !element.is_first);
        let mut references = References::new(data)?;
        let mut count = 0u64;
        let mut lowest = 0;
        while let Some(reference) = references.next()? {
            if before.is_some_and(|before| before >> 8 <= reference >> 8) {
                return Err(Damage::ReferenceOrder);
            }
            before = None;
            lowest = reference;
            count += 1;
            if self.entries + count > self.references_max {
                return Err(Damage::ReferenceCount);
            }
        }
        self.entries += count;
        if domain.is_some_and(|domain| domain != lowest >> 8) {
            return Err(Damage::ReferenceDomain);
        }
        if self.is_unique && (count > 1 || !element.is_first || !element.is_last) {
            return Err(Damage::ReferenceNotUnique);
        }
        self.lowest = Some(lowest);
        Ok(())
    }
}

/// The fields of one record: their heads, types and values.
fn check_fields(
    data: &[u8],
    ends: &[usize],
    dictionary: &Dictionary,
    at: Place,
    findings: &mut Findings,
) {
    let mut walk = FieldWalk::new(data, dictionary);
    let mut ends = ends.iter().peekable();
    let mut is_empty = true;
    loop {
        match walk.next() {
            Ok(Some(field)) => {
                is_empty = false;
                while ends.next_if(|end| **end <= field.head).is_some() {}
                let is_split = ends.peek().is_some_and(|end| **end < field.value.start);
                if is_split {
                    findings.add(at.in_field(field.tag).fault(Damage::FieldSplit));
                }
                if let Some(damage) = value_damage(&field, data) {
                    findings.add(at.in_field(field.tag).fault(damage));
                }
            }
            Ok(None) if is_empty => return findings.add(at.fault(Damage::RecordEmpty)),
            Ok(None) => return,
            Err(damage) => return findings.add(at.fault(damage)),
        }
    }
}

fn value_damage(field: &RawField, data: &[u8]) -> Option<Damage> {
    if field.is_encrypted {
        return Some(Damage::FieldEncrypted);
    }
    let stored = data.get(field.value.clone()).unwrap_or_default();
    Value::decode(field.kind, stored).err()
}

/// The first prefix of a block stands alone, and all others take all that they can.
pub(super) fn prefix_damage(
    is_first: bool,
    prefix: usize,
    is_maximal: bool,
    key: &KeyBuffer,
) -> Option<Damage> {
    if is_first && prefix > 0 || prefix > key.key().len() {
        return Some(Damage::ElementPrefix);
    }
    (!is_first && !is_maximal).then_some(Damage::ElementPrefixShort)
}
