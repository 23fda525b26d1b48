//! The one table of everything that a worksheet can say.
//!
//! Validation, the commented template and the filling of [`Worksheet`](super::Worksheet) all derive from it.

/// One setting.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) section: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) need: Need,
    /// For which kinds of source it makes sense; empty for all.
    pub(super) sources: &'static [&'static str],
    /// What it is, in a sentence without a full stop.
    pub(super) doc: &'static str,
    /// A value as it would be written, for the template.
    pub(super) example: &'static str,
}

/// What a value must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Any text that is not empty.
    Text,
    /// Any texts that are not empty.
    Texts,
    /// A file on the machine that the migrator is started on; relative to the folder of the worksheet.
    LocalPath,
    /// Such paths.
    LocalPaths,
    /// A path from the root.
    AbsolutePath,
    /// A path from the root without capital letters.
    LowercasePath,
    /// A path inside something else.
    InnerPath,
    /// `true` or `false`.
    Flag,
    /// A whole number in a range.
    Number(u64, u64),
    /// A TCP port.
    Port,
    /// TCP ports.
    Ports,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Lower-case letters, digits, `_` and `-`.
    JobName,
    /// A host and a port.
    HostAndPort,
    /// Where a secret is to be found.
    Secret,
}

/// Whether a setting must be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Need {
    /// It must, where its section is there or must be.
    Required,
    /// It need not; this is what counts then, as it would be written.
    Default(&'static str),
    /// It need not, and nothing counts then.
    Optional,
}

/// One section.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) is_required: bool,
    /// Whether there may be several of it.
    pub(super) is_list: bool,
    pub(super) doc: &'static str,
}

/// The sections, in the order of the template.
pub(super) const SECTIONS: [Section; 8] = [
    Section {
        name: "source",
        is_required: true,
        is_list: false,
        doc: "Where the post office is today",
    },
    Section {
        name: "destination",
        is_required: true,
        is_list: false,
        doc: "The Linux server that it moves to, reached through ssh",
    },
    Section {
        name: "post_office",
        is_required: true,
        is_list: false,
        doc: "The post office itself",
    },
    Section {
        name: "poa",
        is_required: false,
        is_list: false,
        doc: "The POA that is to serve it on Linux",
    },
    Section {
        name: "copy",
        is_required: false,
        is_list: false,
        doc: "How the copy is made",
    },
    Section {
        name: "guardian",
        is_required: false,
        is_list: false,
        doc: "How the names stored in the guardian database become lower case",
    },
    Section {
        name: "documents.area",
        is_required: false,
        is_list: true,
        doc: "A remote document storage area and its new place; one such section for each",
    },
    Section {
        name: "mailbox_test",
        is_required: false,
        is_list: false,
        doc: "A mailbox that is compared through IMAP between the stages",
    },
];

/// The kinds of source.
pub(super) const SOURCES: [&str; 4] = ["mounted", "cifs", "ncp", "nfs"];

/// What becomes of ports below 1024 where the POA is not to run as root.
pub(super) const LOW_PORTS: [&str; 2] = ["refuse", "capability"];

/// Who may convert a guardian.
pub(super) const ENGINES: [&str; 4] = ["auto", "built-in", "gwcheck", "none"];

const ALL: &[&str] = &[];
const MOUNTED: &[&str] = &["mounted"];
const NETWORK: &[&str] = &["cifs", "ncp", "nfs"];
const SHARE: &[&str] = &["cifs"];
const WITH_LOGIN: &[&str] = &["cifs", "ncp"];

use Kind::{
    AbsolutePath, Choice, Flag, HostAndPort, InnerPath, JobName, LocalPath, LocalPaths,
    LowercasePath, Number, Port, Ports, Secret, Text, Texts,
};
use Need::{Default, Optional, Required};

const DAY: u64 = 24 * 60 * 60;

macro_rules! fields {
    ($($section:literal { $($name:literal, $kind:expr, $need:expr, $sources:expr, $doc:literal, $example:literal;)* })*) => {
        &[$($(Field {
            section: $section, name: $name, kind: $kind, need: $need, sources: $sources, doc: $doc, example: $example,
        },)*)*]
    };
}

