//! Finding and opening all files of one database.

use postoffice::flaim::{
    DatabaseFile, Error as FlaimError, Header, NotOurs, OpenFileSet, Version, base_of, probe_files,
};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::Handle;
use crate::error::{Result, WorkerError};
use crate::tree::Folder;

/// One file of a database on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Which file of the set it is.
    pub file: DatabaseFile,
    /// Its path, from the folder of the control file.
    pub path: RelativePath,
}

/// A database whose files are open for reading.
#[derive(Debug)]
pub struct OpenDatabase {
    /// The control file, from the folder that holds it.
    pub control: RelativePath,
    /// The files, as the engine reads them.
    pub files: OpenFileSet<Handle>,
    /// Where they are; the control file first.
    pub members: Vec<Member>,
    /// What the headers say, or why this is no database that the engine knows; then no log is open, and data files only where it is a
    /// database all the same.
    pub header: Result<Header, NotOurs>,
}

impl OpenDatabase {
    /// The headers of a database that must be one of those the engine knows.
    ///
    /// # Errors
    /// [`WorkerError::Database`] with what was seen instead.
    pub fn header(&self) -> Result<&Header> {
        let reason = |reason: &NotOurs| WorkerError::database(&self.control, reason.clone().into());
        self.header.as_ref().map_err(reason)
    }
}

/// Opens the database whose control file has this name in `folder`, and every file that belongs to it.
///
/// Names are compared without regard to case, as on the servers that the files may still lie on.  What the kernel has cached of
/// the files is dropped, because nothing is proven by memory that a copy has filled.
///
/// # Errors
/// What opening and reading say.
pub fn open_database(folder: &Folder, control: &[u8]) -> Result<OpenDatabase> {
    let mut files = OpenFileSet::new();
    let mut members = Vec::new();
    let root = RelativePath::root();
    open_member(
        folder,
        &root,
        control,
        DatabaseFile::CONTROL,
        &mut files,
        &mut members,
    )?;
    let header = match probe_files(&files) {
        Ok(header) => Ok(header),
        Err(FlaimError::NotOurs(reason)) => Err(reason),
        Err(error) => return Err(WorkerError::database(&root.join(control), error)),
    };
    if let Err(reason) = &header
        && reason.is_a_database()
    {
        open_numbered(folder, control, &mut files, &mut members)?;
    }
    if let Ok(header) = &header {
        let base = base_of(control);
        let logs = DatabaseFile::roll_forward_folder(base, header.version);
        for entry in list(folder, &root)? {
            if logs
                .as_ref()
                .is_some_and(|logs| entry.eq_ignore_ascii_case(logs))
            {
                open_logs(folder, &entry, &mut files, &mut members)?;
            } else if let Some(file) = DatabaseFile::of_name(base, &entry, header.version)
                && file != DatabaseFile::CONTROL
            {
                open_member(folder, &root, &entry, file, &mut files, &mut members)?;
            }
        }
    }
    Ok(OpenDatabase {
        control: root.join(control),
        files,
        members,
        header,
    })
}

/// Opens the data files of a database of a kind that the engine does not know: no part of it may be taken for all of it.
fn open_numbered(
    folder: &Folder,
    control: &[u8],
    files: &mut OpenFileSet<Handle>,
    members: &mut Vec<Member>,
) -> Result<()> {
    let root = RelativePath::root();
    for entry in list(folder, &root)? {
        // How files are numbered depends on the version; which number each has is of no use here.
        let file = Version::all()
            .find_map(|version| DatabaseFile::of_name(base_of(control), &entry, version));
        if let Some(file @ DatabaseFile::Numbered(1..)) = file {
            open_member(folder, &root, &entry, file, files, members)?;
        }
    }
    Ok(())
}

fn open_logs(
    folder: &Folder,
    name: &[u8],
    files: &mut OpenFileSet<Handle>,
    members: &mut Vec<Member>,
) -> Result<()> {
    let path = RelativePath::root().join(name);
    let logs = match folder.open_folder(name) {
        Ok(logs) => logs,
        // GroupWise's own guardian log has the name of that folder.
        Err(Errno::NOTDIR) => return Ok(()),
        Err(errno) => return Err(WorkerError::reading("open the folder", &path, errno)),
    };
    for entry in list(&logs, &path)? {
        if let Some(file) = DatabaseFile::of_log_name(&entry) {
            open_member(&logs, &path, &entry, file, files, members)?;
        }
    }
    Ok(())
}

fn list(folder: &Folder, path: &RelativePath) -> Result<Vec<Vec<u8>>> {
    let entries = folder
        .list()
        .map_err(|errno| WorkerError::reading("list", path, errno))?;
    Ok(entries
        .into_iter()
        .map(|entry| entry.name.into_vec())
        .collect())
}

fn open_member(
    folder: &Folder,
    parent: &RelativePath,
    name: &[u8],
    file: DatabaseFile,
    files: &mut OpenFileSet<Handle>,
    members: &mut Vec<Member>,
) -> Result<()> {
    let path = parent.join(name);
    let (handle, _) = folder
        .open_content(name)
        .map_err(|errno| WorkerError::reading("open", &path, errno))?;
    files.insert(file, handle.into());
    members.push(Member { file, path });
    Ok(())
}
