//! What a file is: a database of a known version, or what was seen instead.

use std::path::Path;

use postoffice::names::printable;
use serde::Serialize;
use worker::error::WorkerError;

/// What a file is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatabaseProbe {
    /// Whether the built-in engine knows databases of this kind.
    pub is_known: bool,
    /// The version, 301 for 3.01; none for what is not known.
    pub version: Option<u16>,
    /// The size of a block, in bytes.
    pub block_bytes: Option<usize>,
    /// Whether it was closed cleanly; otherwise readers see it as recovery would leave it.
    pub is_clean: Option<bool>,
    /// The files that belong to it.
    pub files: Vec<String>,
    /// Stable code of why it is not known.
    pub code: Option<&'static str>,
    /// What was seen instead.
    pub seen: Option<String>,
}

/// Probes the file; never a guess.
///
/// # Errors
/// What opening and reading say.
pub fn probe(file: &Path) -> Result<DatabaseProbe, WorkerError> {
    let (database, _) = super::open(file)?;
    let members = database.members.iter();
    let files = members
        .map(|member| printable(member.path.as_bytes()))
        .collect();
    Ok(match database.header {
        Ok(header) => DatabaseProbe {
            is_known: true,
            version: Some(header.version.number()),
            block_bytes: Some(header.block_size),
            is_clean: Some(header.log.is_clean()),
            files,
            code: None,
            seen: None,
        },
        Err(reason) => DatabaseProbe {
            is_known: false,
            version: None,
            block_bytes: None,
            is_clean: None,
            files,
            code: Some(reason.code()),
            seen: Some(reason.to_string()),
        },
    })
}
