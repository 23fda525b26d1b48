//! The Docker engine of this machine.

use std::time::Duration;

use futures_util::StreamExt as _;
use testcontainers::bollard::Docker;
use testcontainers::bollard::exec::{CreateExecOptions, StartExecOptions, StartExecResults};

use crate::error::{ContainersError, tried};

/// How long the engine may take to say that it is there.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection to the engine.
#[derive(Debug, Clone)]
pub(super) struct Engine {
    pub(super) docker: Docker,
}

/// What a command in a container came to.
#[derive(Debug, Clone)]
pub struct Ran {
    /// With which code it ended.
    pub code: i64,
    /// What it said, on both outputs.
    pub said: String,
}

impl Engine {
    /// Connects to the engine that the environment names, or the local one.
    ///
    /// # Errors
    /// [`ContainersError::NoEngine`].
    pub(super) async fn connect() -> Result<Self, ContainersError> {
        let no_engine = |cause: String| ContainersError::NoEngine(cause);
        let docker =
            Docker::connect_with_defaults().map_err(|error| no_engine(error.to_string()))?;
        tokio::time::timeout(PING_TIMEOUT, docker.ping())
            .await
            .map_err(|_| no_engine(format!("it is silent for {} s", PING_TIMEOUT.as_secs())))?
            .map_err(|error| no_engine(error.to_string()))?;
        Ok(Self { docker })
    }

    /// Runs a command in a container to its end.
    ///
    /// # Errors
    /// What the engine says; how the command ended is no error.
    pub(super) async fn run(
        &self,
        container: &str,
        command: &[&str],
    ) -> Result<Ran, ContainersError> {
        let id = self.create_exec(container, command, true).await?;
        let started = self
            .docker
            .start_exec(&id, None::<StartExecOptions>)
            .await
            .map_err(tried("run a command"))?;
        let mut said = Vec::new();
        if let StartExecResults::Attached { mut output, .. } = started {
            while let Some(part) = output.next().await {
                let part = part.map_err(tried("read what a command says"))?;
                said.extend_from_slice(&part.into_bytes());
            }
        }
        let code = self.exit_code(&id).await?.unwrap_or(-1);
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        Ok(Ran { code, said })
    }

    /// Starts a command in a container that goes on by itself; gives its number.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn spawn(
        &self,
        container: &str,
        command: &[&str],
    ) -> Result<String, ContainersError> {
        let id = self.create_exec(container, command, false).await?;
        let options = StartExecOptions {
            detach: true,
            ..StartExecOptions::default()
        };
        self.docker
            .start_exec(&id, Some(options))
            .await
            .map_err(tried("start a command"))?;
        Ok(id)
    }

    /// With which code a command ended; none while it runs.
    ///
    /// # Errors
    /// What the engine says.
    pub(super) async fn exit_code(&self, id: &str) -> Result<Option<i64>, ContainersError> {
        let found = self.docker.inspect_exec(id).await;
        let found = found.map_err(tried("look at a command"))?;
        Ok(match found.running {
            Some(true) => None,
            _ => Some(found.exit_code.unwrap_or(-1)),
        })
    }

    async fn create_exec(
        &self,
        container: &str,
        command: &[&str],
        is_watched: bool,
    ) -> Result<String, ContainersError> {
        let options = CreateExecOptions {
            cmd: Some(command.to_vec()),
            attach_stdout: Some(is_watched),
            attach_stderr: Some(is_watched),
            ..CreateExecOptions::default()
        };
        let created = self.docker.create_exec(container, options).await;
        Ok(created.map_err(tried("prepare a command"))?.id)
    }
}
