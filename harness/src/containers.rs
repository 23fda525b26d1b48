//! The containers back end: a source server with a real share and a destination with a real sshd, each with an address of
//! its own, and networks between them.
//!
//! What both hold lies in the folder of the rehearsal and is bound into the containers, so that the checks read it with
//! plain file functions, as on the other back end.  Everything else is as in life: the migrator comes over the network,
//! mounts the share, installs the software, and has the agent serve from the destination's own address.

mod engine;
mod error;
mod images;
mod owned;
mod remote_agent;
mod servers;
mod share;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use simulator::Created;

pub use engine::Ran;
pub use error::ContainersError;
pub use servers::SourceProfile;
pub use share::ask_share;

use crate::certificate::{CertificateFiles, CertificateOptions, make_certificate, write_secret};
use crate::rehearsal::{RehearsalError, io_error};
use crate::site::{Absence, Seen, Site, SiteOptions, choose_test_user, make, make_package};
use crate::source_agent::{AgentOrders, AgentPlace, SourceAgent};
use crate::ssh_server::KeyPair;
use crate::worksheet::{MailboxTestSheet, RehearsalWorksheet, ShareSheet};
use engine::Engine;
use owned::Owner;
use servers::{AGENT_FOLDER, JOBS, SHARED, SYSTEM, Servers, Wanted};

/// Where the share is mounted at the destination.
const MOUNT_POINT: &str = "/mnt/gwsource";

/// Where the software is installed there.
const INSTALL_FOLDER: &str = "/opt/novell/groupwise/agents";

/// What the key of the simulated POA is encrypted with.
const KEY_PASSWORD: &str = "rehearsed";

/// The ports of both agents: for clients, of the status page, and of IMAP.
const CLIENT_PORT: u16 = 1677;
const HTTP_PORT: u16 = 7181;
const IMAP_PORT: u16 = 1143;

/// Both servers of a rehearsal, as containers.
#[derive(Debug)]
pub struct Containers {
    folder: PathBuf,
    created: Created,
    sheet: RehearsalWorksheet,
    seen: Seen,
    servers: Servers,
    engine: Engine,
    owner: Owner,
    runtime: tokio::runtime::Runtime,
}

/// Whether a Docker engine answers, and why not where none does.
///
/// # Errors
/// [`ContainersError::NoEngine`].
pub fn engine_answers() -> Result<(), ContainersError> {
    runtime()?.block_on(Engine::connect()).map(drop)
}

/// Removes every container and network that this process started.
///
/// # Errors
/// What the engine says.
pub fn remove_own() -> Result<(), ContainersError> {
    runtime()?.block_on(async {
        let engine = Engine::connect().await?;
        owned::remove_all_of_this_process(&engine).await
    })
}

fn runtime() -> Result<tokio::runtime::Runtime, ContainersError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| ContainersError::NoEngine(error.to_string()))
}

