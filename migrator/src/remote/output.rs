//! How a remote command ended.

use std::fmt;

use super::command::RemoteCommand;
use super::error::RemoteError;

/// The most bytes of output that one command may give, both streams together.
pub const OUTPUT_BYTES_MAX: usize = 16 * 1024 * 1024;

/// How a command ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExitStatus {
    /// It ended by itself with this code.
    Code(i32),
    /// A signal ended it; the name stands without `SIG`.
    Signal(String),
}

impl ExitStatus {
    /// Whether the command ended with code 0.
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl fmt::Display for ExitStatus {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(name) => write!(formatter, "signal {name}"),
        }
    }
}

/// What a command gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// How it ended.
    pub status: ExitStatus,
    /// All that it wrote to its standard output.
    pub stdout: Vec<u8>,
    /// All that it wrote to its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    /// The output of a command that must have succeeded; its last words are in the error where it did not.
    pub fn require_success(self, command: &RemoteCommand) -> Result<Self, RemoteError> {
        if self.status.is_success() {
            return Ok(self);
        }
        Err(RemoteError::command_failed(
            command,
            self.status,
            &self.stderr,
        ))
    }

    /// The standard output as text without the line end at its end; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout)
            .trim_end_matches(['\n', '\r'])
            .to_owned()
    }
}
