//! The embedded back end: source and destination are folders of this machine, and the sshd is part of this process.
//!
//! It needs no root, no Docker and no sshd, so it runs anywhere.  What it cannot show: real mounts, other users, other
//! machines.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use simulator::{CreateOptions, Created, GuardianKind, NameCase, PackageOptions};

use crate::certificate::{CertificateOptions, make_certificate, write_secret};
use crate::programs::MIGRATOR;
use crate::rehearsal::{RehearsalError, io_error};
use crate::ssh_server::{KeyPair, SshServer, SshServerOptions};
use crate::worksheet::{MailboxTestSheet, RehearsalWorksheet};

/// What the key of the simulated POA is encrypted with.
const KEY_PASSWORD: &str = "rehearsed";

/// Where everything of an embedded rehearsal is.
#[derive(Debug)]
pub struct Embedded {
    /// The folder of the rehearsal.
    pub folder: PathBuf,
    /// The migrator's program.
    pub migrator: PathBuf,
    /// What was made.
    pub created: Created,
    /// What the worksheet says; change it and write it again with [`Embedded::write_worksheet`].
    pub sheet: RehearsalWorksheet,
    /// The ssh server.
    pub server: SshServer,
    runtime: tokio::runtime::Runtime,
}

/// What an embedded rehearsal is made from.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// The program that plays all roles.
    pub program: PathBuf,
    /// What everything is derived from.
    pub seed: u64,
    /// How many files.
    pub files: usize,
    /// The case of the names.
    pub case: NameCase,
    /// The generation of the guardian.
    pub guardian: GuardianKind,
    /// Who is to convert it, as the worksheet says it; the migrator's own choice where nothing is said.
    pub guardian_engine: Option<String>,
    /// Whether there is a document storage area outside the post office.
    pub with_documents: bool,
    /// Whether the simulated Linux POA is installed and run.
    pub with_poa: bool,
    /// Whether the agents serve mailboxes, and one is compared between the stages.
    pub with_mailbox_test: bool,
    /// The environment of commands at the destination.
    pub environment: BTreeMap<String, String>,
    /// What those commands run under; see [`SshServerOptions::run_under`].
    pub run_under: Vec<String>,
}

