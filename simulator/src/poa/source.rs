//! The agent of the source server: it works on the post office while that is copied.
//!
//! It does what [`crate::churn`] does, one operation after the other at a rate and from a seed, but as a real agent: under
//! the lock of each database, which it holds only shortly; piece by piece with pauses, so that a copy that is taken
//! without the lock is torn; and now and then with a lock that it holds for long, as maintenance does.  Where another
//! program holds a lock for longer than it waits, it defers the operation with GroupWise's 820E and does another.
//!
//! ```text
//! options -> ports -> ready file -> operation -> journal -> operation -> … until it is told to stop
//! ```
//!
//! A signal USR1 lets it rest: it goes on serving clients, and changes nothing any more.  TERM and INT end it.
//!
//! Every operation that was done is in the journal, which lies outside the post office: what must have arrived in the end.

mod journal;
mod options;

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cap_std::fs::Dir;
use postoffice::names::{RelativePath, printable};
use rand::RngExt;

use journal::Journal;
pub use journal::{Acknowledged, RESTING, files_left, read_journal};
pub(crate) use options::SourceOptions;

use super::log::Log;
use super::{serve, write_ready_file};
use crate::churn::ChurnKind;
use crate::churn::work::Work;
use crate::database::{Pace, Writer};
use crate::error::{SimulatorError, Tried, describe_error};
use crate::imap::{self, Encryption, ImapServer, TlsIdentity};
use crate::mail::{MailStore, NameLookup};
use crate::random::generator;
use crate::tree;

/// How long it sleeps at once while it waits for its next operation or for the order to stop.
const NAP: Duration = Duration::from_millis(20);

/// Runs the agent until it is told to stop by a signal, or has done as many operations as it was told.
///
/// # Errors
/// What it cannot go on with; a held lock is not among it.
pub(crate) fn run(options: &SourceOptions) -> Result<(), SimulatorError> {
    let (stop, rest) = (Arc::default(), Arc::default());
    for (signal, flag) in [
        (signal_hook::consts::SIGTERM, &stop),
        (signal_hook::consts::SIGINT, &stop),
        (signal_hook::consts::SIGUSR1, &rest),
    ] {
        hear(signal, flag)?;
    }
    let root = tree::open_post_office(&options.home)?;
    let mut log = Log::open_in(&queue_of_the_agent(&root)?);
    let mut journal = Journal::create(&options.journal)?;
    let changing = Arc::new(RwLock::new(()));
    let addresses = listen(options, &root, &changing)?;
    let pace = Pace {
        lock_wait: Duration::from_millis(options.lock_wait_milliseconds),
        pause: Duration::from_millis(options.pause_milliseconds),
    };
    let generator = generator(options.seed, b"agent of the source");
    let mut agent = Agent {
        options,
        root: &root,
        work: Work::new(&root, Writer::as_agent(pace), generator)?,
        began: Instant::now(),
        done: 0,
    };
    if let Some(file) = &options.daemon_ready_file {
        write_ready_file(file, &addresses)?;
    }
    log.line("Ready");
    let mut is_resting = false;
    while !stop.load(Ordering::Relaxed) && options.operations.is_none_or(|most| agent.done < most) {
        if rest.load(Ordering::Relaxed) {
            if !is_resting {
                journal.acknowledge(&Acknowledged::resting())?;
                log.line("Resting");
                is_resting = true;
            }
            std::thread::sleep(NAP);
            continue;
        }
        if agent.began.elapsed() < agent.due() {
            std::thread::sleep(NAP.min(agent.due().saturating_sub(agent.began.elapsed())));
            continue;
        }
        let outcome = {
            let _changing = changing.write().unwrap_or_else(PoisonError::into_inner);
            agent.operate()
        };
        match outcome {
            Ok(entry) => {
                journal.acknowledge(&entry)?;
                log.line(&entry.to_string());
            }
            // The books say what is there, and files come and go; the next operation is another one.
            Err(SimulatorError::Lacks { .. }) => {}
            Err(error @ SimulatorError::Agent { number: "820E", .. }) => {
                log.line(&describe_error(&error));
                journal.acknowledge(&Acknowledged::deferred(&error))?;
            }
            Err(error) => {
                log.line(&describe_error(&error));
                return Err(error);
            }
        }
        agent.done += 1;
    }
    log.line("Stopped");
    Ok(())
}

/// Sets a flag when a signal comes.
fn hear(signal: i32, flag: &Arc<AtomicBool>) -> Result<(), SimulatorError> {
    let heard = signal_hook::flag::register(signal, Arc::clone(flag));
    heard.map(|_| ()).map_err(|source| SimulatorError::Io {
        operation: "listen",
        what: "for signals".to_owned(),
        source,
    })
}

