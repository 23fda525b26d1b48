//! The worker that is at work: what it works on, how far it is, and its end where the job is to be undone.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _};
use std::path::Path;
use std::time::Duration;

use crate::capabilities::open_folder;
use crate::error::{Result, WorkerError};
use crate::events::EVENT_FILE;
use crate::lease::{Lease, Role};
use protocol::{Counts, Event, EventKind, Expected, Progress, Running};

/// How long to wait between two looks at a lease.
const PAUSE: Duration = Duration::from_millis(50);

/// How often a worker that holds its lease is asked again what it works on.
const HOLDER_TRIES: u32 = 10;

/// How often it is looked whether a worker that was ended is gone.
const STOP_TRIES: u32 = 200;

/// The worker that is running now.
///
/// A worker holds its lease a moment before it has written there what it works on, and for that moment, and where the text
/// is damaged, it is not known what runs: that is asked again, and is an error in the end, never "nothing runs".
pub(crate) fn running(job_folder: &Path) -> Result<Option<Running>> {
    let mut tries = 0;
    loop {
        let Some(holder) = Lease::holder(job_folder, Role::Worker)? else {
            return Ok(None);
        };
        match serde_json::from_str(&holder) {
            Ok(running) => return Ok(Some(running)),
            Err(_) if tries < HOLDER_TRIES => tries += 1,
            Err(_) => return Err(WorkerError::Busy { holder }),
        }
        std::thread::sleep(PAUSE);
    }
}

/// The longest end of the event log that is read for the progress of a worker.
const PROGRESS_BYTES_MAX: u64 = 256 << 10;

/// How far a worker is, as its last events say; none where there are none yet.
pub(super) fn progress(job_folder: &Path, running: &Running) -> Result<Option<Progress>> {
    let failed = |source| WorkerError::JobFolder {
        operation: "read",
        name: EVENT_FILE.into(),
        source,
    };
    let (file, attributes) = open_folder("the job folder", job_folder)?
        .open_file(EVENT_FILE.as_bytes())
        .map_err(|errno| failed(errno.into()))?;
    let mut file = File::from(file);
    let begin = running
        .events_offset
        .max(attributes.size.saturating_sub(PROGRESS_BYTES_MAX));
    file.seek(std::io::SeekFrom::Start(begin)).map_err(failed)?;
    let mut progress: Option<Progress> = None;
    for line in BufReader::new(file).split(b'\n') {
        // The first line may have been cut by the limit, and the last one by its writer.
        let Ok(event) = serde_json::from_slice::<Event>(&line.map_err(failed)?) else {
            continue;
        };
        match event.what {
            EventKind::Phase { name, expected } => {
                progress = Some(Progress {
                    phase: name,
                    expected,
                    counts: Counts::default(),
                });
            }
            EventKind::Progress { counts, .. } => {
                let known = progress.get_or_insert_with(|| Progress {
                    phase: running.task.clone(),
                    expected: Expected::default(),
                    counts: Counts::default(),
                });
                known.counts = counts;
            }
            _ => {}
        }
    }
    Ok(progress)
}

/// Ends the worker that holds the lease, which may be killed at any time, and waits until it is gone.
pub(super) fn stop_worker(job_folder: &Path) -> Result<()> {
    let Some(running) = running(job_folder)? else {
        return Ok(());
    };
    let failed = |source| WorkerError::JobFolder {
        operation: "end",
        name: format!("the worker with process number {}", running.pid),
        source,
    };
    let pid = i32::try_from(running.pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    match pid.map(|pid| rustix::process::kill_process(pid, rustix::process::Signal::KILL)) {
        None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => {}
        Some(Err(errno)) => return Err(failed(errno.into())),
    }
    for _ in 0..STOP_TRIES {
        if Lease::holder(job_folder, Role::Worker)?.is_none() {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err(failed(std::io::ErrorKind::TimedOut.into()))
}
