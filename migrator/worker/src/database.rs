//! Databases on disk: opening their files, changing a copy, putting the copy in place.
//!
//! ```text
//! open (read only) ── working set (a copy in a folder of its own) ── engine changes it ── proven ── swap
//! ```
//!
//! A change never touches the files in place.  The copy is made durable first; then its folder gets a name that says
//! that it is whole, and only then its files take the places of the old ones.  Whatever kills the worker, the next run
//! finds either the old database, or a whole copy whose move it finishes.

mod handle;
mod lowercase;
mod open;
mod swap;
mod working_set;

pub use handle::Handle;
pub(crate) use lowercase::{change, in_database, lock, plan, require_held};
pub use lowercase::{lowercase_names, plan_names};
pub use open::{Member, OpenDatabase, open_database};
pub(crate) use swap::{Swap, discard_unfinished};
pub(crate) use working_set::{WorkingSet, copy_file};
