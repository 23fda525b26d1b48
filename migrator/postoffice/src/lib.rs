//! What a GroupWise post office IS: its names, its layout, the classes of its files and how each must be copied.
//!
//! No policy and no network: the worker and the simulator both build on this crate, and it builds on neither.

#![cfg_attr(test, allow(clippy::expect_used, clippy::unwrap_used))]

pub mod flaim;
pub mod layout;
pub mod names;
pub mod startup_file;
pub mod visible_names;
