//! The session thread: the only one that touches the connection.
//!
//! libssh2 lets one call at a time use a connection, and letting go of a channel may wait for the server.  So one
//! thread owns everything, gives each job its turn, and sleeps on the socket when no job has anything to do.

use std::collections::VecDeque;
use std::net::Shutdown;
use std::time::{Duration, Instant};

use ssh2::Channel;
use tokio::sync::mpsc::error::TryRecvError;
use tokio::sync::{mpsc, oneshot};

use super::connect::{Greeting, connect};
use super::error::RemoteError;
use super::job::{ExecOrder, Job, Turn};
use super::options::ConnectOptions;
use super::transfer::{Transfer, UploadOrder};
use super::wake::Sleeper;
use super::wire::{Wire, io_result};

/// The longest sleep; a bound on how late the end of the last handle is noticed.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// How long a server may take to confirm that a channel is closed before it is let go without that.
const CLOSING_MAX: Duration = Duration::from_secs(10);

/// How long saying good-bye may take.
const FAREWELL_MILLISECONDS: u32 = 1000;

/// After how many unanswered signs of life the link counts as gone.
const SILENCES_MAX: u32 = 3;

/// What the session thread is asked to do.
pub(super) enum Order {
    /// Run a command.
    Exec(ExecOrder),
    /// Transfer a file.
    Upload(UploadOrder),
}

impl Order {
    pub(super) fn fail(self, error: RemoteError) {
        match self {
            Self::Exec(order) => Job::new(order).fail(error),
            Self::Upload(order) => Transfer::new(order).fail(error),
        }
    }
}

/// The body of the session thread.
pub(super) fn run(
    options: &ConnectOptions,
    greeting: oneshot::Sender<Result<Greeting, RemoteError>>,
    orders: mpsc::Receiver<Order>,
    sleeper: Sleeper,
) {
    let wire = match connect(options) {
        Ok((wire, welcome)) => {
            if greeting.send(Ok(welcome)).is_err() {
                return;
            }
            wire
        }
        Err(error) => {
            let _ = greeting.send(Err(error));
            return;
        }
    };
    let now = Instant::now();
    let silence = Duration::from_secs(options.keepalive_seconds.max(2));
    let engine = Engine {
        wire,
        orders,
        sleeper,
        jobs: VecDeque::new(),
        transfers: VecDeque::new(),
        closing: Vec::new(),
        heard: now,
        silence,
    };
    engine.run();
}

struct Engine {
    wire: Wire,
    orders: mpsc::Receiver<Order>,
    sleeper: Sleeper,
    jobs: VecDeque<Job>,
    /// Uploads, of which the first is under way.
    transfers: VecDeque<Transfer>,
    closing: Vec<(Channel, Instant)>,
    /// When something last arrived.
    heard: Instant,
    /// After how much silence a sign of life is asked for.
    silence: Duration,
}

impl Engine {
    fn run(mut self) {
        let result = loop {
            match self.round() {
                Ok(Round::Busy) => self.heard = Instant::now(),
                Ok(Round::Quiet) => {
                    if self.wire.sleep(Some(&self.sleeper), self.longest_sleep()) {
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
        let (mut round, is_last) = self.take_orders();
        if is_last && self.jobs.is_empty() && self.transfers.is_empty() && self.closing.is_empty() {
            return Ok(Round::Finished);
        }
        self.wire.take_in()?;
        for _ in 0..self.jobs.len() {
            let Some(job) = self.jobs.pop_front() else {
                break;
            };
            let (job, turn) = job.turn(&self.wire);
            self.jobs.extend(job);
            match turn {
                Turn::Quiet => {}
                Turn::Lost(error) => return Err(error),
                Turn::Busy => round = Round::Busy,
                Turn::Over(channel) => {
                    self.closing
                        .extend(channel.map(|channel| (channel, Instant::now() + CLOSING_MAX)));
                    round = Round::Busy;
                }
            }
        }
        if let Some(transfer) = self.transfers.pop_front() {
            round = Round::Busy;
            let (unfinished, lost) = transfer.step(&self.wire);
            self.transfers.extend(unfinished);
            if let Some(error) = lost {
                return Err(error);
            }
        }
        self.close_channels()?;
        self.keep_alive()?;
        Ok(round)
    }

    /// Takes in new orders; the second value says that no more can come.
    fn take_orders(&mut self) -> (Round, bool) {
        let mut round = Round::Quiet;
        loop {
            match self.orders.try_recv() {
                Ok(Order::Exec(order)) => self.jobs.push_back(Job::new(order)),
                Ok(Order::Upload(order)) => self.transfers.push_back(Transfer::new(order)),
                Err(TryRecvError::Empty) => return (round, false),
                Err(TryRecvError::Disconnected) => return (round, true),
            }
            round = Round::Busy;
        }
    }

    /// Closes what is over, without waiting for a server that does not confirm.
    fn close_channels(&mut self) -> Result<(), RemoteError> {
        let wire = &self.wire;
        let mut open = Vec::new();
        for (mut channel, deadline) in std::mem::take(&mut self.closing) {
            let closed = wire.settle(|| io_result(channel.close()))?.is_some();
            if !closed && Instant::now() < deadline {
                open.push((channel, deadline));
            }
        }
        self.closing = open;
        Ok(())
    }

    fn keep_alive(&mut self) -> Result<(), RemoteError> {
        if self.heard.elapsed() >= self.silence * SILENCES_MAX {
            return Err(self.wire.gone(&format!(
                "no sign of life for {} s",
                self.heard.elapsed().as_secs()
            )));
        }
        if let Err(error) = self.wire.session.keepalive_send() {
            return Err(self.wire.gone(&error.message()));
        }
        // What cannot even be sent when all is quiet has nowhere to go.
        if self.wire.is_sending() {
            return Err(self.wire.gone(&"it takes no more data"));
        }
        Ok(())
    }

    fn longest_sleep(&self) -> Duration {
        let now = Instant::now();
        let deadlines = self.jobs.iter().filter_map(Job::deadline);
        deadlines
            .map(|deadline| deadline.saturating_duration_since(now))
            .min()
            .map_or(SLEEP_MAX, |left| left.min(SLEEP_MAX))
    }

    /// Tells everybody who waits, says good-bye where that is possible, and lets go of the connection.
    fn end(mut self, result: Result<(), RemoteError>) {
        self.orders.close();
        let error = match result {
            Ok(()) => self.wire.gone(&"it was closed"),
            Err(error) => error,
        };
        for job in self.jobs.drain(..) {
            job.fail(error.clone());
        }
        for transfer in self.transfers.drain(..) {
            transfer.fail(error.clone());
        }
        while let Ok(order) = self.orders.try_recv() {
            order.fail(error.clone());
        }
        self.wire.session.set_blocking(true);
        self.wire.session.set_timeout(FAREWELL_MILLISECONDS);
        let _ = self.wire.session.disconnect(None, "done", None);
        // After this no call of the library can wait for the server, so letting go of the channels cannot either.
        let _ = self.wire.socket.shutdown(Shutdown::Both);
    }
}

/// What one round of turns came to.
enum Round {
    Quiet,
    Busy,
    Finished,
}
