//! SFTP over the local file system, as OpenSSH's server does it.

use std::collections::HashMap;
use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use russh_sftp::protocol::{
    Attrs, Data, ExtendedReply, FileAttributes, Handle, Name, OpenFlags, Packet, Status,
    StatusCode, Version,
};
use russh_sftp::server::{Handler, StatusReply};

use super::Shared;

/// The most bytes that one read gives.
const READ_BYTES_MAX: u32 = 256 * 1024;

/// The names of the extensions that are offered, besides those every server has.
const EXTENSIONS: [(&str, &str); 3] = [
    ("posix-rename@openssh.com", "1"),
    ("fsync@openssh.com", "1"),
    ("fstatvfs@openssh.com", "2"),
];

/// What a handle stands for.
enum Open {
    File(File),
    Folder(Vec<russh_sftp::protocol::File>),
}

/// One SFTP session.
pub(super) struct Sftp {
    shared: Arc<Shared>,
    open: HashMap<String, Open>,
    next_handle: u64,
}

impl Sftp {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            open: HashMap::new(),
            next_handle: 0,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.shared.options.working_folder.join(name)
    }

    fn keep(&mut self, id: u32, open: Open) -> Handle {
        let handle = self.next_handle.to_string();
        self.next_handle += 1;
        self.open.insert(handle.clone(), open);
        Handle { id, handle }
    }

    fn file(&self, handle: &str) -> Result<&File, StatusReply> {
        match self.open.get(handle) {
            Some(Open::File(file)) => Ok(file),
            _ => Err(StatusCode::Failure.with_message("no such handle")),
        }
    }

    fn is_full(&self) -> bool {
        let limit = self.shared.options.disk_full_after_bytes;
        limit.is_some_and(|limit| self.shared.uploaded_bytes.load(Ordering::Relaxed) >= limit)
    }
}

fn ok(id: u32) -> Status {
    Status {
        id,
        status_code: StatusCode::Ok,
        error_message: "Success".into(),
        language_tag: String::new(),
    }
}

/// An error of the file system as SFTP tells it; version 3 has numbers for two of them.
fn refusal(error: &io::Error) -> StatusReply {
    let code = match error.kind() {
        io::ErrorKind::NotFound => StatusCode::NoSuchFile,
        io::ErrorKind::PermissionDenied => StatusCode::PermissionDenied,
        _ => StatusCode::Failure,
    };
    code.with_message(error.to_string())
}

fn done(id: u32, result: io::Result<()>) -> Result<Status, StatusReply> {
    result.map(|()| ok(id)).map_err(|error| refusal(&error))
}

/// A handle that writes to an open file, for one call alone.  Children that this process starts inherit its handles until
/// they run their own program, and what anybody has open for writing cannot be run: an uploaded worker, for one.
fn for_writing(file: &File) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .open(format!("/proc/self/fd/{}", file.as_raw_fd()))
}

fn set_attributes(file: &File, attributes: &FileAttributes) -> io::Result<()> {
    if let Some(size) = attributes.size {
        for_writing(file)?.set_len(size)?;
    }
    if let Some(mode) = attributes.permissions {
        file.set_permissions(Permissions::from_mode(mode & 0o7777))?;
    }
    Ok(())
}

