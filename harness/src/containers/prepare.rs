//! What lies ready before the servers start, and the worksheet that follows from all of it.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use simulator::Created;

use super::engine::Engine;
use super::images;
use super::login::Login;
use super::owned::{self, Owner};
use super::servers::{self, AGENT_FOLDER, JOBS, SYSTEM, Servers, Wanted};
use super::software::{extra_lines, make_system_package};
use super::{CLIENT_PORT, DOCUMENTS_MOUNT_POINT, HTTP_PORT, IMAP_PORT, KEY_PASSWORD, MOUNT_POINT};
use crate::certificate::{CertificateFiles, CertificateOptions, make_certificate, write_secret};
use crate::error::{HarnessError, io_error};
use crate::site::{SiteOptions, choose_test_user, make};
use crate::ssh_server::KeyPair;
use crate::worksheet::{MailboxTestSheet, RehearsalWorksheet, ShareClient, ShareSheet};

/// How everybody reaches everybody.
pub(crate) struct Endpoints {
    /// Who logs in at the destination.
    pub(crate) login: Login,
    /// The sshd of the destination, seen from this machine.
    pub(crate) server: SocketAddr,
    /// The file server of the source, seen from the destination.
    pub(crate) share: SocketAddr,
    /// Who mounts the share there, and with which options besides.
    pub(crate) client: ShareClient,
    pub(crate) options: &'static [&'static str],
    /// The source, seen from the destination.
    pub(crate) source: IpAddr,
    /// The server that has the document storage area, seen from there, where it is another one.
    pub(crate) documents: Option<IpAddr>,
    /// The address that the destination has for itself.
    pub(crate) destination: IpAddr,
}

/// The keys of both ends of a login.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    /// Who may log in at the destination, as its sshd reads it, and the file of that key.
    pub(crate) authorized: String,
    pub(crate) file: PathBuf,
    /// The key of the destination itself, in OpenSSH's format, and its public part.
    pub(crate) host: String,
    pub(crate) host_public: String,
}

impl Keys {
    /// Makes new ones, in the folder of a rehearsal.
    ///
    /// # Errors
    /// What making and writing say.
    pub(crate) fn make(folder: &Path) -> Result<Self, HarnessError> {
        let (client, file) = (KeyPair::generate()?, folder.join("keys/client"));
        let keys = folder.join("keys");
        std::fs::create_dir_all(&keys).map_err(io_error("create", &keys))?;
        client.write_private(&file)?;
        let host = KeyPair::generate()?;
        Ok(Self {
            authorized: client.public_line(),
            file,
            host: host.private_text()?,
            host_public: host.public_line(),
        })
    }
}

/// What lies ready.
pub(crate) struct Prepared {
    pub(crate) created: Created,
    package: Option<PathBuf>,
    certificate: Option<CertificateFiles>,
    pub(crate) keys: Keys,
    pub(crate) share_password: String,
    share_password_file: PathBuf,
    /// The password of the server that has the document storage area, and its file, where that is another one.
    documents_password: Option<(String, PathBuf)>,
}

impl Prepared {
    /// Makes it in the folder of the rehearsal.
    ///
    /// # Errors
    /// What making says.
    pub(crate) fn make(folder: &Path, options: &SiteOptions) -> Result<Self, HarnessError> {
        Self::make_with(folder, options, Keys::make(folder)?)
    }

    /// The same with keys that a destination has already.
    ///
    /// # Errors
    /// What making says.
    pub(crate) fn make_with(
        folder: &Path,
        options: &SiteOptions,
        keys: Keys,
    ) -> Result<Self, HarnessError> {
        let at = |name: &str| folder.join(name);
        for name in ["agent", "destination/gwsystem", "destination/migration"] {
            std::fs::create_dir_all(at(name)).map_err(io_error("create", &at(name)))?;
        }
        let created = make(folder, options)?;
        let certificate = || {
            let options = CertificateOptions {
                key_password: Some(KEY_PASSWORD),
                ..CertificateOptions::default()
            };
            make_certificate(&at("source/CERTS"), &at("agent"), &options)
        };
        let (share_password, share_password_file) = new_password(at("keys/share-password"))?;
        Ok(Self {
            created,
            package: make_system_package(folder, options)?,
            certificate: options.with_mailbox_test.then(certificate).transpose()?,
            keys,
            share_password,
            share_password_file,
            documents_password: None,
        })
    }

    /// Has the document storage area on a server of its own, which the migrator is to mount as well.
    ///
    /// # Errors
    /// What writing its password says.
    pub(super) fn put_documents_apart(&mut self, folder: &Path) -> Result<(), HarnessError> {
        self.documents_password = Some(new_password(folder.join("keys/documents-password"))?);
        Ok(())
    }

