//! The FLAIM engine against databases that an independent implementation wrote.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]

mod block_stream;
mod check;
mod create;
mod create_further;
mod create_random;
mod fuzz_bodies;
mod guardian;
mod guardian_refused;
mod hostile;
mod lowercase;
mod lowercase_hostile;
mod read;
mod samples;
