//! The back end with an emulated destination, whose own kernel mounts the share.
//!
//! Processors are emulated, so these tests take minutes each; `.ci/vm` runs them, one after the other.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

mod locks;
mod whole;

use std::path::PathBuf;

/// The program that plays all roles.
fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_gwrehearse"))
}
