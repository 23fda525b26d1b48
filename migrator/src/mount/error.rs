//! Why a source could not be mounted.

use worker::finding::{Explain, Verdict};

use crate::remote::RemoteError;

/// Why a source could not be mounted, or is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MountError {
    /// A setting cannot be put in the form that the mount program takes.
    #[error("`{setting}` in [source] {problem}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nothing is mounted at the mount point.
    #[error("Nothing is mounted at {mount_point}")]
    NotMounted {
        /// The mount point.
        mount_point: String,
    },
    /// Something else is mounted there.
    #[error("{mount_point} holds {found}, and not {wanted}")]
    Other {
        /// The mount point.
        mount_point: String,
        /// What is mounted there.
        found: String,
        /// What should be.
        wanted: String,
    },
    /// The mount program could not mount it.
    #[error("The source could not be mounted: {said}")]
    Failed {
        /// What the program said.
        said: String,
    },
    /// It is mounted, and cannot be looked into.
    #[error("{what} is mounted at {mount_point}, but it does not answer")]
    DoesNotAnswer {
        /// The mount point.
        mount_point: String,
        /// What is mounted there.
        what: String,
    },
    /// A command on the destination failed.
    #[error(transparent)]
    Remote(#[from] RemoteError),
}

impl Explain for MountError {
    fn code(&self) -> &'static str {
        match self {
            Self::Setting { .. } => "mount-setting",
            Self::NotMounted { .. } => "source-not-mounted",
            Self::Other { .. } => "source-mount-other",
            Self::Failed { .. } => "mount-failed",
            Self::DoesNotAnswer { .. } => "source-does-not-answer",
            Self::Remote(error) => error.code(),
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Setting { .. } => Verdict::Usage,
            Self::NotMounted { .. } | Self::Other { .. } => Verdict::Refused,
            Self::Failed { .. } | Self::DoesNotAnswer { .. } => Verdict::Temporary,
            Self::Remote(error) => error.verdict(),
        }
    }

    fn guidance(&self) -> String {
        match self {
            Self::Setting { setting, .. } => format!("Correct `{setting}` in the worksheet"),
            Self::NotMounted { .. } => {
                "Run again so that it is mounted; without the mount the folder would look like an empty post office"
                    .into()
            }
            Self::Other { .. } => {
                "Unmount what is there, or give another `mount_point` in [source]".into()
            }
            Self::Failed { .. } => {
                "See that the source server is up, that the destination reaches it, and that share, user and password in \
                 [source] are right; then run the same command again"
                    .into()
            }
            Self::DoesNotAnswer { .. } => {
                "See that the source server is up and that the destination reaches it, then run the same command again"
                    .into()
            }
            Self::Remote(error) => error.guidance(),
        }
    }

    fn subject(&self) -> Vec<u8> {
        match self {
            Self::Setting { .. } | Self::Failed { .. } => Vec::new(),
            Self::NotMounted { mount_point }
            | Self::Other { mount_point, .. }
            | Self::DoesNotAnswer { mount_point, .. } => mount_point.clone().into_bytes(),
            Self::Remote(error) => error.subject(),
        }
    }
}
