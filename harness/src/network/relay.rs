//! One connection through a proxy: two directions, each with a side that reads and a side that writes.

use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::{Conditions, Ending, Passage, Shared, Spent};

/// The most bytes that are read at a time.
const CHUNK_BYTES: usize = 16 << 10;

/// How many chunks are under way at most; more wait at the sender, as behind a full window.
const CHUNKS_UNDER_WAY: usize = 64;

/// Into how many pieces a second's bytes are divided where they are limited.
const PIECES_A_SECOND: u64 = 20;

const NANOSECONDS_A_SECOND: u64 = 1_000_000_000;

/// Bytes under way.
struct Chunk {
    bytes: Vec<u8>,
    read_at: Instant,
}

/// Passes one connection on until it ends, on whatever side and however.
pub(super) async fn relay(mut client: TcpStream, shared: Arc<Shared>) {
    let mut endings = shared.endings.subscribe();
    let mut target = None;
    let ending = tokio::select! {
        ending = pass(&mut client, &mut target, &shared) => ending.unwrap_or(Ending::Reset),
        _ = endings.changed() => endings.borrow().1,
    };
    if ending == Ending::Reset {
        for stream in [Some(&client), target.as_ref()].into_iter().flatten() {
            // A connection that is over cannot be told how to end.
            let _ = stream.set_zero_linger();
        }
    }
}

async fn pass(
    client: &mut TcpStream,
    target: &mut Option<TcpStream>,
    shared: &Shared,
) -> io::Result<Ending> {
    client.set_nodelay(true)?;
    wait_until_open(&mut shared.conditions.subscribe()).await;
    let target = target.insert(TcpStream::connect(shared.target).await?);
    target.set_nodelay(true)?;
    let (from_client, to_client) = client.split();
    let (from_target, to_target) = target.split();
    let mut there = Box::pin(direction(
        from_client,
        to_target,
        shared,
        &shared.pace_there,
    ));
    let mut back = Box::pin(direction(from_target, to_client, shared, &shared.pace_back));
    let (passed, other) = tokio::select! {
        passed = &mut there => (passed?, back),
        passed = &mut back => (passed?, there),
    };
    // A direction that came to its end leaves the other one to go on; a cut takes both.
    let is_reset = match passed {
        Passed::All => other.await? == Passed::Cut && shared.cut_resets.load(Ordering::SeqCst),
        Passed::Cut => shared.cut_resets.load(Ordering::SeqCst),
    };
    Ok(if is_reset {
        Ending::Reset
    } else {
        Ending::Close
    })
}

/// How a direction came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passed {
    All,
    Cut,
}

async fn direction(
    from: ReadHalf<'_>,
    to: WriteHalf<'_>,
    shared: &Shared,
    pace: &Pace,
) -> io::Result<Passed> {
    let (sender, receiver) = mpsc::channel(CHUNKS_UNDER_WAY);
    let reading = read_side(from, sender, shared.conditions.subscribe());
    let writing = write_side(to, receiver, shared, pace);
    tokio::pin!(reading, writing);
    tokio::select! {
        passed = &mut writing => passed,
        read = &mut reading => {
            read?;
            // What was read before the end is still under way.
            writing.await
        }
    }
}

async fn read_side(
    mut from: ReadHalf<'_>,
    queue: mpsc::Sender<Chunk>,
    mut conditions: watch::Receiver<Conditions>,
) -> io::Result<()> {
    loop {
        wait_until_open(&mut conditions).await;
        let mut bytes = vec![0; CHUNK_BYTES];
        let length = from.read(&mut bytes).await?;
        bytes.truncate(length);
        let chunk = Chunk {
            bytes,
            read_at: Instant::now(),
        };
        // The end is under way as bytes are, so it never overtakes them.
        if queue.send(chunk).await.is_err() || length == 0 {
            return Ok(());
        }
    }
}

async fn write_side(
    mut to: WriteHalf<'_>,
    mut queue: mpsc::Receiver<Chunk>,
    shared: &Shared,
    pace: &Pace,
) -> io::Result<Passed> {
    let mut conditions = shared.conditions.subscribe();
    while let Some(chunk) = queue.recv().await {
        wait_for_latency(&mut conditions, chunk.read_at).await;
        if chunk.bytes.is_empty() {
            wait_until_open(&mut conditions).await;
            to.shutdown().await?;
            break;
        }
        let mut left = chunk.bytes.as_slice();
        while !left.is_empty() {
            let length = pace.wait_for_turn(&mut conditions, left.len()).await;
            let (piece, rest) = left.split_at(length);
            left = rest;
            let spent = shared.cut.spend(length);
            let allowed = match spent {
                Spent::All => length,
                Spent::UpTo(bytes) => usize::try_from(bytes).unwrap_or(length).min(length),
            };
            // Counted first, so that whoever has received a byte finds it counted.
            shared.bytes.fetch_add(allowed as u64, Ordering::SeqCst);
            to.write_all(&piece[..allowed]).await?;
            if spent != Spent::All {
                return Ok(Passed::Cut);
            }
        }
    }
    Ok(Passed::All)
}

async fn wait_until_open(conditions: &mut watch::Receiver<Conditions>) {
    let is_open = |conditions: &Conditions| conditions.passage != Passage::BlackHole;
    // Where the proxy is over there is nothing to wait for.
    let _ = conditions.wait_for(is_open).await;
}

/// Waits until bytes that were read then have been under way for as long as they must; that may change meanwhile.
async fn wait_for_latency(conditions: &mut watch::Receiver<Conditions>, read_at: Instant) {
    loop {
        let latency = conditions.borrow_and_update().latency_milliseconds;
        let due = read_at + Duration::from_millis(latency);
        tokio::select! {
            () = sleep_until(due) => return,
            changed = conditions.changed() => if changed.is_err() { return },
        }
    }
}

/// The pace of one direction, which all connections share.
#[derive(Debug)]
pub(super) struct Pace {
    /// When the next piece may pass, where bytes are limited.
    free_at: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self {
            free_at: Mutex::new(Instant::now()),
        }
    }

    /// Waits until so many bytes, or some of them, may pass; says how many.
    async fn wait_for_turn(
        &self,
        conditions: &mut watch::Receiver<Conditions>,
        bytes: usize,
    ) -> usize {
        loop {
            wait_until_open(conditions).await;
            let Some(rate) = conditions.borrow_and_update().bytes_per_second else {
                return bytes;
            };
            let free_at = match self.take_turn(rate, bytes) {
                Ok(length) => return length,
                Err(free_at) => free_at,
            };
            tokio::select! {
                () = sleep_until(free_at) => {}
                changed = conditions.changed() => if changed.is_err() { return bytes },
            }
        }
    }

    /// The length of the piece that may pass now, or when to ask again.
    fn take_turn(&self, rate: NonZeroU64, bytes: usize) -> Result<usize, Instant> {
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if *free_at > now {
            return Err(*free_at);
        }
        let piece = (rate.get() / PIECES_A_SECOND).clamp(1, bytes as u64);
        let nanoseconds = piece.saturating_mul(NANOSECONDS_A_SECOND) / rate;
        *free_at = now + Duration::from_nanos(nanoseconds);
        Ok(usize::try_from(piece).unwrap_or(bytes))
    }
}
