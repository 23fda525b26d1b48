//! What a worksheet says: its sections, and their settings with everything that is known of each.

use std::path::PathBuf;

use protocol::{Bandwidth, CLOCK_ALLOWANCE_SECONDS_MAX, CopyOptions, ReadAgain};
use serde::{Deserialize, Serialize};

use super::kinds::{Generation, HostAndPort, Package};
use super::read::Section;
use super::schema::{Schema, Setting, section, settings};
use super::secret::SecretReference;
use super::source::{MOUNTED, NETWORK, OF_AREA, OF_SOURCE, SourceAccess};
use super::value::{
    absolute_path, bandwidth, choice, flag, host_and_port, job, local_file, local_files,
    lowercase_path, number, package, port, ports, secret, source_path, text, texts, workers,
};
use crate::remote::{ConnectOptions, Privilege};

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
    /// How the result is proven.
    pub seal: SealSettings,
    /// Remote document storage areas and their new places.
    pub documents: Vec<DocumentArea>,
    /// The mailbox that is compared between the stages.
    pub mailbox_test: Option<MailboxTest>,
    /// Who is told of what happens.
    pub notify: NotifySettings,
}

/// The sections, in the order of the template.
pub(super) const SECTIONS: [&Schema; 10] = [
    &Source::SCHEMA,
    &Destination::SCHEMA,
    &PostOffice::SCHEMA,
    &Poa::SCHEMA,
    &CopySettings::SCHEMA,
    &GuardianSettings::SCHEMA,
    &SealSettings::SCHEMA,
    &DocumentArea::SCHEMA,
    &MailboxTest::SCHEMA,
    &NotifySettings::SCHEMA,
];

const DAY: u64 = 24 * 60 * 60;

