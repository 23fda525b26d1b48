//! The FLAIM database engine, versions 3.01 to 4.62: probe, read, recover, check, create, lower-case names.
//!
//! ```text
//!  FileSet (whoever calls) ── BlockStore ── Cursor ── records ─┐
//!      │                         │             └──── entries ──┼── Database ── check
//!      │                    rollback log                       │
//!      └── roll-forward log ───────────────────────── changes ─┘
//!
//!  FileSetMut ── BlockSink ── TreeWriter ┬─ records ── RecordBuilder ─┐
//!                                        ├─ entries ── EntrySorter ───┴── Creator
//!                                        └─ changed records and entries ── recover, apply_lowercase
//! ```
//!
//! Invariants:
//!
//! * The engine opens no file and prints nothing.  It reads through [`FileSet`], and writes only through [`FileSetMut`].
//! * Every byte is hostile.  Lengths are checked before anything is taken or allocated, chains of blocks are bounded by
//!   the size of the database, and what is wrong is an [`Error`] or a finding with a stable code.
//! * Memory follows the depth of a tree and the size of one record ([`Limits`]), not the size of the database.  Recovery
//!   adds one small entry for each block in the rollback log, and the records that the roll-forward log changed; writing
//!   adds one block for each level of each open tree, and what its caller allows for sorting.
//! * Recovery and lower-casing change a copy in place.  Until their last write it is marked as unfinished, and the probe
//!   refuses it; putting the finished copy in place of the old files is the caller's work.
//! * What flaim-format.md marks as READ or INFERRED is refused or verified at run time, never relied on.

mod address;
mod block;
mod block_stream;
mod block_writer;
mod bytes;
mod changes;
mod check;
mod create;
mod cursor;
mod damage;
mod database;
mod dictionary;
mod element;
mod entry_sorter;
mod error;
mod field;
mod field_writer;
mod file_set;
mod free_blocks;
mod header;
mod header_edit;
mod header_writer;
mod index_entries;
mod key;
mod logical_file;
mod logical_file_edit;
mod lowercase;
mod name_shape;
mod place;
mod profile;
mod record;
mod record_builder;
mod record_encode;
mod recover;
mod references;
mod roll_forward;
mod roll_forward_log;
mod roll_forward_record;
mod rollback;
mod store;
mod text;
mod tree_blocks;
mod tree_writer;
mod value;
mod version;
mod working_copy;

pub use address::{BlockAddress, DatabaseFile, base_of};
pub use block_stream::{BlockStream, BlocksSeen};
pub use check::{CheckOptions, CheckReport, Comparison, TreeReport, check};
pub use create::{CreateOptions, Creator};
pub use damage::Damage;
pub use database::{Database, Limits, Records, Recovery};
pub use dictionary::{Dictionary, IndexDefinition, Item, ItemKind, KeyPiece};
pub use entry_sorter::{MemoryScratch, Scratch};
pub use error::{Error, Fault, NotOurs, Place};
pub use field::{FIELD_LEVEL_MAX, FieldKind};
pub use file_set::{FileSet, FileSetMut, MemoryFileSet, OpenFileSet, ReadAt};
pub use header::{HEADER_BYTES, Header, LogHeader, probe, probe_files};
pub use header_writer::SerialNumbers;
pub use index_entries::{IndexEntries, IndexEntry};
pub use logical_file::{
    DEFAULT_CONTAINER, DICTIONARY_CONTAINER, LogicalFile, LogicalFileKind, NAME_INDEX,
    TRACKER_CONTAINER,
};
pub use lowercase::{
    AffectedIndex, Catalogued, Difference, LeftAlone, LowercaseLimits, LowercasePlan,
    LowercaseReport, NameChange, NameField, NameSeen, NameState, RebuiltIndex, UnaffectedIndex,
    apply_lowercase, compare_lowercased, each_catalogued, each_name, plan_lowercase,
};
pub use name_shape::{LeftAloneReason, NameShape};
pub use profile::{FieldSelection, NameProfile};
pub use record::{Field, Record};
pub use record_builder::{FieldValue, RecordBuilder};
pub use recover::recover;
pub use text::encode_text;
pub use value::Value;
pub use version::Version;
pub use working_copy::UNFINISHED_MARK;
