//! Mounting the source server on the destination, and proving that it is mounted.
//!
//! ```text
//! worksheet -> MountRequest -> Cifs | Rclone | Ncp | Nfs ::plan -> MountPlan -> shown, then MountPlan::mount -> Mount
//!              path         -> Mounted::plan ----------------------^
//! ```
//!
//! Invariants:
//! 1. No secret is in a command or in what is shown; files with secrets have mode 0600 and are removed right after.
//! 2. A source counts as mounted only when the mount table says so: an empty mount point must never look like an
//!    empty post office.
//! 3. Mounts are read-only unless the worksheet says otherwise; one that is not, by the mount table, is a finding.

mod carry_out;
mod cifs;
mod complaint;
mod error;
mod kernel_log;
mod mounted;
mod ncp;
mod nfs;
mod options;
mod plan;
mod proof;
mod rclone;
#[cfg(test)]
mod tests;

pub use cifs::Cifs;
pub use complaint::Mismatch;
pub use error::MountError;
pub use mounted::Mounted;
pub use ncp::Ncp;
pub use nfs::Nfs;
pub use options::{MountOption, OPTION_TABLES, OptionTable, explain};
pub use plan::{MountPlan, MountRequest, Needs, PrivateFile, PrivateForm};
pub use proof::{Proof, Wanted};
pub use rclone::Rclone;

use crate::worksheet::{MountClient, Protocol};

impl MountRequest<'_> {
    /// The plan for the protocol that the worksheet names.
    pub fn to_plan(&self) -> Result<MountPlan, MountError> {
        match self.source.protocol {
            Protocol::Cifs if self.source.client == MountClient::Rclone => Rclone::plan(self),
            Protocol::Cifs => Cifs::plan(self),
            Protocol::Ncp => Ncp::plan(self),
            Protocol::Nfs => Nfs::plan(self),
        }
    }
}
