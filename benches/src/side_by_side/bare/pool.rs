//! The threads of a loop, and the folders that wait for them.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::super::{Result, Trouble};
use super::Visit;
use super::folder::Folder;

/// Folders by their paths below the roots.
pub(super) struct Pool {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

struct Waiting {
    folders: Vec<PathBuf>,
    /// How many threads are in a folder.
    working: usize,
    /// The first one; it ends the loop.
    failure: Option<Trouble>,
}

/// Visits every folder below the roots; returns how many files the visits met.
pub(super) fn each_folder(roots: &[OwnedFd], threads: usize, visit: Visit) -> Result<u64> {
    let pool = Pool {
        waiting: Mutex::new(Waiting {
            folders: vec![PathBuf::from(".")],
            working: 0,
            failure: None,
        }),
        changed: Condvar::new(),
    };
    let files = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads.max(1) {
            scope.spawn(|| {
                while let Some(path) = pool.next() {
                    let folder = Folder {
                        path: &path,
                        roots,
                        pool: &pool,
                    };
                    let found = visit(&folder).map(|found| {
                        files.fetch_add(found, Ordering::Relaxed);
                    });
                    pool.finish(&path, found);
                }
            });
        }
    });
    let waiting = pool.waiting.into_inner();
    match waiting.unwrap_or_else(PoisonError::into_inner).failure {
        Some(error) => Err(error),
        None => Ok(files.into_inner()),
    }
}

impl Pool {
    /// One more folder.
    pub(super) fn add(&self, path: PathBuf) {
        self.lock().folders.push(path);
        self.changed.notify_one();
    }

    /// The next folder; none when all are done, or one has failed.
    fn next(&self) -> Option<PathBuf> {
        let mut now = self.lock();
        loop {
            if now.failure.is_some() {
                return None;
            }
            if let Some(folder) = now.folders.pop() {
                now.working += 1;
                return Some(folder);
            }
            if now.working == 0 {
                return None;
            }
            now = self
                .changed
                .wait(now)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn finish(&self, path: &Path, outcome: Result<()>) {
        let mut now = self.lock();
        now.working -= 1;
        if let Err(error) = outcome {
            let error = format!("{}: {error}", path.display());
            now.failure.get_or_insert(error.into());
        }
        if now.working == 0 || now.failure.is_some() {
            self.changed.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
