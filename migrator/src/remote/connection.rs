//! The connection as the session thread sees it.
//!
//! libssh2 has three traps that this module is the answer to.  A packet that was sent by half must be finished by the
//! very call that began it before anything else is sent, so [`Connection::try_call`] never leaves one behind.  And a call
//! that waits blocks everything else on the connection, so blocking calls ([`Connection::blocking`]) are only those whose
//! answer the server's protocol engine gives by itself, and all are bounded by the session's time-out.  Where keepalives are
//! on, such a call waits only until the next one is due, and then counts the connection as gone: so they are off meanwhile.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, Session};

use super::error::RemoteError;

/// The code of libssh2 for "not now".
const AGAIN: ssh2::ErrorCode = ssh2::ErrorCode::Session(-37);

/// A connection that is logged in.
pub(super) struct Connection {
    pub(super) session: Session,
    /// The same socket as the session's, for sleeping on it and for cutting it.
    pub(super) socket: TcpStream,
    /// A channel on which nothing runs: reading it is how the library takes in what the server says of itself,
    /// and so how keepalives and key renewals are answered while no command runs.
    pub(super) idle: Channel,
    pub(super) host: String,
    /// After how much silence a sign of life is asked for, in seconds.
    pub(super) keepalive_seconds: u32,
    /// How long the server may take to answer, or to take what is sent.
    pub(super) answer_timeout: Duration,
}

impl Connection {
    /// Makes one non-blocking call; `None` means that there is nothing to do now.
    pub(super) fn try_call<T>(
        &self,
        mut call: impl FnMut() -> io::Result<T>,
    ) -> Result<Option<T>, RemoteError> {
        let deadline = Instant::now() + self.answer_timeout;
        loop {
            match call() {
                Ok(value) => return Ok(Some(value)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if !self.is_sending() {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(self.lost(&error)),
            }
            if Instant::now() >= deadline {
                return Err(self.lost(&"it takes no more data"));
            }
            self.receive()?;
            self.sleep(None, Duration::from_millis(100));
        }
    }

    /// Makes one call that waits for the server, at most for the session's time-out.
    pub(super) fn blocking<T>(&self, call: impl FnOnce(&Session) -> T) -> T {
        self.session.set_keepalive(false, 0);
        self.session.set_blocking(true);
        let result = call(&self.session);
        self.session.set_blocking(false);
        self.keep_alive();
        result
    }

    /// Has signs of life asked for while nothing else is said.
    ///
    /// The reply is asked for: silence after it is how a dead link is told from a quiet one.
    pub(super) fn keep_alive(&self) {
        self.session.set_keepalive(true, self.keepalive_seconds);
    }

    /// Takes in what the server has sent, for whichever channel.
    pub(super) fn receive(&self) -> Result<(), RemoteError> {
        match self.idle.stream(0).read(&mut [0; 1]) {
            // The channel says nothing by itself; its end means that the server is giving up the connection.
            Ok(_) => Err(self.lost(&"the server closed it")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.lost(&error)),
        }
    }

    /// Sleeps until something arrives, the thread is woken, or the time is over.
    ///
    /// Returns whether something arrived.
    pub(super) fn sleep(&self, wake_ups: Option<&WakeUps>, longest: Duration) -> bool {
        let mut interest = PollFlags::IN;
        if self.is_sending() {
            interest |= PollFlags::OUT;
        }
        let mut waits = vec![PollFd::new(&self.socket, interest)];
        if let Some(wake_ups) = wake_ups {
            waits.push(PollFd::new(&wake_ups.0, PollFlags::IN));
        }
        let longest = Timespec::try_from(longest).unwrap_or(Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        });
        // An interrupted or failing poll only means one more round.
        let _ = poll(&mut waits, Some(&longest));
        let arrived = waits[0]
            .revents()
            .intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
        drop(waits);
        if let Some(wake_ups) = wake_ups {
            wake_ups.clear();
        }
        arrived
    }

    /// Whether a packet has been sent by half.
    pub(super) fn is_sending(&self) -> bool {
        matches!(
            self.session.block_directions(),
            BlockDirections::Outbound | BlockDirections::Both
        )
    }

    /// What an error of the library means: for the connection, or for the request alone as `refusal` tells it.
    pub(super) fn failure(
        &self,
        error: &ssh2::Error,
        refusal: impl FnOnce(String) -> RemoteError,
    ) -> Failure {
        if is_fatal(error) {
            Failure::Connection(Box::new(self.lost(&error.message())))
        } else {
            Failure::Request(Box::new(refusal(error.message().to_owned())))
        }
    }

    /// The connection as lost.
    pub(super) fn lost(&self, cause: &dyn std::fmt::Display) -> RemoteError {
        RemoteError::Disconnected {
            host: self.host.clone(),
            cause: cause.to_string(),
        }
    }
}

/// Why a request failed.
pub(super) enum Failure {
    /// Because of this request alone.
    Request(Box<RemoteError>),
    /// Because of the connection.
    Connection(Box<RemoteError>),
}

impl Failure {
    pub(super) fn request(error: RemoteError) -> Self {
        Self::Request(Box::new(error))
    }
}

/// Without more being known, an error is one of the connection.
impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::Connection(Box::new(error))
    }
}

/// What polling a command or an upload came to.
pub(super) enum Poll {
    /// There was nothing to do.
    Idle,
    /// Something was done, and more may be waiting.
    Progress,
    /// It is over; its channel, if it has one, is to be closed.
    Done(Option<Channel>),
    /// The connection is gone.
    Lost(RemoteError),
}

/// Wakes the session thread, which sleeps in `poll` on the connection, when there is something to do, and once more when
/// nobody holds this any longer.
#[derive(Debug)]
pub(super) struct Waker(UnixStream);

/// The wake-ups as the session thread sees them.
#[derive(Debug)]
pub(super) struct WakeUps(UnixStream);

/// Both ends.
pub(super) fn waker() -> io::Result<(Waker, WakeUps)> {
    let (near, far) = UnixStream::pair()?;
    near.set_nonblocking(true)?;
    far.set_nonblocking(true)?;
    Ok((Waker(near), WakeUps(far)))
}

impl Waker {
    /// Wakes the thread, or leaves it awake.
    pub(super) fn wake(&self) {
        // A full pipe means that the thread has not even read the earlier wake-ups: nothing is lost.
        let _ = (&self.0).write(&[1]);
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.wake();
    }
}

impl WakeUps {
    /// Forgets all that came so far.
    fn clear(&self) {
        let mut buffer = [0; 256];
        while matches!((&self.0).read(&mut buffer), Ok(count) if count == buffer.len()) {}
    }
}

/// An error of the library as an I/O error, "not now" included.
pub(super) fn io_result<T>(result: Result<T, ssh2::Error>) -> io::Result<T> {
    result.map_err(|error| {
        if error.code() == AGAIN {
            io::ErrorKind::WouldBlock.into()
        } else {
            error.into()
        }
    })
}

/// Whether an error of the library is about the connection as a whole, not about the one request.
pub(super) fn is_fatal(error: &ssh2::Error) -> bool {
    // Channel failure, request denied, channel unknown, closed, end sent; sftp protocol; request denied.
    !matches!(
        error.code(),
        ssh2::ErrorCode::SFTP(_)
            | ssh2::ErrorCode::Session(-21 | -22 | -23 | -26 | -27 | -31 | -32)
    )
}
