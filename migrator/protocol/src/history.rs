//! What the event log says of the orders that a job has had: when each ran, and how its work grew.

use serde::{Deserialize, Serialize};

use crate::finding::Verdict;

/// One order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Its number.
    pub order: u64,
    /// [`super::Task::name`].
    pub task: String,
    /// When it began, in milliseconds since 1970 by the clock of the destination.
    pub began_milliseconds: i64,
    /// When its last event was written.
    pub last_milliseconds: i64,
    /// How it ended; none where it was cut off or is running.
    pub verdict: Option<Verdict>,
    /// How its work grew, oldest first; at most [`CURVE_POINTS_MAX`].
    pub curve: Vec<CurvePoint>,
}

/// How much an order had done at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurvePoint {
    /// When, in milliseconds since 1970.
    pub at_milliseconds: i64,
    /// Files of the source that it had looked at.
    pub files: u64,
    /// Bytes that it had copied; of an order that copies nothing, those that it had looked at.
    pub bytes: u64,
}

/// How many points of an order are told.
pub const CURVE_POINTS_MAX: usize = 128;

/// How many orders are told, the latest.
pub const ORDERS_MAX: usize = 400;
