//! Setting times on an open handle.

use std::os::fd::AsFd;

use rustix::fs::{Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use super::{Folder, Time};

/// Sets when a file or folder was last modified; the time of access stays.
///
/// # Errors
/// What the kernel says.
pub(crate) fn set_modified(handle: impl AsFd, time: Time) -> Result<(), Errno> {
    let times = Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: time.seconds,
            tv_nsec: time.nanoseconds.into(),
        },
    };
    rustix::fs::futimens(handle, &times)
}

impl Folder {
    /// Sets when this folder was last modified.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_modified(&self, time: Time) -> Result<(), Errno> {
        set_modified(self, time)
    }
}
