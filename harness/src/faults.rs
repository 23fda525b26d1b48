//! Faults that a rehearsal puts into the worker, from outside: monitors around the worker's own.
//!
//! The migrator knows nothing of them.  The embedded ssh server gives its commands an environment; the program that the
//! controller uploads is this one, and it wraps the worker's monitor as that environment says.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use protocol::{Count, Expected, Finding};
use rustix::process::{Signal, getpid, kill_process};
use worker::error::WorkerError;
use worker::monitor::{JournalMoment, Monitor};

/// The variable that names the moment of the journal, counted from 1, at which a worker is killed.
pub const KILL_AT_JOURNAL: &str = "GWREHEARSE_KILL_AT_JOURNAL";

/// The variable that names the phase at whose beginning a worker is killed.
pub const KILL_IN_PHASE: &str = "GWREHEARSE_KILL_IN_PHASE";

/// The wrapping that the environment of this process asks for; none in most rehearsals.
pub fn wrap_from_environment() -> impl Fn(Arc<dyn Monitor>) -> Arc<dyn Monitor> {
    let at = std::env::var(KILL_AT_JOURNAL)
        .ok()
        .and_then(|text| text.parse().ok());
    let phase = std::env::var(KILL_IN_PHASE).ok();
    let moments = Arc::new(AtomicU64::new(0));
    move |inner| {
        if at.is_none() && phase.is_none() {
            return inner;
        }
        Arc::new(Kill {
            inner,
            moments: Arc::clone(&moments),
            at,
            phase: phase.clone(),
        })
    }
}

/// Kills its own process, as a power cut would, at one moment of the journal or at the beginning of a phase.
struct Kill {
    inner: Arc<dyn Monitor>,
    moments: Arc<AtomicU64>,
    at: Option<u64>,
    phase: Option<String>,
}

impl Kill {
    fn now() {
        let _ = kill_process(getpid(), Signal::KILL);
    }
}

impl Monitor for Kill {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.inner.phase(name, expected);
        if self.phase.as_deref() == Some(name) {
            Self::now();
        }
    }

    fn count(&self, what: Count, how_many: u64) {
        self.inner.count(what, how_many);
    }

    fn finding(&self, finding: Finding) {
        self.inner.finding(finding);
    }

    fn journal(&self, moment: JournalMoment) {
        self.inner.journal(moment);
        if Some(self.moments.fetch_add(1, Ordering::Relaxed) + 1) == self.at {
            Self::now();
        }
    }

    fn obey(&self) -> Result<(), WorkerError> {
        self.inner.obey()
    }
}
