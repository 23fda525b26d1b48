//! The command line of the agent: `@startup_file`, and switches that go before those of the file.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use postoffice::startup_file::StartupFile;

use crate::error::{SimulatorError, Tried};

/// What the agent was started with.
pub(super) struct Arguments {
    /// The startup file, with the switches of the command line in it.
    pub(super) startup: StartupFile,
    /// The file that is made once the agent answers.
    pub(super) ready_file: Option<PathBuf>,
}

pub(super) fn parse(
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<Arguments, SimulatorError> {
    let mut startup = StartupFile::default();
    let mut switches = Vec::new();
    let mut ready_file = None;
    let mut arguments = arguments.into_iter().peekable();
    while let Some(argument) = arguments.next() {
        let bytes = argument.as_bytes();
        if let Some(file) = bytes.strip_prefix(b"@") {
            startup = read(Path::new(OsStr::from_bytes(file)))?;
            continue;
        }
        let name = bytes
            .strip_prefix(b"--")
            .and_then(|name| std::str::from_utf8(name).ok());
        let name = name
            .ok_or_else(|| start(format!("{} is no switch", argument.display())))?
            .to_owned();
        let value = arguments.next_if(|value| !value.as_bytes().starts_with(b"--"));
        let value = value.map(OsString::into_vec).unwrap_or_default();
        match name.as_str() {
            "role" if value == b"linux" => {}
            "role" => return Err(start("The only roles are linux and source".to_owned())),
            "daemon-ready-file" => ready_file = Some(PathBuf::from(OsString::from_vec(value))),
            _ => switches.push((name, value)),
        }
    }
    for (name, value) in switches {
        startup
            .set(&name, &value)
            .map_err(|error| start(error.to_string()))?;
    }
    Ok(Arguments {
        startup,
        ready_file,
    })
}

fn read(file: &Path) -> Result<StartupFile, SimulatorError> {
    let bytes = std::fs::read(file).tried_at("read", file)?;
    StartupFile::parse(&bytes).map_err(|source| SimulatorError::StartupFile {
        file: file.to_owned(),
        source,
    })
}

fn start(text: String) -> SimulatorError {
    SimulatorError::Start { text }
}
