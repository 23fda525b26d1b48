//! The asynchronous side of a connection: running, following and holding commands.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::command::{Output, RemoteCommand};
use super::connection::{self, Waker};
use super::error::{ExitStatus, OUTPUT_BYTES_MAX, RemoteError, on_one_line};
use super::exec::{Ended, ExecRequest, Sink};
use super::frame::framed;
use super::options::{ConnectOptions, PERSON_SECONDS};
use super::session::{self, SessionCommand};
use super::upload::{PRIVATE_MODE, Source, UploadRequest, Uploaded};

/// How many commands may wait for the session thread.
const COMMANDS_MAX: usize = 64;

/// How many pieces of output may wait between the session thread and the one who follows.
const PIECES_MAX: usize = 16;

/// How often a held command is told that somebody still holds it.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// How much longer than a command may run its end is waited for: the session thread itself is bounded, and this is
/// the bound for the case that it is not.
const MARGIN: Duration = Duration::from_secs(30);

/// A connection to the destination.
///
/// Clones are handles of the same connection, which ends with the last of them.  After
/// [`RemoteError::Disconnected`] a connection stays lost; [`Remote::connect`] with the same options makes a new one.
#[derive(Debug, Clone)]
pub struct Remote {
    // Before the waker, so that the thread which the waker's end wakes sees that no more commands come.
    commands: mpsc::Sender<SessionCommand>,
    waker: Arc<Waker>,
    options: Arc<ConnectOptions>,
}

/// A connection that was made, and what is known of the server.
#[derive(Debug)]
pub struct Connected {
    /// The connection.
    pub remote: Remote,
    /// The fingerprint of the server's host key, as OpenSSH prints it.
    pub host_key_fingerprint: String,
    /// How the server names itself.
    pub server_banner: String,
    /// What the login shell writes to its standard error before each command; it is left out of all answers.
    pub shell_complaint: String,
}

/// How following a command ended without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Followed {
    /// How the command ended; `None` where the receiver of the lines was closed before.
    pub status: Option<ExitStatus>,
    /// What stood behind the last line end; an incomplete line is never delivered as a line.
    pub rest: Vec<u8>,
    /// The end of what the command wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Followed {
    /// That a command which was followed to its end has succeeded; its last words are in the error where it did not.
    pub fn require_success(&self, command: &RemoteCommand) -> Result<(), RemoteError> {
        match &self.status {
            Some(status) if !status.is_success() => Err(RemoteError::command_failed(
                command,
                status.clone(),
                &self.stderr,
            )),
            _ => Ok(()),
        }
    }
}

/// A remote command whose standard input stays open until this is dropped or closed, or the connection ends.
///
/// The command is expected to end when its standard input does: that is what sshd gives it on every such occasion,
/// a broken link included.
#[derive(Debug)]
pub struct Held {
    /// The first line that the command wrote, without the line end.
    pub first_line: Vec<u8>,
    remote: Remote,
    command: RemoteCommand,
    running: Running,
}

impl Remote {
    /// Connects to the destination, refuses a host key that is not known, and logs in.
    pub async fn connect(options: ConnectOptions) -> Result<Connected, RemoteError> {
        let options = Arc::new(options);
        let failed = |cause: String| RemoteError::Unreachable {
            host: options.host.clone(),
            port: options.port,
            cause,
        };
        let (waker, wake_ups) = connection::waker().map_err(|error| failed(error.to_string()))?;
        let (commands, commands_taken) = mpsc::channel(COMMANDS_MAX);
        let (greeting, greeted) = oneshot::channel();
        let thread_options = Arc::clone(&options);
        std::thread::Builder::new()
            .name("ssh session".into())
            .spawn(move || session::run(&thread_options, greeting, commands_taken, wake_ups))
            .map_err(|error| failed(error.to_string()))?;
        // The bound of the library is per answer; this one is for all of them, and for the name's resolution.
        let bound = Duration::from_secs(options.connect_timeout_seconds.max(1));
        // A person who is asked for a code is no server that does not answer.
        let person = if options.person.is_some() {
            PERSON_SECONDS
        } else {
            0
        };
        let longest = bound + Duration::from_secs(1 + person);
        let greeting = match timeout(longest, greeted).await {
            Ok(Ok(greeting)) => greeting?,
            Ok(Err(_)) => return Err(failed("the session thread ended".into())),
            Err(_) => return Err(super::options::timed_out(&options, "connecting")),
        };
        let remote = Self {
            commands,
            waker: Arc::new(waker),
            options,
        };
        let shell_complaint = remote.listen_to_shell(bound).await?;
        Ok(Connected {
            remote,
            shell_complaint,
            host_key_fingerprint: greeting.host_key_fingerprint,
            server_banner: greeting.server_banner,
        })
    }

