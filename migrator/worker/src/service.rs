//! What `gwmigrate worker …` does at the destination: start, follow, call and hold.
//!
//! The controller reaches these over ssh.  `start` leaves a worker behind that outlives the connection; `follow` shows
//! its events from any offset, as often as the connection is made anew; `call` asks the job store; `hold` is the lease of
//! the controller.

mod at_work;
mod files;
mod history;

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read, Seek as _, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

pub(crate) use self::at_work::running;
use self::at_work::{progress, stop_worker};
use self::files::{keep_report, remember_place, remove_placed};
use self::history::history;
use crate::accept;
use crate::capabilities::open_folder;
use crate::error::{Result, WorkerError};
use crate::events::EVENT_FILE;
use crate::host;
use crate::lease::{Lease, Role};
use crate::monitor::{FindingTally, Monitor, Tally};
use crate::pool::raise_handle_limit;
use crate::run::{Wrap, run};
use crate::store::JobStore;
use crate::wishes;
use protocol::{
    Explain as _, Fact, Finding, Hello, LeaseHolder, Order, PROTOCOL, Proof, Refusal, Reply,
    Request, Said, Started, Step, StepState, Verdict,
};

/// How often a log that does not grow is looked at.
const FOLLOW_INTERVAL: Duration = Duration::from_millis(50);

/// The longest order that is read.
const ORDER_BYTES_MAX: u64 = 4 << 20;

/// Name of the file that keeps what a worker says on its standard error.
const ERROR_FILE: &str = "worker.log";

/// What the environment of a worker has besides: how many heaps the C library keeps (mallopt(3)).  Each has room for what is in use
/// at its own peak; with eight for each processor, its own number, that was twice of what is in use in all.
pub const ENVIRONMENT: [(&str, &str); 1] = [("MALLOC_ARENA_MAX", "2")];

/// Starts a worker for the order on `input`, detached from this process, and waits until it has begun.
///
/// # Errors
/// What kept it from beginning.
pub fn start(program: &Path, job_folder: &Path, input: impl Read) -> Result<Started> {
    let mut order = zeroize::Zeroizing::new(Vec::new());
    let failed = |operation, name: &str| {
        let name = name.to_owned();
        move |source| WorkerError::JobFolder {
            operation,
            name,
            source,
        }
    };
    input
        .take(ORDER_BYTES_MAX)
        .read_to_end(&mut order)
        .map_err(failed("read", "the order"))?;
    let errors = open_folder("the job folder", job_folder)?
        .open_appending(ERROR_FILE.as_bytes())
        .map_err(|errno| failed("open", ERROR_FILE)(errno.into()))?;
    let mut child = Command::new(program)
        .args(["worker", "run", "--job-folder"])
        .arg(job_folder)
        .current_dir("/")
        .envs(ENVIRONMENT)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(errors)
        .spawn()
        .map_err(failed("start", "the worker"))?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin
            .write_all(&order)
            .map_err(failed("hand over", "the order"))?;
    }
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(failed("hear from", "the worker"))?;
    }
    Ok(serde_json::from_str(&line).unwrap_or_else(|_| Started::Refused(died_at_once())))
}

/// A worker that ended without a word: killed from outside, or short of memory; nothing was begun.
fn died_at_once() -> Finding {
    Finding::new(
        "worker-died",
        protocol::Verdict::Temporary,
        "The worker ended before it began",
        format!(
            "Look at {ERROR_FILE} in the job folder of the destination, then run the same command again"
        ),
    )
}

/// Runs the order on `input` in this process, in a session of its own, and says on `output` how it begins; `zone` is that of the
/// clock of this machine.
///
/// Nothing is written to `output` after that, because nobody may be there to read it.
///
/// # Errors
/// What kept it from beginning.
pub fn run_here(
    job_folder: &Path,
    input: impl Read,
    output: &mut dyn Write,
    zone: jiff::tz::TimeZone,
    wrap: Wrap<'_>,
) -> Result<Verdict> {
    // Refused only where this process leads a session already, which is just as good.
    let _ = rustix::process::setsid();
    raise_handle_limit();
    let outcome = read_order(input)
        .and_then(|order| run(job_folder, order, zone, wrap, |hello| say(output, hello)));
    outcome.inspect_err(|error| {
        let line = serde_json::to_string(&Started::Refused(error.to_finding())).unwrap_or_default();
        let _ = writeln!(output, "{line}").and_then(|()| output.flush());
    })
}

