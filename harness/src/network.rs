//! A network that can be made bad: a proxy between two ends of a TCP connection.
//!
//! ```text
//! client -> listener -> relay: read -> (delay) -> queue -> (pace, hold, cut) -> write -> target
//! ```
//!
//! It runs in a thread of its own, so that tests without a runtime use it too, and conditions change while connections
//! run.  It does what a network does and nothing that TCP never does: bytes come late, slowly or not at all, and a
//! connection ends, but no byte is lost out of the middle of a connection that goes on.

mod budget;
mod link;
mod relay;
mod serve;
#[cfg(test)]
mod tests;

pub(crate) use budget::{Budget, Spent};
pub use link::{Disturbance, Link, Network, Networks};

use std::io;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;

use tokio::sync::watch;

/// What the network is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conditions {
    /// Whether anything passes.
    pub passage: Passage,
    /// How long each byte is under way, one way.
    pub latency_milliseconds: u64,
    /// How many bytes a second pass each way, all connections together; no limit where nothing is said.
    pub bytes_per_second: Option<NonZeroU64>,
}

/// Whether anything passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Passage {
    /// It does.
    #[default]
    Open,
    /// Nothing does, and nobody is told: connections stay, new ones are accepted and silent.  What was sent meanwhile
    /// arrives when the passage is open again, as TCP sends it again.
    BlackHole,
    /// New connections are refused, as where nobody listens; those that are there go on.
    Refuse,
}

/// How connections end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Ending {
    /// As when a program ends.
    #[default]
    Close,
    /// As when a machine was started anew: with a reset, at once.
    Reset,
}

/// A running proxy; dropping it ends all of its connections.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

/// What all connections of a proxy share.
#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    conditions: watch::Sender<Conditions>,
    /// Counts the times that all connections were ended, and says how the last time.
    endings: watch::Sender<(u64, Ending)>,
    is_over: watch::Sender<bool>,
    cut: Budget,
    /// Whether that cut is a reset.
    cut_resets: AtomicBool,
    bytes: AtomicU64,
    pace_there: relay::Pace,
    pace_back: relay::Pace,
}

impl Proxy {
    /// Listens, and passes each connection on to the target; port 0 takes any free one.
    ///
    /// # Errors
    /// What listening says.
    pub fn start(listen: SocketAddr, target: SocketAddr) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            target,
            conditions: watch::Sender::new(Conditions::default()),
            endings: watch::Sender::default(),
            is_over: watch::Sender::new(false),
            cut: Budget::new(None),
            cut_resets: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            pace_there: relay::Pace::new(),
            pace_back: relay::Pace::new(),
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let place = {
            let _entered = runtime.enter();
            serve::Place::take(listen)?
        };
        let address = place.address();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("proxy".into())
            .spawn(move || runtime.block_on(serve::serve(place, serving)))?;
        Ok(Self {
            address,
            shared,
            thread: Some(thread),
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes what the network is like, for connections that run as well; it is so a moment later.
    pub fn set(&self, conditions: Conditions) {
        self.shared.conditions.send_replace(conditions);
    }

    /// How many bytes were passed on, both ways and all connections together.
    pub fn bytes(&self) -> u64 {
        self.shared.bytes.load(Ordering::SeqCst)
    }

    /// Closes the connection that carries the last of so many more bytes, both ways and all connections together; once.
    pub fn cut_after_bytes(&self, bytes: u64) {
        self.shared.cut_resets.store(false, Ordering::SeqCst);
        self.shared.cut.plan(bytes);
    }

    /// The same with a reset.
    pub fn reset_after_bytes(&self, bytes: u64) {
        self.shared.cut_resets.store(true, Ordering::SeqCst);
        self.shared.cut.plan(bytes);
    }

    /// Takes a planned cut back; says whether there was one, that is, whether it did not yet strike.
    pub fn take_back_cut(&self) -> bool {
        self.shared.cut.take_back()
    }

    /// Closes all connections; new ones work.
    pub fn close_connections(&self) {
        self.end_connections(Ending::Close);
    }

    /// Resets all connections; new ones work.
    pub fn reset_connections(&self) {
        self.end_connections(Ending::Reset);
    }

    fn end_connections(&self, ending: Ending) {
        self.shared.endings.send_modify(|(times, how)| {
            *times += 1;
            *how = ending;
        });
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.is_over.send_replace(true);
        if let Some(thread) = self.thread.take() {
            // A thread that panicked is over as well.
            let _ = thread.join();
        }
    }
}
