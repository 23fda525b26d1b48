//! The worker process: one order, from its lease to its last event.

use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::sync::Arc;

use crate::capabilities::Capabilities;
use crate::error::{Result, WorkerError};
use crate::events::{EVENT_FILE, EventLog, FINDINGS_FILE};
use crate::execute::execute;
use crate::lease::{Lease, Role};
use crate::monitor::Monitor;
use crate::pool::Threads;
use crate::sandbox;
use crate::seal::remove_old_document;
use crate::store::{JobStore, now_milliseconds};
use crate::tree::{Folder, Pace};
use crate::wishes::Wishes;
use jiff::tz::TimeZone;
use protocol::{
    EventKind, Explain as _, Hello, Order, PROTOCOL, Protections, Running, Task, Verdict,
};

/// Puts a monitor around the monitor of the worker; production uses it as it is.
pub type Wrap<'a> = &'a dyn Fn(Arc<dyn Monitor>) -> Arc<dyn Monitor>;

/// Everything that is open before the sandbox closes.
struct Prepared {
    order: Order,
    capabilities: Capabilities,
    store: JobStore,
    log: Arc<EventLog>,
    monitor: Arc<dyn Monitor>,
    _wishes: Arc<Wishes>,
    hello: Hello,
}

/// Takes the lease, opens what the order names, closes the sandbox, says hello, and works.
///
/// # Errors
/// What kept it from beginning; from the first event on, errors are findings of the event log and the verdict says how
/// it ended.
pub fn run(
    job_folder: &Path,
    order: Order,
    zone: TimeZone,
    wrap: Wrap<'_>,
    hello: impl FnOnce(&Hello),
) -> Result<Verdict> {
    let prepared = prepare(job_folder, order, zone, wrap)?;
    // No thread may exist yet: what the kernel enforces is inherited, not spread.
    let protections = sandbox::enter(&prepared.capabilities, &prepared.order.task)?;
    hello(&prepared.hello);
    Ok(work(&prepared, protections))
}

fn prepare(
    job_folder: &Path,
    mut order: Order,
    zone: TimeZone,
    wrap: Wrap<'_>,
) -> Result<Prepared> {
    if order.protocol != PROTOCOL {
        return Err(WorkerError::Protocol {
            found: order.protocol,
            known: PROTOCOL,
        });
    }
    let lease = Lease::take(job_folder, Role::Worker)?;
    let pace = order.options.bandwidth.clone();
    let pace = pace.map(|bandwidth| Arc::new(Pace::new(bandwidth, zone)));
    let mut capabilities = Capabilities::open(&order, job_folder)?;
    if let Some(pace) = &pace {
        capabilities = capabilities.at_pace(pace);
    }
    let (file, events_offset) = open_log(&capabilities.job)?;
    // The store reports its journal to the monitor, and the monitor needs a number from the store: a first connection
    // gives the number, and stays until the others are open, because the last one that closes folds the log in.  What it
    // commits makes the name of the log durable, too: once the sandbox is closed, SQLite cannot sync the job folder.
    let quiet: Arc<dyn Monitor> = wrap(Arc::new(crate::monitor::Tally::default()));
    let first = JobStore::open(job_folder, 0, quiet)?;
    order.number = first.next_order_number()?;
    let running = Running {
        pid: std::process::id(),
        order: order.number,
        task: order.task.name().to_owned(),
        began_milliseconds: now_milliseconds(),
        events_offset,
        token: order.token.clone(),
        users_wait: order.task.is_while_users_wait(),
        wish: None,
    };
    let wishes = Arc::new(Wishes::open(&capabilities.job, lease, running)?);
    let log = EventLog::new(file, order.number, pace).hearing(Arc::clone(&wishes));
    let log = Arc::new(with_all_findings(log, &capabilities.job)?);
    let monitor = wrap(Arc::clone(&log) as Arc<dyn Monitor>);
    let store = JobStore::open(
        job_folder,
        Threads::of(&order.options).first,
        Arc::clone(&monitor),
    )?;
    drop(first);
    if order.task == Task::Seal && !store.life()?.may_hold_new_mail() {
        // Void from now on, and the sealed worker cannot remove it.
        remove_old_document(&capabilities.job)?;
    }
    wishes.describe()?;
    let hello = Hello {
        protocol: PROTOCOL,
        order: order.number,
        pid: std::process::id(),
        events_offset,
    };
    Ok(Prepared {
        order,
        capabilities,
        store,
        log,
        monitor,
        _wishes: wishes,
        hello,
    })
}

fn open_log(job: &Folder) -> Result<(File, u64)> {
    let open = || {
        let mut file = File::from(job.open_appending(EVENT_FILE.as_bytes())?);
        let mut offset = file.seek(std::io::SeekFrom::End(0))?;
        // A line that was cut off must not swallow the first line of this order.
        if offset > 0 {
            let mut last = [0];
            file.seek(std::io::SeekFrom::End(-1))?;
            file.read_exact(&mut last)?;
            if last != *b"\n" {
                file.write_all(b"\n")?;
                offset += 1;
            }
        }
        Ok((file, offset))
    };
    open().map_err(|source| WorkerError::JobFolder {
        operation: "open",
        name: EVENT_FILE.into(),
        source,
    })
}

fn with_all_findings(log: EventLog, job: &Folder) -> Result<EventLog> {
    let file = job.open_appending(FINDINGS_FILE.as_bytes());
    file.map_err(std::io::Error::from)
        .and_then(|file| log.with_all_findings(File::from(file)))
        .map_err(|source| WorkerError::JobFolder {
            operation: "open",
            name: FINDINGS_FILE.into(),
            source,
        })
}

fn work(prepared: &Prepared, protections: Protections) -> Verdict {
    let Prepared {
        order,
        capabilities,
        store,
        log,
        monitor,
        ..
    } = prepared;
    log.write(EventKind::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        pid: std::process::id(),
        task: order.task.name().to_owned(),
        protections,
    });
    let (done, ticks) = crossbeam_channel::bounded::<()>(0);
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| log.tick(&ticks));
        let outcome = execute(order, capabilities, store, monitor.as_ref(), log.tally());
        drop(done);
        outcome
    });
    let report = match outcome {
        Ok(report) => Some(report),
        Err(error) => {
            monitor.finding(error.to_finding());
            None
        }
    };
    if let Err(error) = store.keep_findings(order.task.name(), &log.tally().findings()) {
        monitor.finding(error.to_finding());
    }
    log.finish(report)
}
