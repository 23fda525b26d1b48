//! The session thread: the only one that touches the connection.
//!
//! libssh2 lets one call at a time use a connection, and letting go of a channel may wait for the server.  So one
//! thread owns everything, polls each command and upload, and sleeps on the socket when none has anything to do.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use ssh2::Channel;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::connect::{Greeting, connect};
use super::connection::{Connection, Poll, WakeUps, io_result};
use super::error::RemoteError;
use super::exec::{Exec, ExecRequest};
use super::options::ConnectOptions;
use super::upload::{Upload, UploadRequest};

/// The longest sleep; a bound on how late the end of the last handle is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// How long a server may take to confirm that a channel is closed before it is let go without that.
const CLOSING_MAX: Duration = Duration::from_secs(10);

/// How long saying good-bye may take.
const FAREWELL_MILLISECONDS: u32 = 1000;

/// After how many unanswered signs of life the link counts as gone.
const SILENCES_MAX: u32 = 3;

/// What the session thread is asked to do.
pub(super) enum SessionCommand {
    /// Run a command.
    Exec(ExecRequest),
    /// Upload a file.
    Upload(UploadRequest),
}

impl SessionCommand {
    fn fail(self, error: RemoteError) {
        match self {
            Self::Exec(request) => Exec::new(request).fail(error),
            Self::Upload(request) => Upload::new(request).fail(error),
        }
    }
}

/// The body of the session thread.
pub(super) fn run(
    options: &ConnectOptions,
    greeting: oneshot::Sender<Result<Greeting, RemoteError>>,
    commands: mpsc::Receiver<SessionCommand>,
    wake_ups: WakeUps,
) {
    let connection = match connect(options) {
        Ok((connection, welcome)) => {
            if greeting.send(Ok(welcome)).is_err() {
                return;
            }
            connection
        }
        Err(error) => {
            let _ = greeting.send(Err(error));
            return;
        }
    };
    let now = Instant::now();
    let silence = Duration::from_secs(options.keepalive_seconds.max(2));
    let session = SessionThread {
        connection,
        commands,
        wake_ups,
        execs: VecDeque::new(),
        uploads: VecDeque::new(),
        closing: Vec::new(),
        heard: now,
        silence,
    };
    session.run();
}

struct SessionThread {
    connection: Connection,
    commands: mpsc::Receiver<SessionCommand>,
    wake_ups: WakeUps,
    execs: VecDeque<Exec>,
    /// Uploads, of which one is polled in each round.
    uploads: VecDeque<Upload>,
    closing: Vec<(Channel, Instant)>,
    /// When something last arrived.
    heard: Instant,
    /// After how much silence a sign of life is asked for.
    silence: Duration,
}

impl SessionThread {
    fn run(mut self) {
        let result = loop {
            match self.round() {
                Ok(Round::Busy) => self.heard = Instant::now(),
                Ok(Round::Quiet) => {
                    if self
                        .connection
                        .sleep(Some(&self.wake_ups), self.longest_sleep())
                    {
                        self.heard = Instant::now();
                    }
                }
                Ok(Round::Finished) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.end(result);
    }

    fn round(&mut self) -> Result<Round, RemoteError> {
        let (mut round, is_last) = self.take_commands();
        if is_last && self.execs.is_empty() && self.uploads.is_empty() && self.closing.is_empty() {
            return Ok(Round::Finished);
        }
        self.connection.receive()?;
        for _ in 0..self.execs.len() {
            let Some(exec) = self.execs.pop_front() else {
                break;
            };
            let (exec, poll) = exec.poll(&self.connection);
            self.execs.extend(exec);
            round = round.max(self.note(poll)?);
        }
        if let Some(upload) = self.uploads.pop_front() {
            let (upload, poll) = upload.poll(&self.connection);
            self.uploads.extend(upload);
            round = round.max(self.note(poll)?);
        }
        self.close_channels()?;
        self.keep_alive()?;
        Ok(round)
    }

    fn note(&mut self, poll: Poll) -> Result<Round, RemoteError> {
        match poll {
            Poll::Idle => return Ok(Round::Quiet),
            Poll::Progress => {}
            Poll::Done(channel) => {
                let closing = channel.map(|channel| (channel, Instant::now() + CLOSING_MAX));
                self.closing.extend(closing);
            }
            Poll::Lost(error) => return Err(error),
        }
        Ok(Round::Busy)
    }

    /// Takes in new commands; the second value says that no more can come.
    fn take_commands(&mut self) -> (Round, bool) {
        let mut round = Round::Quiet;
        loop {
            match self.commands.try_recv() {
                Ok(SessionCommand::Exec(request)) => self.execs.push_back(Exec::new(request)),
                Ok(SessionCommand::Upload(request)) => self.uploads.push_back(Upload::new(request)),
                Err(TryRecvError::Empty) => return (round, false),
                Err(TryRecvError::Disconnected) => return (round, true),
            }
            round = Round::Busy;
        }
    }

    /// Closes what is over, without waiting for a server that does not confirm.
    fn close_channels(&mut self) -> Result<(), RemoteError> {
        let connection = &self.connection;
        let mut open = Vec::new();
        for (mut channel, deadline) in std::mem::take(&mut self.closing) {
            let closed = connection
                .try_call(|| io_result(channel.close()))?
                .is_some();
            if !closed && Instant::now() < deadline {
                open.push((channel, deadline));
            }
        }
        self.closing = open;
        Ok(())
    }

    fn keep_alive(&mut self) -> Result<(), RemoteError> {
        if self.heard.elapsed() >= self.silence * SILENCES_MAX {
            return Err(self.connection.lost(&format!(
                "no sign of life for {} s",
                self.heard.elapsed().as_secs()
            )));
        }
        if let Err(error) = self.connection.session.keepalive_send() {
            return Err(self.connection.lost(&error.message()));
        }
        // What cannot even be sent when all is quiet has nowhere to go.
        if self.connection.is_sending() {
            return Err(self.connection.lost(&"it takes no more data"));
        }
        Ok(())
    }

    fn longest_sleep(&self) -> Duration {
        let now = Instant::now();
        let deadlines = self.execs.iter().filter_map(Exec::deadline);
        deadlines
            .map(|deadline| deadline.saturating_duration_since(now))
            .min()
            .map_or(SLEEP_MAX, |left| left.min(SLEEP_MAX))
    }

    /// Tells everybody who waits, says good-bye where that is possible, and lets go of the connection.
    fn end(mut self, result: Result<(), RemoteError>) {
        self.commands.close();
        let error = match result {
            Ok(()) => self.connection.lost(&"it was closed"),
            Err(error) => error,
        };
        for exec in self.execs.drain(..) {
            exec.fail(error.clone());
        }
        for upload in self.uploads.drain(..) {
            upload.fail(error.clone());
        }
        while let Ok(command) = self.commands.try_recv() {
            command.fail(error.clone());
        }
        self.connection.session.set_blocking(true);
        self.connection.session.set_timeout(FAREWELL_MILLISECONDS);
        let _ = self.connection.session.disconnect(None, "done", None);
        // After this no call of the library can wait for the server, so letting go of the channels cannot either.
        let _ = self.connection.socket.shutdown(Shutdown::Both);
    }
}

/// What one round of polling came to.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Round {
    Quiet,
    Busy,
    Finished,
}
