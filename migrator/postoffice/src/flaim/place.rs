//! Where something is wrong, and what.

use std::fmt;

use super::address::BlockAddress;
use super::damage::Damage;

/// Where in a database something is wrong, as exactly as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The number of the container or index.
    pub logical_file: Option<u16>,
    /// The address of the block.
    pub block: Option<BlockAddress>,
    /// The offset of the element in its block, in bytes.
    pub element: Option<usize>,
    /// The number of the record in its container.
    pub record: Option<u32>,
    /// The number of the field's tag.
    pub field: Option<u16>,
}

impl Place {
    /// A place of which only the container or index is known.
    pub fn in_logical_file(number: u16) -> Self {
        Self {
            logical_file: Some(number),
            ..Self::default()
        }
    }

    /// This place, in that block.
    #[must_use]
    pub fn at_block(self, address: BlockAddress) -> Self {
        Self {
            block: Some(address),
            ..self
        }
    }

    /// This place, at that element of its block.
    #[must_use]
    pub fn at_element(self, offset: usize) -> Self {
        Self {
            element: Some(offset),
            ..self
        }
    }

    /// This place, in that record.
    #[must_use]
    pub fn in_record(self, record: u32) -> Self {
        Self {
            record: Some(record),
            ..self
        }
    }

    /// This place, in that field.
    #[must_use]
    pub fn in_field(self, tag: u16) -> Self {
        Self {
            field: Some(tag),
            ..self
        }
    }

    /// The fault that this damage is at this place.
    pub fn fault(self, damage: Damage) -> Fault {
        Fault {
            damage,
            place: self,
            seen: None,
            expected: None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        let mut part = |name: &str, value: String| {
            let written = write!(formatter, "{separator}{name} {value}");
            separator = ", ";
            written
        };
        if let Some(number) = self.logical_file {
            part("container or index", number.to_string())?;
        }
        if let Some(address) = self.block {
            part("block", address.to_string())?;
        }
        if let Some(offset) = self.element {
            part("element", offset.to_string())?;
        }
        if let Some(record) = self.record {
            part("record", record.to_string())?;
        }
        if let Some(tag) = self.field {
            part("field", tag.to_string())?;
        }
        if separator.is_empty() {
            formatter.write_str("database")?;
        }
        Ok(())
    }
}

/// One thing that is wrong with a database: what, where, and the numbers that disagree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// What is wrong.
    pub damage: Damage,
    /// Where.
    pub place: Place,
    /// The number that stands there, where one does.
    pub seen: Option<u64>,
    /// The number that should.
    pub expected: Option<u64>,
}

impl Fault {
    /// This fault, with the two numbers that disagree.
    #[must_use]
    pub fn with_numbers(self, seen: impl Into<u64>, expected: impl Into<u64>) -> Self {
        Self {
            seen: Some(seen.into()),
            expected: Some(expected.into()),
            ..self
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.damage.meaning(), self.place)?;
        if let (Some(seen), Some(expected)) = (self.seen, self.expected) {
            write!(formatter, ": {seen:#x} instead of {expected:#x}")?;
        }
        Ok(())
    }
}
