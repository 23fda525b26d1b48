//! What can go wrong, with codes that stay the same.

use std::fmt;
use std::io;

use super::address::{BlockAddress, DatabaseFile};
use super::damage::Damage;

/// Why the engine cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not a database that this engine knows.
    #[error(transparent)]
    NotOurs(#[from] NotOurs),
    /// The operating system refused a read.
    #[error("Cannot read the {file}")]
    Read {
        /// Which file of the set.
        file: DatabaseFile,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused a write.
    #[error("Cannot write the {file}")]
    Write {
        /// Which file of the set.
        file: DatabaseFile,
        /// What the operating system said.
        source: io::Error,
    },
    /// The database is damaged at a place that the work needs.
    #[error("{0}")]
    Damaged(Fault),
    /// No container or index has this number.
    #[error("The database has no container or index {number}")]
    NoSuchLogicalFile {
        /// The number that was asked for.
        number: u16,
    },
    /// A record, a change set or a list is larger than the caller's limit.
    #[error("{what} is larger than the limit of {bytes_max} bytes")]
    TooLarge {
        /// What outgrew its limit.
        what: &'static str,
        /// The limit.
        bytes_max: usize,
    },
    /// The work needs a part of the format that this engine does not do faithfully.
    #[error("Index {index} cannot be computed from the records: {reason}")]
    IndexNotComputable {
        /// The index.
        index: u16,
        /// Why.
        reason: &'static str,
    },
    /// The roll-forward log cannot be replayed.
    #[error("The {file} cannot be replayed at offset {offset}: {reason}")]
    RollForward {
        /// Which log.
        file: DatabaseFile,
        /// Where in it, in bytes.
        offset: u64,
        /// Why.
        reason: &'static str,
    },
    /// A tree would need more levels, or larger counts, than the format has.
    #[error("Container or index {logical_file} is too large for one tree")]
    TreeTooHigh {
        /// The container or index.
        logical_file: u16,
    },
    /// Records or keys come in an order in which no tree can be written, or have a number that no record has.
    #[error("Record {record} cannot be added to container or index {logical_file} at this point")]
    OutOfOrder {
        /// The container or index.
        logical_file: u16,
        /// The record.
        record: u32,
    },
    /// What the database keeps about the state of an index forbids to write it anew.
    #[error("Index {index} cannot be written anew: {reason}")]
    IndexState {
        /// The index.
        index: u16,
        /// Why.
        reason: &'static str,
    },
    /// The database was not closed cleanly, and its recovery cannot be written.
    #[error("The database needs a recovery that only its own engine can do: {reason}")]
    NotRecoverable {
        /// Why.
        reason: &'static str,
    },
    /// A value that is to change is encrypted.
    #[error("A value that is to change is encrypted ({0})")]
    EncryptedValue(Place),
    /// A field was selected that cannot be meant.
    #[error("Field {field} of container {container} cannot be selected: {reason}")]
    Selection {
        /// The container.
        container: u16,
        /// The number of the field's tag.
        field: u16,
        /// Why not.
        reason: &'static str,
    },
    /// A plan was made for another state of the database.
    #[error("The plan does not fit the database any more ({0})")]
    PlanStale(Place),
    /// No block can be added.
    #[error("The database cannot grow: there is no number left for a further data file")]
    Full,
    /// Two records have the same key in an index that allows one.
    #[error("Record {record} has a key in the unique index {index} that another record has too")]
    NotUnique {
        /// The index.
        index: u16,
        /// One of the records.
        record: u32,
    },
    /// The rollback log cannot be followed.
    #[error("The rollback log cannot be followed at {address}: {reason}")]
    Rollback {
        /// Where in it.
        address: BlockAddress,
        /// Why.
        reason: &'static str,
    },
}

impl Error {
    /// A code that stays the same between versions of the migrator.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotOurs(reason) => reason.code(),
            Self::Read { .. } => "FLAIM-READ",
            Self::Write { .. } => "FLAIM-WRITE",
            Self::Damaged(fault) => fault.damage.code(),
            Self::NoSuchLogicalFile { .. } => "FLAIM-NO-LOGICAL-FILE",
            Self::TooLarge { .. } => "FLAIM-TOO-LARGE",
            Self::IndexNotComputable { .. } => "FLAIM-INDEX-NOT-COMPUTABLE",
            Self::RollForward { .. } => "FLAIM-ROLL-FORWARD",
            Self::TreeTooHigh { .. } => "FLAIM-TREE-TOO-HIGH",
            Self::OutOfOrder { .. } => "FLAIM-OUT-OF-ORDER",
            Self::IndexState { .. } => "FLAIM-INDEX-STATE",
            Self::NotRecoverable { .. } => "FLAIM-NOT-RECOVERABLE",
            Self::EncryptedValue(_) => "FLAIM-ENCRYPTED",
            Self::Selection { .. } => "FLAIM-SELECTION",
            Self::PlanStale(_) => "FLAIM-PLAN-STALE",
            Self::Full => "FLAIM-FULL",
            Self::NotUnique { .. } => "FLAIM-NOT-UNIQUE",
            Self::Rollback { .. } => "FLAIM-ROLLBACK",
        }
    }
}

