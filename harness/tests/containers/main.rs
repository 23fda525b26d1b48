//! Rehearsals on the containers back end: a real share, a real sshd, networks between them.
//!
//! They need the feature `containers`: `cargo test -p gwrehearse --features containers --test containers`.
//! Where no Docker engine answers these tests say so in a line that begins with "SKIPPED:", which CI takes for a failure.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]

#[cfg(feature = "containers")]
mod ends;
#[cfg(feature = "containers")]
mod install;
#[cfg(feature = "containers")]
mod login;
#[cfg(feature = "containers")]
mod share;
#[cfg(feature = "containers")]
#[path = "../rehearsal/static_program.rs"]
mod static_program;
#[cfg(feature = "containers")]
mod support;
#[cfg(feature = "containers")]
mod whole;

#[cfg(not(feature = "containers"))]
mod not_built;
