//! The asynchronous side of a connection.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use zeroize::Zeroizing;

use super::command::RemoteCommand;
use super::engine::{self, Order};
use super::error::RemoteError;
use super::job::{Ended, ExecOrder, Sink};
use super::options::ConnectOptions;
use super::output::Output;
use super::wake::{self, Waker};

/// How many orders may wait for the session thread.
const ORDERS_MAX: usize = 64;

/// How much longer than a command may run its end is waited for: the session thread itself is bounded, and this is
/// the bound for the case that it is not.
const MARGIN: Duration = Duration::from_secs(30);

/// A connection to the destination.
///
/// Clones are handles of the same connection, which ends with the last of them.  After
/// [`RemoteError::Disconnected`] a connection stays lost; [`Remote::connect`] with the same options makes a new one.
#[derive(Debug, Clone)]
pub struct Remote {
    // Before the waker, so that the thread which the waker's end wakes sees that no more orders come.
    orders: mpsc::Sender<Order>,
    pub(super) waker: Arc<WakeOnDrop>,
    options: Arc<ConnectOptions>,
}

/// Wakes the session thread, and once more when nobody holds it any longer.
#[derive(Debug)]
pub(super) struct WakeOnDrop(Waker);

impl WakeOnDrop {
    pub(super) fn wake(&self) {
        self.0.wake();
    }
}

impl Drop for WakeOnDrop {
    fn drop(&mut self) {
        self.0.wake();
    }
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
        let (waker, sleeper) = wake::pair().map_err(|error| failed(error.to_string()))?;
        let (orders, orders_taken) = mpsc::channel(ORDERS_MAX);
        let (greeting, greeted) = oneshot::channel();
        let thread_options = Arc::clone(&options);
        std::thread::Builder::new()
            .name("ssh session".into())
            .spawn(move || engine::run(&thread_options, greeting, orders_taken, sleeper))
            .map_err(|error| failed(error.to_string()))?;
        // The bound of the library is per answer; this one is for all of them, and for the name's resolution.
        let bound = Duration::from_secs(options.connect_timeout_seconds.max(1));
        let greeting = match timeout(bound + Duration::from_secs(1), greeted).await {
            Ok(Ok(greeting)) => greeting?,
            Ok(Err(_)) => return Err(failed("the session thread ended".into())),
            Err(_) => return Err(super::connect::timed_out(&options, "connecting")),
        };
        Ok(Connected {
            remote: Self {
                orders,
                waker: Arc::new(WakeOnDrop(waker)),
                options,
            },
            host_key_fingerprint: greeting.host_key_fingerprint,
            server_banner: greeting.server_banner,
        })
    }

    /// Runs a command with this standard input, and gives what it wrote.
    ///
    /// An exit code other than 0 is no error here; see [`Output::require_success`].
    pub async fn run(
        &self,
        command: &RemoteCommand,
        stdin: Vec<u8>,
    ) -> Result<Output, RemoteError> {
        let (order, mut running) = self.exec(command, stdin, Sink::Keep(Vec::new()))?;
        let bound = self.command_timeout();
        self.order(Order::Exec(ExecOrder {
            timeout: Some(bound),
            ..order
        }))
        .await?;
        let ended = timeout(bound + MARGIN, &mut running.done)
            .await
            .map_err(|_| RemoteError::CommandTimedOut {
                command: command.to_string(),
                seconds: bound.as_secs(),
            })?;
        let ended = self.ended(ended)?;
        Ok(Output {
            status: ended.status,
            stdout: ended.stdout,
            stderr: ended.stderr,
        })
    }

    /// The options that this connection was made with, for making it anew.
    pub fn options(&self) -> &ConnectOptions {
        &self.options
    }

    /// How long a command may run.
    pub(super) fn command_timeout(&self) -> Duration {
        Duration::from_secs(self.options.command_timeout_seconds.max(1))
    }

    /// An order to run a command, and what its end is heard by.
    pub(super) fn exec(
        &self,
        command: &RemoteCommand,
        stdin: Vec<u8>,
        sink: Sink,
    ) -> Result<(ExecOrder, Running), RemoteError> {
        // First of all, so that the input is wiped even where the command is refused.
        let stdin = Zeroizing::new(stdin);
        let (done, ended) = oneshot::channel();
        let hold_stdin = Arc::new(AtomicBool::new(false));
        let running = Running {
            done: ended,
            hold_stdin: Arc::clone(&hold_stdin),
            waker: Arc::clone(&self.waker),
        };
        let line = command.shell_line()?;
        let shown = command.to_string();
        Ok((
            ExecOrder {
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

    /// Hands an order to the session thread.
    pub(super) async fn order(&self, order: Order) -> Result<(), RemoteError> {
        self.orders.send(order).await.map_err(|_| self.gone())?;
        self.waker.wake();
        Ok(())
    }

    /// The end of a command, or that the session thread went away without one.
    pub(super) fn ended<T>(
        &self,
        ended: Result<Result<T, RemoteError>, oneshot::error::RecvError>,
    ) -> Result<T, RemoteError> {
        ended.map_err(|_| self.gone())?
    }

    fn gone(&self) -> RemoteError {
        RemoteError::Disconnected {
            host: self.options.host.clone(),
            cause: "it was lost earlier".into(),
        }
    }
}

/// A command under way; dropping this gives the command up.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) done: oneshot::Receiver<Result<Ended, RemoteError>>,
    pub(super) hold_stdin: Arc<AtomicBool>,
    waker: Arc<WakeOnDrop>,
}

impl Running {
    /// Lets the command's standard input end.
    pub(super) fn end_stdin(&self) {
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