/// Why bytes are not a database of versions 3.01 to 4.62, with what was seen instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotOurs {
    /// Fewer bytes than the headers take.
    #[error("Not a database: {bytes} bytes are fewer than a header has")]
    TooShort {
        /// How many bytes there are.
        bytes: usize,
    },
    /// The letters `WPC` or `FLAIM` are missing.
    #[error(
        "Not a FLAIM database: bytes {seen:02x?} where {expected:?} should stand at offset {offset}"
    )]
    NotADatabase {
        /// Where the letters should stand.
        offset: usize,
        /// Which letters should.
        expected: &'static str,
        /// What stands there.
        seen: Vec<u8>,
    },
    /// A database of GroupWise's own, older generation of the engine, or one marked as GroupWise's.
    #[error(
        "A FLAIM database of another generation: version {version:?}, product {product:#04x}, file type {file_type}"
    )]
    OtherGeneration {
        /// The version as its header spells it.
        version: String,
        /// The product byte; 1Fh is GroupWise.
        product: u8,
        /// The file type byte.
        file_type: u8,
    },
    /// The version is none that is known.
    #[error("Unknown FLAIM version: {text:?} in the header, {number} in the log header")]
    UnknownVersion {
        /// The version as the database header spells it.
        text: String,
        /// The version in the log header; 0 where there is none.
        number: u16,
    },
    /// The database is encrypted, or holds a database key.
    #[error("The database is encrypted: {what} is {seen}")]
    Encrypted {
        /// Which header field says so.
        what: &'static str,
        /// Its value.
        seen: u32,
    },
    /// A field of the header has a value that no database has.
    #[error("Damaged header: {what} is {seen:#x}, expected {expected}")]
    DamagedHeader {
        /// Which field.
        what: &'static str,
        /// Its value.
        seen: u64,
        /// What it may be.
        expected: String,
    },
    /// The checksum of the log header is wrong.
    #[error(
        "Damaged header: the log header's checksum is {stored:#06x}, its bytes give {computed:#06x}"
    )]
    HeaderChecksum {
        /// The checksum in the header.
        stored: u16,
        /// The checksum of its bytes.
        computed: u16,
    },
}

impl NotOurs {
    /// Whether this is a database all the same, of a kind that other programs read.
    pub fn is_a_database(&self) -> bool {
        match self {
            Self::OtherGeneration { .. } | Self::UnknownVersion { .. } | Self::Encrypted { .. } => {
                true
            }
            Self::TooShort { .. }
            | Self::NotADatabase { .. }
            | Self::DamagedHeader { .. }
            | Self::HeaderChecksum { .. } => false,
        }
    }

    /// A code that stays the same between versions of the migrator.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooShort { .. } | Self::NotADatabase { .. } => "FLAIM-NOT-A-DATABASE",
            Self::OtherGeneration { .. } => "FLAIM-OTHER-GENERATION",
            Self::UnknownVersion { .. } => "FLAIM-UNKNOWN-VERSION",
            Self::Encrypted { .. } => "FLAIM-ENCRYPTED",
            Self::DamagedHeader { .. } => "FLAIM-HEADER-DAMAGED",
            Self::HeaderChecksum { .. } => "FLAIM-HEADER-CHECKSUM",
        }
    }
}

impl From<Fault> for Error {
    fn from(fault: Fault) -> Self {
        Self::Damaged(fault)
    }
}

/// Where in a database something is wrong, as exactly as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The container or index.
    pub logical_file: Option<u16>,
    /// The block.
    pub block: Option<BlockAddress>,
    /// The offset of the element in its block, in bytes.
    pub element: Option<usize>,
    /// The record.
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