impl Containers {
    /// Makes a post office, keys, images where there are none, both servers and a worksheet in an empty folder.
    ///
    /// # Errors
    /// What making any of them says.
    pub fn start(
        folder: &Path,
        options: &SiteOptions,
        note: &mut dyn FnMut(&str),
    ) -> Result<Self, RehearsalError> {
        let at = |name: &str| folder.join(name);
        for name in ["agent", "destination/gwsystem", "destination/migration"] {
            std::fs::create_dir_all(at(name)).map_err(io_error("create", &at(name)))?;
        }
        let created = make(folder, options)?;
        let package = make_package(folder, options)?;
        let certificate = options
            .with_mailbox_test
            .then(|| {
                let options = CertificateOptions {
                    key_password: Some(KEY_PASSWORD),
                    ..CertificateOptions::default()
                };
                make_certificate(&at("source/CERTS"), &at("agent"), &options)
            })
            .transpose()?;
        let (client, host) = (KeyPair::generate()?, KeyPair::generate()?);
        let key = at("keys/client");
        client.write_private(&key)?;
        let share_password = password();
        let password_file = at("keys/share-password");
        write_secret(&password_file, share_password.as_bytes())
            .map_err(io_error("write", &password_file))?;
        let runtime = runtime()?;
        let owner = Owner::new();
        let (engine, servers) = runtime.block_on(async {
            let engine = Engine::connect().await?;
            let left = owned::sweep(&engine).await?;
            if left > 0 {
                note(&format!(
                    "removed {left} things that an earlier rehearsal left behind"
                ));
            }
            let images = images::images(&engine, note).await?;
            let wanted = Wanted {
                folder,
                program: &options.program,
                share_password: &share_password,
                host_key: host.private_text()?,
                authorized_key: client.public_line(),
            };
            let servers = servers::start(&engine, &owner, images, &wanted).await?;
            Ok::<_, RehearsalError>((engine, servers))
        })?;
        let address = SocketAddr::from((servers.destination.address, 22));
        let known_hosts = at("keys/known_hosts");
        let line = format!("{} {}\n", address.ip(), host.public_line());
        std::fs::write(&known_hosts, line).map_err(io_error("write", &known_hosts))?;
        let post_office = created.post_office.to_ascii_lowercase();
        let mailbox_test = options
            .with_mailbox_test
            .then(|| mailbox_test(folder, &created, &servers))
            .transpose()?;
        let in_share = |name: &str| Path::new(MOUNT_POINT).join(name);
        let sheet = RehearsalWorksheet {
            source: in_share("PO"),
            share: Some(ShareSheet {
                server: "source".into(),
                share: "groupwise".into(),
                folder: "PO".into(),
                user: "migrator".into(),
                password_file,
                mount_point: MOUNT_POINT.into(),
                options: Vec::new(),
            }),
            source_address: servers.source_behind.to_string(),
            source_ports: [CLIENT_PORT, HTTP_PORT],
            server: address,
            user: "root".into(),
            key,
            known_hosts,
            job_folder: Path::new(JOBS).join(&post_office),
            destination: Path::new(SYSTEM).join(&post_office),
            post_office: post_office.clone(),
            package,
            install_folder: INSTALL_FOLDER.into(),
            poa_address: servers.destination.address.to_string(),
            http_port: HTTP_PORT,
            client_port: CLIENT_PORT,
            documents: options.with_documents.then(|| {
                let target = Path::new(SYSTEM).join("documents");
                ("lib0001".to_owned(), in_share("DOCS"), target)
            }),
            documents_access: None,
            quiet_seconds: 2,
            guardian_engine: options.guardian_engine.clone(),
            gwcheck: Path::new(INSTALL_FOLDER).join("bin/gwcheckt"),
            certificate: certificate.map(|files| moved(&files, MOUNT_POINT)),
            mailbox_test,
            extra: Vec::new(),
        };
        let seen = Seen {
            source: at("source/PO"),
            destination: at("destination/gwsystem").join(&post_office),
            documents: options
                .with_documents
                .then(|| (at("source/DOCS"), at("destination/gwsystem/documents"))),
            job_folder: at("destination/migration").join(&post_office),
            // What SMB carries.
            time_step_nanoseconds: 100,
        };
        let containers = Self {
            folder: folder.to_owned(),
            created,
            sheet,
            seen,
            servers,
            engine,
            owner,
            runtime,
        };
        containers.write_worksheet()?;
        Ok(containers)
    }

    /// Runs a command in a server, which must end well.
    fn run(&self, server: &'static str, command: &[&str]) -> Result<String, ContainersError> {
        let id = match server {
            "source" => &self.servers.source.id,
            _ => &self.servers.destination.id,
        };
        let ran = self.runtime.block_on(self.engine.run(id, command))?;
        if ran.code == 0 {
            return Ok(ran.said);
        }
        Err(ContainersError::Command {
            server,
            command: command.join(" "),
            code: ran.code,
            said: ran.said,
        })
    }
}

/// A password that nobody has used before.
fn password() -> String {
    use rand::distr::{Alphanumeric, SampleString as _};
    Alphanumeric.sample_string(&mut rand::rng(), 24)
}

