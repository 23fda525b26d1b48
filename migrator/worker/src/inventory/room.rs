//! Whether the destination has room for what is still to be copied.

use crate::capabilities::Capabilities;
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::store::JobStore;
use protocol::numbers::{bytes as bytes_as_words, count};
use protocol::{Finding, InventoryReport, Verdict};

/// Compares what is still to be copied with the room at the destination.
pub(super) fn check_room(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    report: &mut InventoryReport,
    bytes: u64,
    files: u64,
) -> Result<()> {
    let Some(area) = capabilities.areas.first() else {
        return Ok(());
    };
    let room = rustix::fs::fstatvfs(&area.destination).map_err(|errno| {
        WorkerError::writing(
            "ask for the room of",
            &postoffice::names::RelativePath::root(),
            errno,
        )
    })?;
    report.destination_free_bytes = room.f_bavail.saturating_mul(room.f_frsize);
    report.destination_free_inodes = room.f_favail;
    let (copied_files, copied_bytes) = store.manifest_totals(None)?;
    let bytes_needed = bytes.saturating_sub(copied_bytes);
    let files_needed = files.saturating_sub(copied_files);
    if bytes_needed > report.destination_free_bytes {
        monitor.finding(Finding::new(
            "not-enough-room",
            Verdict::Refused,
            format!(
                "{} are still to be copied and the destination has room for {}",
                bytes_as_words(bytes_needed),
                bytes_as_words(report.destination_free_bytes)
            ),
            "Give the destination more room before stage one",
        ));
    }
    if room.f_files > 0 && files_needed > report.destination_free_inodes {
        monitor.finding(Finding::new(
            "not-enough-inodes",
            Verdict::Refused,
            format!(
                "{} files are still to be copied and the destination can take {} more",
                count(files_needed),
                count(report.destination_free_inodes)
            ),
            "Use a file system with more inodes for the post office",
        ));
    }
    Ok(())
}
