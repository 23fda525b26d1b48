//! What a worksheet says, typed.

use std::path::PathBuf;

use super::secret::SecretReference;
use crate::remote::Privilege;

/// Everything about one job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Worksheet {
    /// Where the post office is today.
    pub source: Source,
    /// The Linux server that it moves to.
    pub destination: Destination,
    /// The post office.
    pub post_office: PostOffice,
    /// The POA that is to serve it.
    pub poa: Poa,
    /// How the copy is made.
    pub copy: CopySettings,
    /// How the names in the guardian are converted.
    pub guardian: GuardianSettings,
    /// Remote document storage areas and their new places.
    pub documents: Vec<DocumentArea>,
    /// The mailbox that is compared between the stages.
    pub mailbox_test: Option<MailboxTest>,
}

/// Where the post office is today.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// How the destination reaches it.
    pub access: SourceAccess,
    /// What the source server runs.
    pub platform: Platform,
    /// Name or address of the source server for probes.
    pub address: Option<String>,
    /// Ports that the source's POA listens on.
    pub poa_ports: Vec<u16>,
    /// How far the clock of the source may be off.
    pub clock_allowance_seconds: u64,
}

impl Source {
    /// The folder of the post office, as mounted on the destination.
    pub fn post_office_path(&self) -> PathBuf {
        self.access.path()
    }
}

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

impl SourceAccess {
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

/// Which client of a protocol mounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum MountClient {
    /// The kernel's own.
    #[default]
    Kernel,
    /// `rclone mount`, through FUSE, for shares where the kernel of the destination has no client.
    Rclone,
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

/// What a source server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// NetWare.
    Netware,
    /// Windows.
    Windows,
    /// Linux.
    Linux,
}

/// The Linux server that the post office moves to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Name or address.
    pub host: String,
    /// Port of its sshd.
    pub port: u16,
    /// User to log in as.
    pub user: String,
    /// Private key file on this machine.
    pub key: Option<PathBuf>,
    /// Where the key's passphrase is to be found.
    pub key_password: Option<SecretReference>,
    /// Whether an ssh agent is asked.
    pub agent: bool,
    /// Where the password is to be found.
    pub password: Option<SecretReference>,
    /// Known-hosts files; empty for those of the user and the system.
    pub known_hosts: Vec<PathBuf>,
    /// Folder of the job there.
    pub job_folder: PathBuf,
    /// How commands become root.
    pub privilege: Privilege,
    /// How long connecting may take.
    pub connect_timeout_seconds: u64,
    /// After how much silence a sign of life is asked for.
    pub keepalive_seconds: u64,
}

/// The post office.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PostOffice {
    /// Its name.
    pub name: String,
    /// The name of its domain.
    pub domain: Option<String>,
    /// The folder that it moves to.
    pub folder: PathBuf,
    /// The name of the job.
    pub job: String,
}

/// The POA that is to serve the post office on Linux.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Poa {
    /// The software on this machine.
    pub package: Option<Package>,
    /// Where a tar file is unpacked.
    pub install_folder: PathBuf,
    /// Name of the built-in profile, where the worksheet says one.
    pub generation: Option<String>,
    /// A profile file on this machine.
    pub profile: Option<PathBuf>,
    /// The program on the destination that starts and stops agents.
    pub control: Option<PathBuf>,
    /// What that program calls the POA.
    pub service: Option<String>,
    /// The startup file at the source, from the root or from the post office's folder.
    pub startup_file: Option<PathBuf>,
    /// Port of the web console.
    pub http_port: u16,
    /// Port for clients.
    pub client_port: u16,
    /// Address to listen on.
    pub ip: Option<String>,
    /// Name that clients use for the POA.
    pub dns_name: Option<String>,
    /// Certificate and key, where SSL is in use.
    pub certificate: Option<Certificate>,
    /// User to run as after the migration.
    pub run_as_user: Option<String>,
    /// What becomes of ports below 1024 then.
    pub low_ports: LowPorts,
}

/// What becomes of ports below 1024 where the POA is not to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LowPorts {
    /// The step is refused.
    Refuse,
    /// The program gets the capability to open them.
    Capability,
}

/// A certificate and its key, at the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The certificate file.
    pub certificate: PathBuf,
    /// The key file.
    pub key: PathBuf,
    /// Where the key's password is to be found.
    pub key_password: Option<SecretReference>,
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

/// How the copy is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopySettings {
    /// How many files at a time; `None` adapts to the source.
    pub workers: Option<usize>,
    /// Whether the agents' logs are copied.
    pub agent_logs: bool,
    /// More removals than this in one pass are refused.
    pub removal_limit_percent: u8,
    /// How often a file that cannot be read is tried again.
    pub retries: u32,
    /// How long nothing may change before stage two begins.
    pub quiet_seconds: u64,
    /// How long the lock of a database is waited for.
    pub lock_wait_seconds: u64,
    /// How long an item of a message queue must have stood still before it counts as whole.
    pub still_seconds: u64,
}

/// Who converts the names in the guardian.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuardianEngine {
    /// The built-in engine where it knows the database, else GWCheck where it is installed, else a person.
    Auto,
    /// The built-in engine alone.
    BuiltIn,
    /// GWCheck alone.
    GwCheck,
    /// A person.
    None,
}

/// How the names in the guardian are converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuardianSettings {
    /// Who converts them.
    pub engine: GuardianEngine,
    /// GWCheck for text terminals, on the destination, where it is not where its generation has it.
    pub gwcheck: Option<PathBuf>,
    /// An options file on this machine, to be used instead of the one that is made.
    pub options_file: Option<PathBuf>,
}

/// A remote document storage area and its new place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentArea {
    /// The library's name.
    pub library: String,
    /// How the destination reaches it.
    pub access: SourceAccess,
    /// Name or address of its server, where that is not reached by its name.
    pub address: Option<String>,
    /// The folder that it moves to.
    pub destination: PathBuf,
}

/// A mailbox that is compared through IMAP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxTest {
    /// The user.
    pub user: String,
    /// Where the mailbox password is to be found.
    pub password: SecretReference,
    /// IMAP at the source.
    pub source_imap: HostAndPort,
    /// IMAP at the destination.
    pub destination_imap: HostAndPort,
    /// How many messages of each folder are compared byte by byte; 0 for all.
    pub sample_messages: u64,
}

/// A host and a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostAndPort {
    /// Name or address, without brackets.
    pub host: String,
    /// Port.
    pub port: u16,
}
