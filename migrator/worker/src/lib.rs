//! What happens ON the destination server: scan, copy, lowercase, queues, seal, job store, sandbox.
//!
//! The worker is the only part of the migrator that touches the two trees.  It opens its folders once, locks
//! itself in, and then works relative to those handles.  It prints nothing and reads no environment: it takes
//! options, capabilities and a monitor, and returns typed results.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

pub mod abandon;
pub(crate) mod abilities;
pub(crate) mod accept;
pub mod at_rest;
pub mod capabilities;
pub mod certificates;
mod compare;
pub mod copy;
mod copy_file;
pub mod create_folders;
pub mod database;
pub(crate) mod database_locks;
pub mod documents;
pub mod error;
pub mod events;
pub mod execute;
pub mod fetch;
pub(crate) mod file_system;
pub mod guardian;
pub mod host;
pub mod inventory;
pub mod lease;
pub(crate) mod lock_reach;
pub(crate) mod locks;
pub mod lowercase;
pub mod marker;
pub(crate) mod missed;
pub mod monitor;
pub(crate) mod names;
pub mod owner;
pub mod places;
pub(crate) mod pool;
pub(crate) mod preconditions;
pub mod prove;
pub mod quarantine;
pub mod queues;
pub mod run;
pub mod sandbox;
pub mod seal;
pub mod service;
pub(crate) mod source;
pub mod store;
pub mod tree;
pub mod wishes;
