//! Reading no faster than people allow.

use std::num::NonZeroU64;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;

use crate::pool::lock;
use protocol::Bandwidth;

/// How long is slept before it is looked whether the limit is another one now.
const SLEEP_MAX: Duration = Duration::from_secs(1);

/// A limit for all threads together, by the clock of this machine.
#[derive(Debug)]
pub struct Pace {
    bandwidth: Bandwidth,
    zone: TimeZone,
    /// When everything will have been paid for that was read.
    paid: Mutex<Instant>,
}

impl Pace {
    /// A limit by the time of day in `zone`.
    pub fn new(bandwidth: Bandwidth, zone: TimeZone) -> Self {
        Self {
            bandwidth,
            zone,
            paid: Mutex::new(Instant::now()),
        }
    }

    /// The limit that holds now, in bytes each second; none where there is none.
    pub fn limit(&self) -> Option<NonZeroU64> {
        let now = jiff::Timestamp::now().to_zoned_datetime(self.zone.clone());
        let minute = i32::from(now.hour()) * 60 + i32::from(now.minute());
        self.bandwidth.at(u16::try_from(minute).unwrap_or(0))
    }

    /// Pays for bytes that were read, and does not wait: for what must be read at once.
    pub(crate) fn charge(&self, bytes: usize) {
        if let Some(limit) = self.limit() {
            self.book(bytes, limit);
        }
    }

    /// Pays for bytes that were read, and waits until all that was read before is paid for.
    pub(crate) fn take(&self, bytes: usize) {
        let Some(limit) = self.limit() else {
            return;
        };
        let until = self.book(bytes, limit);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // With another limit, what was booked by this one is not waited for.
            if left.is_zero() || self.limit() != Some(limit) {
                return;
            }
            std::thread::sleep(left.min(SLEEP_MAX));
        }
    }

    /// Books the time that bytes take; says until when that is.
    fn book(&self, bytes: usize, limit: NonZeroU64) -> Instant {
        let nanoseconds = (bytes as u128) * 1_000_000_000 / u128::from(limit.get());
        let time = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        let mut paid = lock(&self.paid);
        *paid = (*paid).max(Instant::now()) + time;
        *paid
    }
}
