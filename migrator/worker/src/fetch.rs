//! Bringing what the source has under one path into the job folder, for a person to look at; no tree is changed.

use postoffice::names::{RelativePath, printable};
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError, stops_the_step};
use crate::monitor::Monitor;
use crate::quarantine::Quarantine;
use crate::source::prove_source;
use crate::store::JobStore;
use crate::tree::{Folder, Kind};
use protocol::FetchReport;

/// Copies the file that the source has at `subject`, a path as findings show it, into the job folder; of every area that has
/// one there.
///
/// # Errors
/// [`WorkerError::Refused`] where no area has a file there; what reading and writing say.
pub fn fetch(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    subject: &str,
) -> Result<FetchReport> {
    let quarantine = Quarantine {
        job: &capabilities.job,
        store,
        monitor,
    };
    let mut report = FetchReport::default();
    for area in &capabilities.areas {
        prove_source(area)?;
        if let Some((folder, path, name)) = find(area, subject)? {
            report
                .places
                .push(quarantine.keep_copy(area, &folder, &path, &name)?);
        }
    }
    if report.places.is_empty() {
        return Err(WorkerError::Refused {
            code: "not-at-source",
            text: format!("The source has no file at {subject}"),
            remedy: "Copy the path from the finding, as it is shown there; nothing was changed"
                .into(),
        });
    }
    Ok(report)
}

/// The folder of the source that holds a file, its path, and the name of the file; none where there is none.
fn find(area: &Area, subject: &str) -> Result<Option<(Folder, RelativePath, Vec<u8>)>> {
    let mut folder = area.source()?.clone();
    let mut path = RelativePath::root();
    let mut names = subject.split('/').peekable();
    while let Some(shown) = names.next() {
        let failed = |errno| WorkerError::reading("look for", &path, errno);
        let entries = folder.list().map_err(failed)?;
        let found = entries
            .into_iter()
            .find(|entry| printable(&entry.name) == shown);
        let Some(entry) = found else {
            return Ok(None);
        };
        if names.peek().is_none() {
            let is_file = folder.kind_of(&entry).map_err(failed)? == Kind::File;
            return Ok(is_file.then(|| (folder, path, entry.name.into_vec())));
        }
        folder = match folder.open_folder(&entry.name) {
            Ok(inner) => inner,
            Err(errno) if stops_the_step(errno) => return Err(failed(errno)),
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(None),
            Err(errno) => return Err(failed(errno)),
        };
        path = path.join(&entry.name);
    }
    Ok(None)
}
