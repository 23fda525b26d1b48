//! Taking the locks that GroupWise's own programs respect.
//!
//! Open-file-description read locks through read-only handles: nothing is written at the source, and a program that
//! wants its write lock meanwhile is told that the database is in use.  A read lock is enough to keep FLAIM out, and
//! conflicts with any region lock of an older engine inside the `.db` itself (flaim-locking.md 2.1).

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use rustix::io::Errno;

use crate::error::stops_the_step;
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
    /// Whether anybody holds it could not be asked, which is no answer.
    NotAsked(Errno),
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
            Ok((handle, _)) => {
                if let Some(refusal) = take(&handle, 1).refusal() {
                    return Ok(refusal);
                }
                handles.push(handle);
                has_lock_file = true;
            }
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
    if let Some(refusal) = take(&handle, 0).refusal() {
        return Ok(refusal);
    }
    handles.push(handle);
    Ok(Attempt::Held(DatabaseLock {
        _handles: handles,
        has_lock_file,
    }))
}

/// Tries whether another program holds a lock on any byte of a file; a file that cannot be opened because another program lets
/// nobody else in is locked as well.
///
/// # Errors
/// What else opening the file says.
pub(crate) fn try_whole_file(folder: &Folder, name: &[u8]) -> Result<Trial, Errno> {
    match folder.open_file(name) {
        Ok((handle, _)) => Ok(take(&handle, 0)),
        Err(Errno::BUSY | Errno::TXTBSY) => Ok(Trial::Busy),
        Err(errno) => Err(errno),
    }
}

/// Takes the locks of a database, waiting for at most `wait` until it is free; and where it `insists`, until it can be asked for
/// them.
///
/// # Errors
/// As [`try_lock`].
pub(crate) fn lock(
    folder: &Folder,
    name: &[u8],
    lock_file: Option<&[u8]>,
    wait: Duration,
    insists: bool,
) -> Result<Attempt, Errno> {
    let until = Instant::now() + wait;
    loop {
        let outcome = try_lock(folder, name, lock_file)?;
        let may_change = match outcome {
            Attempt::Busy => true,
            Attempt::NotAsked(errno) => insists && !stops_the_step(errno),
            Attempt::Held(_) | Attempt::Unsupported => false,
        };
        if !may_change || Instant::now() >= until {
            return Ok(outcome);
        }
        std::thread::sleep(RETRY_PAUSE);
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
    /// It could not be asked, which is no answer.
    NotAsked(Errno),
}

impl Trial {
    /// What it means for a database; none where the lock was had.
    fn refusal(self) -> Option<Attempt> {
        match self {
            Self::Granted => None,
            Self::Busy => Some(Attempt::Busy),
            Self::Unsupported => Some(Attempt::Unsupported),
            Self::NotAsked(errno) => Some(Attempt::NotAsked(errno)),
        }
    }
}

/// A byte that no database has, and that also a server with offsets of 32 bits knows.
const TRIED_BYTE: libc::off_t = 0x7fff_fffe;

/// Takes a read lock where nothing is, and gives it back.
pub(crate) fn try_shared_byte(handle: impl AsFd) -> Trial {
    let trial = set(&handle, libc::F_RDLCK, TRIED_BYTE, 1);
    if trial == Trial::Granted {
        // Closing the handle gives it back as well.
        let _ = set(&handle, libc::F_UNLCK, TRIED_BYTE, 1);
    }
    trial
}

/// A read lock of `length` bytes from the start; 0 is the whole file, however long it becomes.
fn take(handle: impl AsFd, length: libc::off_t) -> Trial {
    if keeps_locks_here(&handle) {
        return Trial::Unsupported;
    }
    set(handle, libc::F_RDLCK, 0, length)
}

/// What the kernel answers to a lock.  Only what says that there are no locks counts as that (ARCHITECTURE.md rule 9b).
fn set(handle: impl AsFd, kind: libc::c_int, start: libc::off_t, length: libc::off_t) -> Trial {
    use nix::errno::Errno as Answer;
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
        Ok(_) => Trial::Granted,
        Err(Answer::EAGAIN | Answer::EACCES) => Trial::Busy,
        Err(Answer::EINVAL | Answer::EOPNOTSUPP | Answer::ENOSYS) => Trial::Unsupported,
        Err(answer) => Trial::NotAsked(Errno::from_raw_os_error(answer as i32)),
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