/// An agent at work.
struct Agent<'a> {
    options: &'a SourceOptions,
    root: &'a Dir,
    work: Work<'a>,
    began: Instant,
    /// How many operations were tried.
    done: u64,
}

impl Agent<'_> {
    /// When the next operation is to begin, counted from the start.
    fn due(&self) -> Duration {
        let seconds = self.done / self.options.operations_per_second;
        let rest = self.done % self.options.operations_per_second;
        Duration::from_secs(seconds)
            + Duration::from_secs(rest)
                / u32::try_from(self.options.operations_per_second).unwrap_or(u32::MAX)
    }

    fn operate(&mut self) -> Result<Acknowledged, SimulatorError> {
        let every = self.options.maintenance_every;
        if every > 0 && self.done % every == every - 1 {
            return self.maintain();
        }
        let kind = ChurnKind::ALL[self.work.generator.random_range(0..ChurnKind::ALL.len())];
        // What an operation that was not done in the end changed counts as well: its changes are whole.
        let operation = self.work.operate(kind);
        let changes = self.work.writer.take_changes();
        let operation = match operation {
            Ok(operation) => operation,
            Err(error) if changes.is_empty() => return Err(error),
            Err(error) => return Ok(Acknowledged::interrupted(&error, changes)),
        };
        let digest = match kind {
            ChurnKind::NewBlob
            | ChurnKind::QueuedIn
            | ChurnKind::QueuedOut
            | ChurnKind::SentMail => {
                let bytes = tree::read(self.root, &operation.path)?;
                Some(blake3::hash(&bytes).to_hex().to_string())
            }
            _ => None,
        };
        Ok(Acknowledged::done(&operation, digest, changes))
    }

    /// Holds the lock of a database for long.
    fn maintain(&mut self) -> Result<Acknowledged, SimulatorError> {
        let count = self.work.databases.len();
        let index = self.work.choose(count, "database")?;
        let control = self.work.databases[index].clone();
        let time = Duration::from_millis(self.options.maintenance_milliseconds);
        self.work.writer.hold(self.root, &control, time)?;
        Ok(Acknowledged::maintained(&control))
    }
}

/// Opens the ports that were asked for, which answer from now on; says which they are.
///
/// Mailboxes are served while nobody changes them: `changing` is held for writing meanwhile.
fn listen(
    options: &SourceOptions,
    root: &Dir,
    changing: &Arc<RwLock<()>>,
) -> Result<Vec<String>, SimulatorError> {
    let ip = options.ip;
    let listener = |port: u16| serve::listen(ip, port);
    let mut addresses = Vec::new();
    let mut connections = None;
    if let Some(port) = options.imapport {
        addresses.push(format!("imap {ip}:{port}"));
        let root = root.try_clone().tried("open", &RelativePath::root())?;
        // Names have no case at the source.
        let store = MailStore::new(root, NameLookup::AnyCase);
        let server = ImapServer::new(store, Arc::clone(changing), encryption(options)?);
        let server = Arc::new(server);
        connections = Some(server.connections());
        imap::serve(server, listener(port)?, false);
    }
    let status = Arc::new(serve::Status {
        home: printable(options.home.as_os_str().as_encoded_bytes()),
        started: Instant::now(),
        clients: AtomicU64::new(0),
        imap: connections,
    });
    if let Some(port) = options.port {
        addresses.push(format!("client {ip}:{port}"));
        serve::accept_clients(listener(port)?, Arc::clone(&status));
    }
    if let Some(port) = options.httpport {
        addresses.push(format!("http {ip}:{port}"));
        serve::answer_http(listener(port)?, status, None);
    }
    Ok(addresses)
}

/// Offered where there is a certificate.
fn encryption(options: &SourceOptions) -> Result<Encryption, SimulatorError> {
    match (&options.certfile, &options.keyfile) {
        (Some(certificate), Some(key)) => Ok(Encryption::Offered(TlsIdentity::read(
            certificate,
            key,
            None,
        )?)),
        _ => Ok(Encryption::None),
    }
}

/// The folder for what arrives, in any case: where the agent's logs are, too.
fn queue_of_the_agent(root: &Dir) -> Result<Dir, SimulatorError> {
    let mut folder = RelativePath::root();
    for wanted in [b"wpcsout".as_slice(), b"ofs"] {
        let found = tree::name_in_any_case(root, &folder, wanted)?;
        let found = found.ok_or(SimulatorError::Lacks {
            what: "queue for what arrives",
        })?;
        folder = folder.join(&found);
    }
    root.open_dir(tree::as_path(&folder)).tried("open", &folder)
}
