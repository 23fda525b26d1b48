//! A post office: its users and libraries, the databases that its guardian catalogues, the case of its names.

use std::fmt;

use clap::ValueEnum;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A user of a post office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// The file identifier, part of the name of the user's database: three letters or digits, in a few old sites two.
    pub fid: String,
    /// The name that people see.
    pub display_name: String,
}

/// A library of a post office.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Library {
    /// Its folder below `gwdms`, in the case that it has on the disk.
    pub folder: String,
    /// The path of its document storage area as the source server names it; `None` where documents are in the
    /// post office.
    pub documents: Option<String>,
}

/// What a post office database says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct PostOffice {
    pub(crate) name: String,
    pub(crate) users: Vec<User>,
    pub(crate) libraries: Vec<Library>,
}

/// One entry of the catalogue: a database, or a file that goes with one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Store {
    /// Text for people.
    pub title: String,
    /// The folder of the database, relative to the post office; empty for its root.
    pub folder: String,
    /// The name of the database's file; empty in entries of other files.
    pub name: String,
    /// The path of a file that is no store; empty in entries of stores.
    pub file: String,
    /// Which of its kind.
    pub number: u32,
    /// The record of the store that it belongs to.
    pub parent: u32,
    /// Bytes that happen to hold letters.
    pub password: Vec<u8>,
}

impl Store {
    /// The path of the file, relative to the post office.
    pub fn path(&self) -> String {
        match (self.file.is_empty(), self.folder.is_empty()) {
            (false, _) => self.file.clone(),
            (true, true) => self.name.clone(),
            (true, false) => format!("{}/{}", self.folder, self.name),
        }
    }
}

/// Of which generation of FLAIM a guardian is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum GuardianKind {
    /// The one whose format is documented, as all other databases.
    Flaim,
    /// The older one, which only GroupWise's own tools can change.
    Opaque,
}

impl fmt::Display for GuardianKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Flaim => "flaim",
            Self::Opaque => "opaque",
        })
    }
}

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
