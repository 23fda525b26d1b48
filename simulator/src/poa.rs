//! The simulated Post Office Agents: that of Linux, which is described here, and that of the source server (`source`).
//!
//! The one of Linux starts from a startup file as the real one does, refuses a post office in which a name is missing or has a
//! capital letter, or in which a database does not stand where the guardian has it; answers on its HTTP and client ports, and, like the real one, changes its databases while it runs:
//! what a migration between its stages must not mistake for a newer source.  It ends when it is killed.
//!
//! ```text
//! arguments -> startup file -> log -> names and guardian -> ports -> ready file -> status pages and changes, for ever
//! ```
//!
//! It has no mailboxes yet.

mod arguments;
mod check;
mod log;
mod serve;
mod source;
#[cfg(test)]
mod tests;

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::net::{IpAddr, Ipv4Addr, TcpListener};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use cap_std::fs::Dir;
use postoffice::names::{RelativePath, printable};
use postoffice::startup_file::StartupFile;

use crate::database::{EditedBy, Writer};
use crate::error::{SimulatorError, Tried};
use crate::tree;
use arguments::Arguments;
use clap::Parser;
use log::Log;
use source::SourceOptions;
pub use source::{Acknowledged, files_left, read_journal};

/// The port of the status page where the startup file names none.
const HTTP_PORT: u16 = 7181;

/// The port of the clients where the startup file names none.
const CLIENT_PORT: u16 = 1677;

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

/// An error with its causes, on one line.
pub(crate) fn describe_error(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
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
    let databases = [RelativePath::root().join(b"wphost.db"), user_database];
    change_databases(home, &databases)?;
    let ports = [("http", &http), ("client", &client)];
    let addresses: Vec<String> = ports
        .into_iter()
        .filter_map(|(name, listener)| Some(format!("{name} {}", listener.local_addr().ok()?)))
        .collect();
    for address in &addresses {
        log.line(&format!("Listening: {address}"));
    }
    serve::accept_clients(client);
    serve::answer_http(http, printable(settings.home.as_os_str().as_bytes()));
    if let Some(file) = &arguments.ready_file {
        write_ready_file(file, &addresses)?;
    }
    log.line("Ready");
    loop {
        std::thread::sleep(Duration::from_secs(CHANGE_SECONDS));
        change_databases(home, &databases)?;
    }
}

/// Tells whoever waits for it that the agent answers, and where.  Renamed into place, so that a reader never sees half.
fn write_ready_file(file: &Path, addresses: &[String]) -> Result<(), SimulatorError> {
    let mut partial = file.as_os_str().to_owned();
    partial.push(".partial");
    let text = format!("ready\n{}\n", addresses.join("\n"));
    std::fs::write(&partial, text).tried_at("write", Path::new(&partial))?;
    std::fs::rename(&partial, file).tried_at("write", file)
}

/// Takes a note in each database, in place.
fn change_databases(home: &Dir, databases: &[RelativePath]) -> Result<(), SimulatorError> {
    for path in databases {
        Writer::alone(None).edit(home, path, EditedBy::Noting)?;
    }
    Ok(())
}

/// What the startup file says.
struct Settings {
    home: PathBuf,
    ip: IpAddr,
    http_port: u16,
    client_port: u16,
    log: Option<PathBuf>,
}

impl Settings {
    fn from(startup: &StartupFile) -> Result<Self, SimulatorError> {
        let path =
            |name| value(startup, name).map(|bytes| PathBuf::from(OsStr::from_bytes(&bytes)));
        let home = path("home").ok_or_else(|| SimulatorError::Start {
            text: "There is no --home switch; switches are lower case and begin with two dashes on Linux".into(),
        })?;
        Ok(Self {
            home,
            ip: parsed(startup, "ip")?.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
            http_port: parsed(startup, "httpport")?.unwrap_or(HTTP_PORT),
            client_port: parsed(startup, "port")?.unwrap_or(CLIENT_PORT),
            log: path("log"),
        })
    }

    fn listen(&self, port: u16) -> Result<TcpListener, SimulatorError> {
        let what = format!("on {}:{port}", self.ip);
        TcpListener::bind((self.ip, port)).map_err(|source| SimulatorError::Io {
            operation: "listen",
            what,
            source,
        })
    }
}

/// The value of a switch, found as on Linux: in lower case, with dashes.
fn value(startup: &StartupFile, name: &str) -> Option<Vec<u8>> {
    use postoffice::startup_file::Introducer;
    startup
        .switches()
        .filter(|switch| switch.name == name && switch.introducer != Introducer::Slash)
        .last()?
        .value
}

fn parsed<T: FromStr>(startup: &StartupFile, name: &str) -> Result<Option<T>, SimulatorError> {
    let Some(bytes) = value(startup, name) else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&bytes);
    text.parse().map(Some).map_err(|_| SimulatorError::Start {
        text: format!("--{name} has a value that it cannot have"),
    })
}

fn missing(path: &Path) -> SimulatorError {
    let text = format!("path not found: {}", printable(path.as_os_str().as_bytes()));
    SimulatorError::Agent {
        number: "8209",
        text,
    }
}
