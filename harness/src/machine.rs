//! The back end with an emulated destination: a machine of its own kernel, which mounts the source's share with its own
//! cifs client, as production does.
//!
//! ```text
//! this machine ── emulated network ── destination (qemu)
//!      └── Docker network ── source (container)
//! ```
//!
//! The processors are emulated, so it is slow.  What lies at the destination is fetched over ssh before it is looked at.

mod disk;
mod emulator;
mod fetch;
mod site;
mod terminal;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use simulator::Created;

use crate::containers::{ADD_POA_USER, Endpoints, JOBS, Login, Prepared, SYSTEM, SourceAlone};
use crate::error::{HarnessError, MachineError, io_error};
use crate::network::{Link, Networks};
use crate::site::{Site as _, SiteOptions, Trees};
use crate::worksheet::{RehearsalWorksheet, ShareClient};
use emulator::{Emulator, Forwarded};
use terminal::Terminal;

/// The address of the emulated machine, and that of this machine on the emulated network.
const DESTINATION: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 15));
const GATEWAY: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 2, 2));

/// Source and destination of a rehearsal with an emulated destination.
#[derive(Debug)]
pub struct Machine {
    folder: PathBuf,
    created: Created,
    sheet: RehearsalWorksheet,
    trees: Trees,
    source: SourceAlone,
    terminal: Terminal,
    ports: Forwarded,
    networks: Networks,
    /// Ends when this is dropped.
    _emulator: Emulator,
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
        let prepared = Prepared::make(folder, options)?;
        let disk = disk::have(note)?;
        let password = &prepared.share_password;
        let source = SourceAlone::start(folder, &options.program, password, note)?;
        let keys = disk::keys(
            folder,
            &prepared.host.private_text()?,
            &prepared.client.public_line(),
        )?;
        let ports = Forwarded::choose()?;
        let began = std::time::Instant::now();
        let mut emulator = Emulator::start(&disk, &keys, &ports, &folder.join("agent/console"))?;
        let terminal = Terminal::open(ports.ssh, &prepared.key, &mut emulator)?;
        note(&format!(
            "{:<44} {:>8} ms",
            "the emulated machine has begun",
            began.elapsed().as_millis()
        ));
        let link_to = |target: SocketAddr| {
            Link::start(SocketAddr::from(([127, 0, 0, 1], 0)), target)
                .map_err(io_error("start a proxy for", folder))
        };
        let link = link_to(ports.ssh)?;
        let share = link_to(SocketAddr::new(source.address(), 445))?;
        let endpoints = Endpoints {
            login: Login::Root,
            server: link.address(),
            share: SocketAddr::new(GATEWAY, share.address().port()),
            client: ShareClient::Kernel,
            source: source.address(),
            documents: None,
            destination: DESTINATION,
        };
        let sheet = prepared.sheet(folder, options, &endpoints)?;
        let trees = Trees::between_servers(folder, &sheet.post_office, options.with_documents);
        let machine = Self {
            folder: folder.to_owned(),
            created: prepared.created,
            sheet,
            trees,
            source,
            terminal,
            ports,
            networks: Networks { link, share },
            _emulator: emulator,
        };
        machine.write_worksheet()?;
        machine.run(&format!("mkdir -p {SYSTEM} {JOBS}"))?;
        machine.run(&ADD_POA_USER.join(" "))?;
        Ok(machine)
    }

    /// Runs a command line at the destination, which must end well; gives what it printed.
    ///
    /// # Errors
    /// What the connection says, and how the command ended.
    pub fn run(&self, command: &str) -> Result<String, MachineError> {
        self.terminal.run(command, &[])
    }

    /// Where the file server of the source is, seen from the destination.
    pub fn share_address(&self) -> SocketAddr {
        SocketAddr::new(GATEWAY, self.networks.share.address().port())
    }
}
