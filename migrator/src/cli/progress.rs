//! Progress in one line: files, bytes, rate and remaining time; it never runs backwards.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use worker::monitor::{Count, Counts, Expected};

use crate::steps::words;

/// How long a phase runs before its remaining time is worth saying.
const REMAINING_AFTER: Duration = Duration::from_secs(2);

/// What is known about the phase that is running.
#[derive(Debug)]
pub(super) struct Progress {
    phase: String,
    expected: Expected,
    began: Instant,
    at_begin: Counts,
    latest: Counts,
}

impl Progress {
    pub(super) fn new(phase: &str, expected: Expected, counts: Counts) -> Self {
        Self {
            phase: phase.to_owned(),
            expected,
            began: Instant::now(),
            at_begin: counts.clone(),
            latest: counts,
        }
    }

    /// Takes newer counts; a count that would run backwards keeps its highest value.
    pub(super) fn update(&mut self, counts: &Counts) {
        for (what, how_many) in counts {
            let known = self.latest.entry(*what).or_insert(0);
            *known = (*known).max(*how_many);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        self.latest.clone()
    }

    fn since_begin(&self, what: Count) -> u64 {
        words::of(&self.latest, what)
            - words::of(&self.at_begin, what).min(words::of(&self.latest, what))
    }

    /// How far the phase is, from 0 to 1000, where that is known.
    pub(super) fn per_mille(&self) -> Option<u64> {
        let seen = self.since_begin(Count::FilesSeen);
        (self.expected.files > 0).then(|| (seen * 1000 / self.expected.files).min(1000))
    }

    /// One line about the phase.
    pub(super) fn line(&self, now: Instant) -> String {
        let seen = self.since_begin(Count::FilesSeen);
        let elapsed = now.saturating_duration_since(self.began);
        let mut line = format!("{}: {}", self.phase, words::count(seen));
        if self.expected.files > 0 {
            let _ = write!(line, " of {}", words::count(self.expected.files.max(seen)));
        }
        line += " files";
        let copied = self.since_begin(Count::BytesCopied);
        if copied > 0 {
            let _ = write!(line, ", {} copied", words::bytes(copied));
        }
        let milliseconds = u64::try_from(elapsed.as_millis())
            .unwrap_or(u64::MAX)
            .max(1);
        if elapsed >= REMAINING_AFTER {
            let _ = write!(
                line,
                ", {} files/s",
                words::count(seen.saturating_mul(1000) / milliseconds)
            );
            if seen > 0 && self.expected.files > seen {
                let left = milliseconds.saturating_mul(self.expected.files - seen) / seen;
                let _ = write!(line, ", about {} left", words::span(left));
            }
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_never_runs_backwards() {
        let mut progress = Progress::new(
            "copy",
            Expected {
                files: 100,
                bytes: 0,
            },
            Counts::new(),
        );
        progress.update(&Counts::from([(Count::FilesSeen, 50)]));
        assert_eq!(progress.per_mille(), Some(500));
        progress.update(&Counts::from([(Count::FilesSeen, 40)]));
        assert_eq!(progress.per_mille(), Some(500));
        progress.update(&Counts::from([(Count::FilesSeen, 120)]));
        assert_eq!(progress.per_mille(), Some(1000));
        assert!(
            progress
                .line(Instant::now())
                .starts_with("copy: 120 of 120 files")
        );
    }
}
