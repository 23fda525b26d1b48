//! The worker, as the controller sees it: orders, their events, and quick requests.

use std::time::Duration;

use std::collections::BTreeMap;
use tokio::sync::mpsc;

use protocol::{
    self, AcceptedLine, Counts, Event, EventKind, Finding, Hello, Order, Protections, Reply,
    Request, Running, Started, TaskReport, Verdict,
};

use super::console::Console;
use super::error::StepError;
use super::link::{Link, is_broken, pauses, wait};
use crate::remote::RemoteCommand;

/// How many lines may wait between the connection and the console.
const LINES_MAX: usize = 1024;

/// How an order ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Finished {
    /// The worst verdict among its findings.
    pub verdict: Verdict,
    /// What was counted.
    pub counts: Counts,
    /// The findings that were kept whole.
    pub findings: Vec<Finding>,
    /// How many of each code there were, kept or not.
    pub by_code: BTreeMap<String, u64>,
    /// What came out; none where the task stopped.
    pub report: Option<TaskReport>,
    /// What held the worker meanwhile.
    pub protections: Protections,
}

/// Asks the job store.
///
/// # Errors
/// What the connection says; a refusal of the worker as a finding.
pub(super) async fn call(link: &Link, request: &Request) -> Result<Reply, StepError> {
    let text = serde_json::to_vec(request).map_err(|error| StepError::Protocol {
        text: error.to_string(),
    })?;
    let command = link.worker("call");
    let output = link.run(&command, text).await?.require_success(&command)?;
    match serde_json::from_slice(&output.stdout) {
        Ok(Reply::Failed(finding)) => Err(finding.into()),
        Ok(reply) => Ok(reply),
        Err(error) => Err(StepError::Protocol {
            text: format!("{error}: {}", output.text()),
        }),
    }
}

/// Starts an order and follows it to its end, over as many connections as it takes.
///
/// # Errors
/// What kept it from starting; [`StepError::WorkerDied`] where it ended without its last event.
pub(super) async fn carry_out(
    link: &Link,
    order: &Order,
    accepted: &[AcceptedLine],
    console: &dyn Console,
) -> Result<Finished, StepError> {
    let task = order.task.name();
    loop {
        match start(link, order).await? {
            Start::Begun(hello) => return follow(link, &hello, task, accepted, console).await,
            Start::Busy(hello) => {
                console
                    .note("A worker is at work on this job already; following it to its end first");
                match follow(link, &hello, task, accepted, console).await {
                    // Whoever stopped it wants nothing else to begin.
                    Ok(finished) if finished.verdict == Verdict::Interrupted => {
                        return Ok(finished);
                    }
                    // However else it ended, the order that was asked for comes now.
                    Ok(_) | Err(StepError::WorkerDied { .. }) => {}
                    Err(error) => return Err(error),
                }
                tokio::time::sleep(ENDING_PAUSE).await;
            }
        }
    }
}

enum Start {
    Begun(Hello),
    Busy(Hello),
}

/// How often an order is given again to a worker that holds the lease and works on nothing, and how long to wait before:
/// one that has said its last word still has its files to close.
const ENDING_TRIES: u32 = 20;
const ENDING_PAUSE: Duration = Duration::from_millis(250);

async fn start(link: &Link, order: &Order) -> Result<Start, StepError> {
    for _ in 0..ENDING_TRIES {
        match start_once(link, order).await {
            Err(StepError::Finding(finding)) if finding.code == "worker-busy" => {
                tokio::time::sleep(ENDING_PAUSE).await;
            }
            outcome => return outcome,
        }
    }
    start_once(link, order).await
}

async fn start_once(link: &Link, order: &Order) -> Result<Start, StepError> {
    let text = serde_json::to_vec(order).map_err(|error| StepError::Protocol {
        text: error.to_string(),
    })?;
    let command = link.worker("start");
    let output = link.run(&command, text).await?.require_success(&command)?;
    let started: Result<Started, _> = serde_json::from_slice(&output.stdout);
    match started {
        Ok(Started::Hello(hello)) => Ok(Start::Begun(hello)),
        Ok(Started::Refused(finding)) if finding.code == "worker-busy" => {
            match running(link).await? {
                // Started by this very order, over a connection that broke before the answer came.
                Some((hello, token)) if token == order.token => Ok(Start::Begun(hello)),
                Some((hello, _)) => Ok(Start::Busy(hello)),
                // It ended between the two questions, or it is only asking who holds the lease.
                None => Err(finding.into()),
            }
        }
        Ok(Started::Refused(finding)) => Err(finding.into()),
        Err(error) => Err(StepError::Protocol {
            text: format!("{error}: {}", output.text()),
        }),
    }
}

