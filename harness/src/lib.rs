//! Rehearses whole migrations against simulated servers, with faults, and checks that nothing was lost.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

pub mod ssh_server;