fn say(output: &mut dyn Write, hello: &Hello) {
    let line = serde_json::to_string(&Started::Hello(hello.clone())).unwrap_or_default();
    // A starter that is gone already will find the worker by its lease.
    let _ = writeln!(output, "{line}").and_then(|()| output.flush());
}

fn read_order(input: impl Read) -> Result<Order> {
    let mut text = zeroize::Zeroizing::new(Vec::new());
    let wrong = |error: &dyn std::fmt::Display| WorkerError::Order {
        text: format!("The order is unreadable: {error}"),
    };
    input
        .take(ORDER_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(|error| wrong(&error))?;
    serde_json::from_slice(&text).map_err(|error| wrong(&error))
}

/// Writes the events from byte `offset` on to `output`, whole lines as they appear, until the last one of `order`, or
/// until no worker is running any more.
///
/// # Errors
/// What reading says; a closed `output` is an error too, and ends the process that follows.
pub fn follow(job_folder: &Path, offset: u64, order: u64, output: &mut dyn Write) -> Result<()> {
    let failed = |source| WorkerError::JobFolder {
        operation: "follow",
        name: EVENT_FILE.into(),
        source,
    };
    let (file, _) = open_folder("the job folder", job_folder)?
        .open_file(EVENT_FILE.as_bytes())
        .map_err(|errno| failed(errno.into()))?;
    let mut file = File::from(file);
    file.seek(std::io::SeekFrom::Start(offset))
        .map_err(failed)?;
    let mut reader = BufReader::new(file);
    let mut line = Vec::new();
    loop {
        // Asked before reading: what a worker wrote before it ended is then read for certain.
        let is_running = Lease::holder(job_folder, Role::Worker)?.is_some();
        loop {
            reader.read_until(b'\n', &mut line).map_err(failed)?;
            if line.last() != Some(&b'\n') {
                break;
            }
            output
                .write_all(&line)
                .and_then(|()| output.flush())
                .map_err(failed)?;
            if is_last(&line, order) {
                return Ok(());
            }
            line.clear();
        }
        if !is_running {
            return Ok(());
        }
        std::thread::sleep(FOLLOW_INTERVAL);
    }
}

fn is_last(line: &[u8], order: u64) -> bool {
    #[derive(serde::Deserialize)]
    struct Head<'a> {
        order: u64,
        #[serde(borrow)]
        event: std::borrow::Cow<'a, str>,
    }
    serde_json::from_slice::<Head<'_>>(line)
        .is_ok_and(|head| head.order == order && head.event == "finished")
}

/// Answers one request.
pub fn call(job_folder: &Path, request: Request) -> Reply {
    answer(job_folder, request).unwrap_or_else(|error| Reply::Failed(error.to_finding()))
}