/// The fields of a string list in an extension's data.
fn strings(mut data: &[u8]) -> Option<Vec<String>> {
    let mut found = Vec::new();
    while let Some((length, rest)) = data.split_first_chunk::<4>() {
        let (text, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        found.push(String::from_utf8(text.to_vec()).ok()?);
        data = rest;
    }
    data.is_empty().then_some(found)
}

impl Handler for Sftp {
    type Error = StatusReply;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported.into()
    }

    async fn init(
        &mut self,
        _version: u32,
        _extensions: HashMap<String, String>,
    ) -> Result<Version, Self::Error> {
        let mut version = Version::new();
        version.extensions = EXTENSIONS
            .iter()
            .map(|&(name, value)| (name.into(), value.into()))
            .collect();
        Ok(version)
    }

    async fn open(
        &mut self,
        id: u32,
        filename: String,
        pflags: OpenFlags,
        attrs: FileAttributes,
    ) -> Result<Handle, Self::Error> {
        let mut options: OpenOptions = pflags.into();
        let path = self.path(&filename);
        let file = options
            .mode(attrs.permissions.unwrap_or(0o666) & 0o7777)
            .open(&path)
            .and_then(|_| File::open(&path))
            .map_err(|error| refusal(&error))?;
        Ok(self.keep(id, Open::File(file)))
    }

    async fn close(&mut self, id: u32, handle: String) -> Result<Status, Self::Error> {
        self.open
            .remove(&handle)
            .map(|_| ok(id))
            .ok_or_else(|| StatusCode::Failure.into())
    }

    async fn read(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        len: u32,
    ) -> Result<Data, Self::Error> {
        let mut data = vec![0; len.min(READ_BYTES_MAX) as usize];
        match self.file(&handle)?.read_at(&mut data, offset) {
            Ok(0) => Err(StatusCode::Eof.into()),
            Ok(count) => {
                data.truncate(count);
                Ok(Data { id, data })
            }
            Err(error) => Err(refusal(&error)),
        }
    }

    async fn write(
        &mut self,
        id: u32,
        handle: String,
        offset: u64,
        data: Vec<u8>,
    ) -> Result<Status, Self::Error> {
        if self.is_full() {
            return Err(StatusCode::Failure.with_message("No space left on device"));
        }
        self.shared
            .uploaded_bytes
            .fetch_add(data.len() as u64, Ordering::Relaxed);
        let file = self.file(&handle)?;
        let written = for_writing(file).and_then(|file| file.write_all_at(&data, offset));
        done(id, written)
    }

    async fn lstat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        let metadata = fs::symlink_metadata(self.path(&path)).map_err(|error| refusal(&error))?;
        Ok(Attrs {
            id,
            attrs: FileAttributes::from(&metadata),
        })
    }

    async fn stat(&mut self, id: u32, path: String) -> Result<Attrs, Self::Error> {
        let metadata = fs::metadata(self.path(&path)).map_err(|error| refusal(&error))?;
        Ok(Attrs {
            id,
            attrs: FileAttributes::from(&metadata),
        })
    }

    async fn fstat(&mut self, id: u32, handle: String) -> Result<Attrs, Self::Error> {
        let metadata = self
            .file(&handle)?
            .metadata()
            .map_err(|error| refusal(&error))?;
        Ok(Attrs {
            id,
            attrs: FileAttributes::from(&metadata),
        })
    }

    async fn setstat(
        &mut self,
        id: u32,
        path: String,
        attrs: FileAttributes,
    ) -> Result<Status, Self::Error> {
        let mode = attrs.permissions.map_or(Ok(()), |mode| {
            fs::set_permissions(self.path(&path), Permissions::from_mode(mode & 0o7777))
        });
        done(id, mode)
    }

    async fn fsetstat(
        &mut self,
        id: u32,
        handle: String,
        attrs: FileAttributes,
    ) -> Result<Status, Self::Error> {
        done(id, set_attributes(self.file(&handle)?, &attrs))
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Self::Error> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.path(&path)).map_err(|error| refusal(&error))? {
            let entry = entry.map_err(|error| refusal(&error))?;
            let metadata = entry.metadata().map_err(|error| refusal(&error))?;
            let name = entry.file_name().to_string_lossy().into_owned();
            entries.push(russh_sftp::protocol::File::new(
                name,
                FileAttributes::from(&metadata),
            ));
        }
        Ok(self.keep(id, Open::Folder(entries)))
    }

    async fn readdir(&mut self, id: u32, handle: String) -> Result<Name, Self::Error> {
        match self.open.get_mut(&handle) {
            Some(Open::Folder(entries)) if !entries.is_empty() => {
                let at = entries.len().saturating_sub(100);
                Ok(Name {
                    id,
                    files: entries.split_off(at),
                })
            }
            Some(Open::Folder(_)) => Err(StatusCode::Eof.into()),
            _ => Err(StatusCode::Failure.into()),
        }
    }

    async fn remove(&mut self, id: u32, filename: String) -> Result<Status, Self::Error> {
        done(id, fs::remove_file(self.path(&filename)))
    }

    async fn mkdir(
        &mut self,
        id: u32,
        path: String,
        _attrs: FileAttributes,
    ) -> Result<Status, Self::Error> {
        done(id, fs::create_dir(self.path(&path)))
    }

    async fn rmdir(&mut self, id: u32, path: String) -> Result<Status, Self::Error> {
        done(id, fs::remove_dir(self.path(&path)))
    }

    async fn realpath(&mut self, id: u32, path: String) -> Result<Name, Self::Error> {
        let path = fs::canonicalize(self.path(&path)).map_err(|error| refusal(&error))?;
        let name = path.to_string_lossy().into_owned();
        Ok(Name {
            id,
            files: vec![russh_sftp::protocol::File::dummy(name)],
        })
    }

    async fn rename(
        &mut self,
        id: u32,
        oldpath: String,
        newpath: String,
    ) -> Result<Status, Self::Error> {
        // The plain rename of OpenSSH's server never replaces anything: it links, then unlinks.
        let (old, new) = (self.path(&oldpath), self.path(&newpath));
        done(
            id,
            fs::hard_link(&old, &new).and_then(|()| fs::remove_file(&old)),
        )
    }

    async fn extended(
        &mut self,
        id: u32,
        request: String,
        data: Vec<u8>,
    ) -> Result<Packet, Self::Error> {
        let words = strings(&data).ok_or(StatusCode::BadMessage)?;
        match (request.as_str(), words.as_slice()) {
            ("posix-rename@openssh.com", [old, new]) => {
                done(id, fs::rename(self.path(old), self.path(new))).map(Packet::Status)
            }
            ("fsync@openssh.com", [handle]) => {
                done(id, self.file(handle)?.sync_all()).map(Packet::Status)
            }
            ("fstatvfs@openssh.com", [handle]) => {
                let space = rustix::fs::fstatvfs(self.file(handle)?)
                    .map_err(|error| refusal(&error.into()))?;
                let free = |blocks| if self.is_full() { 0 } else { blocks };
                let fields = [
                    space.f_bsize,
                    space.f_frsize,
                    space.f_blocks,
                    free(space.f_bfree),
                    free(space.f_bavail),
                    space.f_files,
                    space.f_ffree,
                    space.f_favail,
                    space.f_fsid,
                    0,
                    space.f_namemax,
                ];
                let data = fields
                    .iter()
                    .flat_map(|field| field.to_be_bytes())
                    .collect();
                Ok(Packet::ExtendedReply(ExtendedReply { id, data }))
            }
            _ => Err(self.unimplemented()),
        }
    }
}
