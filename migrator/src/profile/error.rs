//! What is wrong with a profile.

use protocol::{Finding, Verdict};
use thiserror::Error;

/// What is wrong with a profile.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProfileError {
    /// The file of the administrator cannot be read.
    #[error("The profile {path} cannot be read: {source}")]
    Read {
        /// The file.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It has not the form of a profile.
    #[error("The profile {name} has not the form of one: {text}")]
    Form {
        /// Its name or file.
        name: String,
        /// What is wrong, and where.
        text: String,
    },
    /// The control command calls agents by their services, and this one's is not known.
    #[error("The profile {name} calls the POA by the name of its service, which is not known")]
    NoService {
        /// Its name.
        name: String,
    },
}

impl ProfileError {
    /// What a person should know about it.
    pub fn to_finding(&self) -> Finding {
        let remedy = match self {
            Self::Read { .. } => "Correct [poa] profile in the worksheet",
            Self::Form { .. } => {
                "Correct the file; `gwmigrate profile show 2014` prints one with everything that it must have"
            }
            Self::NoService { .. } => {
                "Say [post_office] domain in the worksheet, or [poa] service where it has another name"
            }
        };
        Finding::new("profile", Verdict::Usage, self.to_string(), remedy)
    }
}
