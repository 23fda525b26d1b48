//! The ways in which a kernel of its own mounts the source.

use super::servers::SourceProfile;
use crate::worksheet::ShareClient;

/// How the kernel of an emulated machine mounts the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// The share, in the dialect that both choose.
    Smb3,
    /// The share of a server that speaks SMB 1 alone.
    Smb1,
    /// The export, by NFS 3.
    Nfs3,
    /// The same by NFS 4.2.
    Nfs4,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Smb3, Self::Smb1, Self::Nfs3, Self::Nfs4];

    /// Whether it is NFS, past the proxy that stands before a share: the kernel asks that server at ports of its own.
    pub fn is_nfs(self) -> bool {
        matches!(self, Self::Nfs3 | Self::Nfs4)
    }

    /// What the file server speaks.
    pub(crate) fn profile(self) -> SourceProfile {
        match self {
            Self::Smb3 => SourceProfile::Today,
            Self::Smb1 => SourceProfile::Old,
            Self::Nfs3 | Self::Nfs4 => SourceProfile::Nfs,
        }
    }

    /// Who mounts it.
    pub(crate) fn client(self) -> ShareClient {
        if self.is_nfs() {
            ShareClient::KernelNfs
        } else {
            ShareClient::Kernel
        }
    }

    /// The options that an administrator gives because of it.
    pub(crate) fn options(self) -> &'static [&'static str] {
        match self {
            Self::Smb3 => &[],
            Self::Smb1 => &["vers=1.0"],
            Self::Nfs3 => &["vers=3", "proto=tcp"],
            Self::Nfs4 => &["vers=4.2"],
        }
    }

    /// How fine the times are that it carries, in nanoseconds.
    pub(crate) fn time_step_nanoseconds(self) -> i128 {
        if self.is_nfs() { 1 } else { 100 }
    }
}
