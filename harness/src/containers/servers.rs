//! Both servers as containers, with the networks between them.
//!
//! ```text
//! this machine ──front── destination ──back── source
//! ```

use std::net::IpAddr;
use std::path::Path;

use testcontainers::bollard::models::{DeviceMapping, NetworkConnectRequest};
use testcontainers::core::WaitFor;
use testcontainers::runners::AsyncRunner as _;
use testcontainers::{ContainerRequest, CopyTargetOptions, GenericImage, ImageExt as _};

use super::engine::Engine;
use super::images::Images;
use super::owned::{Owner, make_network};
use crate::error::{ContainersError, tried};

/// The folder of the source that is shared, and the folder for what its agent writes beside it.
pub(super) const SHARED: &str = "/srv/groupwise";
pub(super) const AGENT_FOLDER: &str = "/var/lib/rehearsal";
/// The program that plays all roles, at the source.
pub(super) const AGENT_PROGRAM: &str = "/usr/local/lib/rehearsal/gwsim";
/// Where post offices live at the destination, and where jobs do.
pub(crate) const SYSTEM: &str = "/gwsystem";
pub(crate) const JOBS: &str = "/var/opt/novell/groupwise/migration";

/// What the containers are started with.
pub(super) struct Wanted<'a> {
    /// The folder of the rehearsal.
    pub(super) folder: &'a Path,
    /// The program that plays all roles.
    pub(super) program: &'a Path,
    /// The password of the share.
    pub(super) share_password: &'a str,
    /// The password of a second file server, which has the document storage area, where there is to be one.
    pub(super) documents_password: Option<&'a str>,
    /// The host key of the destination, in OpenSSH's format.
    pub(super) host_key: String,
    /// Who may log in there.
    pub(super) authorized_key: String,
}

/// Both servers, running.
#[derive(Debug)]
pub(super) struct Servers {
    pub(super) source: Server,
    pub(super) destination: Server,
    /// The address of the source on the network between both.
    pub(super) source_behind: IpAddr,
    /// The address of this machine on that network.
    pub(super) gateway_behind: IpAddr,
    /// The address there of the server that has the document storage area, where that is another one.
    pub(super) documents_behind: Option<IpAddr>,
}

/// One server.
#[derive(Debug)]
pub(super) struct Server {
    /// The number of its container.
    pub(super) id: String,
    /// Its address on the network that this machine looks at it from.
    pub(super) address: IpAddr,
}

/// Starts both.
///
/// # Errors
/// What the engine says.
pub(super) async fn start(
    engine: &Engine,
    owner: &Owner,
    images: Images,
    wanted: &Wanted<'_>,
) -> Result<Servers, ContainersError> {
    let (label, value) = owner.label();
    let (front, back) = (owner.name("front"), owner.name("back"));
    make_network(engine, owner, &front).await?;
    make_network(engine, owner, &back).await?;
    let documents = match wanted.documents_password {
        None => None,
        Some(password) => {
            let folder = wanted.folder.join("source/DOCS");
            let image = images.source.clone();
            let profile = SourceProfile::Today;
            let server = source(image, profile, &[(&folder, SHARED)], password);
            let server = server.with_label(label, &value).with_network(&back);
            let id = run(server.with_hostname("documents")).await?;
            Some(address(engine, &id, &back).await?)
        }
    };
    let source = source_of(
        images.source,
        wanted.folder,
        wanted.program,
        wanted.share_password,
        SourceProfile::Today,
    );
    let source = source.with_label(label, &value).with_network(&front);
    let source = run(source.with_hostname("source")).await?;
    let destination = destination(images.destination, wanted);
    let destination = run(destination.with_label(label, &value).with_network(&front)).await?;
    for id in [&source, &destination] {
        let request = NetworkConnectRequest {
            container: id.clone(),
            endpoint_config: None,
        };
        let connected = engine.docker.connect_network(&back, request).await;
        connected.map_err(tried("connect a network"))?;
    }
    let (source_front, destination_front) = (
        address(engine, &source, &front).await?,
        address(engine, &destination, &front).await?,
    );
    let source_behind = address(engine, &source, &back).await?;
    Ok(Servers {
        source: Server {
            id: source,
            address: source_front,
        },
        destination: Server {
            id: destination,
            address: destination_front,
        },
        source_behind,
        gateway_behind: gateway(engine, &back).await?,
        documents_behind: documents,
    })
}

/// Starts a container, and gives its number.
///
/// # Errors
/// What the engine says.
pub(super) async fn run(
    request: ContainerRequest<GenericImage>,
) -> Result<String, ContainersError> {
    let started = request.start().await;
    let container = started.map_err(|cause| ContainersError::Container {
        operation: "start a container",
        cause,
    })?;
    let id = container.id().to_owned();
    // It would remove itself, and can only do so inside a runtime.  Whoever owns its label removes it.
    std::mem::forget(container);
    Ok(id)
}

