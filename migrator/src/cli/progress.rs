//! Progress in one line: files, bytes, rate and remaining time; it never runs backwards.

use std::fmt::Write as _;
use std::num::NonZeroU64;

use protocol::{Count, Counts, Expected, limit_in_words};

use crate::numbers::{self, milliseconds_between};

/// How long a phase runs before its remaining time is worth saying, in milliseconds.
const REMAINING_AFTER_MILLISECONDS: u64 = 2_000;

/// What is known about the phase that is running.
///
/// Times are those of the events, in milliseconds since 1970 by the clock of the destination: whoever comes later, or comes back
/// behind a broken connection, sees the same rate.
#[derive(Debug)]
pub(super) struct Progress {
    phase: String,
    expected: Expected,
    began: i64,
    /// For how long it was paused, in milliseconds.
    paused: u64,
    /// Since when it is paused.
    paused_since: Option<i64>,
    at_begin: Counts,
    latest: Counts,
    limit: Option<NonZeroU64>,
}

impl Progress {
    pub(super) fn new(phase: &str, expected: Expected, counts: Counts, began: i64) -> Self {
        Self {
            phase: phase.to_owned(),
            expected,
            began,
            paused: 0,
            paused_since: None,
            at_begin: counts.clone(),
            latest: counts,
            limit: None,
        }
    }

    /// Takes newer counts, and the limit that holds now; a count that would run backwards keeps its highest value.
    pub(super) fn update(&mut self, counts: &Counts, limit: Option<NonZeroU64>) {
        self.limit = limit;
        for (what, how_many) in counts {
            let known = self.latest.entry(*what).or_insert(0);
            *known = (*known).max(*how_many);
        }
    }

    /// It is paused from then on, or goes on.
    pub(super) fn pause(&mut self, is_paused: bool, at: i64) {
        if let Some(since) = self.paused_since.take() {
            self.paused += milliseconds_between(since, at);
        }
        self.paused_since = is_paused.then_some(at);
    }

    pub(super) fn counts(&self) -> Counts {
        self.latest.clone()
    }

    fn since_begin(&self, what: Count) -> u64 {
        numbers::count_of(&self.latest, what)
            - numbers::count_of(&self.at_begin, what).min(numbers::count_of(&self.latest, what))
    }

    /// How far the phase is, from 0 to 1000, where that is known.
    pub(super) fn per_mille(&self) -> Option<u64> {
        let seen = self.since_begin(Count::FilesSeen);
        (self.expected.files > 0).then(|| (seen * 1000 / self.expected.files).min(1000))
    }

    /// What the phase is.
    pub(super) fn phase(&self) -> &str {
        &self.phase
    }

    /// Whether it is known how much there is to do.
    pub(super) fn is_measured(&self) -> bool {
        self.expected.files > 0
    }

    /// How far the phase is at that time, in words.
    pub(super) fn line(&self, now: i64) -> String {
        if self.expected.seconds > 0 {
            return format!("{} s", self.expected.seconds);
        }
        let seen = self.since_begin(Count::FilesSeen);
        let paused_now = self
            .paused_since
            .map_or(0, |since| milliseconds_between(since, now));
        let milliseconds = milliseconds_between(self.began, now)
            .saturating_sub(self.paused + paused_now)
            .max(1);
        let mut line = numbers::count(seen);
        if self.expected.files > 0 {
            let _ = write!(
                line,
                " of {}",
                numbers::count(self.expected.files.max(seen))
            );
        }
        line += " files";
        let copied = self.since_begin(Count::BytesCopied);
        if copied > 0 {
            let _ = write!(line, ", {}", numbers::bytes(copied));
        }
        if milliseconds >= REMAINING_AFTER_MILLISECONDS {
            let each_second = |number: u64| number.saturating_mul(1000) / milliseconds;
            let _ = if copied > 0 {
                write!(line, ", {}/s", numbers::bytes(each_second(copied)))
            } else {
                write!(line, ", {} files/s", numbers::count(each_second(seen)))
            };
            if self.paused_since.is_some() {
                line += ", PAUSED";
            } else if seen > 0 && self.expected.files > seen {
                let left = milliseconds.saturating_mul(self.expected.files - seen) / seen;
                let _ = write!(line, ", about {} left", numbers::span(left));
            }
        }
        if let Some(limit) = self.limit {
            let _ = write!(line, ", {}", limit_in_words(limit));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_has_files_bytes_rate_and_remaining_time_and_fits_on_a_narrow_screen() {
        let expected = Expected {
            files: 19_996,
            ..Expected::default()
        };
        let mut progress = Progress::new("copy", expected, Counts::new(), 5_000);
        let later = 5_000 + 1_000_000;
        let counts = Counts::from([
            (Count::FilesSeen, 10_999),
            (Count::BytesCopied, 130_000_000_000),
        ]);
        progress.update(&counts, NonZeroU64::new(20 << 20));
        let limited = progress.line(later);
        assert!(limited.ends_with(" left, at most 20.0 MiB/s"), "{limited}");
        progress.update(&counts, None);
        let line = progress.line(later);
        assert_eq!(
            line,
            "10,999 of 19,996 files, 121.0 GiB, 123.9 MiB/s, about 13 min 37 s left"
        );
        assert!(line.len() + 6 <= 80);
        // A pause is no time in which anything could be done.
        progress.pause(true, later);
        let paused = progress.line(later + 9_000_000);
        assert!(paused.ends_with(", 123.9 MiB/s, PAUSED"), "{paused}");
        progress.pause(false, later + 9_000_000);
        assert_eq!(progress.line(later + 9_000_000), line);
    }

    #[test]
    fn a_wait_is_said_with_its_seconds() {
        let expected = Expected::wait(Duration::from_millis(9_100));
        let progress = Progress::new("wait", expected, Counts::new(), 0);
        assert_eq!(progress.line(0), "10 s");
    }

    #[test]
    fn progress_never_runs_backwards() {
        let mut progress = Progress::new(
            "copy",
            Expected {
                files: 100,
                ..Expected::default()
            },
            Counts::new(),
            0,
        );
        progress.update(&Counts::from([(Count::FilesSeen, 50)]), None);
        assert_eq!(progress.per_mille(), Some(500));
        progress.update(&Counts::from([(Count::FilesSeen, 40)]), None);
        assert_eq!(progress.per_mille(), Some(500));
        progress.update(&Counts::from([(Count::FilesSeen, 120)]), None);
        assert_eq!(progress.per_mille(), Some(1000));
        assert!(progress.line(0).starts_with("120 of 120 files"));
    }
}
