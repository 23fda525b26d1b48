//! Telling one file that cannot be read from a mount that went away.
//!
//! A kernel's client has errors of its own for a server that is gone.  A mount through FUSE says "input/output error" for
//! everything: a broken disk, a range that another program has locked, and a share that no longer answers.

use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::Area;
use crate::error::{Result, WorkerError, is_mount_gone};

/// Returns where the source still answers, so that an error of reading `path` concerns that path alone.
///
/// # Errors
/// [`WorkerError::SourceGone`] where the mount of any area went away.
pub(crate) fn require_mounts(areas: &[Area], path: &RelativePath, errno: Errno) -> Result<()> {
    let gone = || WorkerError::SourceGone {
        path: path.clone(),
        source: errno,
    };
    if is_mount_gone(errno) {
        return Err(gone());
    }
    if errno != Errno::IO {
        return Ok(());
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
