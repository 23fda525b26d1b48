//! The event log: the monitor of the worker process.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::num::NonZeroU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::error::Result;
use crate::monitor::{JournalMoment, Monitor, Tally};
use crate::pool::lock;
use crate::store::now_milliseconds;
use crate::tree::Pace;
use crate::wishes::Wishes;
use protocol::{Count, Counts, Event, EventKind, Expected, Finding, PROTOCOL, TaskReport, Verdict};

/// Name of the event log in the job folder.
pub const EVENT_FILE: &str = "events.jsonl";

/// Name of the file in the job folder that has every finding of every order, also those that are only counted elsewhere.
pub const FINDINGS_FILE: &str = "findings.jsonl";

/// The longest file of findings; what would make it longer is only counted.
const FINDINGS_BYTES_MAX: u64 = 256 << 20;

/// How often the counts are written while they change.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Writes what the engine reports to the event log, one line each, and keeps the tally.
#[derive(Debug)]
pub struct EventLog {
    file: Mutex<File>,
    order: u64,
    tally: Tally,
    pace: Option<Arc<Pace>>,
    last: Mutex<(Counts, Option<NonZeroU64>)>,
    wishes: Option<Arc<Wishes>>,
    findings: Option<Mutex<FindingsFile>>,
}

/// The file of all findings, and how long it is.
#[derive(Debug)]
struct FindingsFile {
    file: File,
    bytes: u64,
}

impl EventLog {
    /// A log for one order; `file` must append, and `pace` is that of the source, where it is read at one.
    pub fn new(file: File, order: u64, pace: Option<Arc<Pace>>) -> Self {
        Self {
            file: Mutex::new(file),
            order,
            tally: Tally::default(),
            pace,
            last: Mutex::default(),
            wishes: None,
            findings: None,
        }
    }

    /// The same with a file that gets every finding; it must append.
    ///
    /// # Errors
    /// What asking for its length says.
    pub fn with_all_findings(mut self, mut file: File) -> std::io::Result<Self> {
        let mut bytes = file.seek(std::io::SeekFrom::End(0))?;
        if bytes >= FINDINGS_BYTES_MAX {
            // What older orders found is in their reports.
            file.set_len(0)?;
            bytes = 0;
        }
        self.findings = Some(Mutex::new(FindingsFile { file, bytes }));
        Ok(self)
    }

    /// The same of a worker that hears what people ask of it.
    #[must_use]
    pub fn hearing(mut self, wishes: Arc<Wishes>) -> Self {
        self.wishes = Some(wishes);
        self
    }

    /// Counts and findings so far.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Writes one event.  A log that cannot be written stops nothing: the journal is what matters, and the controller
    /// sees the end of the worker by its lock.
    pub fn write(&self, what: EventKind) {
        let Some(line) = self.line(what) else {
            return;
        };
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.write_all(&line) {
            tracing::warn!(%error, "the event log could not be written");
        }
    }

    fn line(&self, what: EventKind) -> Option<Vec<u8>> {
        let event = Event {
            v: PROTOCOL,
            at_milliseconds: now_milliseconds(),
            order: self.order,
            what,
        };
        let mut line = serde_json::to_vec(&event).ok()?;
        line.push(b'\n');
        Some(line)
    }

    /// Adds a finding to the file of all of them.
    fn list(&self, finding: &Finding) {
        let Some(findings) = &self.findings else {
            return;
        };
        let Some(line) = self.line(EventKind::Finding(finding.clone())) else {
            return;
        };
        let mut findings = lock(findings);
        if findings.bytes >= FINDINGS_BYTES_MAX {
            return;
        }
        findings.bytes += line.len() as u64;
        if let Err(error) = findings.file.write_all(&line) {
            tracing::warn!(%error, "a finding could not be listed");
        }
    }

    fn write_progress(&self) {
        let limit = self.pace.as_ref().and_then(|pace| pace.limit());
        let now = (self.tally.counts(), limit);
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if *last != now {
            last.clone_from(&now);
            drop(last);
            let (counts, limit) = now;
            self.write(EventKind::Progress { counts, limit });
        }
    }

    /// Writes the counts, and what people ask, at intervals until `done` is disconnected.
    pub fn tick(&self, done: &crossbeam_channel::Receiver<()>) {
        while let Err(crossbeam_channel::RecvTimeoutError::Timeout) =
            done.recv_timeout(PROGRESS_INTERVAL)
        {
            self.write_progress();
            if let Some(heard) = self.wishes.as_ref().and_then(|wishes| wishes.hear()) {
                self.write(EventKind::Wished { asked: heard });
            }
        }
    }

    /// Writes the last event of the order, and makes the log durable.
    pub fn finish(&self, report: Option<TaskReport>) -> Verdict {
        let findings = self.tally.findings();
        let verdict = findings.worst.unwrap_or(Verdict::Done);
        let by_code: BTreeMap<String, u64> = findings.by_code;
        self.write(EventKind::Finished {
            verdict,
            counts: self.tally.counts(),
            findings: by_code,
            report,
        });
        let file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = file.sync_data() {
            tracing::warn!(%error, "the event log could not be made durable");
        }
        verdict
    }
}

impl Monitor for EventLog {
    fn phase(&self, name: &'static str, expected: Expected) {
        self.write_progress();
        self.write(EventKind::Phase {
            name: name.to_owned(),
            expected,
        });
    }

    fn count(&self, what: Count, how_many: u64) {
        self.tally.add(what, how_many);
    }

    fn finding(&self, finding: Finding) {
        self.list(&finding);
        if self.tally.take(&finding) {
            self.write(EventKind::Finding(finding));
        }
    }

    fn journal(&self, _moment: JournalMoment) {}

    fn obey(&self) -> Result<()> {
        self.wishes.as_ref().map_or(Ok(()), |wishes| wishes.obey())
    }
}
