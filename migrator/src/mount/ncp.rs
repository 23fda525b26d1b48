//! A NetWare volume, through `ncpmount` of the ncpfs package.
//!
//! `ncpmount` takes the password on its command line, which everybody could read; from its terminal, which an ssh
//! command has not; or from `.nwclient` in the home folder, which must have mode 0600 (nwclient(5)).  So the command
//! gets a home folder of its own for the time of the mount.  The long time-out and the retries keep the connection
//! alive over long copies.  Without `-o tcp` it takes UDP; `-b` in `options` logs in to the bindery and not to NDS.
//!
//! The kernel lost ncpfs in 4.18; it is kept alive as a module outside the tree.  That module passes no locks on to the
//! server, which the worker knows (`worker/src/file_system.rs`).

use std::ffi::OsString;

use secrecy::{ExposeSecret as _, SecretString};

use super::error::MountError;
use super::options::{OptionTable, option};
use super::plan::{MountPlan, MountRequest, Needs, PrivateFile, require};
use super::proof::{Proof, Wanted};
use crate::remote::RemoteCommand;

/// The file that `ncpmount` finds passwords in.
const CLIENT_FILE: &str = ".nwclient";

/// Its options (ncpmount(8)).
pub(super) const OPTIONS: OptionTable = OptionTable {
    kind: "kind = \"ncp\"",
    command: "ncpmount OPTIONS -S SERVER -A ADDRESS -U USER -V VOLUME MOUNT_POINT",
    given: &[
        option(
            "-m",
            "a second mount of the same user at the same server is let be, as for an area",
        ),
        option(
            "-t 900",
            "nine seconds for an answer: a busy server is not given up",
        ),
        option(
            "-r 100",
            "how often a request is sent again: a connection outlives a pause of the server",
        ),
        option(
            "-o tcp,ro",
            "without tcp it takes UDP, which loses what is large; ro keeps the promise that the source is never written",
        ),
    ],
    of_job: &[option(
        "HOME=FOLDER",
        "the password stands in .nwclient there, which root alone reads and which is removed right after; on the command line everybody could read it",
    )],
    left_out: &[
        option("-P PASSWORD", "everybody at the destination could read it"),
        option(
            "-b",
            "say it where the user is known to the bindery alone; without it ncpmount logs in to NDS where the server has that",
        ),
        option(
            "-y CHARSET, -p CODEPAGE",
            "say them where names are not ASCII: -y utf8, and the code page of the old server, as -p cp850",
        ),
    ],
};

/// A volume of a NetWare server.
#[derive(Debug, Clone, Copy)]
pub struct Ncp;

impl Ncp {
    /// The plan to mount a volume.
    pub fn plan(request: &MountRequest<'_>) -> Result<MountPlan, MountError> {
        let source = request.source;
        let content = client_file(&source.server, &source.user, request.password)?;
        let mut home = OsString::from("HOME=");
        home.push(request.private_folder);
        let address = request.address.unwrap_or(&source.server);
        let mount = RemoteCommand::new("env")
            .argument(home)
            .argument("ncpmount")
            .arguments(OPTIONS.words())
            .arguments([
                "-S",
                &source.server,
                "-A",
                address,
                "-U",
                &source.user,
                "-V",
                &source.share,
            ])
            .arguments(&source.options)
            .argument(source.mount_point.as_os_str());
        let path = request.private_folder.join(CLIENT_FILE);
        let needs = Needs {
            programs: &["ncpmount"],
            file_systems: &["ncpfs"],
        };
        // How ncpfs names its source in the mount table differs from version to version.
        let wanted = Wanted {
            file_systems: &["ncpfs", "ncp"],
            source: None,
        };
        let proof = Proof {
            path: source.mount_point.clone(),
            wanted: Some(wanted),
        };
        Ok(request.plan(needs, vec![PrivateFile::new(path, content)], mount, proof))
    }
}

/// `SERVER/USER PASSWORD`: a blank ends each, and a password of one dash would mean none.
fn client_file(
    server: &str,
    user: &str,
    password: Option<&SecretString>,
) -> Result<SecretString, MountError> {
    let password = password.map_or("", |password| password.expose_secret());
    let is_word =
        |text: &str| !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || c == '\0');
    require(
        is_word(server) && !server.contains('/') && !server.starts_with('#'),
        "server",
        "must be a name without blanks",
    )?;
    require(
        is_word(user),
        "user",
        "must be a name without blanks, as `admin.novell`",
    )?;
    require(
        is_word(password) && password != "-",
        "password",
        "must have no blanks and not be a dash, because the file that ncpmount reads it from cannot hold that",
    )?;
    Ok(format!("{server}/{user} {password}\n").into())
}
