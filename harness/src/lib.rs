//! Rehearses whole migrations against simulated servers, and checks that nothing was lost.
//!
//! A rehearsal runs the real controller as a process of its own, over real ssh, against simulated servers.  Only the
//! worksheet differs from production.  After every run the checks of this crate decide, and they believe nothing that the
//! migrator says: they compare the trees themselves.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

pub mod back_end;
pub mod certificate;
pub mod checks;
pub mod cli;
#[cfg(feature = "containers")]
pub mod containers;
pub mod embedded;
pub mod error;
pub mod faults;
pub mod interrupt;
#[cfg(feature = "containers")]
pub mod machine;
pub mod network;
pub mod programs;
pub mod rehearsal;
pub mod site;
pub mod soak;
pub mod source_agent;
pub mod ssh_server;
pub mod worksheet;
