//! What a pass that was cut off has left behind: told from what somebody else put there meanwhile.
//!
//! A pass writes new files under their own names, and its manifest learns of them in batches.  Cut off in between, a file
//! stands there that no manifest has.  Its time says that it came since that pass began; whether it is ours, its bytes
//! say: a copy, whole or not, begins as the source does, so nothing is lost when it makes way.  Anything else is set aside.

use rustix::io::Errno;

use super::context::FileTask;
use crate::compare::{Open, begins_with};
use crate::error::{Result, WorkerError};
use crate::places::Side;

/// Whether the bytes of the destination are the beginning of those of the source.
///
/// # Errors
/// What reading the destination says; a source that cannot be read says nothing, so nothing is taken for ours.
pub(super) fn is_ours(task: &FileTask) -> Result<bool> {
    let failed = |errno| WorkerError::writing("read", &task.pair.path.join(&task.name), errno);
    let Ok(source) = Open::new((task.source()?, &task.source_name)) else {
        return Ok(false);
    };
    let copy = match Open::new((&task.pair.destination, &task.name)) {
        Ok(copy) => copy,
        Err(Errno::LOOP | Errno::INVAL | Errno::NXIO | Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(failed(errno)),
    };
    match begins_with(&source, &copy) {
        Ok(is_ours) => Ok(is_ours),
        // It has become shorter, or is not to be had: nothing is taken for ours.
        Err((Side::Source, _) | (Side::Destination, Errno::AGAIN)) => Ok(false),
        Err((Side::Destination, errno)) => Err(failed(errno)),
    }
}
