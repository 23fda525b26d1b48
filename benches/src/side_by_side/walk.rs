//! A bare walk on many threads: it lists every folder and looks at nothing.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};

use super::Result;

/// The folders that wait, and how many threads are at work.
struct Waiting {
    folders: Vec<PathBuf>,
    working: usize,
}

/// Lists every folder below `root`; returns how many entries there are.
pub(super) fn walk(root: &Path, threads: usize) -> Result<u64> {
    let waiting = Mutex::new(Waiting {
        folders: vec![root.to_owned()],
        working: 0,
    });
    let changed = Condvar::new();
    let entries = AtomicU64::new(0);
    let failure = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(folder) = next(&waiting, &changed) {
                    let found = list(&folder, &entries);
                    let mut now = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                    now.working -= 1;
                    match found {
                        Ok(found) => now.folders.extend(found),
                        Err(error) => {
                            let mut first = failure.lock().unwrap_or_else(PoisonError::into_inner);
                            first.get_or_insert(error);
                        }
                    }
                    changed.notify_all();
                }
            });
        }
    });
    match failure.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(error) => Err(error.into()),
        None => Ok(entries.into_inner()),
    }
}

fn next(waiting: &Mutex<Waiting>, changed: &Condvar) -> Option<PathBuf> {
    let mut now = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        if let Some(folder) = now.folders.pop() {
            now.working += 1;
            return Some(folder);
        }
        if now.working == 0 {
            return None;
        }
        now = changed.wait(now).unwrap_or_else(PoisonError::into_inner);
    }
}

fn list(folder: &Path, entries: &AtomicU64) -> std::io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        entries.fetch_add(1, Ordering::Relaxed);
        if entry.file_type()?.is_dir() {
            folders.push(entry.path());
        }
    }
    Ok(folders)
}
