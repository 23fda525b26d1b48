//! How finely a file system keeps times.

use crate::tree::Time;

/// The granularity of times, learned from those that were seen.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Granularity {
    odd_seconds: bool,
    parts_of_seconds: bool,
    below_hundred_nanoseconds: bool,
}

impl Granularity {
    pub(super) fn learn(&mut self, time: Time) {
        self.odd_seconds |= time.seconds % 2 != 0;
        self.parts_of_seconds |= time.nanoseconds != 0;
        self.below_hundred_nanoseconds |= !time.nanoseconds.is_multiple_of(100);
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.odd_seconds |= other.odd_seconds;
        self.parts_of_seconds |= other.parts_of_seconds;
        self.below_hundred_nanoseconds |= other.below_hundred_nanoseconds;
    }

    pub(super) fn nanoseconds(self) -> u64 {
        match self {
            Self {
                below_hundred_nanoseconds: true,
                ..
            } => 1,
            Self {
                parts_of_seconds: true,
                ..
            } => 100,
            Self {
                odd_seconds: true, ..
            } => 1_000_000_000,
            Self { .. } => 2_000_000_000,
        }
    }
}
