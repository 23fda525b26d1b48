//! The back end with an emulated destination: a machine of its own kernel, which mounts the source's share with its own
//! cifs client, as production does.
//!
//! ```text
//! this machine ── emulated network ── destination (qemu)
//!      └── Docker network ── source (container)
//! ```
//!
//! The share is behind a proxy, whose port is an option of the mount.  NFS 3 asks for the ports of its server, so an export is
//! mounted past the proxy; what disturbs that way is done to the server itself.
//!
//! The processors are emulated, so it is slow.  What lies at the destination is fetched over ssh before it is looked at.

mod disk;
mod emulator;
mod fetch;
mod site;
mod terminal;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use simulator::Created;

use crate::containers::{
    ADD_POA_USER, Endpoints, JOBS, Keys, Login, POA_USER, Prepared, SYSTEM, SourceAlone, Way,
};
use crate::error::{HarnessError, MachineError, io_error};
use crate::network::{Link, Networks};
use crate::site::{Site as _, SiteOptions, Trees};
use crate::worksheet::RehearsalWorksheet;
use emulator::{Emulator, Forwarded};
use terminal::Terminal;

/// The address of the emulated machine, and that of this machine on the emulated network.
const DESTINATION: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 15));
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2));

/// Takes away what a rehearsal left mounted.
const CLEAR: &str =
    "for at in $(awk '$3 ~ /^(cifs|nfs)/ { print $2 }' /proc/mounts); do umount -l $at; done";

/// An emulated machine that has begun, for one rehearsal after another; it ends with the last who holds it.
#[derive(Debug)]
pub struct Booted {
    keys: Keys,
    terminal: Terminal,
    ports: Forwarded,
    /// Ends when this is dropped.
    _emulator: Emulator,
}

impl Booted {
    /// Begins one, after its disk was made where there is none; its keys and what it says on its console are kept in `folder`.
    ///
    /// # Errors
    /// What making the disk, and beginning, say.
    pub fn start(folder: &Path, note: &mut dyn FnMut(&str)) -> Result<Arc<Self>, HarnessError> {
        let disk = disk::have(note)?;
        let keys = Keys::make(folder)?;
        let written = disk::keys(folder, &keys.host, &keys.authorized)?;
        let ports = Forwarded::choose()?;
        let began = std::time::Instant::now();
        let agent = folder.join("agent");
        std::fs::create_dir_all(&agent).map_err(io_error("create", &agent))?;
        let console = agent.join("console");
        let mut emulator = Emulator::start(&disk, &written, &ports, &console)?;
        let terminal = Terminal::open(ports.ssh, &keys.file, &mut emulator)?;
        note(&format!(
            "{:<44} {:>8} ms",
            "the emulated machine has begun",
            began.elapsed().as_millis()
        ));
        Ok(Arc::new(Self {
            keys,
            terminal,
            ports,
            _emulator: emulator,
        }))
    }

    /// Runs a command line at the machine, which must end well; gives what it printed.
    ///
    /// # Errors
    /// What the connection says, and how the command ended.
    pub fn run(&self, command: &str) -> Result<String, MachineError> {
        self.terminal.run(command, &[])
    }
}

/// Source and destination of a rehearsal with an emulated destination.
#[derive(Debug)]
pub struct Machine {
    folder: PathBuf,
    created: Created,
    sheet: RehearsalWorksheet,
    trees: Trees,
    way: Way,
    source: Arc<SourceAlone>,
    booted: Arc<Booted>,
    networks: Networks,
}

impl Machine {
    /// Makes a post office, keys, the disk where there is none, both servers and a worksheet in an empty folder.
    ///
    /// # Errors
    /// What making any of them says.
    pub fn start(
        folder: &Path,
        options: &SiteOptions,
        note: &mut dyn FnMut(&str),
    ) -> Result<Self, HarnessError> {
        let booted = Booted::start(folder, note)?;
        Self::on(&booted, Way::Smb3, folder, options, note)
    }

    /// The same on a machine that has begun, which is cleared of what an earlier rehearsal left, and where no software was
    /// installed yet.
    ///
    /// # Errors
    /// What making any of them says.
    pub fn on(
        booted: &Arc<Booted>,
        way: Way,
        folder: &Path,
        options: &SiteOptions,
        note: &mut dyn FnMut(&str),
    ) -> Result<Self, HarnessError> {
        let prepared = Prepared::make_with(folder, options, booted.keys.clone())?;
        let password = &prepared.share_password;
        let source = SourceAlone::start(folder, &options.program, password, way.profile(), note)?;
        let link_to = |target: SocketAddr| {
            Link::start(SocketAddr::from(([127, 0, 0, 1], 0)), target)
                .map_err(io_error("start a proxy for", folder))
        };
        let link = link_to(booted.ports.ssh)?;
        let share = link_to(SocketAddr::new(source.address(), 445))?;
        let endpoints = Endpoints {
            login: Login::Root,
            server: link.address(),
            share: SocketAddr::new(GATEWAY, share.address().port()),
            client: way.client(),
            options: way.options(),
            source: source.address(),
            documents: None,
            destination: DESTINATION,
        };
        let sheet = prepared.sheet(folder, options, &endpoints)?;
        let mut trees = Trees::between_servers(folder, &sheet.post_office, options.with_documents);
        trees.time_step_nanoseconds = way.time_step_nanoseconds();
        let machine = Self {
            folder: folder.to_owned(),
            created: prepared.created,
            sheet,
            trees,
            way,
            source: Arc::new(source),
            booted: Arc::clone(booted),
            networks: Networks { link, share },
        };
        machine.write_worksheet()?;
        machine.run(&format!(
            "rm -rf {SYSTEM} {JOBS}; mkdir -p {SYSTEM} {JOBS}; id {POA_USER} >/dev/null 2>&1 || {}",
            ADD_POA_USER.join(" ")
        ))?;
        Ok(machine)
    }

    /// Runs a command line at the destination, which must end well; gives what it printed.
    ///
    /// # Errors
    /// What the connection says, and how the command ended.
    pub fn run(&self, command: &str) -> Result<String, MachineError> {
        self.booted.run(command)
    }

    /// How its kernel mounts the source.
    pub fn way(&self) -> Way {
        self.way
    }

    /// The address of the source, past all proxies.
    pub fn source_address(&self) -> IpAddr {
        self.source.address()
    }

    /// Where the file server of the source is, seen from the destination.
    pub fn share_address(&self) -> SocketAddr {
        SocketAddr::new(GATEWAY, self.networks.share.address().port())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // While the source is there: the kernel takes leave of a server for NFS, and waits minutes for one that has gone.
        if let Err(error) = self.run(CLEAR) {
            tracing::warn!(%error, "a mount of the emulated machine was left behind");
        }
    }
}
