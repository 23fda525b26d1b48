//! Uploads through SFTP: what is asked for, and one as the session thread drives it.
//!
//! The file is written under a temporary name beside its target, which nobody else may have made, and takes the
//! target's place only when it is whole.  The digest is computed from what was read here; the caller compares it
//! with what the destination reads there.

use std::fs::File;
use std::io::{self, Cursor, Read, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use postoffice::names::printable;
use ssh2::{ErrorCode, FileStat, OpenFlags, OpenType, Sftp};
use tokio::sync::{oneshot, watch};
use zeroize::Zeroizing;

use super::connection::{Connection, Failure, Poll, is_fatal};
use super::error::RemoteError;

/// How much is under way to the server at once, in bytes; the library cuts it into packets and sends them all
/// before it waits for the first answer.
const WINDOW_BYTES: usize = 1024 * 1024;

/// SFTP's answers "failure", which version 3 of the protocol gives for everything without a number of its own, and
/// "file already exists", which later versions have.
const FAILURES: [ErrorCode; 2] = [ErrorCode::SFTP(4), ErrorCode::SFTP(11)];

/// What the library says where something else than SFTP answers: a time-out, because it takes text for the length of an
/// answer and waits for the rest; a length that no answer has; an answer that is too short.
const NO_SFTP: [i32; 3] = [-9, -25, -38];

/// SFTP's answer "operation unsupported".
const UNSUPPORTED: ErrorCode = ErrorCode::SFTP(8);

/// The mode of a file that was made from bytes: nobody but its owner may read it.
pub const PRIVATE_MODE: u32 = 0o600;

/// A file that is to be uploaded.
pub(super) struct UploadRequest {
    pub(super) source: Source,
    pub(super) target: PathBuf,
    pub(super) mode: u32,
    pub(super) progress: watch::Sender<u64>,
    /// Gets the end; a closed receiver means that nobody wants the file any more.
    pub(super) done: oneshot::Sender<Result<Uploaded, RemoteError>>,
}

/// Where the bytes of an upload come from.
pub(super) enum Source {
    /// A file on this machine.
    File(PathBuf),
    /// Memory.
    Bytes(Zeroizing<Vec<u8>>),
}

/// What was uploaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Uploaded {
    /// The length of the file.
    pub bytes: u64,
    /// The digest of what was read here and sent.
    pub blake3: blake3::Hash,
}

/// An upload, waiting or under way.
pub(super) struct Upload {
    request: UploadRequest,
    open: Option<Open>,
}

/// An upload under way.
struct Open {
    // The order of the fields is the order of dropping: the file before the connection that it belongs to.
    file: Option<ssh2::File>,
    sftp: Sftp,
    source: Box<dyn Read>,
    source_ended: bool,
    /// What was read and is not yet known to have arrived.
    window: Zeroizing<Vec<u8>>,
    hasher: blake3::Hasher,
    bytes: u64,
    temporary: PathBuf,
}

impl Upload {
    pub(super) fn new(request: UploadRequest) -> Self {
        Self {
            request,
            open: None,
        }
    }

    /// Tells the one who waits that the upload failed.
    pub(super) fn fail(self, error: RemoteError) {
        let _ = self.request.done.send(Err(error));
    }

    /// Does the next piece of the upload; gives it back where there is more to do.
    ///
    /// An error of this upload alone goes to the one who waits for it.
    pub(super) fn poll(mut self, connection: &Connection) -> (Option<Self>, Poll) {
        if self.request.done.is_closed() {
            self.clean_up(connection);
            return (None, Poll::Done(None));
        }
        match self.advance(connection) {
            Ok(None) => (Some(self), Poll::Progress),
            Ok(Some(uploaded)) => {
                self.open = None;
                let _ = self.request.done.send(Ok(uploaded));
                (None, Poll::Done(None))
            }
            Err(Failure::Request(error)) => {
                self.clean_up(connection);
                self.fail(*error);
                (None, Poll::Done(None))
            }
            Err(Failure::Connection(error)) => (Some(self), Poll::Lost(*error)),
        }
    }

    fn advance(&mut self, connection: &Connection) -> Result<Option<Uploaded>, Failure> {
        let Some(mut open) = self.open.take() else {
            self.open = Some(start(&self.request, connection)?);
            return Ok(None);
        };
        let is_sent = open.send_some(&self.request, connection);
        let open = self.open.insert(open);
        if !is_sent? {
            return Ok(None);
        }
        finish(&self.request, open, connection)?;
        Ok(Some(Uploaded {
            bytes: open.bytes,
            blake3: open.hasher.finalize(),
        }))
    }

    /// Removes what was written, where that is still possible.
    fn clean_up(&mut self, connection: &Connection) {
        if let Some(mut open) = self.open.take() {
            connection.blocking(|_| {
                drop(open.file.take());
                // What is left is a file under a name of its own.
                let _ = open.sftp.unlink(&open.temporary);
                drop(open);
            });
        }
    }
}

