//! Why a source could not be mounted.

use protocol::{Explain, Verdict};

use super::complaint::Mismatch;
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
    /// The destination has no client for it.
    #[error("The destination cannot mount {share}: {said}")]
    NoClient {
        /// What was to be mounted.
        share: String,
        /// What the program said.
        said: String,
    },
    /// The server does not let the user in.
    #[error("The server of {share} does not let the user in: {said}")]
    LoginRefused {
        /// What was to be mounted.
        share: String,
        /// What the program said.
        said: String,
    },
    /// The server has no such share, or not for this user.
    #[error("The server does not give {share} away to this user: {said}")]
    ShareRefused {
        /// What was to be mounted.
        share: String,
        /// What the program said.
        said: String,
    },
    /// Client and server do not come together as it is asked for.
    #[error("{share} cannot be mounted as the worksheet has it: {said}")]
    Mismatch {
        /// What was to be mounted.
        share: String,
        /// What the program said.
        said: String,
        /// Why they do not.
        what: Mismatch,
    },
    /// The server cannot be reached.
    #[error("The server of {share} cannot be reached from the destination: {said}")]
    ServerUnreachable {
        /// What was to be mounted.
        share: String,
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
            Self::NoClient { .. } => "mount-no-client",
            Self::LoginRefused { .. } => "mount-login-refused",
            Self::ShareRefused { .. } => "mount-share-refused",
            Self::Mismatch { .. } => "mount-mismatch",
            Self::ServerUnreachable { .. } => "mount-server-unreachable",
            Self::DoesNotAnswer { .. } => "source-does-not-answer",
            Self::Remote(error) => error.code(),
        }
    }

    fn verdict(&self) -> Verdict {
        match self {
            // Tried again, a wrong password locks the account.
            Self::Setting { .. } | Self::LoginRefused { .. } | Self::ShareRefused { .. } => {
                Verdict::Usage
            }
            Self::NotMounted { .. } | Self::Other { .. } => Verdict::Refused,
            Self::ServerUnreachable { .. } | Self::DoesNotAnswer { .. } => Verdict::Temporary,
            // Its words are not known, so they may be about a password as well.
            Self::Failed { .. } | Self::NoClient { .. } | Self::Mismatch { .. } => {
                Verdict::NeedsAttention
            }
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
                "Correct what the mount program says on the destination; where it says nothing of that, see that share, user and \
                 password in the worksheet are right before you run the same command again: a wrong password that is tried too \
                 often locks the account"
                    .into()
            }
            Self::NoClient { .. } => {
                "Install the kernel's client and its mount program at the destination; for a cifs share, rclone and fuse3 there and \
                 client = \"rclone\" in [source] do as well; `gwmigrate check` says what is missing"
                    .into()
            }
            Self::LoginRefused { .. } => {
                "Correct `user` and `password` of that share in the worksheet (a user of a domain is DOMAIN\\user), and see at the \
                 server that the account is neither locked, disabled nor expired and may read the share; only then run the same command again, because a \
                 wrong password that is tried too often locks the account"
                    .into()
            }
            Self::ShareRefused { .. } => {
                "Correct `share` in the worksheet, which is its name alone, or give its user the right to read it at the server; \
                 then run the same command again"
                    .into()
            }
            Self::Mismatch { what, .. } => what.remedy().into(),
            Self::ServerUnreachable { .. } => {
                "See that the server is up, and that `server` and `address` in the worksheet name it as the destination knows it; \
                 rclone needs SMB 2 or later there, on port 445; then run the same command again"
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
            Self::NoClient { share, .. }
            | Self::LoginRefused { share, .. }
            | Self::ShareRefused { share, .. }
            | Self::Mismatch { share, .. }
            | Self::ServerUnreachable { share, .. } => share.clone().into_bytes(),
            Self::NotMounted { mount_point }
            | Self::Other { mount_point, .. }
            | Self::DoesNotAnswer { mount_point, .. } => mount_point.clone().into_bytes(),
            Self::Remote(error) => error.subject(),
        }
    }
}

impl Mismatch {
    /// What a person has to change, in the words of the worksheet.
    fn remedy(self) -> &'static str {
        match self {
            Self::Dialect => {
                "The server was reached and hung up: by itself the kernel offers SMB 2.1 and later. For a server that is older \
                 (Windows 2000 and 2003, NetWare, an old Samba) say options = [\"vers=1.0\"] in [source], for Windows Server 2008 \
                 options = [\"vers=2.0\"]; for a newer one see that it is up and lets this destination in; then run the same command \
                 again"
            }
            Self::Option => {
                "See `options` in [source]: this kernel does not take one of them. sec=ntlm and sec=lanman are gone since Linux 5.15 \
                 (leave `sec` out, or say sec=ntlmssp), and some kernels are built without vers=1.0; `dmesg` at the destination says \
                 which one it is; then run the same command again"
            }
            Self::Offer => {
                "The server does not offer what one of the `options` of the source wants, the dialect (`vers`), its signing or its encryption \
                 (`seal`): take that option out, then run the same command again"
            }
            Self::Characters => {
                "The kernel's module nls_utf8 is not at the destination: install the package with all modules of its kernel \
                 (linux-modules-extra on Ubuntu, kernel-modules-extra on Red Hat, kernel-default in place of kernel-default-base on \
                 SUSE), see that `modprobe nls_utf8` succeeds, then run the same command again; rclone and fuse3 there and \
                 client = \"rclone\" in [source] do as well"
            }
            Self::Ticket => {
                "Kerberos is asked for (sec=krb5 in `options` of the source) and root has no ticket at the destination: get one there, or \
                 take that option out so that `user` and `password` count, then run the same command again"
            }
        }
    }
}
