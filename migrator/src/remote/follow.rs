//! Following the output of a command line by line.

use tokio::sync::mpsc;

use super::command::RemoteCommand;
use super::engine::Order;
use super::error::RemoteError;
use super::handle::Remote;
use super::job::Sink;
use super::output::{ExitStatus, OUTPUT_BYTES_MAX};

/// How many pieces of output may wait between the session thread and the one who follows.
const PIECES_MAX: usize = 16;

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

impl Remote {
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
        let (pieces, mut arrived) = mpsc::channel(PIECES_MAX);
        let (order, mut running) = self.exec(
            command,
            Vec::new(),
            Sink::Pass {
                pieces,
                waiting: None,
            },
        )?;
        self.order(Order::Exec(order)).await?;
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
                return Err(RemoteError::OutputTooLarge {
                    command: command.to_string(),
                    bytes_max: OUTPUT_BYTES_MAX,
                });
            }
        }
        let ended = self.ended((&mut running.done).await)?;
        Ok(Followed {
            status: Some(ended.status),
            rest: partial,
            stderr: ended.stderr,
        })
    }
}
