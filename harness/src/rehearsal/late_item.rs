//! An item of a message queue that a slow agent of the source is still writing while the queues are carried.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::folder_in_any_case;
use crate::error::{HarnessError, io_error};

/// The queue, in any case.
const QUEUE: [&str; 2] = ["wpcsin", "5"];

/// Its name at the source.
const NAME: &str = "LATEITEM.001";

/// What is written at once, and how long the writer rests behind it: less than what an item must have stood still.
const PIECE: &[u8; 1000] = &[b'm'; 1000];
const PAUSE: Duration = Duration::from_millis(50);

/// The item, while it is written.
pub(super) struct LateItem {
    path: PathBuf,
    is_enough: Arc<AtomicBool>,
    writer: JoinHandle<io::Result<()>>,
}

impl LateItem {
    /// Begins to write it into a queue of the source.
    pub(super) fn begin(source: &Path) -> Result<Self, HarnessError> {
        let path = folder_in_any_case(source, &QUEUE)?.join(NAME);
        let mut file = File::create(&path).map_err(io_error("create", &path))?;
        file.write_all(PIECE).map_err(io_error("write", &path))?;
        let is_enough = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&is_enough);
        let writer = std::thread::spawn(move || {
            while !asked.load(Ordering::Relaxed) {
                std::thread::sleep(PAUSE);
                file.write_all(PIECE)?;
            }
            file.write_all(b"the end")
        });
        Ok(Self {
            path,
            is_enough,
            writer,
        })
    }

    /// Writes its end.
    pub(super) fn end(self) -> Result<(), HarnessError> {
        self.is_enough.store(true, Ordering::Relaxed);
        let written = self
            .writer
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        written.map_err(io_error("write", &self.path))
    }
}

/// What does not hold of it: nothing of it may have been delivered, or all of it where it `is_whole`.
pub(super) fn failures(
    source: &Path,
    destination: &Path,
    is_whole: bool,
) -> Result<Vec<String>, HarnessError> {
    let path = folder_in_any_case(source, &QUEUE)?.join(NAME);
    let wanted = fs::read(&path).map_err(io_error("read", &path))?;
    let delivered = destination
        .join(QUEUE.join("/"))
        .join(NAME.to_ascii_lowercase());
    let arrived = match fs::read(&delivered) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(io_error("read", &delivered)(error)),
    };
    let failure = match arrived {
        None if is_whole => "the late item was not carried when it was whole".to_owned(),
        Some(bytes) if !is_whole || bytes != wanted => format!(
            "{} bytes of the late item were delivered, of {}",
            bytes.len(),
            wanted.len()
        ),
        None | Some(_) => return Ok(Vec::new()),
    };
    Ok(vec![failure])
}
