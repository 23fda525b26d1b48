//! Locking the worker in, after its folders are open and before its first thread starts.
//!
//! Two layers of the kernel: Landlock limits files to the opened folders and forbids TCP; seccomp forbids what a copy
//! never needs.  Both are kept by threads started later and cannot be taken back.  A kernel without them is reported,
//! not refused: handles alone ([`crate::tree`]) already confine every name.

mod filter;
mod rules;

use crate::capabilities::Capabilities;
use crate::error::Result;
use crate::protocol::Protections;

/// Locks this thread and all that it starts into the capabilities.
///
/// # Errors
/// [`crate::error::WorkerError::Sandbox`] where the kernel has a layer and refuses to close it.
pub fn seal(capabilities: &Capabilities) -> Result<Protections> {
    Ok(Protections {
        landlock: rules::restrict(capabilities)?,
        seccomp: filter::restrict()?,
    })
}
