//! How the destination reaches a source folder: the post office's, or that of a document storage area.

use std::path::PathBuf;

use super::kinds::{MountClient, Protocol, SourceKind};
use super::read::Section;
use super::schema::{Setting, settings};
use super::secret::SecretReference;
use super::value::{absolute_path, choice, inner_path, secret, text, texts};

/// How the destination reaches the source, or a document storage area.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceAccess {
    /// It is mounted there already.
    Mounted {
        /// The folder as mounted.
        path: PathBuf,
    },
    /// It is to be mounted.
    Network(NetworkSource),
}

/// A source that is to be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSource {
    /// With which protocol.
    pub protocol: Protocol,
    /// With which client of it.
    pub client: MountClient,
    /// Name of the server.
    pub server: String,
    /// Share, volume or export.
    pub share: String,
    /// The folder inside it that is wanted; empty for the share itself.
    pub folder: PathBuf,
    /// User there; empty for NFS, which has none.
    pub user: String,
    /// Where the user's password is to be found; none for NFS.
    pub password: Option<SecretReference>,
    /// Where it is mounted on the destination.
    pub mount_point: PathBuf,
    /// More options for the mount.
    pub options: Vec<String>,
}

pub(super) const MOUNTED: &[SourceKind] = &[SourceKind::Mounted];
pub(super) const NETWORK: &[SourceKind] = &[SourceKind::Cifs, SourceKind::Ncp, SourceKind::Nfs];
const SHARE: &[SourceKind] = &[SourceKind::Cifs];
const WITH_LOGIN: &[SourceKind] = &[SourceKind::Cifs, SourceKind::Ncp];

/// What the section of the source says about it.
pub(super) const OF_SOURCE: &[Setting] = settings! {
    /// How the destination reaches the source: a Windows share (cifs), a NetWare volume (ncp), an export (nfs), or
    /// something that is mounted there already (mounted)
    kind = required(choice::<SourceKind>, r#""cifs""#);
    /// The folder of the post office, on the destination, as it is mounted there
    path = required(absolute_path, r#""/mnt/source/po""#) for MOUNTED;
    /// Name of the source server
    server = required(text, r#""fs1""#) for NETWORK;
    /// The share, volume or export
    share = required(text, r#""mail""#) for NETWORK;
    /// The folder of the post office inside the share
    folder = optional(inner_path, r#""po""#) for NETWORK;
    /// User who may read and lock files there
    user = required(text, r#""migration""#) for WITH_LOGIN;
    /// Where that user's password is to be found: { file = "…" }, { environment = "NAME" } or { prompt = true }
    password = required(secret, "{ prompt = true }") for WITH_LOGIN;
    /// Who mounts it: the kernel, or `rclone mount` (kind cifs alone) where the kernel of the destination has no cifs
    /// client; rclone hands no locks on to the source and speaks no SMB 1
    client = default(choice::<MountClient>, MountClient::default()) for SHARE;
    /// Where it is mounted on the destination; /mnt/gwmigrate-JOB where nothing is said
    mount_point = derived(absolute_path, r#""/mnt/source""#) for NETWORK;
    /// More options for the mount, each as the mount program takes it
    options = optional(texts, r#"["vers=2.1"]"#) for NETWORK;
};

/// What the section of a document storage area says about it.
pub(super) const OF_AREA: &[Setting] = settings! {
    /// How the destination reaches the area: as in [source] where nothing is said, or, with `source`, mounted there already
    kind = derived(choice::<SourceKind>, r#""cifs""#);
    /// The area's folder, on the destination, as it is mounted there
    source = required(absolute_path, r#""/mnt/source/docs""#) for MOUNTED;
    /// Who mounts it; as in [source] where nothing is said and that is a cifs share too
    client = derived(choice::<MountClient>, r#""rclone""#) for SHARE;
    /// Name of the area's server; that of [source] where nothing is said
    server = derived(text, r#""fs2""#) for NETWORK;
    /// The share, volume or export
    share = required(text, r#""docs""#) for NETWORK;
    /// The area's folder inside the share
    folder = optional(inner_path, r#""contracts""#) for NETWORK;
    /// User who may read there; that of [source] where it is the same server
    user = derived(text, r#""migration""#) for WITH_LOGIN;
    /// Where that user's password is to be found; as in [source] where it is the same server
    password = derived(secret, "{ prompt = true }") for WITH_LOGIN;
    /// Where it is mounted on the destination; /mnt/gwmigrate-JOB-documents-NUMBER where nothing is said
    mount_point = derived(absolute_path, r#""/mnt/docs""#) for NETWORK;
    /// More options for the mount, each as the mount program takes it
    options = optional(texts, r#"["vers=2.1"]"#) for NETWORK;
};

impl SourceAccess {
    /// What a section says, whose missing settings have been worked out; nothing where something is wrong.
    pub(super) fn read(section: &Section<'_>) -> Option<Self> {
        let Some(protocol) = section.kind?.protocol() else {
            let path = section.get("path", absolute_path);
            let path = path.or_else(|| section.get("source", absolute_path))?;
            return Some(Self::Mounted { path });
        };
        let (user, password) = match protocol {
            Protocol::Nfs => (String::new(), None),
            _ => (
                section.get("user", text)?,
                Some(section.get("password", secret)?),
            ),
        };
        Some(Self::Network(NetworkSource {
            protocol,
            client: section.get("client", choice).unwrap_or_default(),
            server: section.get("server", text)?,
            share: section.get("share", text)?,
            folder: section.get("folder", inner_path).unwrap_or_default(),
            user,
            password,
            mount_point: section.get("mount_point", absolute_path)?,
            options: section.get("options", texts).unwrap_or_default(),
        }))
    }

    /// The folder as mounted on the destination.
    pub fn path(&self) -> PathBuf {
        match self {
            Self::Mounted { path } => path.clone(),
            Self::Network(network) => network.mount_point.join(&network.folder),
        }
    }

    /// What is to be mounted, where something is.
    pub fn network(&self) -> Option<&NetworkSource> {
        match self {
            Self::Mounted { .. } => None,
            Self::Network(network) => Some(network),
        }
    }

    /// Whether the client of the mount may cache attributes for longer than the second of the mounts that are made here: where
    /// somebody else made it, or the worksheet says how long (`actimeo` and its kin).
    pub fn may_cache_attributes(&self) -> bool {
        let says = |options: &String| options.split(',').any(|one| one.trim().starts_with("ac"));
        match self {
            Self::Mounted { .. } => true,
            Self::Network(network) => network.options.iter().any(says),
        }
    }
}

impl NetworkSource {
    /// Whether two are the same share, so that they can share a mount as well.
    pub(super) fn is_same_share(&self, other: &Self) -> bool {
        self.protocol == other.protocol
            && self.server.eq_ignore_ascii_case(&other.server)
            && self.share == other.share
    }
}
