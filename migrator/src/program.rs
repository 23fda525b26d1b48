//! What a process takes from its environment for [`crate::cli::run`]: the one module that reads it.

use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use secrecy::SecretString;

use crate::cli::{Loudness, Terminal};
use crate::local_machine::LocalMachine;
use crate::worksheet::{AskedOnce, SecretSource};

/// Reads the environment of this process; developers' diagnostics go to standard error where `GWMIGRATE_LOG` asks for them.
pub fn from_process() -> (LocalMachine, Terminal) {
    let is_set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let terminal = Terminal {
        out: Arc::new(Mutex::new(io::stdout())),
        error: Arc::new(Mutex::new(io::stderr())),
        is_interactive: io::stderr().is_terminal() && io::stdout().is_terminal(),
        columns: columns(),
        no_color: is_set("NO_COLOR") || !(is_set("COLORTERM") || has_colors()),
        is_colored: false,
        loudness: Loudness::Normal,
        diagnostics: std::env::var("GWMIGRATE_LOG").ok(),
    };
    (local(), terminal)
}

/// Whether the terminal says by its name that it has colors.
fn has_colors() -> bool {
    let name = std::env::var("TERM").unwrap_or_default();
    name.contains("color") || name == "linux"
}

/// How wide the terminal is, where it says so.
fn columns() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(io::stdout()).ok()?;
    Some(size.ws_col.into()).filter(|&columns| columns > 0)
}

fn local() -> LocalMachine {
    let user = std::env::var("USER")
        .or_else(|_| std::env::var("LOGNAME"))
        .unwrap_or_else(|_| "somebody".into());
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    LocalMachine {
        program: std::env::current_exe().unwrap_or_else(|_| PathBuf::from("gwmigrate")),
        home: std::env::var_os("HOME").map(PathBuf::from),
        agent_socket: std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from),
        who: format!("{user} on {} (process {})", host.trim(), std::process::id()),
        take_over: false,
        zone: jiff::tz::TimeZone::system(),
        secrets: Arc::new(Mutex::new(AskedOnce::new(ProcessSecrets))),
    }
}

/// Secrets of this process: files, its environment, and the person at its terminal.
struct ProcessSecrets;

impl SecretSource for ProcessSecrets {
    fn file(&mut self, path: &Path) -> io::Result<SecretString> {
        std::fs::read_to_string(path).map(SecretString::from)
    }

    fn environment(&mut self, name: &str) -> Option<SecretString> {
        std::env::var(name).ok().map(SecretString::from)
    }

    fn prompt(&mut self, what: &str) -> io::Result<SecretString> {
        rpassword::prompt_password(format!("{what}: ")).map(SecretString::from)
    }

    fn answer(&mut self, question: &str) -> io::Result<SecretString> {
        rpassword::prompt_password(format!("{question} ")).map(SecretString::from)
    }
}
