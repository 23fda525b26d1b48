//! A source that answers late, as one behind a network does: a mount through FUSE that shows a tree, read-only, and lets
//! every question wait for a while.  Questions that are asked together wait together.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, InitFlags, KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, Request,
};

use super::Result;

/// How long each question waits.
pub(super) const WAIT: Duration = Duration::from_millis(1);

/// How many questions wait at once: more than anybody asks.
const TOGETHER: usize = 96;

/// How long the kernel believes an answer, as the cifs client does where nothing is said (mount.cifs(8), `actimeo`).
const BELIEVED: Duration = Duration::from_secs(1);

/// Mounts the tree `behind` at an empty folder; it is there until the answer is dropped.
pub(super) fn mount(behind: &Path, mount_point: &Path) -> Result<BackgroundSession> {
    fs::create_dir_all(mount_point)?;
    let slow = Slow {
        nodes: Mutex::new(Nodes {
            paths: vec![behind.to_owned()],
            numbers: HashMap::from([(behind.to_owned(), 0)]),
        }),
        files: Mutex::default(),
    };
    let mut config = Config::default();
    config.mount_options = vec![MountOption::RO, MountOption::FSName("slow".into())];
    config.n_threads = Some(TOGETHER);
    config.clone_fd = true;
    Ok(fuser::spawn_mount2(slow, mount_point, &config)?)
}

/// Everything that the kernel has heard of, by the number that it has there.
struct Nodes {
    paths: Vec<PathBuf>,
    numbers: HashMap<PathBuf, u64>,
}

struct Slow {
    nodes: Mutex<Nodes>,
    files: Mutex<(u64, HashMap<u64, std::sync::Arc<File>>)>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slow {
    fn path(&self, node: INodeNo) -> io::Result<PathBuf> {
        let index = usize::try_from(node.0 - 1).unwrap_or(usize::MAX);
        let path = lock(&self.nodes).paths.get(index).cloned();
        path.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn number(&self, path: PathBuf) -> u64 {
        let mut nodes = lock(&self.nodes);
        let next = nodes.paths.len() as u64;
        let number = *nodes.numbers.entry(path.clone()).or_insert(next);
        if number == next {
            nodes.paths.push(path);
        }
        number + 1
    }

    fn attributes(&self, path: PathBuf) -> io::Result<FileAttr> {
        let metadata = fs::symlink_metadata(&path)?;
        Ok(attributes(self.number(path), &metadata))
    }

    fn open_file(&self, node: INodeNo) -> io::Result<u64> {
        let file = File::open(self.path(node)?)?;
        let mut files = lock(&self.files);
        files.0 += 1;
        let handle = files.0;
        files.1.insert(handle, file.into());
        Ok(handle)
    }

    fn read_file(&self, handle: FileHandle, offset: u64, size: u32) -> io::Result<Vec<u8>> {
        let file = lock(&self.files).1.get(&handle.0).cloned();
        let file = file.ok_or(io::ErrorKind::NotFound)?;
        let mut bytes = vec![0; size as usize];
        let mut length = 0;
        while length < bytes.len() {
            match file.read_at(&mut bytes[length..], offset + length as u64)? {
                0 => break,
                read => length += read,
            }
        }
        bytes.truncate(length);
        Ok(bytes)
    }

    fn list(&self, node: INodeNo) -> io::Result<Vec<(u64, FileType, std::ffi::OsString)>> {
        let folder = self.path(node)?;
        let mut entries = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let number = self.number(entry.path());
            entries.push((number, kind(entry.file_type()?), entry.file_name()));
        }
        entries.sort_by(|left, right| left.2.cmp(&right.2));
        Ok(entries)
    }
}

impl Filesystem for Slow {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // As the kernel's network clients do: several names of one folder are asked for at once.
        config
            .add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS)
            .map_err(|_| io::ErrorKind::Unsupported.into())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        std::thread::sleep(WAIT);
        let found = self.path(parent).map(|folder| folder.join(name));
        match found.and_then(|path| self.attributes(path)) {
            Ok(attributes) => reply.entry(&BELIEVED, &attributes, Generation(0)),
            Err(error) => reply.error(error.into()),
        }
    }

    fn getattr(
        &self,
        _request: &Request,
        node: INodeNo,
        _handle: Option<FileHandle>,
        reply: ReplyAttr,
    ) {
        std::thread::sleep(WAIT);
        match self.path(node).and_then(|path| self.attributes(path)) {
            Ok(attributes) => reply.attr(&BELIEVED, &attributes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn open(&self, _request: &Request, node: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        std::thread::sleep(WAIT);
        match self.open_file(node) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(error.into()),
        }
    }

    fn read(
        &self,
        _request: &Request,
        _node: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        std::thread::sleep(WAIT);
        match self.read_file(handle, offset, size) {
            Ok(bytes) => reply.data(&bytes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn release(
        &self,
        _request: &Request,
        _node: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        _flush: bool,
        reply: ReplyEmpty,
    ) {
        lock(&self.files).1.remove(&handle.0);
        reply.ok();
    }

    fn readdir(
        &self,
        _request: &Request,
        node: INodeNo,
        _handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectory,
    ) {
        std::thread::sleep(WAIT);
        let entries = match self.list(node) {
            Ok(entries) => entries,
            Err(error) => return reply.error(error.into()),
        };
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        for (index, (number, kind, name)) in entries.into_iter().enumerate().skip(skipped) {
            if reply.add(INodeNo(number), index as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }

    fn access(
        &self,
        _request: &Request,
        _node: INodeNo,
        _mask: fuser::AccessFlags,
        reply: ReplyEmpty,
    ) {
        reply.error(Errno::ENOSYS);
    }
}

fn kind(kind: fs::FileType) -> FileType {
    if kind.is_dir() {
        FileType::Directory
    } else if kind.is_symlink() {
        FileType::Symlink
    } else {
        FileType::RegularFile
    }
}

fn attributes(number: u64, metadata: &Metadata) -> FileAttr {
    let modified = metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    FileAttr {
        ino: INodeNo(number),
        size: metadata.size(),
        blocks: metadata.blocks(),
        atime: modified,
        mtime: modified,
        ctime: modified,
        crtime: modified,
        kind: kind(metadata.file_type()),
        // The permissions alone, which fit.
        perm: (metadata.permissions().mode() & 0o7777) as u16,
        nlink: 1,
        uid: metadata.uid(),
        gid: metadata.gid(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}
