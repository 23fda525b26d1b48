//! An export of an NFS server.
//!
//! NFS knows no password: the server decides by the destination's address.  The mount is read-only, as for the other
//! kinds, and soft, so that a source which goes away becomes an error of one file and not a worker that hangs.

use std::ffi::OsString;

use super::error::MountError;
use super::options::{NO_DEVICES, NO_PROGRAMS, NO_SUID, OptionTable, option};
use super::plan::{MountPlan, MountRequest, Needs, require};
use super::proof::{Proof, Wanted};
use crate::remote::RemoteCommand;

/// Its options (nfs(5)).
pub(super) const OPTIONS: OptionTable = OptionTable {
    kind: "kind = \"nfs\"",
    command: "mount -t nfs SERVER:EXPORT MOUNT_POINT -o OPTIONS",
    given: &[
        option(
            "ro",
            "the kernel then keeps the promise that the source is never written; shared locks can still be taken",
        ),
        option(
            "soft",
            "a server that goes away becomes an error of one file and not a worker that hangs; what is only read is not harmed by it",
        ),
        option(
            "timeo=600",
            "a minute (in tenths of a second) for an answer, before a request is sent again",
        ),
        option(
            "retrans=2",
            "how often it is sent again before that error, three minutes in all; the kernel asks once more, and a run ends after six: with more of them it hung for twelve",
        ),
        option(
            "actimeo=1",
            "names and times are remembered for a second, as the pass allows for; the kernel's own is up to a minute: where the worksheet says how long, each look asks the server, past what is cached",
        ),
        NO_SUID,
        NO_DEVICES,
        NO_PROGRAMS,
    ],
    of_job: &[],
    left_out: &[
        option(
            "nolock, local_lock=all",
            "refused: they keep locks away from the server, and a database in use would be copied torn",
        ),
        option(
            "vers=..., proto=...",
            "the kernel and the server agree on them; say vers=3 and proto=tcp for NetWare",
        ),
        option(
            "noac",
            "a look at each name would ask the server each time, for the sake of one second",
        ),
        option(
            "hard",
            "who reads would wait for ever for a server that is gone; a kill ends such a wait too, but nobody is told of it",
        ),
    ],
};

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
        let own = OPTIONS.words().map(OsString::from).collect();
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
