//! The agent of the source, as a process in the container of the source.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use rustix::process::Signal;
use tokio::runtime::{Handle, Runtime};

use super::engine::Engine;
use super::prepare::moved;
use super::servers::{AGENT_FOLDER, AGENT_PROGRAM, SHARED};
use super::{CLIENT_PORT, HTTP_PORT, IMAP_PORT};
use crate::error::{ContainersError, HarnessError};
use crate::source_agent::{AgentOrders, AgentPlace, AgentProcess, SourceAgent, agent_arguments};
use crate::worksheet::RehearsalWorksheet;

/// Starts the agent that the source of the rehearsal in a folder has.
///
/// # Errors
/// What starting it says.
pub(super) fn start(
    (runtime, engine, container): (&Runtime, &Engine, &str),
    (folder, sheet): (&Path, &RehearsalWorksheet),
    orders: &AgentOrders,
) -> Result<SourceAgent, HarnessError> {
    let certificate = sheet.certificate.as_ref();
    let place = AgentPlace {
        home: Path::new(SHARED).join("PO"),
        certificate: certificate.map(|files| moved(files, SHARED)),
        ip: Some([0, 0, 0, 0].into()),
        ports: Some([CLIENT_PORT, HTTP_PORT, IMAP_PORT]),
    };
    let arguments = agent_arguments(orders, &place, Path::new(AGENT_FOLDER));
    let handle = runtime.handle().clone();
    let process = RemoteAgent::start(handle, engine.clone(), container, &arguments)?;
    SourceAgent::of_process(Box::new(process), &folder.join("agent"), orders.number)
}

/// A process in a container; it ends with the container at the latest.
#[derive(Debug)]
struct RemoteAgent {
    runtime: Handle,
    engine: Engine,
    container: String,
    exec: String,
}

impl RemoteAgent {
    /// Starts it.
    ///
    /// # Errors
    /// What the engine says.
    fn start(
        runtime: Handle,
        engine: Engine,
        container: &str,
        arguments: &[OsString],
    ) -> Result<Self, ContainersError> {
        let mut command = vec![AGENT_PROGRAM.to_owned()];
        // Everything that an agent is told here was made by the rehearsal and is UTF-8.
        let texts = arguments.iter().map(|text| text.to_string_lossy());
        command.extend(texts.map(std::borrow::Cow::into_owned));
        let words: Vec<&str> = command.iter().map(String::as_str).collect();
        let exec = runtime.block_on(engine.spawn(container, &words))?;
        Ok(Self {
            runtime,
            engine,
            container: container.to_owned(),
            exec,
        })
    }
}

impl AgentProcess for RemoteAgent {
    fn exit_code(&mut self) -> io::Result<Option<i64>> {
        let asking = self.engine.exit_code(&self.exec);
        self.runtime.block_on(asking).map_err(io::Error::other)
    }

    fn signal(&mut self, signal: Signal) -> io::Result<()> {
        let number = format!("-{}", signal.as_raw());
        let command = ["pkill", &number, "-x", "gwsim"];
        let killing = self.engine.run(&self.container, &command);
        let ran = self.runtime.block_on(killing).map_err(io::Error::other)?;
        if ran.code == 0 {
            return Ok(());
        }
        let said = format!("pkill ended with {}: {}", ran.code, ran.said);
        Err(io::Error::other(said))
    }
}
