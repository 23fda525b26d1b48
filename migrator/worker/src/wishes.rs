//! What people ask of a worker while it works: to pause, to go on, to end.
//!
//! A request writes the wish into a file of the job folder; the sealed worker, which can open nothing there by name, has
//! that file open already and reads it now and then.  A wish names its order, and a worker empties the file before it
//! begins: none outlives the worker that it was meant for, however that ended.
//!
//! The worker obeys where it can be interrupted: between two folders, files, databases or renamings ([`Wishes::obey`], which
//! operations reach through their monitor).  So it holds no lock of the source while it is paused.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::capabilities::open_folder;
use crate::error::{Result, WorkerError};
use crate::lease::{Lease, Role};
use crate::pool::lock;
use crate::service::running;
use crate::store::now_milliseconds;
use crate::tree::Folder;
use protocol::{Running, Wish, WishLine};

/// Name of the file that a wish is written into.
const WISH_FILE: &str = "worker.wish";

/// The longest wish that is read.
const WISH_BYTES_MAX: usize = 4096;

/// For how long a request waits until the worker has heard its wish.
const HEARD_WITHIN: Duration = Duration::from_secs(10);

/// How long to wait between two looks whether it has.
const LOOK_PAUSE: Duration = Duration::from_millis(50);

fn failed(operation: &'static str) -> impl Fn(std::io::Error) -> WorkerError {
    move |source| WorkerError::JobFolder {
        operation,
        name: WISH_FILE.to_owned(),
        source,
    }
}

fn open(job: &Folder) -> Result<File> {
    let file = job.open_appending(WISH_FILE.as_bytes());
    Ok(File::from(
        file.map_err(|errno| failed("open")(errno.into()))?,
    ))
}

/// The ear of a worker, and its lease, in which it says what it has heard.
#[derive(Debug)]
pub struct Wishes {
    file: File,
    /// Whether there is anything to obey; looked at for each file.
    is_held_up: AtomicBool,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug)]
struct State {
    lease: Lease,
    running: Running,
}

impl Wishes {
    /// Opens the file of the wishes and forgets what was asked of an earlier worker; `lease` must be held.
    ///
    /// # Errors
    /// [`WorkerError::JobFolder`].
    pub fn open(job: &Folder, lease: Lease, running: Running) -> Result<Self> {
        let file = open(job)?;
        file.set_len(0).map_err(failed("empty"))?;
        Ok(Self {
            file,
            is_held_up: AtomicBool::new(false),
            state: Mutex::new(State { lease, running }),
            changed: Condvar::new(),
        })
    }

    /// Says in the lease what this worker works on, and what it has heard.
    ///
    /// # Errors
    /// [`WorkerError::JobFolder`].
    pub fn describe(&self) -> Result<()> {
        lock(&self.state).describe()
    }

    /// What this worker works on.
    pub fn running(&self) -> Running {
        lock(&self.state).running.clone()
    }

    /// Looks whether anything was asked since the last look; what cannot be read is no wish.
    pub fn hear(&self) -> Option<WishLine> {
        let mut text = [0; WISH_BYTES_MAX];
        let length = self.file.read_at(&mut text, 0).ok()?;
        let heard: WishLine = serde_json::from_slice(&text[..length]).ok()?;
        let mut state = lock(&self.state);
        if heard.order != state.running.order || state.running.wish.as_ref() == Some(&heard) {
            return None;
        }
        state.running.wish = Some(heard.clone());
        self.is_held_up
            .store(heard.wish != Wish::Resume, Ordering::Release);
        if let Err(error) = state.describe() {
            tracing::warn!(%error, "the lease does not say what was heard");
        }
        drop(state);
        self.changed.notify_all();
        Some(heard)
    }

    /// Waits for as long as the worker is paused.
    ///
    /// # Errors
    /// [`WorkerError::Stopped`] where it is to end.
    pub fn obey(&self) -> Result<()> {
        if !self.is_held_up.load(Ordering::Acquire) {
            return Ok(());
        }
        let mut state = lock(&self.state);
        loop {
            match &state.running.wish {
                Some(line) if line.wish == Wish::Stop => {
                    return Err(WorkerError::Stopped {
                        by: line.by.clone(),
                    });
                }
                Some(line) if line.wish == Wish::Pause => {}
                _ => return Ok(()),
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    fn describe(&mut self) -> Result<()> {
        let text = serde_json::to_string(&self.running).unwrap_or_default();
        self.lease.describe(&text)
    }
}

/// Asks something of the worker that is at work, and waits until it has heard it; gives that worker.
///
/// # Errors
/// [`WorkerError::NothingToAsk`] where none is at work, or where it does that already; [`WorkerError::NotHeard`].
pub(crate) fn ask(job_folder: &Path, wish: Wish, by: &str) -> Result<Running> {
    let mut file = open(&open_folder("the job folder", job_folder)?)?;
    // One at a time, so that none is lost unheard.
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive)
        .map_err(|errno| failed("lock")(errno.into()))?;
    let Some(worker) = running(job_folder)? else {
        return Err(nothing("No worker is at work on this job"));
    };
    let now = worker.wish.as_ref().map(|line| line.wish);
    match (wish, now) {
        (Wish::Resume, None | Some(Wish::Resume)) => {
            return Err(nothing("The worker is not paused; it works"));
        }
        (Wish::Pause, Some(Wish::Pause)) => return Err(nothing("The worker is paused already")),
        (_, Some(Wish::Stop)) => {
            return Err(nothing(
                "The worker was asked to stop already, and ends with what it has in hand",
            ));
        }
        _ => {}
    }
    let line = WishLine {
        order: worker.order,
        wish,
        by: by.to_owned(),
        at_milliseconds: now_milliseconds(),
        users_wait: worker.users_wait,
    };
    let text = serde_json::to_vec(&line).unwrap_or_default();
    file.set_len(0)
        .and_then(|()| file.write_all(&text))
        .map_err(failed("write"))?;
    wait_until_heard(job_folder, worker, &line)
}

fn wait_until_heard(job_folder: &Path, asked: Running, line: &WishLine) -> Result<Running> {
    let until = Instant::now() + HEARD_WITHIN;
    while Instant::now() < until {
        match running(job_folder)?.filter(|worker| worker.order == line.order) {
            Some(worker) if worker.wish.as_ref() == Some(line) => return Ok(worker),
            Some(_) => std::thread::sleep(LOOK_PAUSE),
            // Its last event says whether it has heard that before.
            None if line.wish == Wish::Stop => return Ok(asked),
            // It may have heard it and come to its end between two looks.
            None if last_heard(job_folder)?.as_ref() == Some(line) => return Ok(asked),
            None => return Err(nothing("The worker came to its end before it heard that")),
        }
    }
    Err(WorkerError::NotHeard {
        seconds: HEARD_WITHIN.as_secs(),
    })
}

/// The wish that the last worker has heard last.
fn last_heard(job_folder: &Path) -> Result<Option<WishLine>> {
    let text = Lease::last_holder(job_folder, Role::Worker)?;
    let running: Option<Running> = serde_json::from_str(&text).ok();
    Ok(running.and_then(|running| running.wish))
}

fn nothing(text: &str) -> WorkerError {
    WorkerError::NothingToAsk { text: text.into() }
}
