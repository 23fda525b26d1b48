//! Mounting and unmounting by a plan.

use secrecy::ExposeSecret as _;

use super::error::MountError;
use super::mountinfo::Mount;
use super::plan::MountPlan;
use crate::remote::{Remote, RemoteCommand, RemoteError};

impl MountPlan {
    /// Mounts the source where it is not mounted yet, and gives the mount that was proven.
    ///
    /// Files with secrets are removed before this returns, whatever came of the mount; where the connection breaks
    /// meanwhile, the next run replaces and removes them.
    pub async fn mount(&self, remote: &Remote) -> Result<Mount, MountError> {
        match self.proof.check(&mount_table(remote).await?) {
            // Mounted by an earlier run, or not ours to mount; something else is not covered up.
            Err(MountError::NotMounted { .. }) if !self.commands.is_empty() => {}
            other => return other,
        }
        let mounted = self.run_commands(remote).await;
        let removed = self.remove_private_files(remote).await;
        mounted?;
        removed?;
        self.proof.check(&mount_table(remote).await?)
    }

    /// Takes the mount away where it is there; what is mounted there otherwise is left alone.
    pub async fn unmount(&self, remote: &Remote) -> Result<(), MountError> {
        self.remove_private_files(remote).await?;
        if self.undo.is_empty() {
            return Ok(());
        }
        match self.proof.check(&mount_table(remote).await?) {
            Ok(_) => {}
            Err(MountError::NotMounted { .. }) => return Ok(()),
            Err(error) => return Err(error),
        }
        for command in &self.undo {
            require_success(remote, command, Vec::new()).await?;
        }
        Ok(())
    }

    async fn run_commands(&self, remote: &Remote) -> Result<(), RemoteError> {
        for file in &self.private_files {
            let content = file.content.expose_secret().as_bytes().to_vec();
            require_success(remote, &file.write_command(self.privilege), content).await?;
        }
        for command in &self.commands {
            require_success(remote, command, Vec::new()).await?;
        }
        Ok(())
    }

    async fn remove_private_files(&self, remote: &Remote) -> Result<(), RemoteError> {
        for file in &self.private_files {
            require_success(remote, &file.remove_command(self.privilege), Vec::new()).await?;
        }
        Ok(())
    }
}

async fn mount_table(remote: &Remote) -> Result<Vec<u8>, RemoteError> {
    let command = RemoteCommand::new("cat").argument("/proc/self/mountinfo");
    let output = remote.run(&command, Vec::new()).await?;
    Ok(output.require_success(&command)?.stdout)
}

async fn require_success(
    remote: &Remote,
    command: &RemoteCommand,
    stdin: Vec<u8>,
) -> Result<(), RemoteError> {
    remote
        .run(command, stdin)
        .await?
        .require_success(command)
        .map(drop)
}
