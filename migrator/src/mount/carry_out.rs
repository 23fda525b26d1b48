//! Mounting and unmounting by a plan.

use std::time::Instant;

use postoffice::names::printable;
use protocol::mounts::Mount;
use secrecy::ExposeSecret as _;

use super::complaint::{self, Complaint, Mismatch};
use super::error::MountError;
use super::kernel_log::{self, KernelLog};
use super::plan::MountPlan;
use crate::remote::{Remote, RemoteCommand, RemoteError};

/// How long a mount may take to be looked into.
const ANSWER_TIMEOUT_SECONDS: u64 = 60;

impl MountPlan {
    /// Mounts the source where it is not mounted yet, and gives the mount that was proven.
    ///
    /// Files with secrets are removed before this returns, whatever came of the mount; where this is cut off meanwhile, the
    /// next run removes them, whatever it finds mounted.
    pub async fn mount(&self, remote: &Remote) -> Result<Mount, MountError> {
        self.remove_private_files(remote).await?;
        match self.proof.check(&mount_table(remote).await?) {
            // Mounted by an earlier run, or not ours to mount; something else is not covered up.
            // What somebody else mounted is looked into by the worker alone.
            Ok(mount) if self.commands.is_empty() || self.answers(remote).await? => {
                return Ok(mount);
            }
            // Left behind by a run that was killed, or its server came back too late for it.
            Ok(_) => self.take_stale_away(remote).await?,
            Err(MountError::NotMounted { .. }) if !self.commands.is_empty() => {}
            Err(error) => return Err(error),
        }
        let began = Instant::now();
        let mounted = self.run_commands(remote).await;
        let removed = self.remove_private_files(remote).await;
        if let Err(error) = mounted {
            return Err(self.mount_failed(remote, error, began).await);
        }
        removed?;
        let mount = self.proof.check(&mount_table(remote).await?)?;
        if self.answers(remote).await? {
            Ok(mount)
        } else {
            Err(self.does_not_answer(&mount))
        }
    }

    /// Whether what is mounted can be looked into.
    async fn answers(&self, remote: &Remote) -> Result<bool, RemoteError> {
        let seconds = ANSWER_TIMEOUT_SECONDS.to_string();
        let look = RemoteCommand::new("timeout")
            .arguments(["-k", "5", &seconds, "ls", "-U", "--"])
            .argument(self.proof.path.as_os_str())
            .privileged(self.privilege);
        Ok(remote.run(&look, Vec::new()).await?.status.is_success())
    }

    fn does_not_answer(&self, mount: &Mount) -> MountError {
        MountError::DoesNotAnswer {
            mount_point: printable(self.proof.path.as_os_str().as_encoded_bytes()),
            what: printable(&mount.source),
        }
    }

    /// Takes a mount of ours away that no longer answers; its files may still be open somewhere.
    async fn take_stale_away(&self, remote: &Remote) -> Result<(), RemoteError> {
        let unmount = RemoteCommand::new("umount")
            .arguments(["-l", "--"])
            .argument(self.proof.path.as_os_str())
            .privileged(self.privilege);
        require_success(remote, &unmount, Vec::new()).await
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

    /// What the mount program said when it could not mount, and the kernel with it since `began`.
    async fn mount_failed(
        &self,
        remote: &Remote,
        error: RemoteError,
        began: Instant,
    ) -> MountError {
        let RemoteError::CommandFailed { stderr, .. } = &error else {
            return error.into();
        };
        let log = kernel_log::read(remote, self.privilege, self.needs.file_systems, began).await;
        // A connection that broke meanwhile takes nothing away from what the program said.
        let log = log.unwrap_or(KernelLog::NotReadable);
        let said = log.added_to(complaint::brief(stderr));
        let share = self.proof.wanted.as_ref();
        let share = share.and_then(|wanted| wanted.source.clone());
        let share = share.unwrap_or_else(|| "the source".to_owned());
        match complaint::of(stderr) {
            Some(Complaint::Login) => MountError::LoginRefused { share, said },
            Some(Complaint::Share) => MountError::ShareRefused { share, said },
            // Offered the one dialect that was asked for, a server that hangs up is one that cannot be reached.
            Some(Complaint::Mismatch(Mismatch::Dialect)) if self.names_dialect() => {
                MountError::ServerUnreachable { share, said }
            }
            Some(Complaint::Mismatch(what)) => MountError::Mismatch { share, said, what },
            Some(Complaint::Server) => MountError::ServerUnreachable { share, said },
            Some(Complaint::Client) => MountError::NoClient { share, said },
            None => MountError::Failed {
                said: log.added_to(&error.to_string()),
            },
        }
    }

    /// Whether an option names the dialect.
    fn names_dialect(&self) -> bool {
        let mut words = self.commands.iter().flat_map(RemoteCommand::words);
        words.any(|word| word.to_string_lossy().contains("vers="))
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
