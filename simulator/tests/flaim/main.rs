//! Databases that are created: beside those of an independent implementation, checked, read back and lower-cased.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::print_stdout)]

mod create;
mod create_further;
mod create_random;
mod guardian;
mod guardian_refused;

// The samples of the engine's own tests, and how their dumps are compared.
#[path = "../../../migrator/postoffice/tests/flaim/dump.rs"]
mod dump;
#[path = "../../../migrator/postoffice/fuzz/src/reseal.rs"]
#[allow(unreachable_pub)]
mod reseal;
#[allow(dead_code)]
#[path = "../../../migrator/postoffice/tests/flaim/samples.rs"]
mod samples;

/// Where the archives of the samples are.
const FIXTURES: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../migrator/postoffice/tests/fixtures/flaim"
);
