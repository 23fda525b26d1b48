//! One command that runs on the destination over a channel of its own, as the session thread drives it.
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

use super::command::Output;
use super::connection::{Connection, Failure, Poll, io_result};
use super::error::RemoteError;
use super::error::{ExitStatus, OUTPUT_BYTES_MAX};
use super::frame::{Around, Frame};

/// How much is read or written at once, in bytes; half of what sshd puts in one packet.
const PIECE_BYTES: usize = 16 * 1024;

/// How many pieces one command may read before the others are polled.
const PIECES_PER_POLL: usize = 64;

/// How much of a long-running command's standard error is kept, in bytes: the end of it.
const STDERR_TAIL_BYTES: usize = 64 * 1024;

/// A command that is to be run.
pub(super) struct ExecRequest {
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
    /// What the login shell wrote before the command, on its standard output and on its standard error.
    pub(super) before: [Vec<u8>; 2],
    /// Whether the command was run at all; where not, its status is that of the login shell, and not success.
    pub(super) has_begun: bool,
}

impl Ended {
    /// What a command wrote, and how it ended.
    pub(super) fn into_output(self) -> Output {
        Output {
            status: self.status,
            stdout: self.stdout,
            stderr: self.stderr,
        }
    }

    /// What a command that writes nothing left: what the login shell wrote around it.
    pub(super) fn into_around(self) -> Around {
        let [output, error_before] = self.before;
        Around {
            output: [output, self.stdout].concat(),
            error_before,
            error_behind: self.stderr,
        }
    }
}

/// A command under way.
pub(super) struct Exec {
    request: ExecRequest,
    channel: Option<Channel>,
    deadline: Option<Instant>,
    stdin_sent: usize,
    stdin_ended: bool,
    /// When the next heartbeat is due.
    beat: Option<Instant>,
    stderr: VecDeque<u8>,
    output_frame: Frame,
    error_frame: Frame,
}

impl Exec {
    pub(super) fn new(request: ExecRequest) -> Self {
        let deadline = request.timeout.map(|timeout| Instant::now() + timeout);
        let beat = request.heartbeat.map(|interval| Instant::now() + interval);
        Self {
            request,
            channel: None,
            deadline,
            stdin_sent: 0,
            stdin_ended: false,
            beat,
            stderr: VecDeque::new(),
            output_frame: Frame::default(),
            error_frame: Frame::default(),
        }
    }

