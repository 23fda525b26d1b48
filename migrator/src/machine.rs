//! Questions about the machine that this program runs on, and their answers.
//!
//! The controller asks the worker's program at the destination (`gwmigrate worker ask`).  A question that could not be
//! asked is an answer of its own, never "no": the exit codes of programs do not tell the two apart, least of all through
//! `sudo` (ARCHITECTURE.md rule 9b).

mod port;
mod process;

use std::fs;
use std::io::{self, Read as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use port::{PortState, look_at_port};
pub use process::Process;

/// More than this is no configuration file, log or certificate.
const BYTES_MAX: u64 = 64 << 20;

/// A question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "kebab-case")]
pub enum Question {
    /// What stands at a path, links followed.
    Entry {
        /// The path.
        path: PathBuf,
    },
    /// What a file says.
    Content {
        /// The file.
        path: PathBuf,
    },
    /// Which digest a file has.
    Digest {
        /// The file.
        path: PathBuf,
    },
    /// Whether anybody listens at a port.
    Port {
        /// A name or an address.
        address: String,
        /// The port.
        port: u16,
    },
    /// Which process is the agent that was started with a startup file.
    Process {
        /// The agent's program.
        program: PathBuf,
        /// Its startup file.
        startup: PathBuf,
    },
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "kebab-case")]
pub enum Answer {
    /// The question could not be asked; why.
    Unknown(String),
    /// To [`Question::Entry`]; none where nothing is there.
    Entry(Option<Entry>),
    /// To [`Question::Content`]; none where there is no such file.
    Content(Option<Vec<u8>>),
    /// To [`Question::Digest`]: BLAKE3 in hexadecimal; none where there is no such file.
    Digest(Option<String>),
    /// To [`Question::Port`].
    Port(PortState),
    /// To [`Question::Process`]; none where there is none.
    Process(Option<Process>),
}

/// Something at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Whether it is a folder.
    pub is_folder: bool,
    /// Whether it is a file that somebody may run.
    pub is_program: bool,
    /// The number of the user whose it is.
    pub uid: u32,
}

/// Answers a question.
pub fn answer(question: &Question) -> Answer {
    let outcome = match question {
        Question::Entry { path } => found(entry(path)).map(Answer::Entry),
        Question::Content { path } => found(content(path)).map(Answer::Content),
        Question::Digest { path } => found(digest(path)).map(Answer::Digest),
        Question::Port { address, port } => Ok(Answer::Port(look_at_port(address, *port))),
        Question::Process { program, startup } => {
            process::find(program, startup).map(Answer::Process)
        }
    };
    outcome.unwrap_or_else(|error| Answer::Unknown(error.to_string()))
}

/// Nothing where the system says for certain that nothing is there.
fn found<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn entry(path: &Path) -> io::Result<Entry> {
    let metadata = fs::metadata(path)?;
    Ok(Entry {
        is_folder: metadata.is_dir(),
        is_program: metadata.is_file() && metadata.mode() & 0o111 != 0,
        uid: metadata.uid(),
    })
}

fn content(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {BYTES_MAX} bytes"),
        ));
    }
    Ok(bytes)
}

/// BLAKE3 of a file, in hexadecimal.
///
/// # Errors
/// What reading it says.
pub fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs::File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_from_what_cannot_be_looked_at() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("file");
        let ask = |path: &Path| {
            [
                Question::Entry { path: path.into() },
                Question::Content { path: path.into() },
                Question::Digest { path: path.into() },
            ]
            .map(|question| answer(&question))
        };
        let absent = [
            Answer::Entry(None),
            Answer::Content(None),
            Answer::Digest(None),
        ];
        assert_eq!(ask(&path), absent);
        fs::write(&path, "text").expect("written");
        assert_eq!(
            ask(&path.join("below")),
            absent,
            "a file has nothing below it"
        );
        assert_eq!(ask(&path)[1], Answer::Content(Some(b"text".to_vec())));
        let looped = scratch.path().join("loop");
        std::os::unix::fs::symlink(&looped, &looped).expect("a link");
        for answer in ask(&looped) {
            assert!(matches!(answer, Answer::Unknown(_)), "{answer:?}");
        }
    }
}
