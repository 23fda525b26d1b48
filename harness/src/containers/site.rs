//! What a play does with the containers.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use simulator::Created;

use super::prepare::moved;
use super::remote_agent::RemoteAgent;
use super::servers::{AGENT_FOLDER, SHARED};
use super::{CLIENT_PORT, Containers, HTTP_PORT, IMAP_PORT, POA_USER};
use crate::network::{Conditions, Passage};
use crate::rehearsal::RehearsalError;
use crate::site::{Absence, Disturbance, Seen, Site};
use crate::source_agent::{AgentOrders, AgentPlace, SourceAgent, agent_arguments};
use crate::worksheet::RehearsalWorksheet;

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

    fn disturb_share(&self, disturbance: Disturbance) -> Result<(), RehearsalError> {
        match disturbance {
            Disturbance::CutAfterBytes(bytes) => self.share.cut_after_bytes(bytes),
            Disturbance::SilentSeconds(seconds) => {
                self.set_share(Passage::BlackHole);
                let share = Arc::clone(&self.share);
                std::thread::spawn(move || {
                    std::thread::sleep(Duration::from_secs(seconds));
                    share.set(Conditions::default());
                });
            }
        }
        Ok(())
    }

    fn cut_after_bytes(&self, bytes: u64) {
        self.link.cut_after_bytes(bytes);
    }

    fn take_back_cut(&self) -> bool {
        let of_share = self.share.take_back_cut();
        self.link.take_back_cut() || of_share
    }

    fn source_goes(&self, absence: Absence) -> Result<(), RehearsalError> {
        if absence == Absence::Empty {
            return Err(RehearsalError::NoSuchFault);
        }
        self.set_share(Passage::Refuse);
        self.share.reset_connections();
        Ok(())
    }

    fn source_comes_back(&self, _absence: Absence) -> Result<(), RehearsalError> {
        self.set_share(Passage::Open);
        Ok(())
    }

    fn software_is_installed(&self) -> Result<(), RehearsalError> {
        // It watches the agents of this server, and starts one again that was stopped.
        self.run("destination", &["/etc/init.d/gwha", "start"])?;
        Ok(())
    }

    fn poa_user(&self) -> Result<Option<(String, String)>, RehearsalError> {
        let found = self.run("destination", &["ps", "-C", "gwpoa", "-o", "user="])?;
        Ok(Some((POA_USER.to_owned(), found.trim().to_owned())))
    }

    fn start_agent(&self, orders: &AgentOrders) -> Result<SourceAgent, RehearsalError> {
        let certificate = self.sheet.certificate.as_ref();
        let place = AgentPlace {
            home: Path::new(SHARED).join("PO"),
            certificate: certificate.map(|files| moved(files, SHARED)),
            ip: Some([0, 0, 0, 0].into()),
            ports: Some([CLIENT_PORT, HTTP_PORT, IMAP_PORT]),
        };
        let arguments = agent_arguments(orders, &place, Path::new(AGENT_FOLDER));
        let process = RemoteAgent::start(
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
        // It goes with its server.
        Ok(())
    }

    fn stop(self: Box<Self>) {
        // Whoever forgets to call this loses nothing.
        drop(self);
    }
}
