//! A copy of a database that the engine may change, in a folder of its own.

use std::collections::BTreeMap;
use std::io;
use std::os::fd::AsFd as _;

use postoffice::flaim::{DatabaseFile, FileSet, FileSetMut, ReadAt as _, Version};
use postoffice::names::RelativePath;
use rustix::fs::{Gid, Mode, Uid};
use rustix::io::Errno;

use super::{Handle, OpenDatabase};
use crate::error::{Result, WorkerError};
use crate::tree::Folder;

/// How much is copied at once, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// The copy.  Roll-forward logs are only read by recovery, and stay where they are.
#[derive(Debug)]
pub(crate) struct WorkingSet<'a> {
    original: &'a OpenDatabase,
    folder: &'a Folder,
    base: Vec<u8>,
    version: Version,
    handles: BTreeMap<DatabaseFile, Handle>,
}

impl<'a> WorkingSet<'a> {
    /// Copies a database into an empty folder, each file under the name that it has.
    ///
    /// `base` is what new files get in front of their extension.
    ///
    /// # Errors
    /// What reading and writing say.
    pub(crate) fn copy(
        original: &'a OpenDatabase,
        base: &[u8],
        folder: &'a Folder,
    ) -> Result<Self> {
        let mut handles = BTreeMap::new();
        for member in &original.members {
            if matches!(member.file, DatabaseFile::RollForward(_)) {
                continue;
            }
            let handle = create(folder, &member.path)?;
            copy_file(original, member.file, &handle, &member.path)?;
            handles.insert(member.file, handle);
        }
        Ok(Self {
            version: original.header()?.version,
            original,
            folder,
            base: base.to_vec(),
            handles,
        })
    }

    /// Gives each file of the copy the owner and the mode of that which it will replace, or of the control file in `place`.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn keep_owner_and_mode(&self, place: &Folder) -> Result<()> {
        let failed = |verb, errno| WorkerError::writing(verb, &self.original.control, errno);
        let stat_of = |path: &RelativePath| {
            let (file, _) = place.open_file(path.as_bytes())?;
            rustix::fs::fstat(file)
        };
        let control = stat_of(&self.original.control)
            .map_err(|errno| WorkerError::reading("look at", &self.original.control, errno))?;
        for (file, handle) in &self.handles {
            let mut members = self.original.members.iter();
            let stat = match members.find(|member| member.file == *file) {
                Some(member) => stat_of(&member.path)
                    .map_err(|errno| WorkerError::reading("look at", &member.path, errno))?,
                None => control,
            };
            let own = rustix::fs::fstat(handle.as_fd())
                .map_err(|errno| WorkerError::reading("look at", &self.original.control, errno))?;
            if (own.st_uid, own.st_gid) != (stat.st_uid, stat.st_gid) {
                let (user, group) = (Uid::from_raw(stat.st_uid), Gid::from_raw(stat.st_gid));
                rustix::fs::fchown(handle.as_fd(), Some(user), Some(group))
                    .map_err(|errno| failed("change the owner of the copy of", errno))?;
            }
            rustix::fs::fchmod(handle.as_fd(), Mode::from_raw_mode(stat.st_mode))
                .map_err(|errno| failed("change the mode of the copy of", errno))?;
        }
        Ok(())
    }

    /// The name that a file of this set gets that the original does not have: in capitals beside names in capitals.
    fn new_name(&self, file: DatabaseFile) -> Vec<u8> {
        let end = file.name("", self.version).into_bytes();
        let is_upper = !self.base.iter().any(u8::is_ascii_lowercase);
        let end = if is_upper {
            end.to_ascii_uppercase()
        } else {
            end
        };
        [self.base.as_slice(), &end].concat()
    }
}

/// Creates a file that lies in `folder` itself.
fn create(folder: &Folder, path: &RelativePath) -> Result<Handle> {
    let handle = folder
        .create_file(path.as_bytes())
        .map_err(|errno| WorkerError::writing("create", path, errno))?;
    Ok(handle.into())
}

/// Copies one file of an open database into an empty file; `path` names it where that fails.
///
/// # Errors
/// What reading and writing say.
pub(crate) fn copy_file(
    original: &OpenDatabase,
    file: DatabaseFile,
    to: &Handle,
    path: &RelativePath,
) -> Result<()> {
    let errno = |error: &io::Error| Errno::from_io_error(error).unwrap_or(Errno::IO);
    let mut piece = vec![0; PIECE_BYTES];
    let mut offset = 0;
    loop {
        let read = original.files.read_at(file, offset, &mut piece);
        let length = read.map_err(|error| WorkerError::reading("read", path, errno(&error)))?;
        if length == 0 {
            return Ok(());
        }
        to.write_at(offset, &piece[..length])
            .map_err(|error| WorkerError::writing("write", path, errno(&error)))?;
        offset += length as u64;
    }
}

impl FileSet for WorkingSet<'_> {
    fn size(&self, file: DatabaseFile) -> io::Result<Option<u64>> {
        match (self.handles.get(&file), file) {
            (Some(handle), _) => handle.size().map(Some),
            (None, DatabaseFile::RollForward(_)) => self.original.files.size(file),
            (None, DatabaseFile::Numbered(_)) => Ok(None),
        }
    }

    fn read_at(&self, file: DatabaseFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match (self.handles.get(&file), file) {
            (Some(handle), _) => handle.read_at(offset, buffer),
            (None, DatabaseFile::RollForward(_)) => {
                self.original.files.read_at(file, offset, buffer)
            }
            (None, DatabaseFile::Numbered(_)) => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl FileSetMut for WorkingSet<'_> {
    fn write_at(&mut self, file: DatabaseFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if let Some(handle) = self.handles.get(&file) {
            return handle.write_at(offset, bytes);
        }
        if matches!(file, DatabaseFile::RollForward(_)) {
            // Recovery reads these logs; nothing writes them.
            return Err(io::ErrorKind::ReadOnlyFilesystem.into());
        }
        let handle = Handle::from(self.folder.create_file(&self.new_name(file))?);
        handle.write_at(offset, bytes)?;
        self.handles.insert(file, handle);
        Ok(())
    }
}
