//! The embedded back end: source and destination are folders of this machine, and the sshd is part of this process.
//!
//! It needs no root, no Docker and no sshd, so it runs anywhere.  What it cannot show: real mounts, other users, other
//! machines.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use simulator::Created;

use crate::certificate::{CertificateOptions, make_certificate};
use crate::error::{HarnessError, io_error};
use crate::network::{Disturbance, Network};
use crate::site::{Absence, Site, SiteOptions, Trees, choose_test_user, make, make_package};
use crate::source_agent::{AgentOrders, SourceAgent};
use crate::ssh_server::{KeyPair, SshServer, SshServerOptions};
use crate::worksheet::{MailboxTestSheet, RehearsalWorksheet};

/// Where the software is unpacked, below the folder of the rehearsal.
const INSTALL_FOLDER: &str = "destination/opt/groupwise/agents";

/// The folders of the post office that have file systems of their own where the rehearsal wants it: attachments, and a queue.
const INNER_FILE_SYSTEMS: [&str; 2] = ["offiles", "wpcsin"];

/// What the key of the simulated POA is encrypted with.
const KEY_PASSWORD: &str = "rehearsed";

/// Where everything of an embedded rehearsal is.
#[derive(Debug)]
pub struct Embedded {
    /// The folder of the rehearsal.
    pub folder: PathBuf,
    /// What was made.
    pub created: Created,
    /// What the worksheet says; change it and write it again with [`Site::write_worksheet`].
    pub sheet: RehearsalWorksheet,
    /// The ssh server.
    pub server: SshServer,
    program: PathBuf,
    trees: Trees,
    mounts: Vec<Mounted>,
    runtime: tokio::runtime::Runtime,
}

/// A file system in memory that is unmounted with its rehearsal.
#[derive(Debug)]
struct Mounted(PathBuf);

