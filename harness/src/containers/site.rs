//! What a play does with the containers.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;

use simulator::Created;

use super::remote_agent;
use super::{Containers, HTTP_PORT, POA_USER};
use crate::error::HarnessError;
use crate::network::Networks;
use crate::site::{Site, Trees, environment_file};
use crate::source_agent::{AgentOrders, SourceAgent};
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

    fn trees(&self) -> &Trees {
        &self.trees
    }

    fn set_environment(&self, environment: BTreeMap<String, String>) -> Result<(), HarnessError> {
        let lines = environment_file(environment);
        let script = r#"printf '%s' "$1" >"$2/.ssh/environment""#;
        let home = self.login.home();
        self.run("destination", &["sh", "-c", script, "sh", &lines, home])?;
        Ok(())
    }

    fn networks(&self) -> Option<&Networks> {
        Some(&self.networks)
    }

    fn software_is_installed(&self) -> Result<(), HarnessError> {
        // It watches the agents of this server, and starts one again that was stopped.
        self.run("destination", &["/etc/init.d/gwha", "start"])?;
        Ok(())
    }

    fn poa_user(&self) -> Result<Option<(String, String)>, HarnessError> {
        let found = self.run("destination", &["ps", "-C", "gwpoa", "-o", "user="])?;
        Ok(Some((POA_USER.to_owned(), found.trim().to_owned())))
    }

    fn refused_commands(&self) -> Result<Vec<String>, HarnessError> {
        Ok(self.refused_by_sudo()?)
    }

    fn start_agent(&self, orders: &AgentOrders) -> Result<SourceAgent, HarnessError> {
        remote_agent::start(
            (&self.runtime, &self.engine, &self.servers.source.id),
            (&self.folder, &self.sheet),
            orders,
        )
    }

    fn poa_address(&self) -> SocketAddr {
        SocketAddr::from((self.servers.destination.address, HTTP_PORT))
    }

    fn stop(self: Box<Self>) {
        // Whoever forgets to call this loses nothing.
        drop(self);
    }
}
