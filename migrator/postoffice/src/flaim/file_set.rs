//! What the engine reads and writes through: positioned reads and writes of the files of one database.
//!
//! The engine opens nothing itself.  Whoever calls it decides which handles these go to, makes a copy first where a
//! crash must do no harm, and syncs afterwards.

use std::collections::BTreeMap;
use std::io;

use super::address::DatabaseFile;
use super::error::Error;

/// Positioned reads of the files of one database.
pub trait FileSet {
    /// The size of a file in bytes, or `None` where the set has no such file.
    fn size(&self, file: DatabaseFile) -> io::Result<Option<u64>>;

    /// Reads bytes at `offset`; fewer than asked for only at the end of the file, as `pread` does.
    fn read_at(&self, file: DatabaseFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

/// Positioned writes of the files of one database.
///
/// The engine changes files only through this trait, and only where a caller asks for a change.
pub trait FileSetMut: FileSet {
    /// Writes all of `bytes` at `offset`; makes the file where the set has none, and extends it where it is shorter,
    /// with zeros in a gap.
    fn write_at(&mut self, file: DatabaseFile, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

impl<F: FileSet + ?Sized> FileSet for &F {
    fn size(&self, file: DatabaseFile) -> io::Result<Option<u64>> {
        (**self).size(file)
    }

    fn read_at(&self, file: DatabaseFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        (**self).read_at(file, offset, buffer)
    }
}

/// Something with a size and positioned reads: an open file, or bytes in memory.
pub trait ReadAt {
    /// The size in bytes.
    fn size(&self) -> io::Result<u64>;

    /// Reads bytes at `offset`; fewer than asked for only at the end.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}

impl ReadAt for Vec<u8> {
    fn size(&self) -> io::Result<u64> {
        Ok(u64::try_from(self.len()).unwrap_or(u64::MAX))
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(offset)
            .ok()
            .and_then(|start| self.get(start..))
            .unwrap_or(&[]);
        let count = rest.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(rest) {
            *to = *from;
        }
        Ok(count)
    }
}

#[cfg(unix)]
impl ReadAt for std::fs::File {
    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, buffer, offset)
    }
}

/// A file set of things that were opened already, each under its number.
#[derive(Debug, Clone, Default)]
pub struct OpenFileSet<R> {
    files: BTreeMap<DatabaseFile, R>,
}

/// A file set in memory: for tests, and for small databases under construction.
pub type MemoryFileSet = OpenFileSet<Vec<u8>>;

impl<R> OpenFileSet<R> {
    /// A set without files.
    pub fn new() -> Self {
        Self {
            files: BTreeMap::new(),
        }
    }

    /// Adds a file, or replaces the one of that number.
    pub fn insert(&mut self, file: DatabaseFile, content: R) {
        self.files.insert(file, content);
    }

    /// Takes a file out.
    pub fn remove(&mut self, file: DatabaseFile) -> Option<R> {
        self.files.remove(&file)
    }

    /// A file of the set.
    pub fn get(&self, file: DatabaseFile) -> Option<&R> {
        self.files.get(&file)
    }

    /// A file of the set, to be changed.
    pub fn get_mut(&mut self, file: DatabaseFile) -> Option<&mut R> {
        self.files.get_mut(&file)
    }

    /// The files, in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = (DatabaseFile, &R)> {
        self.files.iter().map(|(file, content)| (*file, content))
    }
}

impl<R: ReadAt> FileSet for OpenFileSet<R> {
    fn size(&self, file: DatabaseFile) -> io::Result<Option<u64>> {
        self.files.get(&file).map(ReadAt::size).transpose()
    }

    fn read_at(&self, file: DatabaseFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        match self.files.get(&file) {
            Some(content) => content.read_at(offset, buffer),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl FileSetMut for MemoryFileSet {
    fn write_at(&mut self, file: DatabaseFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let content = self.files.entry(file).or_default();
        let start = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let end = start
            .checked_add(bytes.len())
            .ok_or(io::ErrorKind::FileTooLarge)?;
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(place) = content.get_mut(start..end) {
            place.copy_from_slice(bytes);
        }
        Ok(())
    }
}

/// Fills as much of `buffer` as the file has from `offset` on, and says how much that is.
pub(super) fn read_up_to(
    files: &impl FileSet,
    file: DatabaseFile,
    offset: u64,
    buffer: &mut [u8],
) -> Result<usize, Error> {
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        let position = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
        match files.read_at(file, position, rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(source) if source.kind() == io::ErrorKind::Interrupted => {}
            Err(source) if source.kind() == io::ErrorKind::NotFound => break,
            Err(source) => return Err(Error::Read { file, source }),
        }
    }
    Ok(filled.min(buffer.len()))
}

/// Writes all of `bytes`, with the engine's own error.
pub(super) fn write_all(
    files: &mut impl FileSetMut,
    file: DatabaseFile,
    offset: u64,
    bytes: &[u8],
) -> Result<(), Error> {
    files
        .write_at(file, offset, bytes)
        .map_err(|source| Error::Write { file, source })
}

/// The size of a file, with the engine's own error.
pub(super) fn size_of(files: &impl FileSet, file: DatabaseFile) -> Result<Option<u64>, Error> {
    files
        .size(file)
        .map_err(|source| Error::Read { file, source })
}

/// How much memory reading may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest record, in bytes.
    pub record_bytes_max: usize,
    /// The largest dictionary, in bytes.
    pub dictionary_bytes_max: usize,
    /// The most changes that a replay of the roll-forward log holds, in bytes.
    pub changes_bytes_max: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            record_bytes_max: 64 << 20,
            dictionary_bytes_max: 16 << 20,
            changes_bytes_max: 256 << 20,
        }
    }
}
