//! Locking the worker in, after its folders are open and before its first thread starts.
//!
//! Three layers of the kernel: the capabilities of root are given up but for those that the task needs; Landlock limits
//! files to the opened folders and forbids TCP; seccomp forbids what a copy never needs.  All are kept by threads started
//! later and cannot be taken back.  A kernel without the last two is reported, not refused: handles alone ([`crate::tree`]) already confine every name.

mod filter;
mod rights;
mod rules;

use crate::capabilities::Capabilities;
use crate::error::Result;
use crate::protocol::{Protections, Task};

/// Locks this thread and all that it starts into the folders of the order, with the rights that its task needs.
///
/// # Errors
/// [`crate::error::WorkerError::Sandbox`] where the kernel has a layer and refuses to close it.
pub fn seal(capabilities: &Capabilities, task: &Task) -> Result<Protections> {
    Ok(Protections {
        capabilities: rights::give_up(task)?,
        landlock: rules::restrict(capabilities)?,
        seccomp: filter::restrict()?,
    })
}
