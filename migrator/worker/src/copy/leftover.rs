//! What a pass that was cut off has left behind: told from what somebody else put there meanwhile.
//!
//! A pass writes new files under their own names, and its manifest learns of them in batches.  Cut off in between, a file
//! stands there that no manifest has.  Its time says that it came since that pass began; whether it is ours, its bytes
//! say: a copy, whole or not, begins as the source does, so nothing is lost when it makes way.  Anything else is set aside.

use rustix::io::Errno;

use super::context::FileTask;
use crate::error::{Result, WorkerError};
use crate::tree::{Folder, read_at, room};

/// Whether the bytes of the destination are the beginning of those of the source.
///
/// # Errors
/// What reading the destination says; a source that cannot be read says nothing, so nothing is taken for ours.
pub(super) fn is_ours(task: &FileTask) -> Result<bool> {
    let failed = |errno| WorkerError::writing("read", &task.pair.path.join(&task.name), errno);
    let Ok(source) = Reading::open(task.source()?, &task.source_name) else {
        return Ok(false);
    };
    let copy = match Reading::open(&task.pair.destination, &task.name) {
        Ok(copy) => copy,
        Err(Errno::LOOP | Errno::INVAL | Errno::NXIO | Errno::NOENT) => return Ok(false),
        Err(errno) => return Err(failed(errno)),
    };
    if copy.size > source.size {
        return Ok(false);
    }
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut offset = 0;
    while offset < copy.size {
        let ours = copy.block(&mut ours, offset, copy.size).map_err(failed)?;
        let Ok(theirs) = source.block(&mut theirs, offset, copy.size) else {
            return Ok(false);
        };
        if ours != theirs || ours.is_empty() {
            return Ok(false);
        }
        offset += ours.len() as u64;
    }
    Ok(true)
}

struct Reading {
    handle: std::os::fd::OwnedFd,
    size: u64,
}

impl Reading {
    fn open(folder: &Folder, name: &[u8]) -> std::result::Result<Self, Errno> {
        let (handle, attributes) = folder.open_content(name)?;
        Ok(Self {
            handle,
            size: attributes.size,
        })
    }

    /// A block from `offset` on, up to `end`; shorter where the file is.
    fn block<'a>(
        &self,
        block: &'a mut Vec<u8>,
        offset: u64,
        end: u64,
    ) -> std::result::Result<&'a [u8], Errno> {
        let block = room(block, end - offset);
        let length = read_at(&self.handle, block, offset)?;
        Ok(&block[..length])
    }
}
