//! The worksheet of a rehearsal: the only thing that differs from production.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::certificate::CertificateFiles;

/// What the worksheet of a rehearsal says.
#[derive(Debug, Clone)]
pub struct RehearsalWorksheet {
    /// The simulated post office, as it is mounted at the destination.
    pub source: PathBuf,
    /// How it is mounted there; none where it is a folder of the destination already.
    pub share: Option<ShareSheet>,
    /// Name or address of the source server.
    pub source_address: String,
    /// Ports of the simulated source POA, which are closed while it is at rest.
    pub source_ports: [u16; 2],
    /// The ssh server.
    pub server: SocketAddr,
    /// Who logs in.
    pub user: String,
    /// The key that logs in.
    pub key: PathBuf,
    /// The known-hosts file with the key of the server.
    pub known_hosts: PathBuf,
    /// The job folder.
    pub job_folder: PathBuf,
    /// Name of the post office.
    pub post_office: String,
    /// The folder that it moves to.
    pub destination: PathBuf,
    /// The software of the Linux POA; none for a rehearsal without one.
    pub package: Option<PathBuf>,
    /// Where it is unpacked; where the profile says, if nothing is said.
    pub install_folder: Option<PathBuf>,
    /// The address that it listens on.
    pub poa_address: String,
    /// Port of its web console.
    pub http_port: u16,
    /// Port for clients.
    pub client_port: u16,
    /// A document storage area outside the post office: library, source, destination.
    pub documents: Option<(String, PathBuf, PathBuf)>,
    /// The lines that say how that area is reached, where it is not mounted already.
    pub documents_access: Option<String>,
    /// How long nothing may change before stage two.
    pub quiet_seconds: u64,
    /// Who is to convert the guardian; the migrator's own choice where nothing is said.
    pub guardian_engine: Option<String>,
    /// Where the software brings GWCheck.
    pub gwcheck: Option<PathBuf>,
    /// The certificate of the source's POA, which the Linux POA uses too.
    pub certificate: Option<CertificateFiles>,
    /// The mailbox that is compared between the stages.
    pub mailbox_test: Option<MailboxTestSheet>,
    /// Lines to add to a section, by its name.
    pub extra: Vec<(String, String)>,
}

/// The mailbox that is compared between the stages.
#[derive(Debug, Clone)]
pub struct MailboxTestSheet {
    /// The user.
    pub user: String,
    /// The file with the user's password.
    pub password_file: PathBuf,
    /// IMAP at the source, seen from the destination.
    pub source_imap: SocketAddr,
    /// IMAP at the destination, seen from there.
    pub destination_imap: SocketAddr,
}

/// Who mounts a share at the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShareClient {
    /// Its kernel, from a Windows server.
    Kernel,
    /// Its kernel, from a server for NFS, which asks for no user.
    KernelNfs,
    /// `rclone mount`, through FUSE.
    Rclone,
}

impl ShareClient {
    /// The lines that say who mounts it, and as whom.
    fn lines(share: &ShareSheet) -> Vec<(&'static str, String)> {
        let client = match share.client {
            Self::KernelNfs => return vec![("kind", "\"nfs\"".into())],
            Self::Kernel => "\"kernel\"",
            Self::Rclone => "\"rclone\"",
        };
        let password = format!("{{ file = {} }}", text(&share.password_file));
        vec![
            ("kind", "\"cifs\"".into()),
            ("client", client.into()),
            ("user", format!("\"{}\"", share.user)),
            ("password", password),
        ]
    }
}

/// A share of the source server that the migrator mounts.
#[derive(Debug, Clone)]
pub struct ShareSheet {
    /// Who mounts it.
    pub client: ShareClient,
    /// The name of the server.
    pub server: String,
    /// The share.
    pub share: String,
    /// The folder of the post office in it.
    pub folder: String,
    /// The user.
    pub user: String,
    /// The file with the user's password.
    pub password_file: PathBuf,
    /// Where it is mounted.
    pub mount_point: PathBuf,
    /// More options of the mount program.
    pub options: Vec<String>,
}

fn text(path: &Path) -> String {
    // A TOML string with escapes; paths of a rehearsal are made by the rehearsal and hold no control characters.
    format!(
        "\"{}\"",
        path.display()
            .to_string()
            .replace('\\', "\\\\")
            .replace('"', "\\\"")
    )
}

