//! The leaves of a container: records, cut into elements (flaim-format.md 6).

use super::super::address::BlockAddress;
use super::super::damage::Damage;
use super::super::element::DATA_BYTES_MAX;
use super::super::error::{Error, Place};
use super::super::field::{FieldKind, FieldKinds, FieldWalk};
use super::super::record::NEXT_RECORD_KEY;
use super::{BlockSink, Content, Element, TreeWriter};

/// With so few bytes left in an element, or fewer, the next field begins a new one.
const LEFT_BYTES_MIN: usize = 14;

/// Writes the tree of one container, records in ascending order of their numbers.
#[derive(Debug)]
pub struct ContainerWriter {
    tree: TreeWriter,
    last_record: u32,
}

/// Takes every tag as known: only where heads and values stand counts here.
struct AnyTag;

impl FieldKinds for AnyTag {
    fn kind_of(&self, _tag: u16) -> Option<FieldKind> {
        Some(FieldKind::Text)
    }
}

impl ContainerWriter {
    pub(super) fn new(tree: TreeWriter) -> Self {
        Self {
            tree,
            last_record: 0,
        }
    }

    /// The number of the last record; 0 before the first.
    pub fn last_record(&self) -> u32 {
        self.last_record
    }

    /// Adds a record, whose fields are `data` (flaim-format.md 7).
    pub fn record(
        &mut self,
        sink: &mut impl BlockSink,
        number: u32,
        data: &[u8],
    ) -> Result<(), Error> {
        let place = Place::in_logical_file(self.tree.logical_file).in_record(number);
        if number <= self.last_record || number.to_be_bytes() == NEXT_RECORD_KEY {
            return Err(Error::OutOfOrder {
                logical_file: self.tree.logical_file,
                record: number,
            });
        }
        let cuts = cuts(data).map_err(|damage| place.fault(damage))?;
        let mut start = 0;
        for end in &cuts {
            let element = Element {
                key: &number.to_be_bytes(),
                domain: None,
                references: 0,
                content: Content::Leaf {
                    is_first: start == 0,
                    is_last: *end == data.len(),
                    data: data.get(start..*end).unwrap_or_default(),
                },
            };
            self.tree.add(sink, &element)?;
            start = *end;
        }
        self.last_record = number;
        Ok(())
    }

    /// Closes the tree with the number that the next record gets, and says where its root stands.
    ///
    /// A container without records gets no tree, unless its next number is none that an entry without tree stands for:
    /// then the root is a leaf with nothing but the marks.
    pub fn finish(
        mut self,
        sink: &mut impl BlockSink,
        next_record: u32,
    ) -> Result<BlockAddress, Error> {
        if next_record <= self.last_record {
            return Err(Error::OutOfOrder {
                logical_file: self.tree.logical_file,
                record: next_record,
            });
        }
        if self.last_record == 0 && next_record == 1 {
            return Ok(BlockAddress::NONE);
        }
        let mark = Element {
            key: &NEXT_RECORD_KEY,
            domain: None,
            references: 0,
            content: Content::Leaf {
                is_first: true,
                is_last: true,
                data: &next_record.to_le_bytes(),
            },
        };
        self.tree.add(sink, &mark)?;
        self.tree.finish(sink)
    }
}

/// Where the elements of a record end: none takes more than 250 bytes, and none ends inside the head of a field.
fn cuts(data: &[u8]) -> Result<Vec<usize>, Damage> {
    let mut walk = FieldWalk::new(data, &AnyTag);
    let mut cuts = Vec::new();
    // Where the element and the field begin; changes of level belong to the field behind them.
    let (mut start, mut field_start) = (0, 0);
    while let Some(field) = walk.next()? {
        let left = DATA_BYTES_MAX - (field_start - start);
        let does_not_fit = left <= LEFT_BYTES_MIN || field.value.start - field_start > left;
        if does_not_fit && field_start > start {
            cuts.push(field_start);
            start = field_start;
        }
        if field.value.start - start > DATA_BYTES_MAX {
            return Err(Damage::FieldSplit);
        }
        while field.value.end - start > DATA_BYTES_MAX {
            start += DATA_BYTES_MAX;
            cuts.push(start);
        }
        field_start = field.value.end;
    }
    // Behind the last field may stand bytes without one, which the walk has accepted.
    if field_start == 0 || data.len() - start > DATA_BYTES_MAX {
        return Err(Damage::RecordEmpty);
    }
    if start < data.len() {
        cuts.push(data.len());
    }
    Ok(cuts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_end_between_fields_or_inside_values() {
        // A value of 300 bytes under tag 2, whose head takes 5 bytes; then a short field.
        let mut data = vec![0x91, 0x02, 0x2c, 0x01];
        data.extend([0x41; 300]);
        data.extend([0x02, 0x02, 0x41, 0x41]);
        assert_eq!(cuts(&data), Ok(vec![250, 308]));
        // 240 bytes, so that 10 are left: too few for another field.
        let mut data = vec![0x90, 0x02, 237];
        data.extend([0x41; 237]);
        data.extend([0x02, 0x02, 0x41, 0x41]);
        assert_eq!(cuts(&data), Ok(vec![240, 244]));
        // 15 are left: enough.
        let mut data = vec![0x90, 0x02, 232];
        data.extend([0x41; 232]);
        data.extend([0x02, 0x02, 0x41, 0x41]);
        assert_eq!(cuts(&data), Ok(vec![239]));
        assert_eq!(cuts(&[]), Err(Damage::RecordEmpty));
        assert_eq!(cuts(&[0x02]), Err(Damage::FieldOutside));
    }
}
