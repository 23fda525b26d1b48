//! Why a database cannot be made.

use postoffice::flaim::Error;

/// Why a database, or a record of one, cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CreateError {
    /// What the engine said.
    #[error(transparent)]
    Engine(#[from] Error),
    /// A field or its value cannot be stored in this database.
    #[error("Field {tag} cannot be stored: {reason}")]
    CannotStore {
        /// The number of the field's tag.
        tag: u16,
        /// Why.
        reason: &'static str,
    },
    /// An item of the dictionary cannot be defined.
    #[error("Item {item} of the dictionary cannot be defined: {reason}")]
    CannotDefine {
        /// Its number.
        item: u16,
        /// Why.
        reason: &'static str,
    },
    /// A database cannot be created as it was asked for.
    #[error("The database cannot be created: {reason}")]
    CannotCreate {
        /// Why.
        reason: &'static str,
    },
}

impl CreateError {
    /// A code that stays the same between versions.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Engine(error) => error.code(),
            Self::CannotStore { .. } => "FLAIM-CANNOT-STORE",
            Self::CannotDefine { .. } => "FLAIM-CANNOT-DEFINE",
            Self::CannotCreate { .. } => "FLAIM-CANNOT-CREATE",
        }
    }
}