    /// Sweeps what is left of others, builds the images that are missing, and starts both servers.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn start_servers(
        &self,
        folder: &Path,
        options: &SiteOptions,
        owner: &Owner,
        note: &mut dyn FnMut(&str),
    ) -> Result<(Engine, Servers), HarnessError> {
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
            share_password: &self.share_password,
            documents_password: self
                .documents_password
                .as_ref()
                .map(|(text, _)| text.as_str()),
            host_key: self.keys.host.clone(),
            authorized_key: self.keys.authorized.clone(),
        };
        let servers = servers::start(&engine, owner, images, &wanted).await;
        if servers.is_err() {
            owned::remove_all_of(&engine, owner).await?;
        }
        Ok((engine, servers?))
    }

    /// The worksheet.
    ///
    /// # Errors
    /// What choosing who is compared, and writing the known-hosts file, say.
    pub(crate) fn sheet(
        &self,
        folder: &Path,
        options: &SiteOptions,
        endpoints: &Endpoints,
    ) -> Result<RehearsalWorksheet, HarnessError> {
        let server = endpoints.server;
        let known_hosts = folder.join("keys/known_hosts");
        let line = format!(
            "[{}]:{} {}\n",
            server.ip(),
            server.port(),
            self.keys.host_public
        );
        std::fs::write(&known_hosts, line).map_err(io_error("write", &known_hosts))?;
        let post_office = self.created.post_office.to_ascii_lowercase();
        let in_share = |name: &str| Path::new(MOUNT_POINT).join(name);
        let documents = || {
            let target = Path::new(SYSTEM).join("documents");
            ("lib0001".to_owned(), DOCUMENTS_MOUNT_POINT.into(), target)
        };
        let certificate = self.certificate.as_ref();
        Ok(RehearsalWorksheet {
            source: in_share("PO"),
            share: Some(self.share(endpoints)),
            source_address: endpoints.source.to_string(),
            source_ports: [CLIENT_PORT, HTTP_PORT],
            server,
            user: endpoints.login.user().into(),
            key: self.keys.file.clone(),
            known_hosts,
            job_folder: Path::new(JOBS).join(&post_office),
            destination: Path::new(SYSTEM).join(&post_office),
            post_office,
            package: self.package.clone(),
            install_folder: None,
            poa_address: endpoints.destination.to_string(),
            http_port: HTTP_PORT,
            client_port: CLIENT_PORT,
            documents: options.with_documents.then(documents),
            documents_access: options
                .with_documents
                .then(|| self.documents_access(endpoints)),
            quiet_seconds: 2,
            guardian_engine: options.guardian_engine.clone(),
            gwcheck: None,
            certificate: certificate.map(|files| moved(files, MOUNT_POINT)),
            mailbox_test: options
                .with_mailbox_test
                .then(|| mailbox_test(folder, &self.created, endpoints.source))
                .transpose()?,
            extra: extra_lines(options)
                .into_iter()
                .chain(endpoints.login.lines())
                .collect(),
        })
    }

    fn share(&self, endpoints: &Endpoints) -> ShareSheet {
        ShareSheet {
            client: endpoints.client,
            server: "source".into(),
            share: exported(endpoints, "groupwise"),
            folder: "PO".into(),
            user: "migrator".into(),
            password_file: self.share_password_file.clone(),
            mount_point: MOUNT_POINT.into(),
            options: through(endpoints),
        }
    }

    /// The document storage area is a share of its own: of the same server and the same user, or of another server, with a
    /// password of its own.
    fn documents_access(&self, endpoints: &Endpoints) -> String {
        let mount_point = format!("mount_point = \"{DOCUMENTS_MOUNT_POINT}\"");
        let (Some((_, file)), Some(address)) = (&self.documents_password, endpoints.documents)
        else {
            let options = through(endpoints);
            let share = exported(endpoints, "documents");
            return format!("share = \"{share}\"\n{mount_point}\noptions = {options:?}");
        };
        let file = file.display();
        format!(
            "server = \"documents\"\nshare = \"groupwise\"\naddress = \"{address}\"\nuser = \"migrator\"\n\
             password = {{ file = \"{file}\" }}\n{mount_point}"
        )
    }
}

/// A password that nobody has used before, in a file.
fn new_password(file: PathBuf) -> Result<(String, PathBuf), HarnessError> {
    let text = password();
    write_secret(&file, text.as_bytes()).map_err(io_error("write", &file))?;
    Ok((text, file))
}

/// A password that nobody has used before.
pub(super) fn password() -> String {
    use rand::distr::{Alphanumeric, SampleString as _};
    Alphanumeric.sample_string(&mut rand::rng(), 24)
}

/// The files of a certificate, seen below another folder than that of the source.
pub(super) fn moved(files: &CertificateFiles, below: &str) -> CertificateFiles {
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
    source: IpAddr,
) -> Result<MailboxTestSheet, HarnessError> {
    let chosen = choose_test_user(folder, created, IMAP_PORT, KEY_PASSWORD)?;
    Ok(MailboxTestSheet {
        user: chosen.user,
        password_file: chosen.password_file,
        source_imap: SocketAddr::from((source, IMAP_PORT)),
        // The test run is isolated: it listens there alone.
        destination_imap: SocketAddr::from(([127, 0, 0, 1], IMAP_PORT)),
    })
}

/// What leads the client to the file server, which is behind a proxy.
fn through(endpoints: &Endpoints) -> Vec<String> {
    let (address, port) = (endpoints.share.ip(), endpoints.share.port());
    let mut options = match endpoints.client {
        ShareClient::Rclone => vec![
            format!("--smb-host={address}"),
            format!("--smb-port={port}"),
        ],
        ShareClient::Kernel => vec![format!("ip={address}"), format!("port={port}")],
        ShareClient::KernelNfs => Vec::new(),
    };
    options.extend(endpoints.options.iter().map(|&option| option.to_owned()));
    options
}

/// What the file server calls what it gives away.
fn exported(endpoints: &Endpoints, name: &str) -> String {
    match endpoints.client {
        ShareClient::KernelNfs => format!("/{name}"),
        ShareClient::Kernel | ShareClient::Rclone => name.to_owned(),
    }
}