/// What the file server of the source speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceProfile {
    /// SMB 2.1 and newer, as servers of today.
    Today,
    /// SMB 1 alone, as NetWare and old Windows servers.
    Old,
    /// NFS 3 and 4, and no SMB.
    Nfs,
}

impl SourceProfile {
    /// What the entry script of the image calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Today => "smb3",
            Self::Old => "smb1",
            Self::Nfs => "nfs",
        }
    }
}

/// The source server of the rehearsal in `folder`, with the program that plays all roles.
pub(super) fn source_of(
    image: GenericImage,
    folder: &Path,
    program: &Path,
    share_password: &str,
    profile: SourceProfile,
) -> ContainerRequest<GenericImage> {
    let (shared, agent) = (folder.join("source"), folder.join("agent"));
    let folders = [
        (shared.as_path(), SHARED),
        (agent.as_path(), AGENT_FOLDER),
        (program, AGENT_PROGRAM),
    ];
    source(image, profile, &folders, share_password)
}

/// A source server with folders of this machine in it.
pub(super) fn source(
    image: GenericImage,
    profile: SourceProfile,
    folders: &[(&Path, &str)],
    share_password: &str,
) -> ContainerRequest<GenericImage> {
    let binds: Vec<String> = folders
        .iter()
        .map(|(here, there)| format!("{}:{there}", here.display()))
        .collect();
    let password = CopyTargetOptions::new("/run/rehearsal/share-password").with_mode(0o600);
    image
        .with_wait_for(WaitFor::message_on_either_std("started."))
        .with_copy_to(password, share_password.as_bytes().to_vec())
        .with_cmd(["/usr/local/sbin/source-server", profile.name()])
        .with_host_config_modifier(move |host| {
            host.binds = Some(binds.clone());
            host.init = Some(true);
            if profile == SourceProfile::Nfs {
                // It opens files by the numbers that its clients hold.
                host.cap_add = Some(vec!["DAC_READ_SEARCH".into()]);
            }
            // A real server does not filter the system calls of its programs.
            host.security_opt = Some(vec!["seccomp=unconfined".into()]);
        })
}

fn destination(image: GenericImage, wanted: &Wanted<'_>) -> ContainerRequest<GenericImage> {
    let at = |name: &str| wanted.folder.join("destination").join(name);
    let binds = vec![
        format!("{}:{SYSTEM}", at("gwsystem").display()),
        format!("{}:{JOBS}", at("migration").display()),
    ];
    let host_key = CopyTargetOptions::new("/etc/ssh/ssh_host_ed25519_key").with_mode(0o600);
    let authorized = CopyTargetOptions::new("/root/.ssh/authorized_keys").with_mode(0o600);
    image
        .with_wait_for(WaitFor::message_on_either_std(
            "Server listening on 0.0.0.0",
        ))
        .with_copy_to(host_key, wanted.host_key.clone().into_bytes())
        .with_copy_to(authorized, wanted.authorized_key.clone().into_bytes())
        .with_hostname("destination")
        .with_host_config_modifier(move |host| {
            host.binds = Some(binds.clone());
            host.init = Some(true);
            // Mounting is what the destination must be able to do.
            host.cap_add = Some(vec!["SYS_ADMIN".into()]);
            host.devices = Some(vec![DeviceMapping {
                path_on_host: Some("/dev/fuse".into()),
                path_in_container: Some("/dev/fuse".into()),
                cgroup_permissions: Some("rwm".into()),
            }]);
            host.security_opt = Some(vec![
                "seccomp=unconfined".into(),
                "apparmor=unconfined".into(),
            ]);
        })
}

/// The address of a container on a network.
pub(super) async fn address(
    engine: &Engine,
    id: &str,
    network: &str,
) -> Result<IpAddr, ContainersError> {
    let found = engine.docker.inspect_container(id, None).await;
    let found = found.map_err(tried("look at a container"))?;
    let settings = found.network_settings;
    let networks = settings.and_then(|settings| settings.networks);
    networks
        .unwrap_or_default()
        .get(network)
        .and_then(|endpoint| endpoint.ip_address.as_deref()?.parse().ok())
        .ok_or(ContainersError::Untold("address of a container"))
}

/// The address of this machine on a network.
async fn gateway(engine: &Engine, network: &str) -> Result<IpAddr, ContainersError> {
    let found = engine.docker.inspect_network(network, None).await;
    let found = found.map_err(tried("look at a network"))?;
    let configurations = found.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    configurations
        .iter()
        .find_map(|one| one.gateway.as_deref()?.parse().ok())
        .ok_or(ContainersError::Untold("gateway of a network"))
}
