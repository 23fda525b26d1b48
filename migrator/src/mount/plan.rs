//! A plan to mount a source: computed, shown, then carried out.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use postoffice::names::printable;
use secrecy::SecretString;

use super::error::MountError;
use super::proof::Proof;
use crate::remote::{Privilege, RemoteCommand};
use crate::worksheet::NetworkSource;

/// What a plan is made from.
#[derive(Debug, Clone, Copy)]
pub struct MountRequest<'a> {
    /// What the worksheet says of the source.
    pub source: &'a NetworkSource,
    /// Address of the source server, where its name is not enough.
    pub address: Option<&'a str>,
    /// The password of its user.
    pub password: Option<&'a SecretString>,
    /// A folder of the job on the destination, for files that hold secrets while the mount is made; it is made where
    /// it does not exist, the folders above it are not.
    pub private_folder: &'a Path,
    /// How commands become root.
    pub privilege: Privilege,
}

/// Everything that is done to mount a source; nothing of it shows a secret.
#[derive(Debug, Clone)]
pub struct MountPlan {
    /// What the destination must have.
    pub needs: Needs,
    /// Files with secrets that are written before the commands and removed after them, whatever comes of these.
    pub private_files: Vec<PrivateFile>,
    /// The commands that mount.
    pub commands: Vec<RemoteCommand>,
    /// The commands that take the mount away.
    pub undo: Vec<RemoteCommand>,
    /// What must be true afterwards.
    pub proof: Proof,
    /// The folder of the post office in the mount.
    pub post_office: PathBuf,
    /// How commands become root.
    pub privilege: Privilege,
}

/// What the destination must have for a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needs {
    /// Programs.
    pub programs: &'static [&'static str],
    /// Types of file systems, of which the kernel must know one, or have a module for it.
    pub file_systems: &'static [&'static str],
}

impl Needs {
    /// Whether the kernel knows one of the file systems, by the text of `/proc/filesystems`; where it does not, a
    /// module may still bring it.
    pub fn has_file_system(&self, proc_filesystems: &str) -> bool {
        let known = |name: &&str| {
            proc_filesystems
                .lines()
                .any(|line| line.split_whitespace().next_back() == Some(name))
        };
        self.file_systems.is_empty() || self.file_systems.iter().any(known)
    }
}

/// A file with a secret; only root, or whoever commands are run as, can read it.
#[derive(Debug, Clone)]
pub struct PrivateFile {
    /// Where it stands on the destination.
    pub path: PathBuf,
    /// What it says.
    pub content: SecretString,
    /// How it comes to say that.
    pub form: PrivateForm,
}

/// How a file with a secret is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PrivateForm {
    /// As it is.
    #[default]
    AsIs,
    /// The first line is a password; it is written last, as `pass` of an rclone configuration, in the form that
    /// `rclone obscure` gives it.  That form hides it from a glance and from nobody else, so the file stays private.
    RcloneConfiguration,
}

impl PrivateFile {
    /// A file that says what it is given.
    pub(super) fn new(path: PathBuf, content: SecretString) -> Self {
        let form = PrivateForm::AsIs;
        Self {
            path,
            content,
            form,
        }
    }

    /// The command that writes the file with mode 0600, as a new file, from its standard input.
    pub fn write_command(&self, privilege: Privilege) -> RemoteCommand {
        // -C: an existing file, or a link that somebody put there after the removal, is not written through.
        // Only the last folder is made: those above it are no secret, and this mask would hide them.
        // `read` and `printf` are the shell's own: no process has the password among its arguments.
        let write = match self.form {
            PrivateForm::AsIs => "cat",
            PrivateForm::RcloneConfiguration => {
                r#"{ IFS= read -r p && o=$(printf '%s\n' "$p" | rclone obscure -) && cat && printf 'pass = %s\n' "$o"; }"#
            }
        };
        let script = format!(
            r#"umask 077; dir=${{1%/*}}; {{ test -d "$dir" || mkdir -- "$dir"; }} && rm -f -- "$1" && set -C && {write} > "$1""#
        );
        let command = RemoteCommand::new("sh")
            .argument("-c")
            .argument(script)
            .argument("sh");
        command
            .argument(self.path.as_os_str())
            .privileged(privilege)
    }

    /// The command that removes the file.
    pub fn remove_command(&self, privilege: Privilege) -> RemoteCommand {
        RemoteCommand::new("rm")
            .arguments(["-f", "--"])
            .argument(self.path.as_os_str())
            .privileged(privilege)
    }
}

impl fmt::Display for MountPlan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for file in &self.private_files {
            let path = printable(file.path.as_os_str().as_encoded_bytes());
            writeln!(formatter, "write {path} (mode 0600, removed afterwards)")?;
        }
        for command in &self.commands {
            writeln!(formatter, "run {command}")?;
        }
        for command in &self.undo {
            writeln!(formatter, "to undo, run {command}")?;
        }
        Ok(())
    }
}

impl MountRequest<'_> {
    /// The plan around the one command that mounts, which differs from kind to kind.
    pub(super) fn plan(
        &self,
        needs: Needs,
        private_files: Vec<PrivateFile>,
        mount: RemoteCommand,
        proof: Proof,
    ) -> MountPlan {
        let mount_point = self.source.mount_point.as_os_str();
        let make = RemoteCommand::new("mkdir")
            .arguments(["-p", "--"])
            .argument(mount_point);
        let unmount = RemoteCommand::new("umount")
            .argument("--")
            .argument(mount_point);
        let remove = RemoteCommand::new("rmdir")
            .arguments(["--ignore-fail-on-non-empty", "--"])
            .argument(mount_point);
        let root = |command: RemoteCommand| command.privileged(self.privilege);
        MountPlan {
            needs,
            private_files,
            commands: vec![root(make), root(mount)],
            undo: vec![root(unmount), root(remove)],
            proof,
            post_office: self.source.mount_point.join(&self.source.folder),
            privilege: self.privilege,
        }
    }

    /// The options of a mount in the form `one,two`; the worksheet's stand last, where they win.
    pub(super) fn options(&self, own: Vec<OsString>) -> OsString {
        let said = self.source.options.iter().map(OsString::from);
        own.into_iter()
            .chain(said)
            .collect::<Vec<_>>()
            .join(std::ffi::OsStr::new(","))
    }
}

/// The domain of `DOMAIN\user`, where there is one, and the user.
pub(super) fn domain_and_user(user: &str) -> (Option<&str>, &str) {
    user.split_once('\\')
        .map_or((None, user), |(domain, user)| (Some(domain), user))
}

/// Refuses a value that a mount program would read as something else.
pub(super) fn require(
    is_fine: bool,
    setting: &'static str,
    problem: &'static str,
) -> Result<(), MountError> {
    if is_fine {
        Ok(())
    } else {
        Err(MountError::Setting { setting, problem })
    }
}
