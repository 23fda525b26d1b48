//! One worker and one controller at a time: locks on files of the job folder, held by open handles.
//!
//! A controller may vanish without closing its connection, and then the process that holds its lease would live for ever.  So
//! the controller says again and again that it is there; see [`hold`].

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek as _, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::FlockOperation;

use crate::error::{Result, WorkerError};
use protocol::{Explain as _, LeaseAnswer, LeaseHolder};

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
        tried(TRIES, TRY_PAUSE, || Self::try_take(job_folder, role))
    }

    fn try_take(job_folder: &Path, role: Role) -> Result<Self> {
        let mut lease = Self::try_lock(job_folder, role)?;
        // What an earlier holder wrote about itself must not be taken for the new one.
        lease.describe("")?;
        Ok(lease)
    }

    fn try_lock(job_folder: &Path, role: Role) -> Result<Self> {
        let mut lease = Self {
            file: open(job_folder, role)?,
            role,
        };
        match rustix::fs::flock(&lease.file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(lease),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(WorkerError::Busy {
                holder: lease.read()?,
            }),
            Err(errno) => Err(failed("lock", role)(errno.into())),
        }
    }

    /// What the holder of a lease wrote about itself, or `None` where nobody holds it; asking writes nothing.
    ///
    /// # Errors
    /// [`WorkerError::JobFolder`].
    pub fn holder(job_folder: &Path, role: Role) -> Result<Option<String>> {
        match Self::try_lock(job_folder, role) {
            Ok(_) => Ok(None),
            Err(WorkerError::Busy { holder }) => Ok(Some(holder)),
            Err(error) => Err(error),
        }
    }

    /// What the last holder of a lease wrote about itself, whether it still holds it or not.
    ///
    /// # Errors
    /// [`WorkerError::JobFolder`].
    pub fn last_holder(job_folder: &Path, role: Role) -> Result<String> {
        let mut lease = Self {
            file: open(job_folder, role)?,
            role,
        };
        lease.read()
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

/// For how long the lease of a controller is held without a word of it.
pub const HEARTBEAT_LIMIT: Duration = Duration::from_mins(1);

/// How often a held lease is looked after: whether another controller wants it, and when the last word came.
const LOOK: Duration = Duration::from_millis(250);

/// How long somebody who takes a lease over waits for the holder to give it up.
const TAKE_OVER_TRIES: u32 = 100;

/// A file that asks the process which holds the lease to give it up.
const TAKE_OVER_FILE: &str = "controller.take-over";

/// How the lease of a controller is to be taken.
#[derive(Debug, Clone)]
pub struct HoldOptions {
    /// Who takes it.
    pub holder: LeaseHolder,
    /// Whether it is taken from whoever holds it.
    pub take_over: bool,
    /// Whether the controller had it before, and takes it again over a new connection.
    pub again: bool,
    /// For how long it is held without a word; [`HEARTBEAT_LIMIT`] but in tests of this crate.
    pub limit: Duration,
}

/// Holds the lease of the controller for as long as it sends something on `input` often enough; says on `output` whether it
/// has it.
///
/// # Errors
/// [`WorkerError::Busy`] where another controller has it.
pub fn hold(
    job_folder: &Path,
    options: &HoldOptions,
    mut input: impl Read + AsFd,
    output: &mut dyn Write,
) -> Result<()> {
    let taken = take_controller(job_folder, options);
    let answer = match &taken {
        Ok((_, from)) => LeaseAnswer::Held { from: from.clone() },
        Err(WorkerError::Busy { holder }) => LeaseAnswer::Busy {
            holder: LeaseHolder::read(holder),
        },
        Err(error @ WorkerError::LeaseLost { .. }) => LeaseAnswer::Lost {
            finding: Box::new(error.to_finding()),
        },
        Err(error) => LeaseAnswer::Failed {
            text: error.to_string(),
        },
    };
    let line = serde_json::to_string(&answer).unwrap_or_default();
    writeln!(output, "{line}")
        .and_then(|()| output.flush())
        .map_err(failed("answer about", Role::Controller))?;
    let _lease = taken?;
    let mut heard = Instant::now();
    let mut block = [0; 256];
    while heard.elapsed() < options.limit && !is_asked_for(job_folder) {
        if !is_readable(&input)? {
            continue;
        }
        // Its end: the controller has closed its side, or the connection broke.
        if input
            .read(&mut block)
            .map_err(failed("read from", Role::Controller))?
            == 0
        {
            break;
        }
        heard = Instant::now();
    }
    Ok(())
}

/// Takes the lease; says as well from whom, where it was held.
fn take_controller(
    job_folder: &Path,
    options: &HoldOptions,
) -> Result<(Lease, Option<LeaseHolder>)> {
    let take = || try_take_controller(job_folder, options);
    let holder = match tried(TRIES, TRY_PAUSE, take) {
        Err(WorkerError::Busy { holder }) => LeaseHolder::read(&holder),
        taken => return Ok((taken?, None)),
    };
    // The own lease of a controller whose connection broke may still be held by the process of the old one.
    let is_own = holder
        .as_ref()
        .is_some_and(|holder| !holder.token.is_empty() && holder.token == options.holder.token);
    if !(options.take_over || is_own) {
        return Err(WorkerError::Busy {
            holder: holder
                .and_then(|holder| serde_json::to_string(&holder).ok())
                .unwrap_or_default(),
        });
    }
    File::create(job_folder.join(TAKE_OVER_FILE)).map_err(failed("ask for", Role::Controller))?;
    let taken = tried(TAKE_OVER_TRIES, LOOK, take);
    if taken.is_err() {
        stop_asking(job_folder)?;
    }
    Ok((taken?, holder))
}

/// Tries something until nobody holds the lease any more.
fn tried<T>(tries: u32, pause: Duration, take: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 1..tries {
        match take() {
            Err(WorkerError::Busy { .. }) => std::thread::sleep(pause),
            outcome => return outcome,
        }
    }
    take()
}

/// Takes the lease where nobody holds it, and where nobody else had it since this controller did: another one may have changed
/// the job meanwhile, and ended, and the steps that come next here are not those that come behind its.
fn try_take_controller(job_folder: &Path, options: &HoldOptions) -> Result<Lease> {
    let mut lease = Lease::try_lock(job_folder, Role::Controller)?;
    if options.again {
        let last = LeaseHolder::read(&lease.read()?);
        if last
            .as_ref()
            .is_none_or(|last| last.token != options.holder.token)
        {
            return Err(WorkerError::LeaseLost {
                text: format!(
                    "This job was taken over by {} while the connection was broken; this command is not at work on it any more",
                    last.map_or_else(|| "another controller".to_owned(), |last| last.who)
                ),
                is_taken: false,
            });
        }
    }
    let text = serde_json::to_string(&options.holder).unwrap_or_default();
    lease.describe(&text)?;
    // Whoever asked for it has it, or has died: left there, it would end this lease and each later one.
    stop_asking(job_folder)?;
    Ok(lease)
}

fn stop_asking(job_folder: &Path) -> Result<()> {
    match std::fs::remove_file(job_folder.join(TAKE_OVER_FILE)) {
        // Another controller took the lease first.
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        outcome => outcome.map_err(failed("take", Role::Controller)),
    }
}

fn is_asked_for(job_folder: &Path) -> bool {
    // What cannot be looked at asks for nothing.
    job_folder.join(TAKE_OVER_FILE).exists()
}

/// Waits a moment for something to read.
fn is_readable(input: &impl AsFd) -> Result<bool> {
    let mut polled = [PollFd::new(input, PollFlags::IN)];
    let wait = Timespec {
        tv_sec: 0,
        tv_nsec: LOOK.subsec_nanos().into(),
    };
    match rustix::event::poll(&mut polled, Some(&wait)) {
        Ok(ready) => Ok(ready > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(errno) => Err(failed("wait for", Role::Controller)(errno.into())),
    }
}

/// Makes sure that the controller whose request this is still holds its lease.
///
/// # Errors
/// [`WorkerError::LeaseLost`].
pub fn require_held(job_folder: &Path, token: &str) -> Result<()> {
    let holder = Lease::holder(job_folder, Role::Controller)?;
    match holder.as_deref().map(LeaseHolder::read) {
        Some(Some(holder)) if holder.token == token => Ok(()),
        Some(other) => Err(WorkerError::LeaseLost {
            text: format!(
                "This job was taken over by {}; this command is not at work on it any more",
                other.map_or_else(|| "another controller".to_owned(), |holder| holder.who)
            ),
            is_taken: true,
        }),
        None => Err(WorkerError::LeaseLost {
            text: format!(
                "This command is not at work on the job any more: nothing was heard of it for {} seconds, or another one took the job over \
                 and is done",
                HEARTBEAT_LIMIT.as_secs()
            ),
            is_taken: false,
        }),
    }
}
