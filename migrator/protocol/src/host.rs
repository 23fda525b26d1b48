//! What the destination is asked and told beside the two trees: files, ports, accounts, processes, file systems.
//!
//! Each question has three answers: yes with what was asked for, no, and [`Answer::CouldNotAsk`], which no caller can take for
//! one of the others.  The worker answers them itself at the destination (`gwmigrate worker ask`): the exit codes of shell
//! commands do not tell "no" from "could not ask", least of all through `sudo` (ARCHITECTURE.md rule 9b).

use std::path::{Path, PathBuf};
use std::{fmt, fs, io};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD as BASE64;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A question about the destination; asking changes nothing and needs no lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "question", rename_all = "kebab-case")]
pub enum Question {
    /// What stands at a path, links followed: [`Entry`].
    Entry {
        /// The path.
        path: PathBuf,
    },
    /// The bytes of a file: [`FileBytes`].
    Content {
        /// The file.
        path: PathBuf,
    },
    /// BLAKE3 of a file, in hexadecimal digits: a text.
    Digest {
        /// The file.
        path: PathBuf,
    },
    /// The regular files in a folder whose names end so, in any case: a list of paths, sorted.
    FilesEnding {
        /// The folder.
        folder: PathBuf,
        /// The end of their names.
        ending: String,
    },
    /// Whether anybody listens at a port; no where the machine says that nobody does.
    Port {
        /// A name or an address.
        address: String,
        /// The port.
        port: u16,
    },
    /// Whether the destination itself has an address, first or further; no where it certainly has not.
    OwnAddress {
        /// A name or an address.
        address: String,
    },
    /// The process of the agent that was started with a startup file: [`Process`].
    Process {
        /// The agent's program.
        program: PathBuf,
        /// Its startup file.
        startup: PathBuf,
    },
    /// A process whose command has a file among its words, whatever its program is (an interpreter and `sudo` included):
    /// [`Process`].
    Command {
        /// The file.
        file: PathBuf,
    },
    /// A user, also of a directory service: [`Account`].
    Account {
        /// Its name.
        name: String,
    },
    /// The clock, in seconds since 1970.
    Clock,
    /// What the file systems of folders can do: a list of [`FolderAbilities`].  Tried in each folder and in what is mounted below
    /// it, or in the folder above it where it is missing.
    Abilities {
        /// The folders.
        folders: Vec<PathBuf>,
    },
}

/// What a question was answered, as it crosses the connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "value", rename_all = "kebab-case")]
pub enum Answer<T> {
    /// It is so, or there is one.
    Yes(T),
    /// It is certainly not so, or there is certainly none.
    No,
    /// It could not be asked; why.
    CouldNotAsk(String),
}

impl<T> Answer<T> {
    /// The same answer, with what a yes comes with turned into something else.
    pub fn map<U>(self, turn: impl FnOnce(T) -> U) -> Answer<U> {
        match self {
            Self::Yes(value) => Answer::Yes(turn(value)),
            Self::No => Answer::No,
            Self::CouldNotAsk(why) => Answer::CouldNotAsk(why),
        }
    }
}

/// The digest of [`Question::Digest`], which the controller computes of its own file to compare the two.
///
/// # Errors
/// What reading the file says.
pub fn digest(path: &Path) -> io::Result<String> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs::File::open(path)?)?;
    Ok(hasher.finalize().to_hex().to_string())
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

/// What the file system of a folder can do of all that the stages need of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FolderAbilities {
    /// The folder, as it is shown.
    pub folder: String,
    /// Name of the file system, or its number.
    pub file_system: String,
    /// Whether one name in two cases is one file.
    pub folds_case: bool,
    /// Whether it has no renaming that never replaces, so that a second link and a removal stand for it.
    pub renames_by_link: bool,
    /// What it cannot do.
    pub cannot: Vec<Inability>,
}

/// Something that a file system cannot do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inability {
    /// What, as a verb.
    pub call: String,
    /// What the kernel says.
    pub said: String,
}

impl FolderAbilities {
    /// Why nothing can be migrated to it, in a sentence; none where it can.
    pub fn trouble(&self) -> Option<String> {
        let Self {
            folder,
            file_system,
            ..
        } = self;
        if self.folds_case {
            return Some(format!(
                "{folder} is on {file_system}, which does not distinguish upper and lower case"
            ));
        }
        let first = self.cannot.first()?;
        Some(format!(
            "{folder} is on {file_system}, which cannot {}: {}",
            first.call, first.said
        ))
    }
}

/// A running agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// The user that it runs as.
    pub uid: u32,
}

/// A user of the destination.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// Its number.
    pub uid: u32,
    /// The number of its group.
    pub gid: u32,
}

/// The bytes of a small file, which may hold a password: wiped after use and never shown.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct FileBytes(pub Vec<u8>);

/// As base64: a list of numbers would be four times as long.
impl Serialize for FileBytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&BASE64.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for FileBytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
        let bytes = BASE64.decode(text.as_bytes());
        bytes.map(Self).map_err(serde::de::Error::custom)
    }
}

impl fmt::Debug for FileBytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "({} bytes)", self.0.len())
    }
}

impl Drop for FileBytes {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

impl FileBytes {
    /// The bytes themselves, to be wiped by whoever takes them.
    pub fn take(mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

/// Something to be changed at the destination, beside the two trees; only under the lease.  Each may be repeated at any time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "change", rename_all = "kebab-case")]
pub enum Change {
    /// Make a folder, and those above it, where it is not there.
    MakeFolder {
        /// The folder.
        path: PathBuf,
        /// Its permissions where it is made.
        mode: u32,
    },
    /// Write a file whole or not at all.  One that is there keeps its owner and its mode.
    WriteFile {
        /// The file.
        path: PathBuf,
        /// What it is to say.
        bytes: FileBytes,
        /// The mode where there is none yet.
        mode: u32,
        /// Where what was there before the first time is kept.
        keep: Option<PathBuf>,
    },
    /// Give a path to a user, and what is below it; links are given, not followed.
    Give {
        /// The path.
        path: PathBuf,
        /// To whom.
        to: Account,
    },
    /// Let a program open ports below 1024 without being root.
    AllowLowPorts {
        /// The program.
        program: PathBuf,
    },
    /// Remove a file or a folder of the job folder, with what is in it.
    RemoveFromJobFolder {
        /// Its name, or names joined by slashes; never a way out of the job folder.
        name: String,
    },
    /// Remove what uploads that were cut off have left in the job folder.
    RemoveUnfinishedUploads,
}

impl Change {
    /// The path that the change is about; none where it is about the job folder.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::MakeFolder { path, .. }
            | Self::WriteFile { path, .. }
            | Self::Give { path, .. } => Some(path),
            Self::AllowLowPorts { program } => Some(program),
            Self::RemoveFromJobFolder { .. } | Self::RemoveUnfinishedUploads => None,
        }
    }
}