impl Mounted {
    fn mount(path: PathBuf) -> Result<Self, HarnessError> {
        std::fs::create_dir_all(&path).map_err(io_error("create", &path))?;
        let mut command = Command::new("mount");
        command.args(["-t", "tmpfs", "none"]).arg(&path);
        let cause = match command.output() {
            Ok(output) if output.status.success() => return Ok(Self(path)),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            Err(error) => error.to_string(),
        };
        Err(HarnessError::MayNotMount { path, cause })
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What is still open there keeps it until it is closed; nothing else can be done here.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// Whether this process may mount anything, which the fault `inner-mounts` needs.
pub fn may_mount() -> bool {
    let place = std::env::temp_dir().join(format!("gwrehearse-mount-{}", std::process::id()));
    let may = Mounted::mount(place.clone()).is_ok();
    // Empty again, and nobody else's.
    let _ = std::fs::remove_dir(place);
    may
}

/// What an embedded rehearsal is made from.
#[derive(Debug, Clone)]
pub struct EmbeddedOptions {
    /// What the servers are made from.
    pub site: SiteOptions,
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
    pub fn start(folder: &Path, options: &EmbeddedOptions) -> Result<Self, HarnessError> {
        let at = |name: &str| folder.join(name);
        let site = &options.site;
        let created = make(folder, site)?;
        let package = make_package(folder, site)?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(io_error("start the runtime in", folder))?;
        let (server, key, known_hosts) = start_server(&runtime, folder, options)?;
        let post_office = created.post_office.to_ascii_lowercase();
        let documents = site
            .with_documents
            .then(|| (at("source/DOCS"), at("destination/gwsystem/documents")));
        let trees = Trees {
            source: at("source/PO"),
            destination: at("destination/gwsystem").join(&post_office),
            documents: documents.clone(),
            job_folder: at("destination/job"),
            time_step_nanoseconds: 1,
        };
        let sheet = RehearsalWorksheet {
            source: trees.source.clone(),
            share: None,
            source_address: "127.0.0.1".into(),
            source_ports: [free_port()?, free_port()?],
            server: server.address(),
            user: "rehearsal".into(),
            key,
            known_hosts,
            job_folder: trees.job_folder.clone(),
            destination: trees.destination.clone(),
            post_office,
            package,
            install_folder: Some(at(INSTALL_FOLDER)),
            poa_address: "127.0.0.1".into(),
            http_port: free_port()?,
            client_port: free_port()?,
            documents: documents
                .map(|(source, destination)| ("lib0001".to_owned(), source, destination)),
            documents_access: None,
            quiet_seconds: 1,
            guardian_engine: site.guardian_engine.clone(),
            gwcheck: Some(at(INSTALL_FOLDER).join("bin/gwcheckt")),
            certificate: site
                .with_mailbox_test
                .then(|| {
                    let options = CertificateOptions {
                        key_password: Some(KEY_PASSWORD),
                        ..CertificateOptions::default()
                    };
                    make_certificate(&at("source/CERTS"), &at("keys"), &options)
                })
                .transpose()?,
            mailbox_test: site
                .with_mailbox_test
                .then(|| mailbox_test(folder, &created))
                .transpose()?,
            extra: Vec::new(),
        };
        let embedded = Self {
            folder: folder.to_owned(),
            created,
            sheet,
            server,
            program: site.program.clone(),
            trees,
            mounts: Vec::new(),
            runtime,
        };
        embedded.write_worksheet()?;
        Ok(embedded)
    }

    /// Where the post office of the source is while it is away.
    fn away(&self) -> PathBuf {
        self.trees.source.with_extension("away")
    }

    /// What starts and stops the Linux POA.
    fn control_command(&self) -> PathBuf {
        self.folder.join(INSTALL_FOLDER).join("bin/grpwise")
    }
}

impl Site for Embedded {
    fn folder(&self) -> &Path {
        &self.folder
    }

    fn created(&self) -> &Created {
        &self.created
    }

    fn sheet(&self) -> &RehearsalWorksheet {
        &self.sheet
    }

    fn sheet_mut(&mut self) -> &mut RehearsalWorksheet {
        &mut self.sheet
    }

    fn trees(&self) -> &Trees {
        &self.trees
    }

    fn set_environment(&self, environment: BTreeMap<String, String>) -> Result<(), HarnessError> {
        self.server.set_environment(environment);
        Ok(())
    }

    fn disturb(&self, network: Network, disturbance: Disturbance) -> Result<(), HarnessError> {
        match (network, disturbance) {
            (Network::Link, Disturbance::Cut(bytes)) => self.server.cut_after_bytes(bytes),
            _ => return Err(HarnessError::NoNetwork),
        }
        Ok(())
    }

    fn calm(&self) -> bool {
        !self.server.take_back_cut()
    }

    fn source_goes(&self, absence: Absence) -> Result<(), HarnessError> {
        let place = &self.trees.source;
        std::fs::rename(place, self.away()).map_err(io_error("take away", place))?;
        if absence == Absence::Empty {
            std::fs::create_dir(place).map_err(io_error("create", place))?;
        }
        Ok(())
    }

    fn source_comes_back(&self, absence: Absence) -> Result<(), HarnessError> {
        let place = &self.trees.source;
        if absence == Absence::Empty {
            // Only an empty folder can be removed so: nobody may have written there.
            std::fs::remove_dir(place).map_err(io_error("remove", place))?;
        }
        std::fs::rename(self.away(), place).map_err(io_error("bring back", place))
    }

    fn mount_inner_file_systems(&mut self) -> Result<(), HarnessError> {
        let documents = self.trees.documents.iter();
        let documents = documents.map(|(_, destination)| destination.clone());
        let folders = INNER_FILE_SYSTEMS.map(|name| self.trees.destination.join(name));
        for path in documents.chain(folders) {
            self.mounts.push(Mounted::mount(path)?);
        }
        Ok(())
    }

    fn let_poa_start(&self, may: bool) -> Result<(), HarnessError> {
        let control = self.control_command();
        let mode = std::fs::Permissions::from_mode(if may { 0o755 } else { 0o644 });
        std::fs::set_permissions(&control, mode).map_err(io_error("change", &control))
    }

    fn start_agent(&self, orders: &AgentOrders) -> Result<SourceAgent, HarnessError> {
        let [client, http] = self.sheet.source_ports;
        let imap = self.sheet.mailbox_test.as_ref();
        let imap = imap.map(|test| test.source_imap.port());
        SourceAgent::start_here(
            &self.program,
            &self.folder,
            orders,
            &crate::source_agent::AgentPlace {
                home: self.trees.source.clone(),
                certificate: self.sheet.certificate.clone(),
                ip: None,
                ports: imap.map(|imap| [client, http, imap]),
            },
        )
    }

    fn poa_address(&self) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.sheet.http_port))
    }

    fn stop_poa(&self) -> Result<(), HarnessError> {
        let control = self.control_command();
        let stopping = Command::new(&control)
            .arg("stop")
            .stdout(Stdio::null())
            .status();
        stopping.map(|_| ()).map_err(io_error("run", &control))
    }

    /// Ends the ssh server and everything that it started.
    fn stop(self: Box<Self>) {
        let Self {
            server,
            runtime,
            mounts,
            ..
        } = *self;
        runtime.block_on(server.stop());
        drop(mounts);
    }
}

fn mailbox_test(folder: &Path, created: &Created) -> Result<MailboxTestSheet, HarnessError> {
    let loopback = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
    let destination_imap = loopback(free_port()?);
    let chosen = choose_test_user(folder, created, destination_imap.port(), KEY_PASSWORD)?;
    Ok(MailboxTestSheet {
        user: chosen.user,
        password_file: chosen.password_file,
        source_imap: loopback(free_port()?),
        destination_imap,
    })
}

fn start_server(
    runtime: &tokio::runtime::Runtime,
    folder: &Path,
    options: &EmbeddedOptions,
) -> Result<(SshServer, PathBuf, PathBuf), HarnessError> {
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
/// Ports at which no connection of anybody begins by itself (the system takes those above 32,767 for that): what is free now is
/// free when a server of the rehearsal opens it.
const FIRST_PORT: u32 = 15_000;
const PORTS: u32 = 15_000;

/// A port of this machine that nobody listens at, and that no other rehearsal of this process was given.
fn free_port() -> Result<u16, HarnessError> {
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Other processes begin elsewhere.
    let own = std::process::id().wrapping_mul(131);
    for _ in 0..PORTS {
        let number = own.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed));
        let port = u16::try_from(FIRST_PORT + number % PORTS).unwrap_or(0);
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    Err(io_error("find a port for", Path::new("127.0.0.1"))(
        std::io::ErrorKind::AddrInUse.into(),
    ))
}
