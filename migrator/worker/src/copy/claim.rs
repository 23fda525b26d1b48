//! Names that are about to stand at the destination and are not with the committer yet.
//!
//! Where an error comes in between, the name stands and no manifest will have it.  The pass must then stay unfinished,
//! so that the next one takes what stands there for ours and does not set it aside.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::tree::Folder;

/// One such name; dropped without [`Claim::settle`], it looks whether the name stands.
pub(super) struct Claim<'a> {
    folder: &'a Folder,
    name: &'a [u8],
    unrecorded: &'a AtomicBool,
    is_settled: bool,
}

impl<'a> Claim<'a> {
    pub(super) fn new(folder: &'a Folder, name: &'a [u8], unrecorded: &'a AtomicBool) -> Self {
        Self {
            folder,
            name,
            unrecorded,
            is_settled: false,
        }
    }

    /// The committer has it.
    pub(super) fn settle(mut self) {
        self.is_settled = true;
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        // Where the destination does not even answer, nobody knows what stands there.
        if !self.is_settled && !matches!(self.folder.look_at(self.name), Ok(None)) {
            self.unrecorded.store(true, Ordering::SeqCst);
        }
    }
}
