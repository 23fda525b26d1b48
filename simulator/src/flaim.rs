//! Makes FLAIM databases of every version that the engine of the migrator reads, 3.01 to 4.62 (flaim-format.md 11.4).
//!
//! ```text
//!  RecordBuilder ── records ─┐                                 ┌─ data files
//!  dictionary ── records ────┼── the engine's tree writers ────┤
//!      └── keys, sorted ─────┘                                 └─ control file, last
//! ```
//!
//! The engine itself only reads, checks, recovers and lower-cases; what encodes fields, keys and trees is shared with it,
//! because recovery and lower-casing write records and indexes anew.

mod creator;
mod definitions;
mod error;
mod files;
mod header;
mod options;
mod record_builder;

pub use creator::Creator;
pub use error::CreateError;
pub use options::DatabaseOptions;
pub use record_builder::{FieldValue, RecordBuilder};
