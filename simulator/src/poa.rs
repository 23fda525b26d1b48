//! The simulated Post Office Agents: that of Linux, which is described here, and that of the source server (`source`).
//!
//! The one of Linux starts from a startup file as the real one does, refuses a post office in which a name is missing or has a
//! capital letter, or in which a database does not stand where the guardian has it; answers on its HTTP and client ports, and, like the real one, changes its databases while it runs:
//! what a migration between its stages must not mistake for a newer source.  It ends when it is killed.
//!
//! ```text
//! arguments -> startup file -> log -> names and guardian -> ports -> ready file -> status pages, mailboxes and changes
//! ```
//!
//! With `--imap enabled` it serves mailboxes over IMAP ([`crate::imap`]) on `--imapport`, or 143.  A certificate and its key
//! (`--certfile`, `--keyfile`, `--keypasswd`) add STARTTLS, and with `--imapssl enabled` (or `required`, where nobody logs in
//! without) the port of `--imapsslport`, or 993, for connections that are encrypted from the start.  With `--httpssl enabled`
//! (or `required`) the status page is served over TLS with the same certificate, and only so.

mod arguments;
mod check;
mod log;
mod serve;
mod settings;
mod source;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::ffi::OsString;
use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cap_std::fs::Dir;
use postoffice::names::{RelativePath, printable};

use crate::database::{Edit, Writer};
use crate::error::{SimulatorError, Tried, describe_error};
use crate::imap;
use crate::mail::{MailStore, NameLookup};
use crate::tree;
use arguments::Arguments;
use clap::Parser;
use log::Log;
use settings::Settings;
use source::SourceOptions;
pub use source::{Acknowledged, RESTING, files_left, read_journal};

/// How often the running agent changes its databases.
const CHANGE_SECONDS: u64 = 2;

/// Runs the agent with this role: the one of Linux returns only when it cannot go on.
///
/// # Errors
/// What it cannot go on with, and arguments that it does not understand.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> Result<(), SimulatorError> {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    let is_source = arguments
        .windows(2)
        .any(|pair| pair[0] == "--role" && pair[1] == "source");
    if is_source {
        let options = SourceOptions::try_parse_from(arguments);
        let options = options.map_err(|error| SimulatorError::Start {
            text: error.to_string(),
        })?;
        return source::run(&options);
    }
    match run_linux(arguments)? {}
}

fn run_linux(arguments: Vec<OsString>) -> Result<Infallible, SimulatorError> {
    let arguments = arguments::parse(arguments)?;
    let settings = Settings::from(&arguments.startup)?;
    let home = tree::open_folder(&settings.home).map_err(|_| missing(&settings.home))?;
    let mut log = Log::open(&home, settings.log.as_deref());
    log.line(&format!("Post office folder: {}", settings.home.display()));
    let result = start(&arguments, &settings, &home, &mut log);
    if let Err(error) = &result {
        log.line(&describe_error(error));
    }
    result
}

fn start(
    arguments: &Arguments,
    settings: &Settings,
    home: &Dir,
    log: &mut Log,
) -> Result<Infallible, SimulatorError> {
    let user_database = check::check(home)?;
    let http = settings.listen(settings.http_port)?;
    let client = settings.listen(settings.client_port)?;
    let imap = settings.imap_listeners()?;
    let databases = [RelativePath::root().join(b"wphost.db"), user_database];
    let changing = Arc::new(RwLock::new(()));
    change_databases(home, &databases, &changing)?;
    let mut ports = vec![("http", &http), ("client", &client)];
    for (is_encrypted, listener) in &imap {
        ports.push((if *is_encrypted { "imaps" } else { "imap" }, listener));
    }
    let addresses: Vec<String> = ports
        .into_iter()
        .filter_map(|(name, listener)| Some(format!("{name} {}", listener.local_addr().ok()?)))
        .collect();
    for address in &addresses {
        log.line(&format!("Listening: {address}"));
    }
    let status = Arc::new(serve::Status {
        home: printable(settings.home.as_os_str().as_bytes()),
        started: Instant::now(),
        clients: AtomicU64::new(0),
        imap: serve_mailboxes(settings, home, imap, &changing)?,
    });
    serve::accept_clients(client, Arc::clone(&status));
    serve::answer_http(http, status, settings.http_identity.clone());
    if let Some(file) = &arguments.ready_file {
        write_ready_file(file, &addresses)?;
    }
    log.line("Ready");
    loop {
        std::thread::sleep(Duration::from_secs(CHANGE_SECONDS));
        change_databases(home, &databases, &changing)?;
    }
}

/// Serves mailboxes on these listeners, each with whether it is encrypted from the start.
fn serve_mailboxes(
    settings: &Settings,
    home: &Dir,
    listeners: Vec<(bool, TcpListener)>,
    changing: &Arc<RwLock<()>>,
) -> Result<Option<imap::ConnectionCount>, SimulatorError> {
    let Some(settings) = &settings.imap else {
        return Ok(None);
    };
    let root = home.try_clone().tried("open", &RelativePath::root())?;
    // The engine composes names in lower case, and Linux compares bytes.
    let store = MailStore::new(root, NameLookup::Exact);
    let encryption = settings.encryption.clone();
    let server = imap::ImapServer::new(store, Arc::clone(changing), encryption);
    let server = Arc::new(server);
    for (is_encrypted, listener) in listeners {
        imap::serve(Arc::clone(&server), listener, is_encrypted);
    }
    Ok(Some(server.connections()))
}

/// Tells whoever waits for it that the agent answers, and where.  Renamed into place, so that a reader never sees half.
fn write_ready_file(file: &Path, addresses: &[String]) -> Result<(), SimulatorError> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let text = format!("ready\n{}\n", addresses.join("\n"));
    std::fs::write(&partial, text).tried_at("write", Path::new(&partial))?;
    std::fs::rename(&partial, file).tried_at("write", file)
}

/// Takes a note in each database, in place, while nobody else in this process reads them.
fn change_databases(
    home: &Dir,
    databases: &[RelativePath],
    changing: &RwLock<()>,
) -> Result<(), SimulatorError> {
    let _changing = changing.write().unwrap_or_else(PoisonError::into_inner);
    for path in databases {
        Writer::alone(None).edit(home, path, Edit::Note)?;
    }
    Ok(())
}

fn missing(path: &Path) -> SimulatorError {
    let text = format!("path not found: {}", printable(path.as_os_str().as_bytes()));
    SimulatorError::Agent {
        number: "8209",
        text,
    }
}
