//! Rehearsals on the containers back end: a real share, a real sshd, networks between them.
//!
//! Where no Docker engine answers these tests say so in a line that begins with "SKIPPED:", which CI takes for a failure.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]

mod ends;
mod share;
mod support;
mod whole;
