//! Trees of files through directory handles.
//!
//! This module is the only one that turns a path into a handle; everything else works below one and cannot leave it.

use std::ffi::OsStr;
use std::fs::FileTimes;
use std::io::{Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, SystemTime};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, OpenOptions};
use postoffice::layout::missing_markers;
use postoffice::names::RelativePath;
use rustix::fs::{AtFlags, Timespec, Timestamps};

use crate::error::{SimulatorError, Tried};

/// How much of one file is read at most; simulated databases are far smaller.
pub(crate) const FILE_BYTES_MAX: u64 = 256 << 20;

/// How much of a file is compared at once.
const PIECE_BYTES: usize = 4096;

/// When, and how slowly, something is written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WriteMode {
    /// The time that files get; what the operating system gives them where it is `None`.
    pub(crate) time: Option<SystemTime>,
    /// How long to rest behind each piece.
    pub(crate) pause: Duration,
}

impl WriteMode {
    /// Without a rest, and with this time.
    pub(crate) fn at(time: SystemTime) -> Self {
        Self {
            time: Some(time),
            pause: Duration::ZERO,
        }
    }

    fn rest(self) {
        if !self.pause.is_zero() {
            std::thread::sleep(self.pause);
        }
    }
}

/// A file or folder that [`entries`] found.
pub(crate) struct Entry {
    pub(crate) path: RelativePath,
    pub(crate) is_folder: bool,
    pub(crate) is_file: bool,
    pub(crate) bytes: u64,
}

/// Opens a folder that somebody named.
pub(crate) fn open_folder(path: &Path) -> Result<Dir, SimulatorError> {
    Dir::open_ambient_dir(path, ambient_authority()).tried_at("open", path)
}

/// Opens the root of a post office, and refuses what is none.
pub(crate) fn open_post_office(path: &Path) -> Result<Dir, SimulatorError> {
    let root = open_folder(path)?;
    let names = names(&root, &RelativePath::root())?;
    let missing = missing_markers(names.iter().map(Vec::as_slice));
    if missing.is_empty() {
        return Ok(root);
    }
    Err(SimulatorError::NotAPostOffice {
        folder: path.to_owned(),
        missing,
    })
}

/// Makes a folder, or takes one that is empty.
pub(crate) fn open_empty_folder(path: &Path) -> Result<Dir, SimulatorError> {
    match Dir::open_ambient_dir(path, ambient_authority()) {
        Ok(folder) if names(&folder, &RelativePath::root())?.is_empty() => Ok(folder),
        Ok(_) => Err(SimulatorError::NotEmpty {
            folder: path.to_owned(),
        }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            std::fs::create_dir(path).tried_at("make", path)?;
            open_folder(path)
        }
        Err(error) => Err(error).tried_at("open", path),
    }
}

/// A path as the operating system takes it; `.` for the root.
pub(crate) fn as_path(path: &RelativePath) -> &Path {
    if path.is_root() {
        Path::new(".")
    } else {
        Path::new(OsStr::from_bytes(path.as_bytes()))
    }
}

/// The names in a folder, sorted by their bytes.
pub(crate) fn names(root: &Dir, folder: &RelativePath) -> Result<Vec<Vec<u8>>, SimulatorError> {
    let mut names = Vec::new();
    for entry in root.read_dir(as_path(folder)).tried("list", folder)? {
        names.push(entry.tried("list", folder)?.file_name().as_bytes().to_vec());
    }
    names.sort_unstable();
    Ok(names)
}

/// The name that a folder has for what is called so in any case.
pub(crate) fn name_in_any_case(
    root: &Dir,
    folder: &RelativePath,
    wanted: &[u8],
) -> Result<Option<Vec<u8>>, SimulatorError> {
    let mut names = names(root, folder)?.into_iter();
    Ok(names.find(|name| name.eq_ignore_ascii_case(wanted)))
}