    /// Runs nothing, and hears what the login shell writes of its own: gives what it complains of, refuses other text.
    ///
    /// Such text would be in the stream of an upload as well, which ends that with words that nobody understands.
    async fn listen_to_shell(&self, bound: Duration) -> Result<String, RemoteError> {
        let (user, host) = (&self.options.user, &self.options.host);
        let nothing = RemoteCommand::new("true");
        let ended = match self.run_within(&nothing, Vec::new(), Some(bound)).await {
            Err(RemoteError::CommandTimedOut { .. }) => {
                let doing = "starting the login shell";
                return Err(super::options::timed_out(&self.options, doing));
            }
            ended => ended?,
        };
        if !ended.has_begun {
            let how = format!("but ended with {}", ended.status);
            let said = ended.before.join(&b'\n');
            return Err(RemoteError::shell_failed(&nothing.to_string(), how, &said));
        }
        let complaint = ended.into_around().judge(user, host)?;
        Ok(on_one_line(&complaint))
    }

    /// Runs a command with this standard input, and gives what it wrote.
    ///
    /// An exit code other than 0 is no error here; see [`Output::require_success`].
    pub async fn run(
        &self,
        command: &RemoteCommand,
        stdin: Vec<u8>,
    ) -> Result<Output, RemoteError> {
        let bound = Some(self.command_timeout());
        Ok(self.run_within(command, stdin, bound).await?.into_output())
    }

    /// The same for a command that may run for as long as it needs: keepalives notice a link that is gone.
    pub async fn run_to_its_end(&self, command: &RemoteCommand) -> Result<Output, RemoteError> {
        let ended = self.run_within(command, Vec::new(), None).await?;
        Ok(ended.into_output())
    }

    async fn run_within(
        &self,
        command: &RemoteCommand,
        stdin: Vec<u8>,
        bound: Option<Duration>,
    ) -> Result<Ended, RemoteError> {
        let (mut request, mut running) = self.exec(command, stdin, Sink::Keep(Vec::new()))?;
        request.timeout = bound;
        self.submit(SessionCommand::Exec(request)).await?;
        let ended = match bound {
            Some(bound) => timeout(bound + MARGIN, &mut running.done)
                .await
                .map_err(|_| RemoteError::command_timed_out(command, bound))?,
            None => (&mut running.done).await,
        };
        self.ended(ended)
    }

    /// Runs a command and passes on each complete line of its standard output, without the line end.
    ///
    /// There is no bound on how long it runs; keepalives notice a link that is gone.  Lines that came before the
    /// link broke are delivered, then follows [`RemoteError::Disconnected`], so that the caller can connect again
    /// and go on behind the last line that it got.  Closing the receiver, or dropping the future, ends the command's
    /// standard input and closes its channel.
    pub async fn follow(
        &self,
        command: &RemoteCommand,
        lines: mpsc::Sender<Vec<u8>>,
    ) -> Result<Followed, RemoteError> {
        self.follow_with(command, Vec::new(), lines).await
    }

    /// As [`Self::follow`], with this standard input.
    pub async fn follow_with(
        &self,
        command: &RemoteCommand,
        stdin: Vec<u8>,
        lines: mpsc::Sender<Vec<u8>>,
    ) -> Result<Followed, RemoteError> {
        let (pieces, mut arrived) = mpsc::channel(PIECES_MAX);
        let (request, mut running) = self.exec(
            command,
            stdin,
            Sink::Pass {
                pieces,
                waiting: None,
            },
        )?;
        self.submit(SessionCommand::Exec(request)).await?;
        let closed = |rest| {
            Ok(Followed {
                status: None,
                rest,
                stderr: Vec::new(),
            })
        };
        let mut partial = Vec::new();
        loop {
            let piece = tokio::select! {
                piece = arrived.recv() => piece,
                () = lines.closed() => return closed(partial),
            };
            let Some(piece) = piece else { break };
            // The thread may be waiting for the room that this piece left.
            self.waker.wake();
            partial.extend_from_slice(&piece);
            while let Some(end) = partial.iter().position(|&byte| byte == b'\n') {
                let behind = partial.split_off(end + 1);
                let mut line = std::mem::replace(&mut partial, behind);
                line.pop();
                if lines.send(line).await.is_err() {
                    return closed(partial);
                }
            }
            if partial.len() > OUTPUT_BYTES_MAX {
                return Err(RemoteError::output_too_large(command));
            }
        }
        let ended = self.ended((&mut running.done).await)?;
        Ok(Followed {
            status: Some(ended.status),
            rest: partial,
            stderr: ended.stderr,
        })
    }

    /// Starts a command, waits for the first line of its standard output, and keeps its standard input open.
    ///
    /// Meanwhile it reads a line end every ten seconds, from which it can tell that nobody has vanished.  What it writes
    /// after that line is read and thrown away, so that it never stalls.
    pub async fn hold(&self, command: &RemoteCommand) -> Result<Held, RemoteError> {
        let (line, first_line) = oneshot::channel();
        let sink = Sink::FirstLine {
            line: Some(line),
            partial: Vec::new(),
        };
        let (mut request, mut running) = self.exec(command, Vec::new(), sink)?;
        request.heartbeat = Some(HEARTBEAT);
        request.hold_stdin.store(true, Ordering::Release);
        self.submit(SessionCommand::Exec(request)).await?;
        let bound = self.command_timeout();
        let timed_out = || RemoteError::command_timed_out(command, bound);
        match timeout(bound, first_line).await {
            Ok(Ok(first_line)) => Ok(Held {
                first_line,
                remote: self.clone(),
                command: command.clone(),
                running,
            }),
            Err(_) => Err(timed_out()),
            // The command ended, or the connection did, before there was a line.
            Ok(Err(_)) => {
                let ended = timeout(bound, &mut running.done)
                    .await
                    .map_err(|_| timed_out())?;
                let ended = self.ended(ended)?;
                Err(RemoteError::command_failed(
                    command,
                    ended.status,
                    &ended.stderr,
                ))
            }
        }
    }

