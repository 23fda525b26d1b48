//! The FLAIM engine against databases that an independent implementation wrote.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]

mod block_stream;
mod check;
mod dump;
mod fuzz_bodies;
mod hostile;
mod lowercase;
mod lowercase_hostile;
mod read;
mod samples;

/// Where the archives of the samples are.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/flaim");