fn start(request: &UploadRequest, connection: &Connection) -> Result<Open, Failure> {
    let source: Box<dyn Read> = match &request.source {
        Source::File(path) => Box::new(
            File::open(path)
                .map_err(|error| Failure::request(RemoteError::local_file(path, &error)))?,
        ),
        Source::Bytes(bytes) => Box::new(Cursor::new(bytes.clone())),
    };
    let what = "transfer files";
    let sftp = connection.blocking(ssh2::Session::sftp).map_err(|error| {
        let refused = |cause| RemoteError::RequestRefused { what, cause };
        if matches!(error.code(), ErrorCode::Session(code) if NO_SFTP.contains(&code)) {
            // The library stays in the middle of it, so the connection is of no more use; but the next one fares the same.
            let cause = "sftp does not answer as it should, as where a startup file of the user's shell prints something";
            return Failure::from(refused(cause.into()));
        }
        connection.failure(&error, refused)
    })?;
    let temporary = temporary_name(&request.target);
    let flags = OpenFlags::WRITE | OpenFlags::CREATE | OpenFlags::EXCLUSIVE;
    let file = connection
        .blocking(|_| sftp.open_mode(&temporary, flags, 0o600, OpenType::File))
        .map_err(|error| failure(connection, "create", &temporary, &error))?;
    Ok(Open {
        file: Some(file),
        sftp,
        source,
        source_ended: false,
        window: Zeroizing::new(Vec::with_capacity(WINDOW_BYTES)),
        hasher: blake3::Hasher::new(),
        bytes: 0,
        temporary,
    })
}

impl Open {
    /// Sends as much as one call of the library takes; true when all has arrived.
    fn send_some(
        &mut self,
        request: &UploadRequest,
        connection: &Connection,
    ) -> Result<bool, Failure> {
        self.fill_window(request)?;
        if self.window.is_empty() {
            return Ok(true);
        }
        let Some(file) = &mut self.file else {
            return Ok(true);
        };
        match connection.blocking(|_| file.write(&self.window)) {
            Ok(arrived) => {
                self.window.drain(..arrived);
                self.bytes += arrived as u64;
                request.progress.send_replace(self.bytes);
                Ok(false)
            }
            Err(error) => {
                let library = ssh2::Error::last_session_error(&connection.session);
                if library.as_ref().is_some_and(is_fatal) {
                    return Err(Failure::from(connection.lost(&error)));
                }
                // Version 3 of the protocol has no number for a full disk, so the free space has to tell.
                if connection
                    .blocking(|_| file.statvfs())
                    .is_ok_and(|space| space.f_bavail == 0)
                {
                    return Err(Failure::request(RemoteError::NoSpace {
                        path: shown(&request.target),
                    }));
                }
                Err(Failure::request(sftp_error(
                    "write",
                    &request.target,
                    &error,
                )))
            }
        }
    }

    fn fill_window(&mut self, request: &UploadRequest) -> Result<(), Failure> {
        while !self.source_ended && self.window.len() < WINDOW_BYTES {
            let filled = self.window.len();
            self.window.resize(WINDOW_BYTES, 0);
            let read = self.source.read(&mut self.window[filled..]);
            let count = match read {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                Err(error) => {
                    let path = match &request.source {
                        Source::File(path) => path.as_path(),
                        Source::Bytes(_) => Path::new(""),
                    };
                    return Err(Failure::request(RemoteError::local_file(path, &error)));
                }
            };
            self.source_ended = count == 0;
            self.window.truncate(filled + count);
            self.hasher.update(&self.window[filled..]);
        }
        Ok(())
    }
}

/// Gives the file its mode, makes it durable where the server can, and puts it in the target's place.
fn finish(
    request: &UploadRequest,
    open: &mut Open,
    connection: &Connection,
) -> Result<(), Failure> {
    let Some(mut file) = open.file.take() else {
        return Ok(());
    };
    let target = &request.target;
    let mode = FileStat {
        size: None,
        uid: None,
        gid: None,
        perm: Some(request.mode),
        atime: None,
        mtime: None,
    };
    connection
        .blocking(|_| file.setstat(mode))
        .map_err(|error| failure(connection, "set the mode of", target, &error))?;
    match connection.blocking(|_| file.fsync()) {
        Err(error) if error.code() != UNSUPPORTED => {
            return Err(failure(connection, "make durable", target, &error));
        }
        _ => {}
    }
    connection
        .blocking(|_| file.close())
        .map_err(|error| failure(connection, "close", target, &error))?;
    let renamed = connection.blocking(|_| open.sftp.rename(&open.temporary, target, None));
    match renamed {
        // OpenSSH refuses to rename over a file, and the library has no other way to ask for it.
        Err(error) if FAILURES.contains(&error.code()) => {
            connection
                .blocking(|_| open.sftp.unlink(target))
                .map_err(|error| failure(connection, "replace", target, &error))?;
            connection
                .blocking(|_| open.sftp.rename(&open.temporary, target, None))
                .map_err(|error| failure(connection, "put in place", target, &error))
        }
        other => other.map_err(|error| failure(connection, "put in place", target, &error)),
    }
}

/// A name beside the target that no other upload uses.
fn temporary_name(target: &Path) -> PathBuf {
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    let moment = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let mut name = std::ffi::OsString::from(".");
    name.push(target.file_name().unwrap_or_default());
    name.push(format!(".{}-{count}-{moment:x}.part", std::process::id()));
    target.with_file_name(name)
}

fn failure(
    connection: &Connection,
    what: &'static str,
    path: &Path,
    error: &ssh2::Error,
) -> Failure {
    connection.failure(error, |cause| sftp_error(what, path, &cause))
}

fn sftp_error(what: &'static str, path: &Path, cause: &dyn std::fmt::Display) -> RemoteError {
    RemoteError::Sftp {
        what,
        path: shown(path),
        cause: cause.to_string(),
    }
}

fn shown(path: &Path) -> String {
    printable(path.as_os_str().as_encoded_bytes())
}
