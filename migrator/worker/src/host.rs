//! What the destination is asked and told beside the two trees ([`protocol::Question`], [`protocol::Change`]).
//!
//! This runs outside the sandbox, in requests of the controller, because accounts, processes and configuration files are
//! everywhere.  Paths are those of the worksheet and of the profile; links in them are followed, as every program of the
//! system does, but for what is given away and what is written.

mod process;
mod write_file;

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{fs, io};

use io::Read as _;
use postoffice::names::{RelativePath, printable};
use protocol::{
    Account, Answer, Change, Entry, FileBytes, FolderAbilities, Question, ask_port, digest,
    has_address,
};
use rustix::io::Errno;
use serde_json::Value;

use crate::abilities::try_abilities;
use crate::capabilities::{open_folder, open_with_mounts};
use crate::error::{Result, WorkerError};
use crate::tree::{Folder, Kind};

/// More than this is no configuration file, log or certificate.
const BYTES_MAX: u64 = 64 << 20;

/// Where programs of the administrator are, which the path of an ordinary login leaves out.
const ADMINISTRATION: [&str; 2] = ["/usr/sbin", "/sbin"];

/// What `getent` ends with where there is certainly no such user.
const GETENT_NOT_FOUND: i32 = 2;

/// The capability to open ports below 1024, as `setcap` takes it.
const LOW_PORTS: &str = "cap_net_bind_service=+ep";

/// Answers a question.
pub fn answer(question: &Question) -> Answer<Value> {
    match question {
        Question::Entry { path } => found(entry(path)),
        Question::Content { path } => found(content(path)),
        Question::Digest { path } => found(digest(path)),
        Question::FilesEnding { folder, ending } => found(files_ending(folder, ending)),
        Question::Port { address, port } => ask_port(address, *port).map(|()| Value::Null),
        Question::OwnAddress { address } => has_address(address).map(|()| Value::Null),
        Question::Process { program, startup } => known(process::agent(program, startup)),
        Question::Command { file } => known(process::command(file)),
        Question::Account { name } => known(account(name)),
        Question::Clock => known(clock().map(Some)),
        Question::Abilities { folders } => known(abilities(folders).map(Some)),
    }
}

/// No where there certainly is none.
fn known<T: serde::Serialize>(outcome: io::Result<Option<T>>) -> Answer<Value> {
    match outcome {
        Ok(None) => Answer::No,
        Ok(Some(value)) => match serde_json::to_value(value) {
            Ok(value) => Answer::Yes(value),
            Err(error) => Answer::CouldNotAsk(error.to_string()),
        },
        Err(error) => Answer::CouldNotAsk(error.to_string()),
    }
}

/// No where the system says for certain that nothing is there.
fn found<T: serde::Serialize>(outcome: io::Result<T>) -> Answer<Value> {
    known(found_here(outcome))
}

/// None where the system says for certain that nothing is there.
fn found_here<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
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

fn content(path: &Path) -> io::Result<FileBytes> {
    let mut bytes = FileBytes::default();
    fs::File::open(path)?
        .take(BYTES_MAX + 1)
        .read_to_end(&mut bytes.0)?;
    if bytes.0.len() as u64 > BYTES_MAX {
        return Err(io::Error::new(
            io::ErrorKind::FileTooLarge,
            format!("it has more than {BYTES_MAX} bytes"),
        ));
    }
    Ok(bytes)
}

fn files_ending(folder: &Path, ending: &str) -> io::Result<Vec<PathBuf>> {
    let ending = ending.as_bytes();
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.as_bytes();
        let end = name.len().checked_sub(ending.len());
        let is_meant = end.is_some_and(|end| name[end..].eq_ignore_ascii_case(ending));
        if is_meant && entry.file_type()?.is_file() {
            files.push(entry.path());
        }
    }
    files.sort();
    Ok(files)
}

