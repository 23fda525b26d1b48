//! The threads of a loop, the folders that wait for them, and the folder that each is in: opened once in each tree, all
//! else by names in it.

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use rustix::fs::{AtFlags, FileType, Mode, OFlags, RawDir, openat, statat};

use super::super::{BoxError, Result};

/// How much of a listing the kernel gives at once.
const LISTING_BYTES: usize = 64 << 10;

/// What a loop does with one folder; the answer is how many files it met.
pub(super) type Visit = fn(&Folder<'_>) -> Result<u64>;

/// A folder, by its path in every tree.
pub(super) struct Folder<'a> {
    pub(super) path: &'a Path,
    /// The trees, opened.
    pub(super) roots: &'a [OwnedFd],
    pub(super) pool: &'a Pool,
}

/// What a folder holds.
pub(super) struct Listing {
    pub(super) folders: Vec<CString>,
    /// All else, in the order of the inodes.
    pub(super) files: Vec<CString>,
}

impl Folder<'_> {
    /// Opens the folder in one tree.
    fn open(&self, root: &OwnedFd) -> Result<OwnedFd> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        Ok(openat(root, self.path, flags, Mode::empty())?)
    }

    /// Opens the folder in all trees, of which there are as many as the caller wants.
    pub(super) fn open_all<const N: usize>(&self) -> Result<[OwnedFd; N]> {
        let open: Result<Vec<_>> = self.roots.iter().map(|root| self.open(root)).collect();
        open?
            .try_into()
            .map_err(|_| format!("there are not {N} trees").into())
    }

    /// Does something to every file of the folder in every tree; returns how many they are.
    pub(super) fn each_file(
        &self,
        mut act: impl FnMut(&OwnedFd, &CStr) -> Result<()>,
    ) -> Result<u64> {
        let mut files = 0;
        for (number, root) in self.roots.iter().enumerate() {
            let open = self.open(root)?;
            let listing = Listing::of(&open)?;
            // The others have the same folders.
            if number == 0 {
                listing.folders.iter().for_each(|name| self.add(name));
            }
            for name in &listing.files {
                act(&open, name)?;
            }
            files += listing.files.len() as u64;
        }
        Ok(files)
    }

    /// Lets a folder in this one wait for a thread.
    pub(super) fn add(&self, name: &CStr) {
        let name = OsStr::from_bytes(name.to_bytes());
        self.pool.add(self.path.join(name));
    }
}

/// Tells what an open folder holds: each name, whether it is a folder, and its inode.
pub(super) fn list(folder: &OwnedFd, mut tell: impl FnMut(&CStr, bool, u64)) -> Result<()> {
    let mut buffer = Vec::with_capacity(LISTING_BYTES);
    let mut entries = RawDir::new(folder, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if name == c"." || name == c".." {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                let found = statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
                FileType::from_raw_mode(found.st_mode)
            }
            known => known,
        };
        tell(name, kind == FileType::Directory, entry.ino());
    }
    Ok(())
}

impl Listing {
    /// What an open folder holds.
    pub(super) fn of(folder: &OwnedFd) -> Result<Self> {
        let (mut folders, mut files) = (Vec::new(), Vec::new());
        list(folder, |name, is_folder, inode| {
            if is_folder {
                folders.push(name.to_owned());
            } else {
                files.push((inode, name.to_owned()));
            }
        })?;
        files.sort_unstable_by_key(|(inode, _)| *inode);
        Ok(Self {
            folders,
            files: files.into_iter().map(|(_, name)| name).collect(),
        })
    }
}

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
    failure: Option<BoxError>,
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
