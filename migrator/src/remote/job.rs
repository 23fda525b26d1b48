//! One command that runs on the destination, as the session thread drives it.
//!
//! ```text
//! start (open channel, exec) -> feed stdin, read both outputs -> end of both -> closed by the server -> status
//! ```
//!
//! Both outputs are read to their end before the status is asked for: a server that cannot get rid of one of them
//! never comes to an end.

use std::collections::VecDeque;
use std::io::{Read as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ssh2::Channel;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot};
use zeroize::Zeroizing;

use super::error::RemoteError;
use super::output::{ExitStatus, OUTPUT_BYTES_MAX};
use super::wire::{Wire, io_result, is_fatal};

/// How much is read or written at once, in bytes; half of what sshd puts in one packet.
const PIECE_BYTES: usize = 16 * 1024;

/// How many pieces one job may read before the others have their turn.
const PIECES_PER_TURN: usize = 64;

/// How much of a long-running command's standard error is kept, in bytes: the end of it.
const STDERR_TAIL_BYTES: usize = 64 * 1024;

/// A command that is to be run.
pub(super) struct ExecOrder {
    /// The line for the remote shell.
    pub(super) line: String,
    /// The command as it is shown.
    pub(super) shown: String,
    /// What it reads.
    pub(super) stdin: Zeroizing<Vec<u8>>,
    /// While this is true, the command's standard input stays open after that.
    pub(super) hold_stdin: Arc<AtomicBool>,
    /// How often a line end is written to a standard input that stays open.
    pub(super) heartbeat: Option<Duration>,
    /// Where its standard output goes.
    pub(super) sink: Sink,
    /// How long it may run.
    pub(super) timeout: Option<Duration>,
    /// Gets the end; a closed receiver means that nobody wants the command any more.
    pub(super) done: oneshot::Sender<Result<Ended, RemoteError>>,
}

/// Where the standard output of a command goes.
pub(super) enum Sink {
    /// It is kept, up to [`OUTPUT_BYTES_MAX`].
    Keep(Vec<u8>),
    /// It is passed on piece by piece; a piece that finds no room waits, and with it the command.
    Pass {
        /// To whom.
        pieces: mpsc::Sender<Vec<u8>>,
        /// The piece that found no room.
        waiting: Option<Vec<u8>>,
    },
    /// Its first line is passed on, everything else is thrown away.
    FirstLine {
        /// To whom; empty when it has been sent.
        line: Option<oneshot::Sender<Vec<u8>>>,
        /// What came so far.
        partial: Vec<u8>,
    },
}

/// How a command ended.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    pub(super) stderr: Vec<u8>,
}

/// What one turn of a job came to.
pub(super) enum Turn {
    /// There was nothing to do.
    Quiet,
    /// Something was done, and more may be waiting.
    Busy,
    /// The job is over; its channel, if it has one, is to be closed.
    Over(Option<Channel>),
    /// The connection is gone, and this job with it.
    Lost(RemoteError),
}

/// A command under way.
pub(super) struct Job {
    order: ExecOrder,
    channel: Option<Channel>,
    deadline: Option<Instant>,
    stdin_sent: usize,
    stdin_ended: bool,
    /// When the next heartbeat is due.
    beat: Option<Instant>,
    stderr: VecDeque<u8>,
}

impl Job {
    pub(super) fn new(order: ExecOrder) -> Self {
        let deadline = order.timeout.map(|timeout| Instant::now() + timeout);
        let beat = order.heartbeat.map(|interval| Instant::now() + interval);
        Self {
            order,
            channel: None,
            deadline,
            stdin_sent: 0,
            stdin_ended: false,
            beat,
            stderr: VecDeque::new(),
        }
    }

