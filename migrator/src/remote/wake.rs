//! Wakes the session thread, which sleeps in `poll` on the connection, when there is something to do.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;

/// The end that wakes.
#[derive(Debug)]
pub(super) struct Waker(UnixStream);

/// The end that sleeps.
#[derive(Debug)]
pub(super) struct Sleeper(pub(super) UnixStream);

/// Both ends.
pub(super) fn pair() -> io::Result<(Waker, Sleeper)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    Ok((Waker(near), Sleeper(far)))
}

impl Waker {
    /// Wakes the thread, or leaves it awake.
    pub(super) fn wake(&self) {
        // A full pipe means that the thread has not even read the earlier wake-ups: nothing is lost.
        let _ = (&self.0).write(&[1]);
    }
}

impl Sleeper {
    /// Forgets all wake-ups that came so far.
    pub(super) fn clear(&self) {
        let mut buffer = [0; 256];
        while matches!((&self.0).read(&mut buffer), Ok(count) if count == buffer.len()) {}
    }
}
