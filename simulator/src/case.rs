//! The case of names, as NetWare and Windows leave them.

use std::fmt;

use clap::ValueEnum;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// The case that names of a simulated post office have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum NameCase {
    /// As DOS clients left them.
    Upper,
    /// As twenty years of clients, agents and administrators left them; with names outside ASCII.
    Mixed,
    /// As Linux wants them.
    Lower,
}

impl NameCase {
    /// A lower-case name in this case; letters outside ASCII stay.
    pub(crate) fn apply(self, generator: &mut ChaCha8Rng, name: &str) -> String {
        match self {
            Self::Upper => name.to_ascii_uppercase(),
            Self::Lower => name.to_owned(),
            Self::Mixed => match generator.random_range(0..4) {
                0 => name.to_ascii_uppercase(),
                1 => capitalised(name),
                _ => name.to_owned(),
            },
        }
    }
}

fn capitalised(name: &str) -> String {
    let mut bytes = name.as_bytes().to_vec();
    if let Some(first) = bytes.iter_mut().find(|byte| byte.is_ascii_lowercase()) {
        first.make_ascii_uppercase();
    }
    // Only an ASCII byte was changed, to another one.
    String::from_utf8(bytes).unwrap_or_else(|_| name.to_owned())
}

impl fmt::Display for NameCase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Upper => "upper",
            Self::Mixed => "mixed",
            Self::Lower => "lower",
        })
    }
}
