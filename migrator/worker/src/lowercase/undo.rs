//! Giving renamed entries their old names again: the shallowest folders first, the plan backwards.

use rustix::fs::AtFlags;
use rustix::io::Errno;

use crate::capabilities::Capabilities;
use crate::error::{Result, WorkerError};
use crate::monitor::{Count, Expected, Monitor};
use crate::protocol::LowercaseReport;
use crate::store::JobStore;

/// How many renamings are undone between two writes of the journal.
const BATCH_RENAMES: u32 = 4096;

/// Undoes every renaming that this job has done and that still stands.
///
/// # Errors
/// What renaming says; where an old name has been taken meanwhile, [`WorkerError::Refused`].
pub fn undo_lowercase(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
) -> Result<LowercaseReport> {
    monitor.phase("give the old names back", Expected::default());
    let mut report = LowercaseReport::default();
    while let Some(level) = store.next_rename_level(true)? {
        let batch = store.renames_of_level(level, true, BATCH_RENAMES)?;
        for rename in &batch {
            let Some(area) = capabilities
                .areas
                .iter()
                .find(|area| area.id == rename.area)
            else {
                continue;
            };
            let path = rename.folder.join(&rename.new);
            let failed = |errno| WorkerError::writing("rename", &path, errno);
            let folder = area.destination.descend(&rename.folder).map_err(failed)?;
            let outcome = if rename.same_file {
                rustix::fs::linkat(
                    &folder,
                    &rename.new[..],
                    &folder,
                    &rename.old[..],
                    AtFlags::empty(),
                )
            } else {
                folder.rename_to_new(&rename.new, &folder, &rename.old)
            };
            match outcome {
                Ok(()) => {
                    report.renamed += 1;
                    monitor.count(Count::Renamed, 1);
                }
                Err(Errno::NOENT) => {}
                Err(Errno::EXIST) => {
                    return Err(WorkerError::Refused {
                        code: "name-collision",
                        text: format!("{path} cannot have its old name again: it is taken"),
                        remedy:
                            "Rename or remove what took the name, then run the same command again"
                                .into(),
                    });
                }
                Err(errno) => return Err(failed(errno)),
            }
        }
        store.forget_renames(&batch)?;
    }
    Ok(report)
}
