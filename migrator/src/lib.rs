//! Moves a GroupWise post office from NetWare or Windows to Linux in two stages.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

pub mod mount;
pub mod remote;
pub mod worksheet;