/// The worker that is running now, and the token of its order.
async fn running(link: &Link) -> Result<Option<(Hello, String)>, StepError> {
    let status = match call(link, &Request::Status).await? {
        Reply::Status(status) => status,
        other => return Err(StepError::unexpected(&other)),
    };
    Ok(status
        .running
        .map(|running| (hello_of(&running), running.token)))
}

/// What a worker that is at work said when it began.
fn hello_of(running: &Running) -> Hello {
    Hello {
        protocol: protocol::PROTOCOL,
        order: running.order,
        pid: running.pid,
        events_offset: running.events_offset,
    }
}

/// Follows a worker that is at work to the end of its order, whoever gave that.
///
/// # Errors
/// As [`carry_out`].
pub(super) async fn follow_running(
    link: &Link,
    running: &Running,
    accepted: &[AcceptedLine],
    console: &dyn Console,
) -> Result<Finished, StepError> {
    follow(link, &hello_of(running), &running.task, accepted, console).await
}

/// Follows the events of an order from its first one on.
async fn follow(
    link: &Link,
    hello: &Hello,
    task: &str,
    accepted: &[AcceptedLine],
    console: &dyn Console,
) -> Result<Finished, StepError> {
    let mut progress = Following {
        offset: hello.events_offset,
        order: hello.order,
        accepted,
        findings: Vec::new(),
        protections: Protections::default(),
    };
    let mut pauses = pauses();
    loop {
        let offset = progress.offset;
        let followed = follow_once(link, &mut progress, console).await;
        if progress.offset > offset {
            // The connection was there again: an order of many hours may lose it many times.
            pauses = self::pauses();
        }
        match followed {
            Ok(Some(finished)) => return Ok(finished),
            Ok(None) => {
                return Err(StepError::WorkerDied {
                    task: task.to_owned(),
                });
            }
            Err(StepError::Remote(error)) if is_broken(&error) && wait(&mut pauses).await => {
                console.note(&format!(
                    "The connection broke ({error}); connecting again, the worker goes on"
                ));
                // Where this fails, following fails again at once and is tried again.
                link.try_reconnect().await?;
            }
            Err(error) => return Err(error),
        }
    }
}

struct Following<'a> {
    offset: u64,
    order: u64,
    accepted: &'a [AcceptedLine],
    findings: Vec<Finding>,
    protections: Protections,
}

impl Following<'_> {
    /// Takes one line of the log; gives the end of the order where the line is it.
    fn take(&mut self, line: &[u8], console: &dyn Console) -> Result<Option<Finished>, StepError> {
        self.offset += line.len() as u64 + 1;
        if line.is_empty() {
            return Ok(None);
        }
        let mut event: Event = match serde_json::from_slice(line) {
            Ok(event) => event,
            Err(error) => {
                return Err(StepError::Protocol {
                    text: format!("{error}: {}", String::from_utf8_lossy(line)),
                });
            }
        };
        if event.order != self.order {
            return Ok(None);
        }
        if let EventKind::Finding(finding) = &mut event.what {
            protocol::mark(self.accepted, finding);
        }
        console.event(&event);
        match event.what {
            EventKind::Finding(finding) => self.findings.push(finding),
            EventKind::Finished {
                verdict,
                counts,
                findings: by_code,
                report,
            } => {
                let findings = std::mem::take(&mut self.findings);
                return Ok(Some(Finished {
                    verdict,
                    counts,
                    findings,
                    by_code,
                    report,
                    protections: std::mem::take(&mut self.protections),
                }));
            }
            EventKind::Started { protections, .. } => self.protections = protections,
            EventKind::Phase { .. } | EventKind::Progress { .. } | EventKind::Wished { .. } => {}
        }
        Ok(None)
    }
}

async fn follow_once(
    link: &Link,
    progress: &mut Following<'_>,
    console: &dyn Console,
) -> Result<Option<Finished>, StepError> {
    let command: RemoteCommand = link
        .worker("follow")
        .argument("--offset")
        .argument(progress.offset.to_string())
        .argument("--order")
        .argument(progress.order.to_string());
    let (sender, mut lines) = mpsc::channel(LINES_MAX);
    let remote = link.remote();
    let following = remote.follow(&command, sender);
    tokio::pin!(following);
    let mut finished = None;
    let mut ended = None;
    loop {
        tokio::select! {
            line = lines.recv() => match line {
                Some(line) => {
                    if let Some(end) = progress.take(&line, console)? {
                        finished = Some(end);
                    }
                }
                None => break,
            },
            outcome = &mut following, if ended.is_none() => ended = Some(outcome),
        }
    }
    if finished.is_some() {
        return Ok(finished);
    }
    let followed = match ended {
        Some(ended) => ended?,
        None => following.await?,
    };
    // That the worker ended without its last event is said by a command that came to its end, and by nothing else.
    followed.require_success(&command)?;
    Ok(None)
}
