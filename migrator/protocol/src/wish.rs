//! What people ask of the worker that is at work: to pause, to go on, to end.

use serde::{Deserialize, Serialize};

/// What is asked of the worker that is at work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wish {
    /// To begin nothing new: what is in hand comes to its end, locks of the source are let go with it, and everything else waits.
    Pause,
    /// To go on after a pause.
    Resume,
    /// To end in order: what is in hand comes to its end, what is durable is recorded, and nothing else is begun.
    Stop,
}

/// The last wish that was said to a worker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishLine {
    /// The order that it is about; it is nothing to any other one.
    pub order: u64,
    /// What.
    pub wish: Wish,
    /// Who.
    pub by: String,
    /// When, in milliseconds since 1970 by the clock of the destination.
    pub at_milliseconds: i64,
    /// Whether users are out and wait for this order.
    pub users_wait: bool,
}