    /// When the command must be polled even if nothing arrives.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let beat = self.beat.filter(|_| !self.stdin_ended);
        self.deadline.into_iter().chain(beat).min()
    }

    /// Tells the one who waits that the command failed.
    pub(super) fn fail(self, error: RemoteError) {
        let _ = self.request.done.send(Err(error));
    }

    /// Does what can be done without waiting for the command.
    ///
    /// An error of this command alone goes to the one who waits for it.
    pub(super) fn poll(mut self, connection: &Connection) -> (Option<Self>, Poll) {
        if self.request.done.is_closed() {
            return (None, Poll::Done(self.channel.take()));
        }
        match self.advance(connection) {
            Ok(Progress::Nothing)
                if self
                    .deadline
                    .is_some_and(|deadline| Instant::now() >= deadline) =>
            {
                let bound = self.request.timeout.unwrap_or_default();
                let error = if self.has_written_before() && !self.has_begun() {
                    self.not_begun(format!("within {} s", bound.as_secs()))
                } else {
                    RemoteError::command_timed_out(&self.request.shown, bound)
                };
                self.over(Err(error))
            }
            Ok(Progress::Nothing) => (Some(self), Poll::Idle),
            Ok(Progress::Something) => (Some(self), Poll::Progress),
            // Its status is one of the login shell, and no answer of the command.
            Ok(Progress::Ended(status)) if !self.has_begun() && status.is_success() => {
                let error = self.not_begun(format!("but ended with {status}"));
                self.over(Err(error))
            }
            Ok(Progress::Ended(status)) => {
                let stdout = if let Sink::Keep(kept) = &mut self.request.sink {
                    std::mem::take(kept)
                } else {
                    Vec::new()
                };
                let mut stderr: Vec<u8> = std::mem::take(&mut self.stderr).into();
                let has_begun = self.has_begun();
                if !has_begun {
                    // A failure that is told, so that nobody takes it for the command's own quiet `no`.
                    stderr = b"the login shell did not run it: ".to_vec();
                    stderr.extend_from_slice(self.error_frame.before());
                }
                let before =
                    [&self.output_frame, &self.error_frame].map(|frame| frame.before().to_vec());
                self.over(Ok(Ended {
                    status,
                    stdout,
                    stderr,
                    before,
                    has_begun,
                }))
            }
            Err(Failure::Request(error)) => self.over(Err(*error)),
            Err(Failure::Connection(error)) => (Some(self), Poll::Lost(*error)),
        }
    }

    fn over(mut self, result: Result<Ended, RemoteError>) -> (Option<Self>, Poll) {
        let channel = self.channel.take();
        let _ = self.request.done.send(result);
        (None, Poll::Done(channel))
    }

    /// Whether the command was run: either output says so, in case that one of them was closed.
    fn has_begun(&self) -> bool {
        self.output_frame.has_begun() || self.error_frame.has_begun()
    }

    /// Whether anything came that is not the command's.
    fn has_written_before(&self) -> bool {
        !self.output_frame.before().is_empty() || !self.error_frame.before().is_empty()
    }

    /// That the login shell did not run the command, and what it said.
    fn not_begun(&self, how: String) -> RemoteError {
        let said = [self.output_frame.before(), self.error_frame.before()].join(&b'\n');
        RemoteError::shell_failed(&self.request.shown, how, &said)
    }

    fn advance(&mut self, connection: &Connection) -> Result<Progress, Failure> {
        let Some(mut channel) = self.channel.clone() else {
            self.channel = Some(self.start(connection)?);
            return Ok(Progress::Something);
        };
        let fed = self.feed(connection, &mut channel)?;
        let read_output = self.read_stdout(connection, &channel)?;
        let read_errors = self.read_stderr(connection, &channel)?;
        if fed || read_output || read_errors {
            return Ok(Progress::Something);
        }
        if !channel.eof() || self.is_blocked() {
            return Ok(Progress::Nothing);
        }
        match connection.try_call(|| io_result(channel.wait_close()))? {
            None => Ok(Progress::Nothing),
            Some(()) => Ok(Progress::Ended(exit_status(&channel)?)),
        }
    }

    fn start(&self, connection: &Connection) -> Result<Channel, Failure> {
        let refused = |what| {
            move |error| {
                connection.failure(&error, |cause| RemoteError::RequestRefused { what, cause })
            }
        };
        let mut channel = connection
            .blocking(ssh2::Session::channel_session)
            .map_err(refused("open a channel"))?;
        connection
            .blocking(|_| channel.exec(&self.request.line))
            .map_err(refused("run a command"))?;
        Ok(channel)
    }

    fn feed(&mut self, connection: &Connection, channel: &mut Channel) -> Result<bool, Failure> {
        if self.stdin_ended {
            return Ok(false);
        }
        let rest = &self.request.stdin[self.stdin_sent..];
        if !rest.is_empty() && !channel.eof() {
            let piece = &rest[..rest.len().min(PIECE_BYTES)];
            let written = match connection.try_call(|| channel.write(piece)) {
                Ok(written) => written.unwrap_or(0),
                // A command that does not read all its input closes the channel; its status says the rest.
                Err(_) if channel.eof() => self.request.stdin.len() - self.stdin_sent,
                Err(error) => return Err(error.into()),
            };
            self.stdin_sent += written;
            return Ok(written > 0);
        }
        if self.request.hold_stdin.load(Ordering::Acquire) {
            return self.beat(connection, channel);
        }
        self.stdin_ended = channel.eof()
            || connection
                .try_call(|| io_result(channel.send_eof()))?
                .is_some();
        Ok(self.stdin_ended)
    }

    /// Writes a line end where one is due; one that finds no room is left out.
    fn beat(&mut self, connection: &Connection, channel: &mut Channel) -> Result<bool, Failure> {
        let is_due = self.beat.is_some_and(|due| Instant::now() >= due);
        let Some(interval) = self.request.heartbeat.filter(|_| is_due && !channel.eof()) else {
            return Ok(false);
        };
        self.beat = Some(Instant::now() + interval);
        let written = connection.try_call(|| match channel.write(b"\n") {
            // A command that has ended meanwhile; its status says the rest.
            Err(_) if channel.eof() => Ok(0),
            outcome => outcome,
        })?;
        Ok(written.is_some_and(|written| written > 0))
    }

    fn read_stdout(&mut self, connection: &Connection, channel: &Channel) -> Result<bool, Failure> {
        let mut some = false;
        let mut buffer = [0; PIECE_BYTES];
        for _ in 0..PIECES_PER_POLL {
            if self.is_blocked() && !self.pass_waiting() {
                break;
            }
            match connection.try_call(|| channel.stream(0).read(&mut buffer))? {
                None | Some(0) => break,
                Some(count) => {
                    let piece = self.output_frame.take(&buffer[..count]).into_owned();
                    self.take(&piece)?;
                }
            }
            some = true;
        }
        Ok(some)
    }

    fn read_stderr(&mut self, connection: &Connection, channel: &Channel) -> Result<bool, Failure> {
        let mut some = false;
        let mut buffer = [0; PIECE_BYTES];
        for _ in 0..PIECES_PER_POLL {
            match connection.try_call(|| channel.stderr().read(&mut buffer))? {
                None | Some(0) => break,
                Some(count) => {
                    let piece = self.error_frame.take(&buffer[..count]);
                    self.stderr.extend(&*piece);
                }
            }
            some = true;
            if matches!(self.request.sink, Sink::Keep(_)) {
                self.require_room()?;
            } else {
                let surplus = self.stderr.len().saturating_sub(STDERR_TAIL_BYTES);
                self.stderr.drain(..surplus);
            }
        }
        Ok(some)
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Failure> {
        match &mut self.request.sink {
            Sink::Keep(kept) => {
                kept.extend_from_slice(piece);
                self.require_room()?;
            }
            Sink::Pass { waiting, .. } => {
                if !piece.is_empty() {
                    *waiting = Some(piece.to_vec());
                    self.pass_waiting();
                }
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
        let kept = match &self.request.sink {
            Sink::Keep(kept) => kept.len(),
            Sink::FirstLine { partial, .. } => partial.len(),
            Sink::Pass { .. } => 0,
        };
        if kept + self.stderr.len() <= OUTPUT_BYTES_MAX {
            return Ok(());
        }
        let error = RemoteError::output_too_large(&self.request.shown);
        Err(Failure::request(error))
    }

    /// Whether a piece waits for room.
    fn is_blocked(&self) -> bool {
        matches!(
            self.request.sink,
            Sink::Pass {
                waiting: Some(_),
                ..
            }
        )
    }

    /// Passes on the piece that waits; false where there is still no room.
    fn pass_waiting(&mut self) -> bool {
        let Sink::Pass { pieces, waiting } = &mut self.request.sink else {
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

/// How far one poll came.
enum Progress {
    Nothing,
    Something,
    Ended(ExitStatus),
}

fn exit_status(channel: &Channel) -> Result<ExitStatus, Failure> {
    let refused = |error: ssh2::Error| {
        Failure::request(RemoteError::RequestRefused {
            what: "tell an exit status",
            cause: error.message().to_owned(),
        })
    };
    if let Some(name) = channel.exit_signal().map_err(refused)?.exit_signal {
        return Ok(ExitStatus::Signal(name));
    }
    Ok(ExitStatus::Code(channel.exit_status().map_err(refused)?))
}