    /// When the job must be looked at even if nothing arrives.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let beat = self.beat.filter(|_| !self.stdin_ended);
        self.deadline.into_iter().chain(beat).min()
    }

    /// Tells the one who waits that the job failed.
    pub(super) fn fail(self, error: RemoteError) {
        let _ = self.order.done.send(Err(error));
    }

    /// Does what can be done without waiting for the command.
    ///
    /// An error of this job alone goes to the one who waits for it.
    pub(super) fn turn(mut self, wire: &Wire) -> (Option<Self>, Turn) {
        if self.order.done.is_closed() {
            return (None, Turn::Over(self.channel.take()));
        }
        match self.advance(wire) {
            Ok(Progress::Quiet)
                if self
                    .deadline
                    .is_some_and(|deadline| Instant::now() >= deadline) =>
            {
                let seconds = self.order.timeout.unwrap_or_default().as_secs();
                let error = RemoteError::CommandTimedOut {
                    command: self.order.shown.clone(),
                    seconds,
                };
                self.over(Err(error))
            }
            Ok(Progress::Quiet) => (Some(self), Turn::Quiet),
            Ok(Progress::Busy) => (Some(self), Turn::Busy),
            Ok(Progress::Ended(status)) => {
                let stdout = if let Sink::Keep(kept) = &mut self.order.sink {
                    std::mem::take(kept)
                } else {
                    Vec::new()
                };
                let stderr = std::mem::take(&mut self.stderr).into();
                self.over(Ok(Ended {
                    status,
                    stdout,
                    stderr,
                }))
            }
            Err(Failure::Job(error)) => self.over(Err(*error)),
            Err(Failure::Connection(error)) => (Some(self), Turn::Lost(*error)),
        }
    }

    fn over(mut self, result: Result<Ended, RemoteError>) -> (Option<Self>, Turn) {
        let channel = self.channel.take();
        let _ = self.order.done.send(result);
        (None, Turn::Over(channel))
    }

    fn advance(&mut self, wire: &Wire) -> Result<Progress, Failure> {
        let Some(mut channel) = self.channel.clone() else {
            self.channel = Some(self.start(wire)?);
            return Ok(Progress::Busy);
        };
        let fed = self.feed(wire, &mut channel)?;
        let read_output = self.read_stdout(wire, &channel)?;
        let read_errors = self.read_stderr(wire, &channel)?;
        if fed || read_output || read_errors {
            return Ok(Progress::Busy);
        }
        if !channel.eof() || self.is_blocked() {
            return Ok(Progress::Quiet);
        }
        match wire.settle(|| io_result(channel.wait_close()))? {
            None => Ok(Progress::Quiet),
            Some(()) => Ok(Progress::Ended(exit_status(&channel)?)),
        }
    }

    fn start(&self, wire: &Wire) -> Result<Channel, Failure> {
        let refused = |what| {
            move |error: ssh2::Error| {
                if is_fatal(&error) {
                    wire.gone(&error.message()).into()
                } else {
                    Failure::job(RemoteError::RequestRefused {
                        what,
                        cause: error.message().to_owned(),
                    })
                }
            }
        };
        let mut channel = wire
            .wait(ssh2::Session::channel_session)
            .map_err(refused("open a channel"))?;
        wire.wait(|_| channel.exec(&self.order.line))
            .map_err(refused("run a command"))?;
        Ok(channel)
    }

    fn feed(&mut self, wire: &Wire, channel: &mut Channel) -> Result<bool, Failure> {
        if self.stdin_ended {
            return Ok(false);
        }
        let rest = &self.order.stdin[self.stdin_sent..];
        if !rest.is_empty() && !channel.eof() {
            let piece = &rest[..rest.len().min(PIECE_BYTES)];
            let written = match wire.settle(|| channel.write(piece)) {
                Ok(written) => written.unwrap_or(0),
                // A command that does not read all its input closes the channel; its status says the rest.
                Err(_) if channel.eof() => self.order.stdin.len() - self.stdin_sent,
                Err(error) => return Err(error.into()),
            };
            self.stdin_sent += written;
            return Ok(written > 0);
        }
        if self.order.hold_stdin.load(Ordering::Acquire) {
            return self.beat(wire, channel);
        }
        self.stdin_ended =
            channel.eof() || wire.settle(|| io_result(channel.send_eof()))?.is_some();
        Ok(self.stdin_ended)
    }

    /// Writes a line end where one is due; one that finds no room is left out.
    fn beat(&mut self, wire: &Wire, channel: &mut Channel) -> Result<bool, Failure> {
        let is_due = self.beat.is_some_and(|due| Instant::now() >= due);
        let Some(interval) = self.order.heartbeat.filter(|_| is_due && !channel.eof()) else {
            return Ok(false);
        };
        self.beat = Some(Instant::now() + interval);
        let written = wire.settle(|| match channel.write(b"\n") {
            // A command that has ended meanwhile; its status says the rest.
            Err(_) if channel.eof() => Ok(0),
            outcome => outcome,
        })?;
        Ok(written.is_some_and(|written| written > 0))
    }

    fn read_stdout(&mut self, wire: &Wire, channel: &Channel) -> Result<bool, Failure> {
        let mut some = false;
        let mut buffer = [0; PIECE_BYTES];
        for _ in 0..PIECES_PER_TURN {
            if self.is_blocked() && !self.pass_waiting() {
                break;
            }
            match wire.settle(|| channel.stream(0).read(&mut buffer))? {
                None | Some(0) => break,
                Some(count) => self.take(&buffer[..count])?,
            }
            some = true;
        }
        Ok(some)
    }

    fn read_stderr(&mut self, wire: &Wire, channel: &Channel) -> Result<bool, Failure> {
        let mut some = false;
        let mut buffer = [0; PIECE_BYTES];
        for _ in 0..PIECES_PER_TURN {
            match wire.settle(|| channel.stderr().read(&mut buffer))? {
                None | Some(0) => break,
                Some(count) => self.stderr.extend(&buffer[..count]),
            }
            some = true;
            if matches!(self.order.sink, Sink::Keep(_)) {
                self.require_room()?;
            } else {
                let surplus = self.stderr.len().saturating_sub(STDERR_TAIL_BYTES);
                self.stderr.drain(..surplus);
            }
        }
        Ok(some)
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        match &mut self.order.sink {
            Sink::Keep(kept) => {
                kept.extend_from_slice(piece);
                self.require_room()?;
            }
            Sink::Pass { waiting, .. } => {
                *waiting = Some(piece.to_vec());
                self.pass_waiting();
            }
            Sink::FirstLine { line, partial } => {
                if line.is_some() {
                    partial.extend_from_slice(piece);
                    if let Some(end) = partial.iter().position(|&byte| byte == b'\n') {
                        partial.truncate(end);
                        if let Some(line) = line.take() {
                            let _ = line.send(std::mem::take(partial));
                        }
                    }
                    self.require_room()?;
                }
            }
        }
        Ok(())
    }

    fn require_room(&self) -> Result<(), Failure> {
        let kept = match &self.order.sink {
            Sink::Keep(kept) => kept.len(),
            Sink::FirstLine { partial, .. } => partial.len(),
            Sink::Pass { .. } => 0,
        };
        if kept + self.stderr.len() <= OUTPUT_BYTES_MAX {
            return Ok(());
        }
        let command = self.order.shown.clone();
        Err(Failure::job(RemoteError::OutputTooLarge {
            command,
            bytes_max: OUTPUT_BYTES_MAX,
        }))
    }

    /// Whether a piece waits for room.
    fn is_blocked(&self) -> bool {
        matches!(
            self.order.sink,
            Sink::Pass {
                waiting: Some(_),
                ..
            }
        )
    }

    /// Passes on the piece that waits; false where there is still no room.
    fn pass_waiting(&mut self) -> bool {
        let Sink::Pass { pieces, waiting } = &mut self.order.sink else {
            return true;
        };
        match waiting.take().map(|piece| pieces.try_send(piece)) {
            // A receiver that is gone is noticed by `done`, which goes with it.
            None | Some(Ok(()) | Err(TrySendError::Closed(_))) => true,
            Some(Err(TrySendError::Full(piece))) => {
                *waiting = Some(piece);
                false
            }
        }
    }
}

/// How far one turn came.
enum Progress {
    Quiet,
    Busy,
    Ended(ExitStatus),
}

/// Why a turn failed.
enum Failure {
    /// Because of this job alone.
    Job(Box<RemoteError>),
    /// Because of the connection.
    Connection(Box<RemoteError>),
}

impl Failure {
    fn job(error: RemoteError) -> Self {
        Self::Job(Box::new(error))
    }
}

impl From<RemoteError> for Failure {
    fn from(error: RemoteError) -> Self {
        Self::Connection(Box::new(error))
    }
}

fn exit_status(channel: &Channel) -> Result<ExitStatus, Failure> {
    let refused = |error: ssh2::Error| {
        Failure::job(RemoteError::RequestRefused {
            what: "tell an exit status",
            cause: error.message().to_owned(),
        })
    };
    if let Some(name) = channel.exit_signal().map_err(refused)?.exit_signal {
        return Ok(ExitStatus::Signal(name));
    }
    Ok(ExitStatus::Code(channel.exit_status().map_err(refused)?))
}
