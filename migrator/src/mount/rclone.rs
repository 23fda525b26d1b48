//! A Windows share, through `rclone mount` and FUSE, for a destination whose kernel has no cifs client.
//!
//! What it lacks against the kernel's client: locks stay at the destination (the worker knows that of every FUSE file
//! system and compares before and after instead), and SMB 1.  Times come with 100 nanoseconds, names as the server gives
//! them.  rclone reads its configuration when it starts, so the file with the password is gone right after.
//!
//! rclone translates names that its own kind of remote could not hold (`--smb-encoding`); a server has them, so it is told to
//! translate none.  What it still shows in another form, the worker says of each name (`name-mapped`).
//!
//! What the source shows is remembered for a second at most: a name or a time that is older than that would hide a change
//! from the look behind a copy, and without any memory every look would list its whole folder again.

use std::ffi::OsString;

use secrecy::{ExposeSecret as _, SecretString};

use super::error::MountError;
use super::options::{OptionTable, option};
use super::plan::{
    MountPlan, MountRequest, Needs, PrivateFile, PrivateForm, domain_and_user, require,
};
use super::proof::{Proof, Wanted};
use crate::remote::RemoteCommand;

/// The name of the configuration file.
const CONFIGURATION: &str = "rclone.conf";

/// What the share is called in that file.
const REMOTE: &str = "source";

/// Its options (`rclone mount --help`).
pub(super) const OPTIONS: OptionTable = OptionTable {
    kind: "kind = \"cifs\", client = \"rclone\"",
    command: "rclone --config FILE mount OPTIONS -- source:SHARE MOUNT_POINT",
    given: &[
        option("--daemon", "the command ends once it is mounted"),
        option(
            "--daemon-wait 60s",
            "how long that may take before it has failed",
        ),
        option("--read-only", "nothing can be written to the source"),
        option(
            "--vfs-cache-mode off",
            "no copy of a file is kept at the destination, which would be an old one later",
        ),
        option(
            "--dir-cache-time 1s",
            "a name that is remembered longer would hide a change from the look behind a copy; without any memory every look would list its whole folder again",
        ),
        option("--attr-timeout 1s", "the same of times and sizes"),
        option(
            "--poll-interval 0",
            "nothing is asked of the server that nobody needs",
        ),
        option(
            "--contimeout 15s",
            "a server that goes away becomes an error of one file and not a worker that hangs",
        ),
        option("--timeout 60s", "the same of a connection that is there"),
        option(
            "--retries 1",
            "the worker itself tries again, and knows what",
        ),
        option(
            "--low-level-retries 3",
            "a connection that breaks is made again a few times",
        ),
        option(
            "--smb-encoding None",
            "names as the server has them: what rclone puts in place of a dot or a blank at the end it cannot open again",
        ),
        option(
            "--allow-other",
            "the worker may be another user than the one that mounts",
        ),
    ],
    of_job: &[
        option(
            "--config FILE",
            "it has the password, which root alone reads; rclone reads it when it starts, and it is removed right after",
        ),
        option(
            "--devname //SERVER/SHARE",
            "the mount table then says what is mounted, by which it is proven",
        ),
    ],
    left_out: &[],
};

/// A share of a Windows server.
#[derive(Debug, Clone, Copy)]
pub struct Rclone;

impl Rclone {
    /// The plan to mount a share.
    pub fn plan(request: &MountRequest<'_>) -> Result<MountPlan, MountError> {
        let source = request.source;
        let is_name = |text: &str| !text.contains(['/', '\\', ':', '\n', '\r', '\0']);
        let must_be = "must be a name without slashes and colons";
        require(is_name(&source.server), "server", must_be)?;
        require(is_name(&source.share), "share", must_be)?;
        let address = request.address.unwrap_or(&source.server);
        let content = configuration(address, &source.user, request.password)?;
        let path = request.private_folder.join(CONFIGURATION);
        let share = format!("//{}/{}", source.server, source.share);

        let mut mount = RemoteCommand::new("rclone").argument("--config");
        mount = mount
            .argument(path.as_os_str())
            .argument("mount")
            .arguments(OPTIONS.words())
            .argument("--devname");
        mount = mount
            .argument(&share)
            .arguments(source.options.iter().map(OsString::from))
            .argument("--")
            .argument(format!("{REMOTE}:{}", source.share))
            .argument(source.mount_point.as_os_str());
        // Mounting says nothing of a wrong user, share or server, and each look into what was mounted would log in again.
        let look = RemoteCommand::new("rclone")
            .argument("--config")
            .argument(path.as_os_str())
            .arguments(["lsf", "--dirs-only", "--max-depth", "1"])
            .arguments(["--contimeout", "15s", "--timeout", "60s"])
            .arguments(["--retries", "1", "--low-level-retries", "1"])
            .arguments(connecting(&source.options))
            .argument("--")
            .argument(format!("{REMOTE}:{}", source.share));
        let needs = Needs {
            programs: &["rclone", "fusermount3"],
            file_systems: &["fuse"],
        };
        let proof = Proof {
            path: source.mount_point.clone(),
            wanted: Some(Wanted {
                file_systems: &["fuse.rclone"],
                source: Some(share),
            }),
        };
        let file = PrivateFile {
            path,
            content,
            form: PrivateForm::RcloneConfiguration,
        };
        let mut plan = request.plan(needs, vec![file], mount, proof);
        plan.commands.insert(0, look.privileged(request.privilege));
        Ok(plan)
    }
}

/// The options that are about the connection; the others are those of `rclone mount` alone.
fn connecting(options: &[String]) -> Vec<OsString> {
    let mut taken = Vec::new();
    let mut is_value = false;
    for option in options {
        let is_name = option.starts_with("--smb-");
        if is_name || (is_value && !option.starts_with('-')) {
            taken.push(OsString::from(option));
        }
        is_value = is_name && !option.contains('=');
    }
    taken
}

/// The password in a line of its own, then what the configuration says besides.
fn configuration(
    address: &str,
    user: &str,
    password: Option<&SecretString>,
) -> Result<SecretString, MountError> {
    let password = password.map_or("", |password| password.expose_secret());
    // The file is read line by line, and blanks around a value are not part of it.
    let is_value =
        |text: &str| !text.is_empty() && text.trim() == text && !text.contains(['\n', '\r', '\0']);
    let is_one_line = |text: &str| !text.is_empty() && !text.contains(['\n', '\r', '\0']);
    require(is_value(address), "address", "must be a name or an address")?;
    require(is_value(user), "user", "must be a name in one line")?;
    require(
        is_one_line(password),
        "password",
        "must be one line that is not empty",
    )?;
    let (domain, user) = domain_and_user(user);
    let domain = domain.map_or_else(String::new, |domain| format!("domain = {domain}\n"));
    Ok(
        format!("{password}\n[{REMOTE}]\ntype = smb\nhost = {address}\nuser = {user}\n{domain}")
            .into(),
    )
}
