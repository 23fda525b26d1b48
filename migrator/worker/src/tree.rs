//! Folders, files and their attributes, reached only through handles.
//!
//! Every operation takes a folder handle and one name, never a path; the last name is never followed when it is a
//! symbolic link.  What stands in either tree can therefore not lead out of it (ARCHITECTURE, invariant 3).

mod attributes;
mod change;
mod content;
mod extended_attribute;
mod folder;
mod list;
pub(crate) mod owner;
mod pace;
mod pairs;
mod sum;
mod walk;

pub(crate) use attributes::INODE_TIME_LAG;
pub use attributes::{Attributes, Kind, Time};
pub(crate) use change::{has_no_such_renaming, set_modified};
pub(crate) use content::{read_at, read_beginning, room, write_all};
pub use folder::Folder;
pub(crate) use folder::KnownMounts;
pub use list::{Entry, Name, by_name};
pub use pace::Pace;
pub(crate) use pairs::{
    FolderTask, Later, Listings, Matched, Pair, PairVisitor, Slice, SourceEntry, Task,
    by_destination_name, each_once, roots, source_entries, walk_pairs,
};
pub(crate) use sum::DigestSum;
pub(crate) use walk::{Visited, Walker, walk, walk_where, walk_with};