section! {
    /// Where the post office is today
    pub struct Source: Required "source" {
        /// How the destination reaches it
        access: SourceAccess = part(OF_SOURCE, SourceAccess::read);
        /// What the source server runs, or ran when a copy of it was made
        platform: Platform = required(choice::<Platform>, r#""windows""#);
        /// Whether anybody may still work on it. Say false for a copy that no POA and no user knows, as a restored backup, a
        /// snapshot, or disks of the old server: nothing is then asked of a POA there, of its ports and locks, and nothing is
        /// waited for. What users did at the old server since that copy was made does not come along
        live: bool = default(flag, true) for MOUNTED;
        /// Name or address of the source server, for probing its POA and where it is not reached by its name
        address: Option<String> = optional(text, r#""10.0.0.7""#);
        /// Ports that the source's POA listens on, which must be closed in stage two; they are not asked where
        /// `live` is false
        poa_ports: Vec<u16> = optional(ports, "[1677, 7101, 7181]");
        /// How far the clock of the source may be off; files that are younger than that when they are copied are copied
        /// again by the next pass
        clock_allowance_seconds: u64 = default(number::<u64, 0, CLOCK_ALLOWANCE_SECONDS_MAX>, CopyOptions::default().clock_allowance_seconds);
    }
}

section! {
    /// The Linux server that it moves to, reached through ssh
    pub struct Destination: Required "destination" {
        /// Name or address of the Linux server
        host: String = required(text, r#""gw1.example.com""#);
        /// Port of its sshd
        port: u16 = default(port, ConnectOptions::PORT);
        /// User to log in as
        user: String = default(text, "root".to_owned());
        /// Private key file to log in with
        key: Option<PathBuf> = optional(local_file, r#""/root/.ssh/id_ed25519""#);
        /// Where the passphrase of that key is to be found
        key_password: Option<SecretReference> = optional(secret, "{ prompt = true }");
        /// Whether the keys of a running ssh agent are tried
        agent: bool = default(flag, true);
        /// Where the password to log in with is to be found
        password: Option<SecretReference> = optional(secret, "{ prompt = true }");
        /// Known-hosts files; the user's and the system's where nothing is said
        known_hosts: Vec<PathBuf> = optional(local_files, r#"["/etc/ssh/ssh_known_hosts"]"#);
        /// Folder of the job; /var/opt/novell/groupwise/migration/JOB where nothing is said
        job_folder: PathBuf = derived(absolute_path, r#""/var/opt/novell/groupwise/migration/sales""#);
        /// The program that is uploaded there, of this version; this one where nothing is said
        program: Option<PathBuf> = optional(local_file, r#""gwmigrate-aarch64""#);
        /// How commands become root: the user is root (as-is), or sudo without a password (sudo)
        privilege: Privilege = default(choice::<Privilege>, Privilege::AsIs);
        /// How long connecting may take
        connect_timeout_seconds: u64 = default(number::<u64, 1, 3600>, ConnectOptions::CONNECT_TIMEOUT_SECONDS);
        /// After how much silence a sign of life is asked for
        keepalive_seconds: u64 = default(number::<u64, 1, 3600>, ConnectOptions::KEEPALIVE_SECONDS);
    }
}

section! {
    /// The post office itself
    pub struct PostOffice: Required "post_office" {
        /// Name of the post office
        name: String = required(text, r#""sales""#);
        /// Name of its domain
        domain: Option<String> = optional(text, r#""main""#);
        /// Folder that it moves to; all lower case
        folder: PathBuf = required(lowercase_path, r#""/gwsystem/sales""#);
        /// Name of the job; the name of the post office where nothing is said
        job: String = derived(job, r#""sales""#);
    }
}

section! {
    /// The POA that is to serve it on Linux
    pub struct Poa: Optional "poa" {
        /// The software: an rpm, deb or tar.gz file on this machine
        package: Option<Package> = optional(package, r#""novell-groupwise-server.rpm""#);
        /// Where a tar.gz is unpacked
        install_folder: PathBuf = default(absolute_path, PathBuf::from("/opt/novell/groupwise/agents"));
        /// Whose packages, places and commands are meant; 2014 (and later) for an rpm or deb, portable for a tar.gz or
        /// where nothing is said. `gwmigrate profile show` prints them
        generation: Option<Generation> = optional(choice::<Generation>, r#""2014""#);
        /// A profile file of your own that takes the place of a generation; `gwmigrate profile show 2014 > profile.toml`
        /// makes one to change
        profile: Option<PathBuf> = optional(local_file, r#""profile.toml""#);
        /// The program on the destination that starts and stops agents
        control: Option<PathBuf> = optional(absolute_path, r#""/usr/sbin/rcgrpwise""#);
        /// What that program calls the POA; POST_OFFICE.DOMAIN where nothing is said
        service: Option<String> = optional(text, r#""sales.main""#);
        /// The POA's startup file at the source, from the root or from the post office's folder
        startup_file: Option<PathBuf> = optional(source_path, r#""../agents/sales.poa""#);
        /// Port of the POA's web console
        http_port: u16 = default(port, 7181);
        /// Port for clients
        client_port: u16 = default(port, 1677);
        /// Address that the POA is to listen on
        ip: Option<String> = optional(text, r#""10.0.0.8""#);
        /// Name that clients use for the POA; `prepare` looks whether it leads to `ip` already
        dns_name: Option<String> = optional(text, r#""ngwnameserver.example.com""#);
        /// Certificate and key, where SSL is in use
        certificate: Option<Certificate> = part(OF_CERTIFICATE, |section| Some(Certificate::read(section)));
        /// User that the POA is to run as after the migration; root where nothing is said
        run_as_user: Option<String> = optional(text, r#""gwpoa""#);
        /// What becomes of ports below 1024, which only root may open, when the POA runs as another user: the step is
        /// refused, or its program gets the one capability for it
        low_ports: LowPorts = default(choice::<LowPorts>, LowPorts::Refuse);
    }
}

section! {
    /// How the copy is made
    pub struct CopySettings: Optional "copy" {
        /// How many files are copied at a time; 0 adapts to the source
        workers: Option<usize> = optional(workers, "0");
        /// Whether the agents' logs are copied as well
        agent_logs: bool = default(flag, CopyOptions::default().agent_logs);
        /// More removals than this in one pass are refused
        removal_limit_percent: u32 = default(number::<u32, 0, 100>, CopyOptions::default().removal_limit_percent);
        /// How often a file that cannot be read is tried again
        retries: u32 = default(number::<u32, 0, 100>, CopyOptions::default().retries);
        /// How long nothing may change at the source before stage two begins
        quiet_seconds: u64 = default(number::<u64, 0, DAY>, 10);
        /// How long the lock of a database is waited for
        lock_wait_seconds: u64 = default(number::<u64, 0, 3600>, CopyOptions::default().lock_wait_seconds);
        /// How much may be taken from the source each second while users work (stage one, `verify --source`), always or by the
        /// time of day at the destination; `check` reads a sample of 64 MiB at once
        bandwidth: Option<Bandwidth> = optional(bandwidth, r#""08:00,20M 18:00,off""#);
        /// Whether that limit holds in stage two as well, while users are out
        bandwidth_in_stage_two: bool = default(flag, false);
        /// How long an item of a message queue must have stood still before it counts as whole: longer than a slow
        /// writer's pauses
        still_seconds: u64 = default(number::<u64, 1, 3600>, CopyOptions::default().still_seconds);
    }
}

section! {
    /// How the names stored in the guardian database become lower case
    pub struct GuardianSettings: Optional "guardian" {
        /// Who converts them: gwmigrate where it knows the database, else GWCheck where it is installed, else a person
        /// (auto); or one of these alone
        engine: GuardianEngine = default(choice::<GuardianEngine>, GuardianEngine::Auto);
        /// GWCheck for text terminals, on the destination; where the generation has it where nothing is said
        gwcheck: Option<PathBuf> = optional(absolute_path, r#""/opt/novell/groupwise/gwcheck/bin/gwcheckt""#);
        /// An options file that GWCheck's own window saved (structure, fix, storelowercase, and never contents), to be used
        /// instead of the one that is made
        options_file: Option<PathBuf> = optional(local_file, r#""storelowercase.opt""#);
    }
}

section! {
    /// How the result is proven
    pub struct SealSettings: Optional "seal" {
        /// What the seal reads whole on both sides, with users out: what was not proven before or has moved since, and always
        /// databases, guardian and queues (unproven); or everything
        read_again: ReadAgain = default(choice::<ReadAgain>, ReadAgain::Unproven);
        /// Whether stage one proves databases too, which the seal reads in any case
        prove_databases: bool = default(flag, CopyOptions::default().prove_databases);
    }
}

section! {
    /// A remote document storage area and its new place; one such section for each
    pub struct DocumentArea: List "documents.area" {
        /// Name of the library
        library: String = required(text, r#""contracts""#);
        /// How the destination reaches it
        access: SourceAccess = part(OF_AREA, SourceAccess::read);
        /// Name or address of the area's server, where it is not reached by its name
        address: Option<String> = optional(text, r#""10.0.0.9""#) for NETWORK;
        /// The folder that it moves to; all lower case
        destination: PathBuf = required(lowercase_path, r#""/gwsystem/docs""#);
    }
}

section! {
    /// A mailbox that is compared through IMAP between the stages
    pub struct MailboxTest: Optional "mailbox_test" {
        /// User whose mailbox is compared
        user: String = required(text, r#""test""#);
        /// Where that user's mailbox password is to be found
        password: SecretReference = required(secret, "{ prompt = true }");
        /// IMAP at the source, as host:port, as the destination reaches it
        source_imap: HostAndPort = required(host_and_port, r#""fs1:143""#);
        /// IMAP at the destination, as host:port, as the destination reaches it; the POA of stage one answers on 127.0.0.1
        /// alone
        destination_imap: HostAndPort = required(host_and_port, r#""127.0.0.1:143""#);
        /// How many messages of each folder are compared byte by byte; 0 for all
        sample_messages: u64 = default(number::<u64, 0, 1_000_000>, 0);
    }
}

section! {
    /// What is told of the things that happen: when a command ends, when a person is needed, when users go out, and when they
    /// may work again
    pub struct NotifySettings: Optional "notify" {
        /// A program of this machine and its arguments, run without a shell; it gets what happened as one JSON object on its
        /// standard input
        command: Vec<String> = optional(texts, r#"["/usr/local/bin/tell-operators", "--channel", "migration"]"#);
        /// How long it may take before it is ended; whatever becomes of it, the migration goes on
        timeout_seconds: u64 = default(number::<u64, 1, 600>, 20);
    }
}

/// What the section of the POA says about its certificate.
const OF_CERTIFICATE: &[Setting] = settings! {
    /// The certificate file at the source, from the root or from the post office's folder
    certificate = optional(source_path, r#""../agents/sales.pem""#);
    /// The key file at the source, from the root or from the post office's folder
    key = optional(source_path, r#""../agents/sales.key""#);
    /// Where the password of that key is to be found
    key_password = optional(secret, "{ prompt = true }");
};

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

impl Poa {
    /// Whether it names POA software at all, to be installed or there already.
    pub fn is_wanted(&self) -> bool {
        self.package.is_some()
            || self.control.is_some()
            || self.generation.is_some()
            || self.profile.is_some()
    }
}

impl Certificate {
    fn read(section: &Section<'_>) -> Option<Self> {
        Some(Self {
            certificate: section.get("certificate", source_path)?,
            key: section.get("key", source_path)?,
            key_password: section.get("key_password", secret),
        })
    }
}

/// What a source server runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Platform {
    /// NetWare.
    Netware,
    /// Windows.
    Windows,
    /// Linux.
    Linux,
}

/// What becomes of ports below 1024 where the POA is not to run as root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LowPorts {
    /// The step is refused.
    Refuse,
    /// The program gets the capability to open them.
    Capability,
}

/// Who converts the names in the guardian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GuardianEngine {
    /// The built-in engine where it knows the database, else GWCheck where it is installed, else a person.
    Auto,
    /// The built-in engine alone.
    BuiltIn,
    /// GWCheck alone.
    #[serde(rename = "gwcheck")]
    GwCheck,
    /// A person.
    None,
}
