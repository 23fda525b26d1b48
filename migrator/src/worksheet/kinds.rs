//! What the choices of a worksheet are, for whoever reads one or works with it.

use std::path::PathBuf;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// How the destination reaches the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum SourceKind {
    /// Mounted already by somebody else.
    Mounted,
    /// A Windows share.
    Cifs,
    /// A NetWare volume.
    Ncp,
    /// An export of an NFS server.
    Nfs,
}

/// A protocol to mount a source with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Windows shares.
    Cifs,
    /// NetWare volumes.
    Ncp,
    /// Exports of NFS servers.
    Nfs,
}

/// Which client of a protocol mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MountClient {
    /// The kernel's own.
    #[default]
    Kernel,
    /// `rclone mount`, through FUSE, for shares where the kernel of the destination has no client.
    Rclone,
}

impl SourceKind {
    pub(super) fn protocol(self) -> Option<Protocol> {
        match self {
            Self::Mounted => None,
            Self::Cifs => Some(Protocol::Cifs),
            Self::Ncp => Some(Protocol::Ncp),
            Self::Nfs => Some(Protocol::Nfs),
        }
    }
}

/// The POA's software.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// The file on this machine.
    pub path: PathBuf,
    /// What it is, from its name.
    pub kind: PackageKind,
}

/// What a package is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PackageKind {
    /// For `rpm`.
    Rpm,
    /// For `dpkg`.
    Deb,
    /// A compressed tar file.
    TarGz,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAndPort {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}

/// A generation of GroupWise, with the built-in profile of that name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Generation {
    /// GroupWise 8.
    #[serde(rename = "8")]
    V8,
    /// GroupWise 2012.
    #[serde(rename = "2012")]
    V2012,
    /// GroupWise 2014 and later.
    #[serde(rename = "2014")]
    V2014,
    /// An unpacked agent.
    #[serde(rename = "portable")]
    Portable,
}

impl Generation {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::V8, Self::V2012, Self::V2014, Self::Portable];

    /// The one that a worksheet means: what is said, or what the software is of.
    pub fn of(said: Option<Self>, package: Option<PackageKind>) -> Self {
        said.unwrap_or(match package {
            Some(PackageKind::Rpm | PackageKind::Deb) => Self::V2014,
            Some(PackageKind::TarGz) | None => Self::Portable,
        })
    }

    /// Its name, as a worksheet has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::V8 => "8",
            Self::V2012 => "2012",
            Self::V2014 => "2014",
            Self::Portable => "portable",
        }
    }
}
