//! How the worker tells what it does, without printing.
//!
//! The engine reports through a [`Monitor`]: counts, phases, findings, and each moment of the journal.  The worker
//! process writes them to the event log; tests look at them; a rehearsal may end the process at a chosen moment.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Result;
use postoffice::names::RelativePath;
use protocol::{Count, Counts, Expected, Finding, Verdict};

/// A moment around one durable write of the journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JournalMoment {
    /// The transaction is about to be committed.
    Committing,
    /// The transaction is durable.
    Committed,
}

/// What the engine reports to.
pub trait Monitor: Send + Sync {
    /// A phase of the task begins.
    fn phase(&self, name: &'static str, expected: Expected);
    /// Something countable happened.
    fn count(&self, what: Count, how_many: u64);
    /// A person should know something.
    fn finding(&self, finding: Finding);
    /// The journal is written.
    fn journal(&self, moment: JournalMoment);
    /// Something new would begin now: waits while the worker is paused.  Asked where nothing of the source is locked.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Stopped`] where the worker is to end.
    fn obey(&self) -> Result<()> {
        Ok(())
    }
}

/// How long a wait lasts before it is looked whether the worker is to end.
const WAIT_PIECE: Duration = Duration::from_millis(250);

impl dyn Monitor + '_ {
    /// Waits for so long, and for as long as the worker is paused.
    ///
    /// # Errors
    /// As [`Monitor::obey`].
    pub(crate) fn wait(&self, wait: Duration) -> Result<()> {
        let until = Instant::now() + wait;
        loop {
            self.obey()?;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            std::thread::sleep(left.min(WAIT_PIECE));
        }
    }

    /// Reports something about a path of the source.
    pub(crate) fn report(
        &self,
        code: &'static str,
        verdict: Verdict,
        path: &RelativePath,
        text: &str,
        remedy: &str,
    ) {
        self.finding(Finding::new(code, verdict, text, remedy).about(path.as_bytes()));
    }
}

/// Counts and findings kept in memory: the heart of every monitor, and a monitor by itself.
#[derive(Debug, Default)]
pub struct Tally {
    counts: [AtomicU64; Count::ALL.len()],
    findings: Mutex<FindingTally>,
}

/// How many findings of one code are kept whole; the others are only counted.
pub const FINDINGS_KEPT_PER_CODE: u64 = 200;

/// The findings of one task, bounded, and how many there were of each code.
#[derive(Debug, Default, Clone)]
pub struct FindingTally {
    /// The findings themselves, at most [`FINDINGS_KEPT_PER_CODE`] of each code.
    pub kept: Vec<Finding>,
    /// How many of each code there were.
    pub by_code: BTreeMap<String, u64>,
    /// The worst verdict of all of them, kept or not.
    pub worst: Option<Verdict>,
}

impl Tally {
    /// The counts so far.
    pub fn counts(&self) -> Counts {
        Count::ALL
            .iter()
            .map(|&count| (count, self.counts[count as usize].load(Ordering::Relaxed)))
            .filter(|&(_, how_many)| how_many > 0)
            .collect()
    }

    /// One count so far.
    pub fn get(&self, what: Count) -> u64 {
        self.counts[what as usize].load(Ordering::Relaxed)
    }

    /// The findings so far.
    pub fn findings(&self) -> FindingTally {
        self.findings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Adds to a count.
    pub fn add(&self, what: Count, how_many: u64) {
        self.counts[what as usize].fetch_add(how_many, Ordering::Relaxed);
    }

    /// Takes a finding in; says whether it is kept whole.
    pub fn take(&self, finding: &Finding) -> bool {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        findings.worst = findings.worst.max(Some(finding.verdict));
        let so_far = findings
            .by_code
            .entry(finding.code.to_string())
            .or_insert(0);
        *so_far += 1;
        let keep = *so_far <= FINDINGS_KEPT_PER_CODE;
        if keep {
            findings.kept.push(finding.clone());
        }
        keep
    }
}

impl Monitor for Tally {
    fn phase(&self, _name: &'static str, _expected: Expected) {}

    fn count(&self, what: Count, how_many: u64) {
        self.add(what, how_many);
    }

    fn finding(&self, finding: Finding) {
        self.take(&finding);
    }

    fn journal(&self, _moment: JournalMoment) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_are_bounded_and_all_counted() {
        let tally = Tally::default();
        for number in 0..FINDINGS_KEPT_PER_CODE + 50 {
            let verdict = if number == FINDINGS_KEPT_PER_CODE + 10 {
                Verdict::Unproven
            } else {
                Verdict::NeedsAttention
            };
            tally.finding(Finding::new("many", verdict, "seen", ""));
        }
        let findings = tally.findings();
        assert_eq!(findings.kept.len() as u64, FINDINGS_KEPT_PER_CODE);
        assert_eq!(findings.by_code["many"], FINDINGS_KEPT_PER_CODE + 50);
        assert_eq!(
            findings.worst,
            Some(Verdict::Unproven),
            "the worst counts although it was not kept"
        );
    }

    #[test]
    fn the_table_of_counts_is_in_order() {
        for (position, count) in Count::ALL.iter().enumerate() {
            assert_eq!(*count as usize, position);
        }
    }
}
