//! Moves a GroupWise post office from NetWare or Windows to Linux in two stages.
//!
//! This is what an administrator runs: the worksheet, the connection to the destination, the steps of both stages, and
//! the command line.  What touches the two trees is the crate `worker`, which runs at the destination.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

pub mod advice;
pub mod cli;
pub mod commands;
pub mod controller;
pub mod database;
pub(crate) mod groups;
pub mod local_machine;
pub mod mailbox;
pub mod mount;
pub(crate) mod numbers;
#[cfg(test)]
mod own_source;
#[cfg(feature = "packages")]
pub mod packages;
pub mod page;
pub mod profile;
pub mod program;
pub mod remote;
pub mod steps;
pub mod worksheet;
