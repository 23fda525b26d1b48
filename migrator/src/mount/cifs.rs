//! A Windows share, through the kernel's cifs client.
//!
//! The password stands in a credentials file, because every user of the destination can read the options of a
//! running `mount`.  The mount is read-only: the kernel then keeps the promise that the source is never written, and
//! shared locks can still be taken; whoever needs more says `options = ["rw"]`, which every command that mounts then tells
//! (`source-writable`).  `nobrl`, which keeps locks away from
//! the server, is refused.

use std::ffi::OsString;
use std::net::IpAddr;

use secrecy::{ExposeSecret as _, SecretString};

use super::error::MountError;
use super::options::{NO_DEVICES, NO_PROGRAMS, NO_SUID, OptionTable, option};
use super::plan::{MountPlan, MountRequest, Needs, PrivateFile, domain_and_user, require};
use super::proof::{Proof, Wanted};
use crate::remote::RemoteCommand;

/// The name of the credentials file.
const CREDENTIALS: &str = "credentials.cifs";

/// Its options (mount.cifs(8)).
pub(super) const OPTIONS: OptionTable = OptionTable {
    kind: "kind = \"cifs\", client = \"kernel\"",
    command: "mount -t cifs //SERVER/SHARE MOUNT_POINT -o OPTIONS",
    given: &[
        option(
            "ro",
            "the kernel then keeps the promise that the source is never written; shared locks can still be taken",
        ),
        option(
            "iocharset=utf8",
            "names arrive in UTF-8, whatever the destination is set to",
        ),
        NO_SUID,
        NO_DEVICES,
        NO_PROGRAMS,
    ],
    of_job: &[
        option(
            "credentials=FILE",
            "every user of the destination can read the options of a running mount, but not that file; it is removed right after",
        ),
        option(
            "ip=ADDRESS",
            "where `address` is one: the name is then not resolved, and still says which share is meant",
        ),
    ],
    left_out: &[
        option(
            "nobrl, nolock",
            "refused: they keep locks away from the server, and a database in use would be copied torn",
        ),
        option(
            "vers=...",
            "the kernel offers SMB 2.1 and later by itself; say vers=1.0 for Windows 2000 and 2003, vers=2.0 for Windows Server 2008",
        ),
        option(
            "cache=...",
            "the kernel's own is strict: it keeps of a file only what the server lets it keep; loose would show old data",
        ),
        option(
            "actimeo=...",
            "the kernel's own is a second; where the worksheet says how long, each look asks the server, past what is cached",
        ),
        option(
            "noserverino",
            "the server's own numbers of files are kept: those that the client makes up change with every mount",
        ),
        option(
            "hard",
            "soft is the kernel's own: a server that goes away becomes an error of one file and not a worker that hangs",
        ),
        option(
            "mapposix, mapchars",
            "left as the kernel has it; say one where names have characters that Windows does not allow, and see how they arrive",
        ),
    ],
};

/// A share of a Windows server.
#[derive(Debug, Clone, Copy)]
pub struct Cifs;

impl Cifs {
    /// The plan to mount a share.
    pub fn plan(request: &MountRequest<'_>) -> Result<MountPlan, MountError> {
        let source = request.source;
        let has_slash = |text: &str| text.contains(['/', '\\']);
        require(
            !has_slash(&source.server),
            "server",
            "must be a name without slashes",
        )?;
        require(
            !has_slash(&source.share),
            "share",
            "must be the name of a share, without slashes",
        )?;
        let is_nobrl = |option: &String| {
            option
                .split(',')
                .any(|one| one == "nobrl" || one == "nolock")
        };
        require(
            !source.options.iter().any(is_nobrl),
            "options",
            "must not keep locks away from the server",
        )?;
        let path = request.private_folder.join(CREDENTIALS);
        let has_comma = path.as_os_str().as_encoded_bytes().contains(&b',');
        require(
            !has_comma,
            "job_folder",
            "must not have a comma in it, which separates options of a mount",
        )?;
        let content = credentials(&source.user, request.password)?;
        let share = format!("//{}/{}", source.server, source.share);

        let mut credentials = OsString::from("credentials=");
        credentials.push(&path);
        let mut own = vec![credentials];
        own.extend(OPTIONS.words().map(OsString::from));
        // The name is then not resolved; it still tells the server which share is meant.
        let address = request
            .address
            .and_then(|address| address.parse::<IpAddr>().ok());
        own.extend(address.map(|address| OsString::from(format!("ip={address}"))));
        let mount = RemoteCommand::new("mount")
            .arguments(["-t", "cifs"])
            .argument(&share);
        let mount = mount
            .argument(source.mount_point.as_os_str())
            .argument("-o")
            .argument(request.options(own));

        let needs = Needs {
            programs: &["mount.cifs"],
            file_systems: &["cifs"],
        };
        let wanted = Wanted {
            file_systems: &["cifs", "smb3"],
            source: Some(share),
        };
        let proof = Proof {
            path: source.mount_point.clone(),
            wanted: Some(wanted),
        };
        Ok(request.plan(needs, vec![PrivateFile::new(path, content)], mount, proof))
    }
}

/// What the credentials file says; the domain of `DOMAIN\user` has a line of its own.
fn credentials(user: &str, password: Option<&SecretString>) -> Result<SecretString, MountError> {
    let password = password.map_or("", |password| password.expose_secret());
    let is_one_line = |text: &str| !text.contains(['\n', '\r', '\0']);
    require(
        is_one_line(user) && !user.is_empty(),
        "user",
        "must be a name in one line",
    )?;
    require(
        is_one_line(password) && !password.is_empty(),
        "password",
        "must be one line that is not empty",
    )?;
    let (domain, user) = domain_and_user(user);
    let domain = domain.map_or_else(String::new, |domain| format!("domain={domain}\n"));
    Ok(format!("username={user}\npassword={password}\n{domain}").into())
}
