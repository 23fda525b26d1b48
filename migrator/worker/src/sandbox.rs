//! Locking the worker in, after its folders are open and before its first thread starts.
//!
//! Four layers of the kernel: the worker moves to where the source is mounted read-only; the capabilities of root are
//! given up but for those that the task needs; Landlock limits files to the opened folders, forbids TCP, and leaves
//! nothing in the job folder that could be changed by name; seccomp forbids what a copy never needs.  All are kept by
//! threads started later and cannot be taken back.  Where the first or one of the last two is missing, that is
//! reported, not refused: handles alone ([`crate::tree`]) already confine every name.

mod filter;
mod rights;
mod rules;

use crate::capabilities::Capabilities;
use crate::error::Result;
use protocol::{Protections, Task};

/// Locks this thread and all that it starts into the folders of the order, with the rights that its task needs.
///
/// # Errors
/// [`crate::error::WorkerError::Sandbox`] where the kernel has a layer and refuses to close it.
pub fn enter(capabilities: &Capabilities, task: &Task) -> Result<Protections> {
    Ok(Protections {
        // Needs rights that are given up next.
        source_read_only: capabilities.enter(),
        capabilities: rights::give_up(task)?,
        landlock: rules::restrict(capabilities)?,
        seccomp: filter::restrict(task, capabilities.may_rename_by_links())?,
    })
}