/// Everything below a folder, sorted, each folder before what is in it.  Symlinks are entries and are not followed.
pub(crate) fn entries(root: &Dir) -> Result<Vec<Entry>, SimulatorError> {
    let mut found = Vec::new();
    let mut folders = vec![RelativePath::root()];
    while let Some(folder) = folders.pop() {
        for entry in root.read_dir(as_path(&folder)).tried("list", &folder)? {
            let entry = entry.tried("list", &folder)?;
            let path = folder.join(entry.file_name().as_bytes());
            let metadata = entry.metadata().tried("look at", &path)?;
            if metadata.is_dir() {
                folders.push(path.clone());
            }
            found.push(Entry {
                path,
                is_folder: metadata.is_dir(),
                is_file: metadata.is_file(),
                bytes: metadata.len(),
            });
        }
    }
    found.sort_unstable_by(|first, second| first.path.components().cmp(second.path.components()));
    Ok(found)
}

/// All bytes of a file.
pub(crate) fn read(root: &Dir, path: &RelativePath) -> Result<Vec<u8>, SimulatorError> {
    let mut bytes = Vec::new();
    let file = root.open(as_path(path)).tried("open", path)?;
    file.take(FILE_BYTES_MAX)
        .read_to_end(&mut bytes)
        .tried("read", path)?;
    Ok(bytes)
}

/// Makes a file that is not there yet; its first half comes first.
pub(crate) fn write_new(
    folder: &Dir,
    name: &[u8],
    bytes: &[u8],
    mode: WriteMode,
) -> Result<(), SimulatorError> {
    let path = RelativePath::root().join(name);
    let options = OpenOptions::new().write(true).create_new(true).clone();
    let file = folder
        .open_with(as_path(&path), &options)
        .tried("make", &path)?;
    write_halves(file.into_std(), bytes, mode).tried("write", &path)
}

/// Replaces the bytes of a file in place, piece by piece where they differ, as an agent changes its database.
pub(crate) fn write_changes(
    root: &Dir,
    path: &RelativePath,
    old: &[u8],
    new: &[u8],
    mode: WriteMode,
) -> Result<(), SimulatorError> {
    let options = OpenOptions::new().write(true).clone();
    let file = root
        .open_with(as_path(path), &options)
        .tried("open", path)?;
    let file = file.into_std();
    for (position, piece) in new.chunks(PIECE_BYTES).enumerate() {
        let start = position * PIECE_BYTES;
        if old.get(start..start + piece.len()) != Some(piece) {
            file.write_all_at(piece, start as u64)
                .tried("write", path)?;
            mode.rest();
        }
    }
    if new.len() < old.len() {
        file.set_len(new.len() as u64).tried("cut", path)?;
    }
    set_times(&file, mode).tried("write", path)
}

/// Opens a folder below a root.
pub(crate) fn open_below(root: &Dir, folder: &RelativePath) -> Result<Dir, SimulatorError> {
    root.open_dir(as_path(folder)).tried("open", folder)
}

fn write_halves(mut file: std::fs::File, bytes: &[u8], mode: WriteMode) -> std::io::Result<()> {
    let (first, second) = bytes.split_at(bytes.len() / 2);
    file.write_all(first)?;
    mode.rest();
    file.write_all(second)?;
    set_times(&file, mode)
}

fn set_times(file: &std::fs::File, mode: WriteMode) -> std::io::Result<()> {
    let Some(time) = mode.time else {
        return Ok(());
    };
    file.set_times(FileTimes::new().set_accessed(time).set_modified(time))
}

/// Sets the times of a folder.
pub(crate) fn set_folder_times(
    root: &Dir,
    folder: &RelativePath,
    modified_seconds: i64,
) -> Result<(), SimulatorError> {
    let time = Timespec {
        tv_sec: modified_seconds,
        tv_nsec: 0,
    };
    let times = Timestamps {
        last_access: time,
        last_modification: time,
    };
    rustix::fs::utimensat(root, as_path(folder), &times, AtFlags::SYMLINK_NOFOLLOW)
        .tried("set the times of", folder)
}

/// A time from seconds since 1970; negative ones become 1970.
pub(crate) fn time(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds.max(0).unsigned_abs())
}

/// A time without what NetWare and FAT cannot keep: fractions and odd seconds.
pub(crate) fn even_seconds(time: SystemTime) -> SystemTime {
    let seconds = time
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds / 2 * 2)
}
