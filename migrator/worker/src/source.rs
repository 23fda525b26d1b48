//! Whether the source is there: proven before anything is read, and asked again where reading fails.
//!
//! A kernel's client has errors of its own for a server that is gone.  A mount through FUSE says "input/output error" for
//! everything: a broken disk, a range that another program has locked, and a share that no longer answers.

use postoffice::layout;
use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::Area;
use crate::error::{Result, WorkerError, stops_the_step};
use crate::tree::Entry;
use protocol::AreaKind;

/// Proves that the source folder is a post office: an empty mount point must never look like an empty one.
///
/// # Errors
/// [`WorkerError::Refused`] where a marker is missing or a document area is empty; what listing says.
pub(crate) fn prove_source(area: &Area) -> Result<()> {
    let entries = area
        .source()?
        .list()
        .map_err(|errno| WorkerError::reading("list", &RelativePath::root(), errno))?;
    prove_listing(area, &entries)
}

/// The same of a listing of the source folder that was just made.
///
/// # Errors
/// As [`prove_source`].
pub(crate) fn prove_listing(area: &Area, entries: &[Entry]) -> Result<()> {
    let text = match area.kind {
        AreaKind::PostOffice => {
            let missing =
                layout::missing_markers(entries.iter().map(|entry| entry.name.as_slice()));
            if missing.is_empty() {
                return Ok(());
            }
            format!(
                "The source folder is no post office: it has no {}",
                missing.join(" and no ")
            )
        }
        AreaKind::Documents if entries.is_empty() => {
            format!(
                "The document storage area of {} is empty at the source",
                area.label
            )
        }
        AreaKind::Documents => return Ok(()),
    };
    Err(WorkerError::Refused {
        code: "source-marker-missing",
        text,
        remedy: "See that the source is mounted and that the worksheet names the right folder; nothing was changed"
            .into(),
    })
}

/// Returns where the source still answers, so that an error of reading `path` concerns that path alone.
///
/// # Errors
/// [`WorkerError::SourceGone`] where the mount of any area went away.
pub(crate) fn require_mounts(areas: &[Area], path: &RelativePath, errno: Errno) -> Result<()> {
    let gone = || WorkerError::SourceGone {
        path: path.clone(),
        source: errno,
    };
    // NFS says that a handle is stale of a single file that somebody removed while it was open, too.
    if !matches!(errno, Errno::IO | Errno::STALE) {
        return if stops_the_step(errno) {
            Err(gone())
        } else {
            Ok(())
        };
    }
    let answers = |area: &Area| match &area.source {
        Some(source) => source.list().is_ok(),
        None => true,
    };
    if areas.iter().all(answers) {
        Ok(())
    } else {
        Err(gone())
    }
}