/// The files of a certificate, seen below another folder than that of the source.
fn moved(files: &CertificateFiles, below: &str) -> CertificateFiles {
    let moved = |path: &Path| {
        let name = path.file_name().unwrap_or_default();
        Path::new(below).join("CERTS").join(name)
    };
    let plain = files.plain_key.file_name().unwrap_or_default();
    CertificateFiles {
        certificate: moved(&files.certificate),
        key: moved(&files.key),
        plain_key: Path::new(AGENT_FOLDER).join(plain),
        key_password_file: files.key_password_file.clone(),
    }
}

fn mailbox_test(
    folder: &Path,
    created: &Created,
    servers: &Servers,
) -> Result<MailboxTestSheet, RehearsalError> {
    let chosen = choose_test_user(folder, created, IMAP_PORT, KEY_PASSWORD)?;
    Ok(MailboxTestSheet {
        user: chosen.user,
        password_file: chosen.password_file,
        source_imap: SocketAddr::from((servers.source_behind, IMAP_PORT)),
        // The test run is isolated: it listens there alone.
        destination_imap: SocketAddr::from(([127, 0, 0, 1], IMAP_PORT)),
    })
}

impl Site for Containers {
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

    fn seen(&self) -> &Seen {
        &self.seen
    }

    fn set_environment(&self, environment: BTreeMap<String, String>) -> Result<(), RehearsalError> {
        let mut lines = String::new();
        for (name, value) in environment {
            let _ = writeln!(lines, "{name}={value}");
        }
        // sshd reads this file at each login (sshd(8), `PermitUserEnvironment`).
        let script = r#"printf '%s' "$1" >/root/.ssh/environment"#;
        self.run("destination", &["sh", "-c", script, "sh", &lines])?;
        Ok(())
    }

    fn cut_after_bytes(&self, _bytes: u64) {}

    fn take_back_cut(&self) -> bool {
        false
    }

    fn source_goes(&self, _absence: Absence) -> Result<(), RehearsalError> {
        let (engine, back) = (&self.engine, &self.servers.back);
        let id = &self.servers.source.id;
        self.runtime.block_on(servers::take_off(engine, back, id))?;
        Ok(())
    }

    fn source_comes_back(&self, _absence: Absence) -> Result<(), RehearsalError> {
        let (engine, back) = (&self.engine, &self.servers.back);
        let id = &self.servers.source.id;
        let address = self.servers.source_behind;
        self.runtime
            .block_on(servers::put_on(engine, back, id, address))?;
        Ok(())
    }

    fn start_agent(&self, orders: &AgentOrders) -> Result<SourceAgent, RehearsalError> {
        let certificate = self.sheet.certificate.as_ref();
        let place = AgentPlace {
            home: Path::new(SHARED).join("PO"),
            certificate: certificate.map(|files| moved(files, SHARED)),
            ip: Some([0, 0, 0, 0].into()),
            ports: Some([CLIENT_PORT, HTTP_PORT, IMAP_PORT]),
        };
        let arguments =
            crate::source_agent::agent_arguments(orders, &place, Path::new(AGENT_FOLDER));
        let process = remote_agent::RemoteAgent::start(
            self.runtime.handle().clone(),
            self.engine.clone(),
            &self.servers.source.id,
            &arguments,
        )?;
        SourceAgent::of_process(Box::new(process), &self.folder.join("agent"), orders.number)
    }

    fn poa_address(&self) -> SocketAddr {
        SocketAddr::from((self.servers.destination.address, HTTP_PORT))
    }

    fn stop_poa(&self) -> Result<(), RehearsalError> {
        let control = format!("{INSTALL_FOLDER}/bin/grpwise");
        self.run("destination", &[&control, "stop"])?;
        Ok(())
    }

    fn stop(self: Box<Self>) {
        // Whoever forgets to call this loses nothing.
        drop(self);
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let removing = owned::remove_all_of(&self.engine, &self.owner);
        // What cannot be removed now is swept by the next rehearsal.
        if let Err(error) = self.runtime.block_on(removing) {
            tracing::warn!(%error, "a container or network was left behind");
        }
    }
}
