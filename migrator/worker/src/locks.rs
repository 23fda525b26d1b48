//! Taking the locks that GroupWise's own programs respect.
//!
//! Open-file-description read locks through read-only handles: nothing is written at the source, and a program that
//! wants its write lock meanwhile is told that the database is in use.  A read lock is enough to keep FLAIM out, and
//! conflicts with any region lock of an older engine inside the `.db` itself (flaim-locking.md 2.1).

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use rustix::io::Errno;

use crate::file_system::keeps_locks_here;
use crate::tree::Folder;

/// How long to sleep before a held lock is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(50);

/// What came of an attempt.
#[derive(Debug)]
pub(crate) enum Attempt {
    /// The lock is held until the value is dropped.
    Held(DatabaseLock),
    /// Another program holds the database.
    Busy,
    /// The file system of the source has no such locks.
    Unsupported,
}

/// The locks of one database, held by open handles.
#[derive(Debug)]
pub(crate) struct DatabaseLock {
    _handles: Vec<OwnedFd>,
    /// Whether byte 0 of the lock file is among them.
    has_lock_file: bool,
}

impl DatabaseLock {
    /// Whether another program may have come in since: there was no lock file that could be locked, and now there is one, or
    /// one that cannot be asked about.
    pub(crate) fn was_passed(&self, folder: &Folder, database: &[u8]) -> bool {
        !self.has_lock_file && find_lock_file(folder, database) != Ok(None)
    }
}

#[derive(PartialEq, Eq)]
enum Taken {
    Yes,
    Busy,
    Unsupported,
}

/// Takes the locks of the database `name`: byte 0 of its lock file, where there is one, and the whole of itself.
///
/// `lock_file` is the name of the lock file where a listing had one; a younger one is found under its usual names.
///
/// # Errors
/// What opening the database says, or asking for its lock file; a lock file that vanishes meanwhile is no error.
pub(crate) fn try_lock(
    folder: &Folder,
    name: &[u8],
    lock_file: Option<&[u8]>,
) -> Result<Attempt, Errno> {
    let mut handles = Vec::with_capacity(2);
    let mut has_lock_file = false;
    let lock_file = match lock_file {
        Some(listed) => Some(listed.to_vec()),
        None => find_lock_file(folder, name)?,
    };
    if let Some(lock_file) = lock_file {
        match folder.open_file(&lock_file) {
            Ok((handle, _)) => match take(&handle, 1) {
                Taken::Yes => {
                    handles.push(handle);
                    has_lock_file = true;
                }
                Taken::Busy => return Ok(Attempt::Busy),
                Taken::Unsupported => return Ok(Attempt::Unsupported),
            },
            Err(Errno::NOENT) => {}
            // Opened by its owner with nobody else allowed, as Windows and NetWare do: that is the lock.
            Err(Errno::ACCESS | Errno::BUSY | Errno::TXTBSY) => return Ok(Attempt::Busy),
            Err(errno) => return Err(errno),
        }
    }
    let handle = match folder.open_file(name) {
        Ok((handle, _)) => handle,
        // Opened by another program that lets nobody else in.
        Err(Errno::BUSY | Errno::TXTBSY) => return Ok(Attempt::Busy),
        Err(errno) => return Err(errno),
    };
    match take(&handle, 0) {
        Taken::Yes => handles.push(handle),
        Taken::Busy => return Ok(Attempt::Busy),
        Taken::Unsupported => return Ok(Attempt::Unsupported),
    }
    Ok(Attempt::Held(DatabaseLock {
        _handles: handles,
        has_lock_file,
    }))
}

/// Whether another program holds a lock on any byte of a file; a file that cannot be opened because another program lets
/// nobody else in is locked as well.
pub(crate) fn is_locked(folder: &Folder, name: &[u8]) -> bool {
    match folder.open_file(name) {
        Ok((handle, _)) => take(&handle, 0) == Taken::Busy,
        Err(errno) => matches!(errno, Errno::BUSY | Errno::TXTBSY),
    }
}

/// The same, waiting for at most `wait`.
///
/// # Errors
/// As [`try_lock`].
pub(crate) fn lock(
    folder: &Folder,
    name: &[u8],
    lock_file: Option<&[u8]>,
    wait: Duration,
) -> Result<Attempt, Errno> {
    let until = Instant::now() + wait;
    loop {
        match try_lock(folder, name, lock_file)? {
            Attempt::Busy if Instant::now() < until => std::thread::sleep(RETRY_PAUSE),
            outcome => return Ok(outcome),
        }
    }
}

/// What came of trying a lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trial {
    /// It was had, and given back.
    Granted,
    /// Another program has it.
    Busy,
    /// The file system has none.
    Unsupported,
}

/// A byte that no database has, and that also a server with offsets of 32 bits knows.
const TRIED_BYTE: libc::off_t = 0x7fff_fffe;

/// Takes a read lock where nothing is, and gives it back.
pub(crate) fn try_shared_byte(handle: impl AsFd) -> Trial {
    let trial = match set(&handle, libc::F_RDLCK, TRIED_BYTE, 1) {
        Taken::Yes => Trial::Granted,
        Taken::Busy => Trial::Busy,
        Taken::Unsupported => Trial::Unsupported,
    };
    if trial == Trial::Granted {
        // Closing the handle gives it back as well.
        let _ = set(&handle, libc::F_UNLCK, TRIED_BYTE, 1);
    }
    trial
}

/// A read lock of `length` bytes from the start; 0 is the whole file, however long it becomes.
fn take(handle: impl AsFd, length: libc::off_t) -> Taken {
    if keeps_locks_here(&handle) {
        return Taken::Unsupported;
    }
    set(handle, libc::F_RDLCK, 0, length)
}

fn set(handle: impl AsFd, kind: libc::c_int, start: libc::off_t, length: libc::off_t) -> Taken {
    // The constants are small; the type of the field differs between systems.
    #[allow(clippy::cast_possible_truncation)]
    let region = libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: length,
        l_pid: 0,
    };
    match fcntl(handle, FcntlArg::F_OFD_SETLK(&region)) {
        Ok(_) => Taken::Yes,
        Err(nix::errno::Errno::EAGAIN | nix::errno::Errno::EACCES) => Taken::Busy,
        Err(_) => Taken::Unsupported,
    }
}

/// The lock file of a database, where there is one under the names that its programs give it: a program makes it when it
/// opens the database, which may be after the folder was listed.
///
/// # Errors
/// What the kernel says, but for a name that is too long for any file.
fn find_lock_file(folder: &Folder, database: &[u8]) -> Result<Option<Vec<u8>>, Errno> {
    let lower = lock_file_name(database);
    let (stem, _) = lower.split_at(lower.len().saturating_sub(4));
    let upper = [stem, b".LCK"].concat();
    for name in [lower, upper] {
        match folder.metadata(&name) {
            Ok(Some(_)) => return Ok(Some(name)),
            Ok(None) | Err(Errno::NAMETOOLONG) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(None)
}

/// The name of the lock file of a database: `.db` becomes `.lck`; any other name gets `.lck` appended.
pub(crate) fn lock_file_name(database: &[u8]) -> Vec<u8> {
    let stem = match database.len().checked_sub(3) {
        Some(at) if database[at..].eq_ignore_ascii_case(b".db") => &database[..at],
        _ => database,
    };
    [stem, b".lck"].concat()
}