fn answer(job_folder: &Path, request: Request) -> Result<Reply> {
    let monitor: Arc<dyn Monitor> = Arc::new(Tally::default());
    let store = JobStore::open(job_folder, 1, monitor)?;
    match request {
        Request::Hello { job } => {
            match store.job()? {
                None => store.name_job(&job)?,
                Some(known) if known == job => {}
                Some(known) => {
                    return Err(WorkerError::Refused {
                        code: "job-folder-of-another-job",
                        text: format!("The job folder belongs to the job {known}, not to {job}"),
                        remedy: "Name another job_folder in the worksheet; nothing was changed"
                            .into(),
                    });
                }
            }
            return Ok(Reply::Hello {
                protocol: PROTOCOL,
                version: env!("CARGO_PKG_VERSION").to_owned(),
            });
        }
        Request::BeginStep {
            step,
            at_milliseconds,
        } => store.begin_step(step, at_milliseconds)?,
        Request::EndStep {
            step,
            state,
            detail,
            findings,
        } => end_step(&store, step, state, &detail, &findings)?,
        Request::Confirm { item, by, note } => store.confirm(&item, &by, &note)?,
        Request::Withdraw { item } => {
            store.withdraw(&item)?;
        }
        Request::Remember { fact } => {
            if let Fact::MadeFolder(path) | Fact::PlacedFile(path) = &fact {
                remember_place(&store, path)?;
            }
            store.remember(&fact)?;
        }
        Request::SawPorts { ports } => store.record_seen_ports(&ports)?,
        Request::BeginLife { by } => begin_life(&store, &by)?,
        Request::EndStart { life, by, note } => store.end_start(life, &by, &note)?,
        Request::NobodyWorked { by, note } => store.nobody_worked(&by, &note)?,
        Request::Say { said, by, note } => match said {
            Said::UsersHaveNotWorked => store.take_back_life(&by, &note)?,
            Said::MountsHaveChanged => store.accept_mounts(&by, &note)?,
            Said::SourceIsGone => store.record_word(said, &by, &note)?,
        },
        Request::Change(change) => {
            let removed = host::change(job_folder, &change)?;
            return Ok(Reply::Changed { removed });
        }
        Request::RemovePlaced => remove_placed(&store, &store.status()?.facts)?,
        Request::StopWorker => stop_worker(job_folder)?,
        Request::Wish { wish, by } => {
            return Ok(Reply::Heard(wishes::ask(job_folder, wish, &by)?));
        }
        Request::Accept {
            code,
            extent,
            subject,
            by,
            note,
        } => return accept::accept(&store, &code, extent, &subject, &by, &note),
        Request::WithdrawAcceptance {
            code,
            extent,
            subject,
        } => return accept::withdraw(&store, &code, extent, &subject),
        Request::KeepFindings { origin, findings } => keep_findings(&store, &origin, &findings)?,
        Request::KeepReport { command, report } => {
            return Ok(Reply::Kept {
                file: keep_report(job_folder, &command, &report)?,
            });
        }
        Request::Status => {
            let mut status = store.status()?;
            status.running = running(job_folder)?;
            if let Some(running) = &status.running {
                status.progress = progress(job_folder, running)?;
            }
            status.controller = Lease::holder(job_folder, Role::Controller)?
                .and_then(|holder| LeaseHolder::read(&holder));
            return Ok(Reply::Status(Box::new(status)));
        }
        Request::Findings => {
            return Ok(Reply::Findings {
                findings: store.findings()?,
            });
        }
        Request::History => {
            return Ok(Reply::History {
                orders: history(job_folder)?,
            });
        }
    }
    Ok(Reply::Done)
}

/// Remembers that the POA is about to be started for users, where it may be.
fn begin_life(store: &JobStore, by: &str) -> Result<()> {
    let Some(refusal) = store.begin_life(by)? else {
        return Ok(());
    };
    let (code, text) = match refusal {
        Refusal::NotProven(Proof::Guardian) => (
            "guardian-not-converted",
            "The names in the guardian database are not proven to be lower case in the destination as it is now; the POA \
             would not find its databases",
        ),
        Refusal::NotProven(Proof::Queues) => (
            "queues-not-carried",
            "The message queues are not proven to have arrived in the destination as it is now",
        ),
        _ => (
            "not-sealed",
            "Nothing proves that the destination as it is now is equal to the source: it was never sealed, or it was \
             changed since",
        ),
    };
    Err(WorkerError::Refused {
        code,
        text: text.into(),
        remedy: "Run `gwmigrate stage-two` to its end first".into(),
    })
}

fn end_step(
    store: &JobStore,
    step: Step,
    state: StepState,
    detail: &str,
    findings: &[Finding],
) -> Result<()> {
    keep_findings(store, &format!("step {step}"), findings)?;
    store.end_step(step, state, detail)
}

fn keep_findings(store: &JobStore, origin: &str, findings: &[Finding]) -> Result<()> {
    let tally = Tally::default();
    for finding in findings {
        tally.take(finding);
    }
    let findings: FindingTally = tally.findings();
    store.keep_findings(origin, &findings)
}
