//! What a play does with the emulated destination and its source.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use simulator::Created;

use super::{Machine, fetch};
use crate::containers::{JOBS, POA_USER, SYSTEM};
use crate::error::HarnessError;
use crate::network::{Disturbance, Network, Networks};
use crate::site::{Absence, Site, Trees, environment_file};
use crate::source_agent::{AgentOrders, SourceAgent};
use crate::worksheet::RehearsalWorksheet;

impl Site for Machine {
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
        let lines = environment_file(environment);
        let writing = "cat >/root/.ssh/environment";
        self.booted.terminal.run(writing, lines.as_bytes())?;
        Ok(())
    }

    fn look_at_destination(&self) -> Result<(), HarnessError> {
        for (there, here) in [(SYSTEM, "gwsystem"), (JOBS, "migration")] {
            let here = self.folder.join("destination").join(here);
            fetch::fetch(&self.booted.terminal, there, &here)?;
        }
        Ok(())
    }

    fn leave_at_destination(&self, name: &str, content: &[u8]) -> Result<(), HarnessError> {
        let path = self.sheet.destination.join(name);
        let writing = format!("cat >{}", path.display());
        self.booted.terminal.run(&writing, content)?;
        Ok(())
    }

    fn remove_at_destination(&self, name: &Path) -> Result<(), HarnessError> {
        let path = self.sheet.destination.join(name);
        let removing = format!("rm {}", path.display());
        self.booted.terminal.run(&removing, &[])?;
        Ok(())
    }

    fn networks(&self) -> Option<&Networks> {
        Some(&self.networks)
    }

    fn disturb(&self, network: Network, disturbance: Disturbance) -> Result<(), HarnessError> {
        if network == Network::Link || !self.way.is_nfs() {
            self.networks.disturb(network, disturbance);
            return Ok(());
        }
        let Disturbance::Silent(seconds) = disturbance else {
            return Err(HarnessError::NoSuchFault);
        };
        self.source.let_nfs_speak(false)?;
        let source = Arc::clone(&self.source);
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(seconds));
            // Whoever ended the disturbance before has let it speak; a source that is gone speaks no more.
            let _ = source.let_nfs_speak(true);
        });
        Ok(())
    }

    fn calm(&self) -> bool {
        let speaks = !self.way.is_nfs() || self.source.let_nfs_speak(true).is_ok();
        self.networks.calm() && speaks
    }

    fn source_goes(&self, absence: Absence) -> Result<(), HarnessError> {
        if absence == Absence::Empty {
            return Err(HarnessError::NoSuchFault);
        }
        if self.way.is_nfs() {
            self.source.let_nfs_be_there(false)?;
        } else {
            self.networks.share.close();
        }
        Ok(())
    }

    fn source_comes_back(&self, _absence: Absence) -> Result<(), HarnessError> {
        if self.way.is_nfs() {
            self.source.let_nfs_be_there(true)?;
        } else {
            self.networks.share.open();
        }
        Ok(())
    }

    fn software_is_installed(&self) -> Result<(), HarnessError> {
        // It watches the agents of this server, and starts one again that was stopped.
        self.run("/etc/init.d/gwha start </dev/null >/dev/null 2>&1")?;
        Ok(())
    }

    fn poa_user(&self) -> Result<Option<(String, String)>, HarnessError> {
        if self.sheet.package.is_none() {
            return Ok(None);
        }
        let found = self.run("ps -C gwpoa -o user=")?;
        Ok(Some((POA_USER.to_owned(), found)))
    }

    fn start_agent(&self, orders: &AgentOrders) -> Result<SourceAgent, HarnessError> {
        self.source.start_agent(&self.folder, &self.sheet, orders)
    }

    fn poa_address(&self) -> SocketAddr {
        self.booted.ports.http
    }

    fn imap_address(&self) -> Option<SocketAddr> {
        self.sheet
            .mailbox_test
            .as_ref()
            .map(|_| self.booted.ports.imap)
    }

    fn stop(self: Box<Self>) {
        // Whoever forgets to call this loses nothing.
        drop(self);
    }
}
