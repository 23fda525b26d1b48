//! A file set that is being changed: read and written at once, and no database until it is finished.
//!
//! The first write puts a mark where the control file says what it is, so that nothing takes a half-changed copy for a
//! database.  Until [`WorkingCopy::finish`] the headers live in memory; the engine's own reads get them from there.  They
//! are written last, in one go.

use std::cell::{Cell, RefCell};
use std::io;

use super::address::{BlockAddress, DatabaseFile};
use super::error::Error;
use super::file_set::{FileSet, FileSetMut, write_all};
use super::header::{HEADER_BYTES, Header, probe, probe_files};
use super::header_edit::HeaderEdit;

/// What stands at the start of a control file whose change is not finished; the probe refuses it.
pub const UNFINISHED_MARK: &[u8; 16] = b"UNFINISHED COPY.";

/// A file set under change.
#[derive(Debug)]
pub(super) struct WorkingCopy<'a, F> {
    files: RefCell<&'a mut F>,
    header: RefCell<Box<[u8; HEADER_BYTES]>>,
    is_marked: Cell<bool>,
}

/// Reads never overlap with writes, because neither calls the other; this is what they would fail with.
fn busy() -> io::Error {
    io::ErrorKind::ResourceBusy.into()
}

impl<'a, F: FileSetMut> WorkingCopy<'a, F> {
    /// Takes a file set for a change; writes nothing yet.
    pub(super) fn open(files: &'a mut F) -> Result<Self, Error> {
        let header = probe_files(&*files)?;
        Ok(Self {
            files: RefCell::new(files),
            header: RefCell::new(header.bytes),
            is_marked: Cell::new(false),
        })
    }

    /// What the headers say by now.
    pub(super) fn header(&self) -> Result<Header, Error> {
        let bytes = self.header.borrow().clone();
        Ok(probe(bytes.as_slice())?)
    }

    /// Changes the headers in memory, and makes their checksum right.
    pub(super) fn edit_header(
        &self,
        change: impl FnOnce(&mut HeaderEdit<'_>),
    ) -> Result<(), Error> {
        self.mark()?;
        let version = self.header()?.version;
        let mut bytes = self.header.borrow_mut();
        let mut edit = HeaderEdit::new(&mut bytes, version);
        change(&mut edit);
        edit.finish();
        Ok(())
    }

    /// Writes a whole block, checksum included, to its place.
    pub(super) fn write_block(&self, address: BlockAddress, bytes: &[u8]) -> Result<(), Error> {
        self.mark()?;
        let file = DatabaseFile::Numbered(address.file_number());
        self.write(file, u64::from(address.offset()), bytes)
    }

    /// Writes the headers, which makes the copy a database again; nothing where nothing was changed.
    pub(super) fn finish(self) -> Result<(), Error> {
        if self.is_marked.get() {
            let bytes = self.header.borrow();
            self.write(DatabaseFile::CONTROL, 0, bytes.as_slice())?;
        }
        Ok(())
    }

    fn mark(&self) -> Result<(), Error> {
        if !self.is_marked.replace(true) {
            self.write(DatabaseFile::CONTROL, 0, UNFINISHED_MARK)?;
        }
        Ok(())
    }

    fn write(&self, file: DatabaseFile, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let files = self.files.try_borrow_mut();
        let mut files = files.map_err(|_| Error::Write {
            file,
            source: busy(),
        })?;
        write_all(*files, file, offset, bytes)
    }
}

impl<F: FileSetMut> FileSet for WorkingCopy<'_, F> {
    fn size(&self, file: DatabaseFile) -> io::Result<Option<u64>> {
        self.files.try_borrow().map_err(|_| busy())?.size(file)
    }

    fn read_at(&self, file: DatabaseFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let files = self.files.try_borrow().map_err(|_| busy())?;
        let count = files.read_at(file, offset, buffer)?;
        if file == DatabaseFile::CONTROL {
            let header = self.header.borrow();
            let from = usize::try_from(offset).ok().and_then(|at| header.get(at..));
            let read = buffer.iter_mut().take(count);
            for (to, from) in read.zip(from.unwrap_or_default()) {
                *to = *from;
            }
        }
        Ok(count)
    }
}
