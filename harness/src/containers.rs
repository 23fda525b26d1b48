//! The containers back end: a source server with a real share and a destination with a real sshd, each with an address of
//! its own, and networks between them.
//!
//! What both hold lies in the folder of the rehearsal and is bound into the containers, so that the checks read it with
//! plain file functions, as on the other back end.  Everything else is as in life: the migrator comes over the network,
//! mounts the share, installs the software, and has the agent serve from the destination's own address.

mod engine;
mod images;
mod login;
mod owned;
mod prepare;
mod remote_agent;
mod servers;
mod share;
mod site;
mod software;
mod source_alone;
mod way;

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use simulator::Created;

pub use engine::Ran;
pub use servers::SourceProfile;
pub use share::ask_share;

pub use way::Way;

pub(crate) use login::Login;
pub(crate) use prepare::{Endpoints, Keys, Prepared};
pub(crate) use servers::{JOBS, SYSTEM};
pub(crate) use source_alone::SourceAlone;

use crate::error::{ContainersError, HarnessError, io_error};
use crate::network::{Link, Networks};
use crate::site::{Site as _, SiteOptions, Trees};
use crate::worksheet::{RehearsalWorksheet, ShareClient};
use engine::Engine;
use owned::Owner;
use servers::Servers;

/// Where the share is mounted at the destination.
const MOUNT_POINT: &str = "/mnt/gwsource";

/// Where the share of the document storage area is.
const DOCUMENTS_MOUNT_POINT: &str = "/mnt/gwdocuments";

/// The user that the Linux POA is to run as.
pub(crate) const POA_USER: &str = "gwpoa";

/// What makes that user.
pub(crate) const ADD_POA_USER: [&str; 5] = [
    "useradd",
    "--system",
    "--shell",
    "/usr/sbin/nologin",
    POA_USER,
];

/// The domain of the post office, which its service is named for.
const DOMAIN: &str = "main";

/// What the key of the simulated POA is encrypted with.
const KEY_PASSWORD: &str = "rehearsed";

/// The ports of both agents: for clients, of the status page, and of IMAP.
const CLIENT_PORT: u16 = 1677;
pub(crate) const HTTP_PORT: u16 = 7181;
pub(crate) const IMAP_PORT: u16 = 143;

/// Both servers of a rehearsal, as containers.
#[derive(Debug)]
pub struct Containers {
    folder: PathBuf,
    created: Created,
    sheet: RehearsalWorksheet,
    trees: Trees,
    login: Login,
    servers: Servers,
    networks: Networks,
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
    /// What the engine calls the container of the destination.
    pub fn destination_id(&self) -> &str {
        &self.servers.destination.id
    }

    /// Makes a post office, keys, images where there are none, both servers and a worksheet in an empty folder.
    ///
    /// # Errors
    /// What making any of them says.
    pub fn start(
        folder: &Path,
        options: &SiteOptions,
        note: &mut dyn FnMut(&str),
    ) -> Result<Self, HarnessError> {
        let mut prepared = Prepared::make(folder, options)?;
        if options.with_documents && options.seed.is_multiple_of(2) {
            prepared.put_documents_apart(folder)?;
        }
        let runtime = runtime()?;
        let owner = Owner::new();
        let starting = prepared.start_servers(folder, options, &owner, note);
        let (engine, servers) = runtime.block_on(starting)?;
        let link_to = |listen: IpAddr, target: (IpAddr, u16)| {
            Link::start(SocketAddr::from((listen, 0)), SocketAddr::from(target))
                .map_err(io_error("start a proxy for", folder))
        };
        let link = link_to([127, 0, 0, 1].into(), (servers.destination.address, 22))?;
        let share = link_to(servers.gateway_behind, (servers.source_behind, 445))?;
        let login = Login::of(options.seed);
        let endpoints = Endpoints {
            login,
            server: link.address(),
            // Through the proxy, at the gateway of the network between both.
            share: share.address(),
            client: ShareClient::Rclone,
            options: &[],
            source: servers.source_behind,
            documents: servers.documents_behind,
            destination: servers.destination.address,
        };
        let sheet = prepared.sheet(folder, options, &endpoints)?;
        let trees = Trees::between_servers(folder, &sheet.post_office, options.with_documents);
        let containers = Self {
            folder: folder.to_owned(),
            created: prepared.created,
            sheet,
            trees,
            login,
            servers,
            networks: Networks { link, share },
            engine,
            owner,
            runtime,
        };
        containers.write_worksheet()?;
        containers.run("destination", &ADD_POA_USER)?;
        containers.make_login()?;
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

impl Drop for Containers {
    fn drop(&mut self) {
        let removing = owned::remove_all_of(&self.engine, &self.owner);
        // What cannot be removed now is swept by the next rehearsal.
        if let Err(error) = self.runtime.block_on(removing) {
            tracing::warn!(%error, "a container or network was left behind");
        }
    }
}
