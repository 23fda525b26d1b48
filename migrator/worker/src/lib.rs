//! What happens ON the destination server: scan, copy, lowercase, queues, seal, job store, sandbox.
//!
//! The worker is the only part of the migrator that touches the two trees.  It opens its folders once, locks
//! itself in, and then works relative to those handles.  It prints nothing and reads no environment: it takes
//! options, capabilities and a monitor, and returns typed results.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

pub mod finding;
pub mod error;
pub mod monitor;
pub(crate) mod pool;
pub mod protocol;
pub mod store;
pub mod tree;
