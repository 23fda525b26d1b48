//! The back end with an emulated destination, whose own kernel mounts the source in each of its ways.
//!
//! Processors are emulated, so these tests take minutes each; `.ci/vm` runs them, one after the other, in the order of their
//! names, on one machine that begins once.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stderr)]

#[cfg(feature = "containers")]
mod locks;
#[cfg(feature = "containers")]
mod requests;
#[cfg(feature = "containers")]
mod support;
#[cfg(feature = "containers")]
mod whole;

/// Stands in the list for the tests that this build does not have.
#[cfg(not(feature = "containers"))]
#[test]
#[ignore = "not built: .ci/vm builds and runs these"]
fn everything_with_an_emulated_machine() {
    panic!("this build has no emulated machine");
}
