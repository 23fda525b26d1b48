//! The source server alone, for a destination that is no container.

use std::net::IpAddr;
use std::path::Path;

use testcontainers::ImageExt as _;

use super::engine::Engine;
use super::images;
use super::owned::{self, Owner};
use super::remote_agent;
use super::servers::{self, SourceProfile};
use crate::error::{ContainersError, HarnessError};
use crate::source_agent::{AgentOrders, SourceAgent};
use crate::worksheet::RehearsalWorksheet;

/// The network that the engine puts a container on for which none is named.
const DEFAULT_NETWORK: &str = "bridge";

/// A source server in a container, on the engine's own network; it goes when this is dropped.
#[derive(Debug)]
pub(crate) struct SourceAlone {
    id: String,
    address: IpAddr,
    engine: Engine,
    owner: Owner,
    runtime: tokio::runtime::Runtime,
}

impl SourceAlone {
    /// Starts it for the rehearsal in `folder`.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn start(
        folder: &Path,
        program: &Path,
        share_password: &str,
        profile: SourceProfile,
        note: &mut dyn FnMut(&str),
    ) -> Result<Self, ContainersError> {
        let runtime = super::runtime()?;
        let owner = Owner::new();
        let engine = runtime.block_on(Engine::connect())?;
        let starting = async {
            owned::sweep(&engine).await?;
            let image = images::source_image(&engine, note).await?;
            let (label, value) = owner.label();
            let request = servers::source_of(image, folder, program, share_password, profile);
            let id = servers::run(request.with_label(label, &value)).await?;
            let address = servers::address(&engine, &id, DEFAULT_NETWORK).await?;
            Ok((id, address))
        };
        match runtime.block_on(starting) {
            Ok((id, address)) => Ok(Self {
                id,
                address,
                engine,
                owner,
                runtime,
            }),
            Err(error) => {
                runtime.block_on(owned::remove_all_of(&engine, &owner))?;
                Err(error)
            }
        }
    }

    /// Its address.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// Lets its server for NFS be silent, and then speak again.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn let_nfs_speak(&self, speaks: bool) -> Result<(), ContainersError> {
        let signal = if speaks { "-CONT" } else { "-STOP" };
        self.run(&["pkill", signal, "-x", "ganesha.nfsd"])
    }

    /// Lets its server for NFS go away, as one that is switched off, or come back.
    ///
    /// # Errors
    /// What the engine says.
    pub(crate) fn let_nfs_be_there(&self, is_there: bool) -> Result<(), ContainersError> {
        let script = if is_there {
            "rm /run/away; until rpcinfo -t 127.0.0.1 nfs 4 && rpcinfo -t 127.0.0.1 nlockmgr 4; do sleep 0.2; done"
        } else {
            "touch /run/away; pkill -KILL -x ganesha.nfsd"
        };
        self.run(&["sh", "-c", script])
    }

    /// Runs a command there, which must end well.
    fn run(&self, command: &[&str]) -> Result<(), ContainersError> {
        let ran = self.runtime.block_on(self.engine.run(&self.id, command))?;
        if ran.code == 0 {
            return Ok(());
        }
        Err(ContainersError::Command {
            server: "source",
            command: command.join(" "),
            code: ran.code,
            said: ran.said,
        })
    }

    /// Starts its agent.
    ///
    /// # Errors
    /// What starting it says.
    pub(crate) fn start_agent(
        &self,
        folder: &Path,
        sheet: &RehearsalWorksheet,
        orders: &AgentOrders,
    ) -> Result<SourceAgent, HarnessError> {
        let place = (&self.runtime, &self.engine, self.id.as_str());
        remote_agent::start(place, (folder, sheet), orders)
    }
}

impl Drop for SourceAlone {
    fn drop(&mut self) {
        let removing = owned::remove_all_of(&self.engine, &self.owner);
        // What cannot be removed now is swept by the next rehearsal.
        if let Err(error) = self.runtime.block_on(removing) {
            tracing::warn!(%error, "a container was left behind");
        }
    }
}