    /// The options that this connection was made with, for making it anew.
    pub fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// How long a command may run.
    fn command_timeout(&self) -> Duration {
        Duration::from_secs(self.options.command_timeout_seconds.max(1))
    }

    /// A request to run a command, and what its end is heard by.
    fn exec(
        &self,
        command: &RemoteCommand,
        stdin: Vec<u8>,
        sink: Sink,
    ) -> Result<(ExecRequest, Running), RemoteError> {
        // First of all, so that the input is wiped even where the command is refused.
        let stdin = Zeroizing::new(stdin);
        let (done, ended) = oneshot::channel();
        let hold_stdin = Arc::new(AtomicBool::new(false));
        let running = Running {
            done: ended,
            hold_stdin: Arc::clone(&hold_stdin),
            waker: Arc::clone(&self.waker),
        };
        let line = framed(&command.shell_line()?);
        let shown = command.to_string();
        Ok((
            ExecRequest {
                line,
                shown,
                stdin,
                hold_stdin,
                heartbeat: None,
                sink,
                timeout: None,
                done,
            },
            running,
        ))
    }

    /// Hands a command to the session thread.
    pub(super) async fn submit(&self, command: SessionCommand) -> Result<(), RemoteError> {
        self.commands.send(command).await.map_err(|_| self.lost())?;
        self.waker.wake();
        Ok(())
    }

    /// The end of a command, or that the session thread went away without one.
    pub(super) fn ended<T>(
        &self,
        ended: Result<Result<T, RemoteError>, oneshot::error::RecvError>,
    ) -> Result<T, RemoteError> {
        ended.map_err(|_| self.lost())?
    }

    fn lost(&self) -> RemoteError {
        RemoteError::Disconnected {
            host: self.options.host.clone(),
            cause: "it was lost earlier".into(),
        }
    }
}

impl Held {
    /// Waits until the command ends by itself, or the connection does.
    pub async fn ended(&mut self) -> Result<ExitStatus, RemoteError> {
        let ended = (&mut self.running.done).await;
        Ok(self.remote.ended(ended)?.status)
    }

    /// Ends the command's standard input and waits for it to end.
    pub async fn close(mut self) -> Result<ExitStatus, RemoteError> {
        self.running.end_stdin();
        let bound = self.remote.command_timeout();
        timeout(bound, self.ended())
            .await
            .unwrap_or_else(|_| Err(RemoteError::command_timed_out(&self.command, bound)))
    }
}

/// A command under way; dropping this gives the command up.
#[derive(Debug)]
struct Running {
    done: oneshot::Receiver<Result<Ended, RemoteError>>,
    hold_stdin: Arc<AtomicBool>,
    waker: Arc<Waker>,
}

impl Running {
    /// Lets the command's standard input end.
    fn end_stdin(&self) {
        self.hold_stdin.store(false, Ordering::Release);
        self.waker.wake();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.done.close();
        self.waker.wake();
    }
}

impl Remote {
    /// Uploads a local file, which replaces the target when it has arrived whole.
    ///
    /// `progress` hears how many bytes have arrived.
    pub async fn upload(
        &self,
        local: &Path,
        target: &Path,
        mode: u32,
        progress: impl Fn(u64),
    ) -> Result<Uploaded, RemoteError> {
        self.transfer(Source::File(local.to_owned()), target, mode, progress)
            .await
    }

    /// Uploads a small file from memory with mode 0600; the bytes are wiped afterwards.
    pub async fn upload_bytes(
        &self,
        bytes: impl Into<Zeroizing<Vec<u8>>>,
        target: &Path,
    ) -> Result<Uploaded, RemoteError> {
        self.transfer(Source::Bytes(bytes.into()), target, PRIVATE_MODE, |_| {})
            .await
    }

    async fn transfer(
        &self,
        source: Source,
        target: &Path,
        mode: u32,
        progress: impl Fn(u64),
    ) -> Result<Uploaded, RemoteError> {
        let (sent, mut arrived) = watch::channel(0);
        let (done, mut ended) = oneshot::channel();
        self.submit(SessionCommand::Upload(UploadRequest {
            source,
            target: target.to_owned(),
            mode,
            progress: sent,
            done,
        }))
        .await?;
        // Each step of the session thread is bounded, so this ends; dropping it makes the thread clean up.
        loop {
            tokio::select! {
                biased;
                result = &mut ended => return self.ended(result),
                Ok(()) = arrived.changed() => {
                    let bytes = *arrived.borrow_and_update();
                    progress(bytes);
                }
            }
        }
    }
}
