//! The connection as the session thread sees it.
//!
//! libssh2 has two traps that this module is the answer to.  A packet that was sent by half must be finished by the
//! very call that began it before anything else is sent, so [`Wire::settle`] never leaves one behind.  And a call
//! that waits blocks everything else on the connection, so waiting calls ([`Wire::wait`]) are only those whose
//! answer the server's protocol engine gives by itself, and all are bounded by the session's time-out.

use std::io::{self, Read as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, Session};

use super::error::RemoteError;
use super::wake::Sleeper;

/// The code of libssh2 for "not now".
const AGAIN: ssh2::ErrorCode = ssh2::ErrorCode::Session(-37);

/// A connection that is logged in.
pub(super) struct Wire {
    pub(super) session: Session,
    /// The same socket as the session's, for sleeping on it and for cutting it.
    pub(super) socket: TcpStream,
    /// A channel on which nothing runs: reading it is how the library takes in what the server says of itself,
    /// and so how keepalives and key renewals are answered while no command runs.
    pub(super) idle: Channel,
    pub(super) host: String,
    /// How long the server may take to answer, or to take what is sent.
    pub(super) answer_timeout: Duration,
}

impl Wire {
    /// Makes one non-blocking call; `None` means that there is nothing to do now.
    pub(super) fn settle<T>(
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
                Err(error) => return Err(self.gone(&error)),
            }
            if Instant::now() >= deadline {
                return Err(self.gone(&"it takes no more data"));
            }
            self.take_in()?;
            self.sleep(None, Duration::from_millis(100));
        }
    }

    /// Makes one call that waits for the server, at most for the session's time-out.
    pub(super) fn wait<T, E>(&self, call: impl FnOnce(&Session) -> Result<T, E>) -> Result<T, E> {
        self.session.set_blocking(true);
        let result = call(&self.session);
        self.session.set_blocking(false);
        result
    }

    /// Takes in what the server has sent, for whichever channel.
    pub(super) fn take_in(&self) -> Result<(), RemoteError> {
        match self.idle.stream(0).read(&mut [0; 1]) {
            // The channel says nothing by itself; its end means that the server is giving up the connection.
            Ok(_) => Err(self.gone(&"the server closed it")),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(self.gone(&error)),
        }
    }

    /// Sleeps until something arrives, the thread is woken, or the time is over.
    ///
    /// Returns whether something arrived.
    pub(super) fn sleep(&self, sleeper: Option<&Sleeper>, longest: Duration) -> bool {
        let mut interest = PollFlags::IN;
        if self.is_sending() {
            interest |= PollFlags::OUT;
        }
        let mut waits = vec![PollFd::new(&self.socket, interest)];
        if let Some(sleeper) = sleeper {
            waits.push(PollFd::new(&sleeper.0, PollFlags::IN));
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
        if let Some(sleeper) = sleeper {
            sleeper.clear();
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

    /// The connection as lost.
    pub(super) fn gone(&self, cause: &dyn std::fmt::Display) -> RemoteError {
        RemoteError::Disconnected {
            host: self.host.clone(),
            cause: cause.to_string(),
        }
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
