//! `gwmigrate worker …`, which only the controller runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::Subcommand;
use protocol::{Explain as _, LeaseHolder, Reply, Started};
use serde::Serialize;
use serde::de::DeserializeOwned;
use worker::error::WorkerError;
use worker::lease::{HEARTBEAT_LIMIT, HoldOptions, hold, require_held};
use worker::run::Wrap;
use worker::service;

use super::Terminal;
use crate::local_machine::LocalMachine;
use crate::mailbox::{self, MailboxEvent, MailboxProgress, MailboxRequest};

/// How often a comparison of mailboxes says how far it is.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

/// The exit code of a hidden command that failed; what it says decides everything else.
const FAILED: u8 = 1;

#[derive(Debug, Subcommand)]
pub(super) enum WorkerCommand {
    /// Start a worker for the order on standard input and leave it behind.
    Start {
        #[command(flatten)]
        job: Job,
    },
    /// Work on the order on standard input.
    Run {
        #[command(flatten)]
        job: Job,
    },
    /// Print the events of an order as they come.
    Follow {
        #[command(flatten)]
        job: Job,
        /// Where to begin, in bytes.
        #[arg(long)]
        offset: u64,
        /// The order whose last event is the end.
        #[arg(long)]
        order: u64,
    },
    /// Answer the request on standard input.
    Call {
        #[command(flatten)]
        job: Job,
    },
    /// Hold the lease of the controller until standard input ends.
    Hold {
        #[command(flatten)]
        job: Job,
        #[command(flatten)]
        lease: Lease,
    },
    /// Print the digest of gwmigrate as it is installed here.
    Digest {
        #[command(flatten)]
        job: Job,
    },
    /// Answer the question about this machine on standard input.
    Ask {
        #[command(flatten)]
        job: Job,
    },
    /// Compare one mailbox at two servers, as the request on standard input says.
    Mailbox {
        #[command(flatten)]
        job: Job,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Job {
    /// The job folder.
    #[arg(long)]
    job_folder: PathBuf,
    /// The token of the controller that gives this command, which must hold the lease.
    #[arg(long)]
    lease: Option<String>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Lease {
    /// Who holds it.
    #[arg(long)]
    who: String,
    /// A text that no other controller has.
    #[arg(long, default_value = "")]
    token: String,
    /// Since when, in milliseconds since 1970.
    #[arg(long, default_value_t = 0)]
    since: i64,
    /// Take it from whoever holds it.
    #[arg(long)]
    take_over: bool,
    /// Take it only where nobody else had it since this token did.
    #[arg(long)]
    again: bool,
}

impl Lease {
    fn options(self) -> HoldOptions {
        HoldOptions {
            holder: LeaseHolder {
                who: self.who,
                token: self.token,
                since_milliseconds: self.since,
            },
            take_over: self.take_over,
            again: self.again,
            limit: HEARTBEAT_LIMIT,
        }
    }
}

impl Job {
    /// Makes sure that the controller which gives this command has not lost its lease.
    fn require_lease(&self) -> Result<(), WorkerError> {
        match &self.lease {
            Some(token) => require_held(&self.job_folder, token),
            None => Ok(()),
        }
    }
}

/// Runs a hidden command; standard input and output are those of the process, because they are the protocol.
pub(super) fn run(
    command: WorkerCommand,
    local: LocalMachine,
    terminal: &Terminal,
    wrap: Wrap<'_>,
) -> u8 {
    let program = &local.program;
    let input = std::io::stdin().lock();
    let mut output = std::io::stdout().lock();
    let in_words = |error: WorkerError| error.to_finding().to_string();
    let outcome = match command {
        WorkerCommand::Start { job } => match job.require_lease() {
            Ok(()) => service::start(program, &job.job_folder, input).map_err(in_words),
            Err(error) => Ok(Started::Refused(error.to_finding())),
        }
        .map(|started| print(terminal, &started)),
        WorkerCommand::Run { job } => {
            service::run_here(&job.job_folder, input, &mut output, local.zone, wrap)
                .map(protocol::Verdict::exit_code)
                .map_err(in_words)
        }
        WorkerCommand::Follow { job, offset, order } => {
            service::follow(&job.job_folder, offset, order, &mut output)
                .map(|()| 0)
                .map_err(in_words)
        }
        WorkerCommand::Call { job } => read(input).map(|request| {
            let reply = match job.require_lease() {
                Ok(()) => service::call(&job.job_folder, request),
                Err(error) => Reply::Failed(error.to_finding()),
            };
            print(terminal, &reply)
        }),
        WorkerCommand::Hold { job, lease } => {
            hold(&job.job_folder, &lease.options(), input, &mut output)
                .map(|()| 0)
                .map_err(in_words)
        }
        WorkerCommand::Digest { .. } => match protocol::digest(program) {
            Ok(digest) => {
                terminal.raw_line(&digest);
                terminal.raw_line(&protocol::build());
                Ok(0)
            }
            Err(error) => Err(error.to_string()),
        },
        WorkerCommand::Ask { .. } => {
            read(input).map(|question| print(terminal, &worker::host::answer(&question)))
        }
        WorkerCommand::Mailbox { job } => {
            read(input).and_then(|request| compare_mailboxes(&job.job_folder, &request, terminal))
        }
    };
    outcome.unwrap_or_else(|text| {
        terminal.error_line(&text);
        FAILED
    })
}

/// What is asked on standard input.
fn read<T: DeserializeOwned>(input: impl std::io::Read) -> Result<T, String> {
    serde_json::from_reader(input).map_err(|error| format!("the request is unreadable: {error}"))
}

/// Answers on one line; gives the exit code.
fn print(terminal: &Terminal, answer: &impl Serialize) -> u8 {
    terminal.raw_line(&serde_json::to_string(answer).unwrap_or_default());
    0
}

/// Compares two mailboxes and says meanwhile how far it is; the password that the request holds is wiped with it.
fn compare_mailboxes(
    job_folder: &Path,
    request: &MailboxRequest,
    terminal: &Terminal,
) -> Result<u8, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let mut records = mailbox::Records::open(job_folder, request);
    let mut told: Option<Instant> = None;
    let mut tell = |progress: MailboxProgress| {
        if told.is_none_or(|told| told.elapsed() >= PROGRESS_INTERVAL) {
            told = Some(Instant::now());
            print(terminal, &MailboxEvent::Progress(progress));
        }
    };
    let comparing = mailbox::compare_mailboxes(request, &mut records, &mut tell);
    let answer = runtime.block_on(comparing);
    Ok(print(terminal, &MailboxEvent::End(answer)))
}
