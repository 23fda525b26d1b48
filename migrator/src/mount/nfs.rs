//! An export of an NFS server.
//!
//! NFS knows no password: the server decides by the destination's address.  The mount is read-only, as for the other
//! kinds, and soft, so that a source which goes away becomes an error of one file and not a worker that hangs.

use std::ffi::OsString;

use super::error::MountError;
use super::plan::{MountPlan, MountRequest, Needs, require};
use super::proof::{Proof, Wanted};
use crate::remote::RemoteCommand;

/// An export of an NFS server.
#[derive(Debug, Clone, Copy)]
pub struct Nfs;

impl Nfs {
    /// The plan to mount an export.
    pub fn plan(request: &MountRequest<'_>) -> Result<MountPlan, MountError> {
        let source = request.source;
        require(
            source.share.starts_with('/'),
            "share",
            "must be the path of an export, beginning with `/`",
        )?;
        let is_nolock = |option: &String| {
            option
                .split(',')
                .any(|one| one == "nolock" || one == "local_lock=all")
        };
        require(
            !source.options.iter().any(is_nolock),
            "options",
            "must not keep locks away from the server",
        )?;
        let server = request.address.unwrap_or(&source.server);
        // An address of IPv6 has colons of its own.
        let server = if server.contains(':') {
            format!("[{server}]")
        } else {
            server.to_owned()
        };
        let export = format!("{server}:{}", source.share);
        let own = [
            "ro",
            "soft",
            "timeo=600",
            "retrans=5",
            "nosuid",
            "nodev",
            "noexec",
        ]
        .map(OsString::from)
        .to_vec();
        let mount = RemoteCommand::new("mount")
            .arguments(["-t", "nfs"])
            .argument(&export);
        let mount = mount
            .argument(source.mount_point.as_os_str())
            .argument("-o")
            .argument(request.options(own));
        let needs = Needs {
            programs: &["mount.nfs"],
            file_systems: &["nfs", "nfs4"],
        };
        let wanted = Wanted {
            file_systems: &["nfs", "nfs4"],
            source: Some(export),
        };
        let proof = Proof {
            path: source.mount_point.clone(),
            wanted: Some(wanted),
        };
        Ok(request.plan(needs, Vec::new(), mount, proof))
    }
}
