//! The FLAIM database engine, versions 3.01 to 4.62: probe, read, recover, check, lower-case names.
//!
//! ```text
//!  FileSet (whoever calls) ── BlockStore ── Cursor ── records ─┐
//!      │                         │             └──── entries ──┼── Database ── check
//!      │                    rollback log                       │
//!      └── roll-forward log ───────────────────────── changes ─┘
//!
//!  FileSetMut ── BlockSink ── TreeWriter ── changed records and entries ── recover, apply_lowercase
//! ```
//!
//! What writes records, trees and blocks is public too, for programs that make whole databases.
//!
//! Invariants:
//!
//! * The engine opens no file and prints nothing.  It reads through [`FileSet`], and writes only through [`FileSetMut`].
//! * Every byte is hostile.  Lengths are checked before anything is taken or allocated, chains of blocks are bounded by
//!   the size of the database, and what is wrong is an [`Error`] or a finding with a stable code.
//! * Memory follows the depth of a tree and the size of one record ([`Limits`]), not the size of the database.  Recovery
//!   adds one small entry for each block in the rollback log, and the records that the roll-forward log changed; writing
//!   adds one block for each level of each open tree.
//! * Recovery and lower-casing change a copy in place.  Until their last write it is marked as unfinished, and the probe
//!   refuses it; putting the finished copy in place of the old files is the caller's work.
//! * What flaim-format.md marks as READ or INFERRED is refused or verified at run time, never relied on.

mod address;
mod block;
mod block_stream;
mod bytes;
mod changes;
mod check;
mod cursor;
mod damage;
mod database;
mod dictionary;
mod element;
mod error;
mod field;
mod file_set;
mod free_blocks;
mod geometry;
mod header;
mod header_edit;
mod index_entries;
mod key;
mod logical_file;
mod lowercase;
mod name_shape;
mod profile;
mod rebuild;
mod record;
mod record_encode;
mod recover;
mod references;
mod roll_forward;
mod roll_forward_log;
mod roll_forward_record;
mod rollback;
mod store;
mod text;
mod tree_writer;
mod value;
mod version;
mod working_copy;

pub use address::{BlockAddress, DatabaseFile, base_of};
pub use block::{BLOCK_HEADER_BYTES, BlockHeader, kind as block_kind};
pub use block_stream::{BlockStream, BlocksSeen};
pub use check::{CheckOptions, CheckReport, Comparison, TreeReport, check};
pub use damage::Damage;
pub use database::{Database, Records, Recovery};
pub use dictionary::{
    CHARACTERS_DEFAULT_MAX, Dictionary, IndexDefinition, Item, ItemKind, KeyPiece,
    tag as dictionary_tag,
};
pub use error::{Error, Fault, NotOurs, Place};
pub use field::{FieldKind, FieldKinds, is_dictionary_tag, is_registered};
pub use file_set::{FileSet, FileSetMut, Limits, MemoryFileSet, OpenFileSet, ReadAt};
pub use header::{
    DATABASE_HEADER_OFFSET, HEADER_BYTES, Header, LOG_HEADER_OFFSET, LogHeader, ROLL_FORWARD_START,
    SerialNumbers, log_checksum, probe, probe_files,
};
pub use index_entries::{IndexEntries, IndexEntry};
pub use key::keys_of;
pub use logical_file::{
    DEFAULT_CONTAINER, DICTIONARY_CONTAINER, LOGICAL_FILE_ENTRY_BYTES, LogicalFile,
    LogicalFileKind, NAME_INDEX, TRACKER_CONTAINER,
};
pub use lowercase::{
    AffectedIndex, Catalogued, Difference, LeftAlone, LowercaseLimits, LowercasePlan,
    LowercaseReport, NameChange, NameField, NameSeen, NameState, RebuiltIndex, UnaffectedIndex,
    apply_lowercase, compare_lowercased, compare_lowercased_texts, each_catalogued, each_name,
    plan_lowercase,
};
pub use name_shape::{LeftAloneReason, NameShape};
pub use profile::{FieldSelection, NameProfile};
pub use record::{Field, Record};
pub use record_encode::ORDINARY_BYTES_MAX;
pub use recover::recover;
pub use text::encode_text;
pub use tree_writer::{BlockSink, ContainerWriter, IndexWriter, TreeShape, TreeWriter};
pub use value::{Value, encode_number};
pub use version::Version;
pub use working_copy::UNFINISHED_MARK;