/// The settings, in the order of the template.
pub(super) const FIELDS: &[Field] = fields! {
    "source" {
        "kind", Choice(&SOURCES), Required, ALL, "How the destination reaches the source: a Windows share (cifs), a NetWare volume (ncp), an export (nfs), or something that is mounted there already (mounted)", r#""cifs""#;
        "path", AbsolutePath, Required, MOUNTED, "The folder of the post office, on the destination, as it is mounted there", r#""/mnt/source/po""#;
        "server", Text, Required, NETWORK, "Name of the source server", r#""fs1""#;
        "share", Text, Required, NETWORK, "The share, volume or export", r#""mail""#;
        "folder", InnerPath, Default("\"\""), NETWORK, "The folder of the post office inside the share", r#""po""#;
        "user", Text, Required, WITH_LOGIN, "User who may read and lock files there", r#""migration""#;
        "password", Secret, Required, WITH_LOGIN, "Where that user's password is to be found: { file = \"…\" }, { environment = \"NAME\" } or { prompt = true }", "{ prompt = true }";
        "client", Choice(&["kernel", "rclone"]), Default("\"kernel\""), SHARE, "Who mounts it: the kernel, or `rclone mount` (kind cifs alone) where the kernel of the destination has no cifs client; rclone hands no locks on to the source and speaks no SMB 1", r#""kernel""#;
        "mount_point", AbsolutePath, Optional, NETWORK, "Where it is mounted on the destination; /mnt/gwmigrate-JOB where nothing is said", r#""/mnt/source""#;
        "options", Texts, Default("[]"), NETWORK, "More options for the mount, each as the mount program takes it", r#"["vers=2.1"]"#;
        "platform", Choice(&["netware", "windows", "linux"]), Required, ALL, "What the source server runs", r#""windows""#;
        "address", Text, Optional, ALL, "Name or address of the source server, for probing its POA and where it is not reached by its name", r#""10.0.0.7""#;
        "poa_ports", Ports, Default("[]"), ALL, "Ports that the source's POA listens on, which must be closed in stage two", "[1677, 7101, 7181]";
        "clock_allowance_seconds", Number(0, DAY), Default("2"), ALL, "How far the clock of the source may be off; files that are younger than that when they are copied are copied again by the next pass", "2";
    }
    "destination" {
        "host", Text, Required, ALL, "Name or address of the Linux server", r#""gw1.example.com""#;
        "port", Port, Default("22"), ALL, "Port of its sshd", "22";
        "user", Text, Default("\"root\""), ALL, "User to log in as", r#""root""#;
        "key", LocalPath, Optional, ALL, "Private key file to log in with", r#""/root/.ssh/id_ed25519""#;
        "key_password", Secret, Optional, ALL, "Where the passphrase of that key is to be found", "{ prompt = true }";
        "agent", Flag, Default("true"), ALL, "Whether the keys of a running ssh agent are tried", "true";
        "password", Secret, Optional, ALL, "Where the password to log in with is to be found", "{ prompt = true }";
        "known_hosts", LocalPaths, Default("[]"), ALL, "Known-hosts files; the user's and the system's where nothing is said", r#"["/etc/ssh/ssh_known_hosts"]"#;
        "job_folder", AbsolutePath, Optional, ALL, "Folder of the job; /var/opt/novell/groupwise/migration/JOB where nothing is said", r#""/var/opt/novell/groupwise/migration/sales""#;
        "privilege", Choice(&["as-is", "sudo"]), Default("\"as-is\""), ALL, "How commands become root: the user is root (as-is), or sudo without a password (sudo)", r#""as-is""#;
        "connect_timeout_seconds", Number(1, 3600), Default("30"), ALL, "How long connecting may take", "30";
        "keepalive_seconds", Number(1, 3600), Default("15"), ALL, "After how much silence a sign of life is asked for", "15";
    }
    "post_office" {
        "name", Text, Required, ALL, "Name of the post office", r#""sales""#;
        "domain", Text, Optional, ALL, "Name of its domain", r#""main""#;
        "folder", LowercasePath, Required, ALL, "Folder that it moves to; all lower case", r#""/gwsystem/sales""#;
        "job", JobName, Optional, ALL, "Name of the job; the name of the post office where nothing is said", r#""sales""#;
    }
    "poa" {
        "package", LocalPath, Optional, ALL, "The software: an rpm, deb or tar.gz file on this machine", r#""novell-groupwise-server.rpm""#;
        "install_folder", AbsolutePath, Default("\"/opt/novell/groupwise/agents\""), ALL, "Where a tar.gz is unpacked", r#""/opt/novell/groupwise/agents""#;
        "generation", Choice(&crate::profile::NAMES), Optional, ALL, "Whose packages, places and commands are meant; 2014 (and later) for an rpm or deb, portable for a tar.gz or where nothing is said. `gwmigrate profile show` prints them", r#""2014""#;
        "profile", LocalPath, Optional, ALL, "A profile file of your own that takes the place of a generation; `gwmigrate profile show 2014 > profile.toml` makes one to change", r#""profile.toml""#;
        "control", AbsolutePath, Optional, ALL, "The program on the destination that starts and stops agents", r#""/usr/sbin/rcgrpwise""#;
        "service", Text, Optional, ALL, "What that program calls the POA; POST_OFFICE.DOMAIN where nothing is said", r#""sales.main""#;
        "startup_file", Text, Optional, ALL, "The POA's startup file at the source, from the root or from the post office's folder", r#""../agents/sales.poa""#;
        "http_port", Port, Default("7181"), ALL, "Port of the POA's web console", "7181";
        "client_port", Port, Default("1677"), ALL, "Port for clients", "1677";
        "ip", Text, Optional, ALL, "Address that the POA is to listen on", r#""10.0.0.8""#;
        "dns_name", Text, Optional, ALL, "Name that clients use for the POA; `prepare` looks whether it leads to `ip` already", r#""ngwnameserver.example.com""#;
        "certificate", Text, Optional, ALL, "The certificate file at the source, from the root or from the post office's folder", r#""../agents/sales.pem""#;
        "key", Text, Optional, ALL, "The key file at the source, from the root or from the post office's folder", r#""../agents/sales.key""#;
        "key_password", Secret, Optional, ALL, "Where the password of that key is to be found", "{ prompt = true }";
        "run_as_user", Text, Optional, ALL, "User that the POA is to run as after the migration; root where nothing is said", r#""gwpoa""#;
        "low_ports", Choice(&LOW_PORTS), Default("\"refuse\""), ALL, "What becomes of ports below 1024, which only root may open, when the POA runs as another user: the step is refused, or its program gets the one capability for it", r#""capability""#;
    }
    "copy" {
        "workers", Number(0, 256), Default("0"), ALL, "How many files are copied at a time; 0 adapts to the source", "0";
        "agent_logs", Flag, Default("true"), ALL, "Whether the agents' logs are copied as well", "true";
        "removal_limit_percent", Number(0, 100), Default("20"), ALL, "More removals than this in one pass are refused", "20";
        "retries", Number(0, 100), Default("3"), ALL, "How often a file that cannot be read is tried again", "3";
        "quiet_seconds", Number(0, DAY), Default("10"), ALL, "How long nothing may change at the source before stage two begins", "10";
        "lock_wait_seconds", Number(0, 3600), Default("30"), ALL, "How long the lock of a database is waited for", "30";
        "still_seconds", Number(1, 3600), Default("10"), ALL, "How long an item of a message queue must have stood still before it counts as whole: longer than a slow writer's pauses", "10";
    }
    "guardian" {
        "engine", Choice(&ENGINES), Default("\"auto\""), ALL, "Who converts them: this program where it knows the database, else GWCheck where it is installed, else a person (auto); or one of these alone", r#""auto""#;
        "gwcheck", AbsolutePath, Optional, ALL, "GWCheck for text terminals, on the destination; where the generation has it where nothing is said", r#""/opt/novell/groupwise/gwcheck/bin/gwcheckt""#;
        "options_file", LocalPath, Optional, ALL, "An options file that GWCheck's own window saved (structure, fix, storelowercase, and never contents), to be used instead of the one that is made", r#""storelowercase.opt""#;
    }
    "documents.area" {
        "library", Text, Required, ALL, "Name of the library", r#""contracts""#;
        "kind", Choice(&SOURCES), Optional, ALL, "How the destination reaches the area: as in [source] where nothing is said, or, with `source`, mounted there already", r#""cifs""#;
        "source", AbsolutePath, Required, MOUNTED, "The area's folder, on the destination, as it is mounted there", r#""/mnt/source/docs""#;
        "client", Choice(&["kernel", "rclone"]), Optional, SHARE, "Who mounts it; as in [source] where nothing is said and that is a cifs share too", r#""rclone""#;
        "server", Text, Optional, NETWORK, "Name of the area's server; that of [source] where nothing is said", r#""fs2""#;
        "share", Text, Required, NETWORK, "The share, volume or export", r#""docs""#;
        "folder", InnerPath, Default("\"\""), NETWORK, "The area's folder inside the share", r#""contracts""#;
        "user", Text, Optional, WITH_LOGIN, "User who may read there; that of [source] where it is the same server", r#""migration""#;
        "password", Secret, Optional, WITH_LOGIN, "Where that user's password is to be found; as in [source] where it is the same server", "{ prompt = true }";
        "mount_point", AbsolutePath, Optional, NETWORK, "Where it is mounted on the destination; /mnt/gwmigrate-JOB-documents-NUMBER where nothing is said", r#""/mnt/docs""#;
        "options", Texts, Default("[]"), NETWORK, "More options for the mount, each as the mount program takes it", r#"["vers=2.1"]"#;
        "address", Text, Optional, NETWORK, "Name or address of the area's server, where it is not reached by its name", r#""10.0.0.9""#;
        "destination", LowercasePath, Required, ALL, "The folder that it moves to; all lower case", r#""/gwsystem/docs""#;
    }
    "mailbox_test" {
        "user", Text, Required, ALL, "User whose mailbox is compared", r#""test""#;
        "password", Secret, Required, ALL, "Where that user's mailbox password is to be found", "{ prompt = true }";
        "source_imap", HostAndPort, Required, ALL, "IMAP at the source, as host:port, as the destination reaches it", r#""fs1:143""#;
        "destination_imap", HostAndPort, Required, ALL, "IMAP at the destination, as host:port, as the destination reaches it; the POA of stage one answers on 127.0.0.1 alone", r#""127.0.0.1:143""#;
        "sample_messages", Number(0, 1_000_000), Default("0"), ALL, "How many messages of each folder are compared byte by byte; 0 for all", "0";
    }
};

impl Field {
    /// Whether the setting makes sense for a kind of source.
    pub(super) fn applies_to(&self, source: &str) -> bool {
        self.sources.is_empty() || self.sources.contains(&source)
    }
}

/// The settings of a section.
pub(super) fn of_section(section: &str) -> impl Iterator<Item = &'static Field> {
    FIELDS.iter().filter(move |field| field.section == section)
}
