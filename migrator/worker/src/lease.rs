//! One worker and one controller at a time: locks on files of the job folder, held by open handles.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use rustix::fs::FlockOperation;

use crate::error::{Result, WorkerError};

/// How often a lease that is held is tried, and how long to wait in between.
const TRIES: u32 = 10;
const TRY_PAUSE: Duration = Duration::from_millis(20);

/// Who holds a lease.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The worker.
    Worker,
    /// The controller.
    Controller,
}

impl Role {
    fn file_name(self) -> &'static str {
        match self {
            Self::Worker => "worker.lock",
            Self::Controller => "controller.lock",
        }
    }
}

/// A lease; it ends when it is dropped, and when its process ends, however it ends.
#[derive(Debug)]
pub struct Lease {
    file: File,
    role: Role,
}

impl Lease {
    /// Takes the lease of a job.
    ///
    /// Tried for a moment, because somebody who only asks who holds it ([`Lease::holder`]) has it while they ask.
    ///
    /// # Errors
    /// [`WorkerError::Busy`] with what the holder wrote about itself.
    pub fn take(job_folder: &Path, role: Role) -> Result<Self> {
        for _ in 1..TRIES {
            match Self::try_take(job_folder, role) {
                Err(WorkerError::Busy { .. }) => std::thread::sleep(TRY_PAUSE),
                outcome => return outcome,
            }
        }
        Self::try_take(job_folder, role)
    }

    fn try_take(job_folder: &Path, role: Role) -> Result<Self> {
        let mut lease = Self {
            file: open(job_folder, role)?,
            role,
        };
        match rustix::fs::flock(&lease.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {
                // What an earlier holder wrote about itself must not be taken for the new one.
                lease.describe("")?;
                Ok(lease)
            }
            Err(rustix::io::Errno::WOULDBLOCK) => Err(WorkerError::Busy {
                holder: lease.read()?,
            }),
            Err(errno) => Err(failed("lock", role)(errno.into())),
        }
    }

    /// What the holder of a lease wrote about itself, or `None` where nobody holds it.
    ///
    /// # Errors
    /// [`WorkerError::JobFolder`].
    pub fn holder(job_folder: &Path, role: Role) -> Result<Option<String>> {
        match Self::try_take(job_folder, role) {
            Ok(_) => Ok(None),
            Err(WorkerError::Busy { holder }) => Ok(Some(holder)),
            Err(error) => Err(error),
        }
    }

    /// Writes who holds the lease.
    ///
    /// # Errors
    /// [`WorkerError::JobFolder`].
    pub fn describe(&mut self, text: &str) -> Result<()> {
        let mut write = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(text.as_bytes())
        };
        write().map_err(failed("write", self.role))
    }

    fn read(&mut self) -> Result<String> {
        let mut text = String::new();
        self.file
            .rewind()
            .and_then(|()| self.file.read_to_string(&mut text))
            .map_err(failed("read", self.role))?;
        Ok(text)
    }
}

fn open(job_folder: &Path, role: Role) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(job_folder.join(role.file_name()))
        .map_err(failed("open", role))
}

fn failed(operation: &'static str, role: Role) -> impl FnOnce(std::io::Error) -> WorkerError {
    move |source| WorkerError::JobFolder {
        operation,
        name: role.file_name().to_owned(),
        source,
    }
}