/// Asks the directory service of the system as well, which the worker cannot where it is linked statically.
fn account(name: &str) -> io::Result<Option<Account>> {
    let output = Command::new("getent")
        .args(["passwd", "--", name])
        .current_dir("/")
        .output()?;
    let said = |bytes: &[u8]| printable(bytes.trim_ascii());
    let failed = |why: String| io::Error::other(format!("getent: {why}"));
    match output.status.code() {
        Some(0) => {
            let text = String::from_utf8_lossy(&output.stdout);
            let mut numbers = text.split(':').skip(2).map(|field| field.parse().ok());
            match (numbers.next().flatten(), numbers.next().flatten()) {
                (Some(uid), Some(gid)) => Ok(Some(Account { uid, gid })),
                _ => Err(failed(format!("it says {}", said(&output.stdout)))),
            }
        }
        Some(GETENT_NOT_FOUND) => Ok(None),
        _ => Err(failed(format!(
            "{}: {}",
            output.status,
            said(&output.stderr)
        ))),
    }
}

/// Tries each folder and the top of each file system that is mounted below it, or the folder above where it is missing.
fn abilities(folders: &[PathBuf]) -> io::Result<Vec<FolderAbilities>> {
    let mut tried = Vec::new();
    let mut seen = BTreeSet::new();
    for wanted in folders {
        let folder = deepest_folder(wanted)?;
        if !seen.insert(folder) {
            continue;
        }
        let opened = if folder == wanted {
            open_with_mounts(folder)
        } else {
            open_folder("the destination folder", folder).map(|open| vec![(folder.into(), open)])
        };
        for (path, folder) in opened.map_err(io::Error::other)? {
            let shown = printable(path.as_os_str().as_bytes());
            tried.push(try_abilities(&folder, shown)?);
        }
    }
    Ok(tried)
}

/// The deepest folder at or above a path that is there.
fn deepest_folder(path: &Path) -> io::Result<&Path> {
    for folder in path.ancestors() {
        if found_here(entry(folder))?.is_some_and(|entry| entry.is_folder) {
            return Ok(folder);
        }
    }
    Err(io::ErrorKind::NotFound.into())
}

fn clock() -> io::Result<u64> {
    std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map(|since| since.as_secs())
        .map_err(io::Error::other)
}

/// Makes a change; says how many things it removed, where it removes.
///
/// # Errors
/// [`WorkerError::Host`] with what the system said.
pub(crate) fn change(job_folder: &Path, change: &Change) -> Result<u64> {
    let outcome = match change {
        Change::MakeFolder { path, mode } => make_folder(path, *mode),
        Change::WriteFile {
            path,
            bytes,
            mode,
            keep,
        } => write_file::write(path, *mode, keep.as_deref(), &bytes.0),
        Change::Give { path, to } => give(path, *to),
        Change::AllowLowPorts { program } => allow_low_ports(program),
        Change::RemoveFromJobFolder { name } => return remove(job_folder, name),
        Change::RemoveUnfinishedUploads => return remove_unfinished_uploads(job_folder),
    };
    let failed = |source| WorkerError::Host {
        operation: match change {
            Change::MakeFolder { .. } => "make",
            Change::WriteFile { .. } => "write",
            Change::Give { .. } => "give away",
            _ => "change",
        },
        path: change.path().unwrap_or(job_folder).display().to_string(),
        source,
    };
    outcome.map(|()| 0).map_err(failed)
}

fn make_folder(path: &Path, mode: u32) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    match fs::DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        outcome => outcome,
    }
}

fn allow_low_ports(program: &Path) -> io::Result<()> {
    let run = |setcap: &str| {
        Command::new(setcap)
            .arg(LOW_PORTS)
            .arg(program)
            .current_dir("/")
            .output()
    };
    let is_missing = |outcome: &io::Result<Output>| {
        let error = outcome.as_ref().err();
        error.is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
    };
    let mut outcome = run("setcap");
    for folder in ADMINISTRATION {
        if is_missing(&outcome) {
            outcome = run(&format!("{folder}/setcap"));
        }
    }
    let output = outcome?;
    if output.status.success() {
        return Ok(());
    }
    let said = printable(output.stderr.trim_ascii());
    Err(io::Error::other(format!(
        "setcap: {}: {said}",
        output.status
    )))
}

