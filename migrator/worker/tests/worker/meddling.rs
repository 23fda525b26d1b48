//! A monitor that does something to the trees at a sign of the worker, as somebody does who works there meanwhile.

use std::sync::Arc;

use protocol::{Count, Expected, Finding, Task};
use worker::monitor::{JournalMoment, Monitor, Tally};

use crate::support::{PASS_ONE, Site};

/// What a monitor of the worker hears.
pub(crate) enum Heard {
    /// A phase that begins.
    Phase(&'static str),
    /// Something countable, and how often.
    Count(Count, u64),
}

/// Passes everything on, and does something to the trees at a sign of the worker.
struct Meddling<F> {
    tally: Arc<Tally>,
    meddle: F,
}

impl<F: Fn(Heard) + Send + Sync> Monitor for Meddling<F> {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.tally.phase(name, expected);
        (self.meddle)(Heard::Phase(name));
    }

    fn count(&self, what: Count, how_many: u64) {
        self.tally.count(what, how_many);
        (self.meddle)(Heard::Count(what, how_many));
    }

    fn finding(&self, finding: Finding) {
        self.tally.finding(finding);
    }

    fn journal(&self, moment: JournalMoment) {
        self.tally.journal(moment);
    }
}

/// Runs a first pass during which something is done at signs of the worker.
pub(crate) fn pass_meddled_with(
    site: &Site,
    meddle: impl Fn(Heard) + Send + Sync + 'static,
) -> Arc<Tally> {
    meddled_with(site, PASS_ONE, meddle)
}

/// The same with any task.
pub(crate) fn meddled_with(
    site: &Site,
    task: Task,
    meddle: impl Fn(Heard) + Send + Sync + 'static,
) -> Arc<Tally> {
    let tally = Arc::new(Tally::default());
    let monitor: Arc<dyn Monitor> = Arc::new(Meddling {
        tally: Arc::clone(&tally),
        meddle,
    });
    site.run_watched(&site.order(task), &monitor, &tally)
        .unwrap();
    tally
}