impl Embedded {
    /// Makes a post office, a software package, keys, an ssh server and a worksheet in an empty folder.
    ///
    /// # Errors
    /// What making any of them says.
    pub fn start(folder: &Path, options: &EmbeddedOptions) -> Result<Self, RehearsalError> {
        let at = |name: &str| folder.join(name);
        for name in ["bin", "keys", "source", "destination"] {
            std::fs::create_dir_all(at(name)).map_err(io_error("create", &at(name)))?;
        }
        let migrator = at("bin").join(MIGRATOR);
        std::os::unix::fs::symlink(&options.program, &migrator)
            .map_err(io_error("link", &migrator))?;
        let created = simulator::create(&CreateOptions {
            folder: at("source/PO"),
            documents: options.with_documents.then(|| at("source/DOCS")),
            seed: options.seed,
            files: options.files,
            case: options.case,
            guardian: options.guardian,
        })?;
        let package = at("gwpoa.tar.gz");
        if options.with_poa {
            simulator::package(&PackageOptions {
                program: &options.program,
                output: &package,
            })?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(io_error("start the runtime in", folder))?;
        let (server, key, known_hosts) = start_server(&runtime, folder, options)?;
        let post_office = created.post_office.to_ascii_lowercase();
        let sheet = RehearsalWorksheet {
            source: at("source/PO"),
            source_ports: [free_port()?, free_port()?],
            server: server.address(),
            user: "rehearsal".into(),
            key,
            known_hosts,
            job_folder: at("destination/job"),
            destination: at("destination/gwsystem").join(&post_office),
            post_office,
            package: options.with_poa.then_some(package),
            install_folder: at("destination/opt/groupwise/agents"),
            http_port: free_port()?,
            client_port: free_port()?,
            documents: options.with_documents.then(|| {
                (
                    "lib0001".to_owned(),
                    at("source/DOCS"),
                    at("destination/gwsystem/documents"),
                )
            }),
            documents_access: None,
            quiet_seconds: 1,
            guardian_engine: options.guardian_engine.clone(),
            gwcheck: at("destination/opt/groupwise/agents/bin/gwcheckt"),
            certificate: options
                .with_mailbox_test
                .then(|| {
                    let options = CertificateOptions {
                        key_password: Some(KEY_PASSWORD),
                        ..CertificateOptions::default()
                    };
                    make_certificate(&at("source/CERTS"), &at("keys"), &options)
                })
                .transpose()?,
            mailbox_test: options
                .with_mailbox_test
                .then(|| mailbox_test(folder, &created))
                .transpose()?,
            extra: Vec::new(),
        };
        let embedded = Self {
            folder: folder.to_owned(),
            migrator,
            created,
            sheet,
            server,
            runtime,
        };
        embedded.write_worksheet()?;
        Ok(embedded)
    }

    /// Where the worksheet is.
    pub fn worksheet_path(&self) -> PathBuf {
        self.folder.join("worksheet.toml")
    }

    /// Writes the worksheet.
    ///
    /// # Errors
    /// What writing says.
    pub fn write_worksheet(&self) -> Result<(), RehearsalError> {
        let path = self.worksheet_path();
        std::fs::write(&path, self.sheet.to_toml()).map_err(io_error("write", &path))
    }

    /// Ends the ssh server and everything that it started.
    pub fn stop(self) {
        self.runtime.block_on(self.server.stop());
    }
}

/// Chooses the user with the most messages, and has the agents serve mailboxes: what the startup file of the source says
/// goes for the one of Linux.
fn mailbox_test(folder: &Path, created: &Created) -> Result<MailboxTestSheet, RehearsalError> {
    let source = folder.join("source/PO");
    let truth = simulator::truth(&source)?;
    let messages_of = |user: &str| {
        let messages = truth.messages.iter();
        messages.filter(|message| message.user == user).count()
    };
    let accounts = simulator::accounts(&source)?.accounts;
    let busiest = accounts
        .into_iter()
        .max_by_key(|one| messages_of(&one.user));
    let account = busiest
        .ok_or_else(|| io_error("find a user in", &source)(std::io::ErrorKind::NotFound.into()))?;
    let password_file = folder.join("keys/mailbox-password");
    let written = write_secret(&password_file, account.password.as_bytes());
    written.map_err(io_error("write", &password_file))?;
    let test = MailboxTestSheet {
        user: account.user,
        password_file,
        source_port: free_port()?,
        destination_port: free_port()?,
    };
    let startup = source.join(&created.startup_file);
    let switches = format!(
        "/imap-enabled\r\n/imapport-{}\r\n/httpssl-enabled\r\n/keypasswd-{KEY_PASSWORD}\r\n",
        test.destination_port
    );
    OpenOptions::new()
        .append(true)
        .open(&startup)
        .and_then(|mut file| file.write_all(switches.as_bytes()))
        .map_err(io_error("write", &startup))?;
    Ok(test)
}

fn start_server(
    runtime: &tokio::runtime::Runtime,
    folder: &Path,
    options: &EmbeddedOptions,
) -> Result<(SshServer, PathBuf, PathBuf), RehearsalError> {
    let key = folder.join("keys/client");
    let pair = KeyPair::generate()?;
    pair.write_private(&key)?;
    let public = folder.join("keys/client.pub");
    std::fs::write(&public, pair.public_line()).map_err(io_error("write", &public))?;
    let mut server = SshServerOptions::new(folder.join("destination"));
    server.authorized_key = Some(pair.public_line());
    server.environment.clone_from(&options.environment);
    server.run_under.clone_from(&options.run_under);
    let server = runtime.block_on(SshServer::start(server))?;
    let known_hosts = folder.join("keys/known_hosts");
    std::fs::write(&known_hosts, format!("{}\n", server.known_hosts_line()))
        .map_err(io_error("write", &known_hosts))?;
    Ok((server, key, known_hosts))
}

/// A port of the loopback address that nobody listens on.
fn free_port() -> Result<u16, RehearsalError> {
    let listener = TcpListener::bind(("127.0.0.1", 0))
        .map_err(io_error("find a port for", Path::new("127.0.0.1")))?;
    let address = listener
        .local_addr()
        .map_err(io_error("find a port for", Path::new("127.0.0.1")))?;
    Ok(address.port())
}
