//! Keeping a command alive for exactly as long as somebody holds it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::command::RemoteCommand;
use super::engine::Order;
use super::error::RemoteError;
use super::handle::{Remote, Running};
use super::job::Sink;
use super::output::ExitStatus;

/// How often the command is told that somebody still holds it.
const HEARTBEAT: Duration = Duration::from_secs(10);

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
    /// Starts a command, waits for the first line of its standard output, and keeps its standard input open.
    ///
    /// Meanwhile it reads a line end every ten seconds, from which it can tell that nobody has vanished.  What it writes after that line is read and thrown away, so that it never stalls.
    pub async fn hold(&self, command: &RemoteCommand) -> Result<Held, RemoteError> {
        let (line, first_line) = oneshot::channel();
        let sink = Sink::FirstLine {
            line: Some(line),
            partial: Vec::new(),
        };
        let (mut order, mut running) = self.exec(command, Vec::new(), sink)?;
        order.heartbeat = Some(HEARTBEAT);
        order.hold_stdin.store(true, Ordering::Release);
        self.order(Order::Exec(order)).await?;
        let bound = self.command_timeout();
        let timed_out = || RemoteError::CommandTimedOut {
            command: command.to_string(),
            seconds: bound.as_secs(),
        };
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
        timeout(bound, self.ended()).await.unwrap_or_else(|_| {
            Err(RemoteError::CommandTimedOut {
                command: self.command.to_string(),
                seconds: bound.as_secs(),
            })
        })
    }
}