fn give(path: &Path, to: Account) -> io::Result<()> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    let parent = open_folder("the folder above", parent).map_err(io::Error::other)?;
    give_entry(&parent, name.as_bytes(), to)
}

/// Gives an entry away, then what it holds; a link is given itself.
fn give_entry(folder: &Folder, name: &[u8], to: Account) -> io::Result<()> {
    folder.give_entry(name, to)?;
    if folder.metadata(name)?.map(|found| found.kind) == Some(Kind::Folder) {
        let inner = folder.open_folder(name)?;
        for entry in inner.list()? {
            give_entry(&inner, &entry.name, to)?;
        }
    }
    Ok(())
}

/// How deep the job folder is looked through for what uploads have left.
const UPLOAD_DEPTH: u32 = 2;

fn remove_unfinished_uploads(job_folder: &Path) -> Result<u64> {
    let folder = open_folder("the job folder", job_folder)?;
    uploads_in(&folder, UPLOAD_DEPTH).map_err(|source| removing(".*.part", source))
}

fn uploads_in(folder: &Folder, depth: u32) -> io::Result<u64> {
    let mut removed = 0;
    for entry in folder.list()? {
        match folder.kind_of(&entry)? {
            Kind::File if entry.name.starts_with(b".") && entry.name.ends_with(b".part") => {
                removed += u64::from(folder.remove_file(&entry.name)?);
            }
            Kind::Folder if depth > 1 => {
                removed += uploads_in(&folder.open_folder(&entry.name)?, depth - 1)?;
            }
            _ => {}
        }
    }
    Ok(removed)
}

fn remove(job_folder: &Path, name: &str) -> Result<u64> {
    let failed = |source: io::Error| removing(name, source);
    let path = RelativePath::from_bytes(name.as_bytes());
    let Some((folder, name)) = path.as_ref().and_then(RelativePath::split_last) else {
        return Err(failed(io::ErrorKind::InvalidInput.into()));
    };
    match open_folder("the job folder", job_folder)?.descend(&folder) {
        Ok(folder) => remove_entry(&folder, name).map_err(failed),
        Err(Errno::NOENT) => Ok(0),
        Err(errno) => Err(failed(errno.into())),
    }
}

fn removing(name: &str, source: io::Error) -> WorkerError {
    WorkerError::JobFolder {
        operation: "remove",
        name: name.to_owned(),
        source,
    }
}

/// Removes an entry with what it holds; says how many names went.
fn remove_entry(folder: &Folder, name: &[u8]) -> io::Result<u64> {
    match folder.metadata(name)?.map(|found| found.kind) {
        None => Ok(0),
        Some(Kind::Folder) => {
            let inner = folder.open_folder(name)?;
            let mut removed = 1;
            for entry in inner.list()? {
                removed += remove_entry(&inner, &entry.name)?;
            }
            folder.remove_folder(name)?;
            Ok(removed)
        }
        Some(_) => Ok(u64::from(folder.remove_file(name)?)),
    }
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
        let absent = [Answer::No, Answer::No, Answer::No];
        assert_eq!(ask(&path), absent);
        fs::write(&path, "text").expect("written");
        assert_eq!(
            ask(&path.join("below")),
            absent,
            "a file has nothing below it"
        );
        assert_eq!(
            ask(&path)[1],
            Answer::Yes(serde_json::json!(FileBytes(b"text".to_vec())))
        );
        let looped = scratch.path().join("loop");
        std::os::unix::fs::symlink(&looped, &looped).expect("a link");
        for answer in ask(&looped) {
            assert!(matches!(answer, Answer::CouldNotAsk(_)), "{answer:?}");
        }
    }
}
