//! The lock of a database, as FLAIM takes it on Unix: a write lock on byte 0 of its lock file, which is made where it is
//! missing and never removed (flaim-locking.md 2.1).

use std::time::{Duration, Instant};

use cap_std::fs::{Dir, File, OpenOptions};
use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use postoffice::flaim::base_of;
use postoffice::names::RelativePath;

use crate::error::{SimulatorError, Tried};
use crate::tree;

/// How long to sleep before a held lock is tried again.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// A lock that is held until the value is dropped.
///
/// Such locks belong to the process: one that held the same database twice would lose it with the first value.  An agent
/// does one thing after the other.
#[derive(Debug)]
pub(crate) struct DatabaseLock {
    _file: File,
}

impl DatabaseLock {
    /// Takes the lock, waiting for at most `wait`.
    ///
    /// # Errors
    /// 820E where another program holds it for longer; what opening the lock file says.
    pub(crate) fn take(
        root: &Dir,
        control: &RelativePath,
        wait: Duration,
    ) -> Result<Self, SimulatorError> {
        let path = lock_file(root, control)?;
        let options = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .clone();
        let file = root
            .open_with(tree::as_path(&path), &options)
            .tried("open", &path)?;
        let until = Instant::now() + wait;
        loop {
            match try_lock(&file) {
                Ok(()) => return Ok(Self { _file: file }),
                Err(Errno::EAGAIN | Errno::EACCES) if Instant::now() < until => {
                    std::thread::sleep(RETRY_PAUSE);
                }
                Err(Errno::EAGAIN | Errno::EACCES) => {
                    return Err(SimulatorError::Agent {
                        number: "820E",
                        text: format!("another program holds the lock of {control}"),
                    });
                }
                Err(errno) => {
                    return Err(std::io::Error::from(errno)).tried("lock", &path);
                }
            }
        }
    }
}

/// The path of the lock file: the one that is there, in any case, or one in the case of the control file.
fn lock_file(root: &Dir, control: &RelativePath) -> Result<RelativePath, SimulatorError> {
    let (folder, name) = control.split().unwrap_or_default();
    let base = base_of(name);
    let extension = name.get(base.len()..).unwrap_or_default();
    let wanted: &[u8] = if extension.iter().any(u8::is_ascii_uppercase) {
        b".LCK"
    } else {
        b".lck"
    };
    let wanted = [base, wanted].concat();
    let found = tree::name_in_any_case(root, &folder, &wanted)?;
    Ok(folder.join(&found.unwrap_or(wanted)))
}

fn try_lock(file: &File) -> Result<(), Errno> {
    // The constants are small; the type of the field differs between systems.
    #[allow(clippy::cast_possible_truncation)]
    let region = libc::flock {
        l_type: libc::F_WRLCK as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(file, FcntlArg::F_SETLK(&region)).map(|_| ())
}