impl RehearsalWorksheet {
    fn source_lines(&self) -> Vec<(&'static str, String)> {
        let mut lines = match &self.share {
            None => vec![
                ("kind", "\"mounted\"".into()),
                ("path", text(&self.source)),
                ("platform", "\"netware\"".into()),
            ],
            Some(share) => {
                let mut lines = ShareClient::lines(share);
                lines.extend([
                    ("server", format!("\"{}\"", share.server)),
                    ("share", format!("\"{}\"", share.share)),
                    ("folder", format!("\"{}\"", share.folder)),
                    ("mount_point", text(&share.mount_point)),
                    ("options", format!("{:?}", share.options)),
                    ("platform", "\"windows\"".into()),
                ]);
                lines
            }
        };
        lines.push(("address", format!("\"{}\"", self.source_address)));
        lines.push(("poa_ports", format!("{:?}", self.source_ports)));
        lines
    }

    /// The worksheet as TOML.
    pub fn to_toml(&self) -> String {
        let mut toml = String::new();
        let mut section = |name: &str, lines: Vec<(&str, String)>| {
            let _ = writeln!(toml, "[{name}]");
            for (key, value) in lines {
                let _ = writeln!(toml, "{key} = {value}");
            }
            for (_, line) in self.extra.iter().filter(|(wanted, _)| wanted == name) {
                let _ = writeln!(toml, "{line}");
            }
            toml.push('\n');
        };
        section("source", self.source_lines());
        section(
            "destination",
            vec![
                ("host", format!("\"{}\"", self.server.ip())),
                ("port", self.server.port().to_string()),
                ("user", format!("\"{}\"", self.user)),
                ("key", text(&self.key)),
                ("agent", "false".into()),
                ("known_hosts", format!("[{}]", text(&self.known_hosts))),
                ("job_folder", text(&self.job_folder)),
            ],
        );
        section(
            "post_office",
            vec![
                ("name", format!("\"{}\"", self.post_office)),
                ("folder", text(&self.destination)),
            ],
        );
        let mut poa = vec![
            ("http_port", self.http_port.to_string()),
            ("client_port", self.client_port.to_string()),
            ("ip", format!("\"{}\"", self.poa_address)),
        ];
        poa.extend(
            self.install_folder
                .iter()
                .map(|folder| ("install_folder", text(folder))),
        );
        poa.extend(
            self.package
                .iter()
                .map(|package| ("package", text(package))),
        );
        if let Some(files) = &self.certificate {
            poa.push(("certificate", text(&files.certificate)));
            poa.push(("key", text(&files.key)));
            poa.extend(files.key_password_file.iter().map(|file| {
                let reference = format!("{{ file = {} }}", text(file));
                ("key_password", reference)
            }));
        }
        section("poa", poa);
        section(
            "copy",
            vec![
                ("quiet_seconds", self.quiet_seconds.to_string()),
                // What writes into a queue here never pauses.
                ("still_seconds", "1".to_owned()),
            ],
        );
        let gwcheck = self.gwcheck.iter();
        let mut guardian: Vec<_> = gwcheck.map(|path| ("gwcheck", text(path))).collect();
        guardian.extend(
            self.guardian_engine
                .iter()
                .map(|engine| ("engine", format!("\"{engine}\""))),
        );
        section("guardian", guardian);
        section("seal", Vec::new());
        if let Some(test) = &self.mailbox_test {
            let address = |address: SocketAddr| format!("\"{address}\"");
            let password = format!("{{ file = {} }}", text(&test.password_file));
            section(
                "mailbox_test",
                vec![
                    ("user", format!("\"{}\"", test.user)),
                    ("password", password),
                    ("source_imap", address(test.source_imap)),
                    ("destination_imap", address(test.destination_imap)),
                ],
            );
        }
        if let Some((library, source, destination)) = &self.documents {
            let mounted = || format!("source = {}", text(source));
            let access = self.documents_access.clone().unwrap_or_else(mounted);
            let _ = write!(
                toml,
                "[[documents.area]]\nlibrary = \"{library}\"\n{access}\ndestination = {}\n",
                text(destination)
            );
        }
        toml
    }
}
