//! A source that answers late, as one behind a network does: a mount through FUSE that shows a tree, read-only, and lets
//! every question wait for a while.  Questions that are asked together wait together.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, InitFlags, KernelConfig, LockOwner, MountOption, OpenFlags, ReplyAttr,
    ReplyData, ReplyDirectoryPlus, ReplyEmpty, ReplyEntry, ReplyOpen, Request,
};

use super::Result;

/// How long each question waits.
pub(super) const WAIT: Duration = Duration::from_millis(1);

/// How a source is reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Line {
    wait: Duration,
    bytes_per_second: Option<u32>,
}

impl Line {
    /// Each question waits.
    pub(super) const LATE: Self = Self {
        wait: WAIT,
        bytes_per_second: None,
    };
    /// At once: for what is made ready outside the clock.
    pub(super) const AT_ONCE: Self = Self {
        wait: Duration::ZERO,
        bytes_per_second: None,
    };

    /// Each question waits, and all that is read shares a line.
    pub(super) fn late_and_narrow(megabytes_per_second: u32) -> Self {
        Self {
            wait: WAIT,
            bytes_per_second: Some(megabytes_per_second.saturating_mul(1_000_000)),
        }
    }
}

/// How many questions wait at once: more than anybody asks.
const TOGETHER: usize = 96;

/// How long the kernel believes an answer, as the cifs client does where nothing is said (mount.cifs(8), `actimeo`).
const BELIEVED: Duration = Duration::from_secs(1);

/// A source that is mounted, until this is dropped.
pub(super) struct Mounted {
    _session: BackgroundSession,
    traffic: Arc<Traffic>,
}

impl Mounted {
    /// What was read of each file so far, in bytes; files of which nothing was read are left out.
    pub(super) fn read(&self) -> HashMap<PathBuf, u64> {
        let read = lock(&self.traffic.read);
        let nodes = lock(&self.traffic.nodes);
        read.iter()
            .filter_map(|(node, bytes)| Some((nodes.path(*node)?.clone(), *bytes)))
            .collect()
    }

    /// How many questions were asked so far.
    pub(super) fn questions(&self) -> u64 {
        self.traffic.questions.load(Ordering::Relaxed)
    }
}

/// Mounts the tree `behind` at an empty folder; it is there until the answer is dropped.
pub(super) fn mount(behind: &Path, mount_point: &Path, line: Line) -> Result<Mounted> {
    fs::create_dir_all(mount_point)?;
    let traffic = Arc::new(Traffic {
        line,
        nodes: Mutex::new(Nodes {
            paths: vec![behind.to_owned()],
            numbers: HashMap::from([(behind.to_owned(), 0)]),
        }),
        read: Mutex::default(),
        questions: AtomicU64::new(0),
        free_from: Mutex::new(Instant::now()),
    });
    let slow = Slow {
        traffic: Arc::clone(&traffic),
        opened: AtomicU64::new(0),
        files: Mutex::default(),
        listings: Mutex::default(),
    };
    let mut config = Config::default();
    config.mount_options = vec![MountOption::RO, MountOption::FSName("slow".into())];
    config.n_threads = Some(TOGETHER);
    config.clone_fd = true;
    Ok(Mounted {
        _session: fuser::spawn_mount2(slow, mount_point, &config)?,
        traffic,
    })
}

/// Everything that the kernel has heard of, by the number that it has there.
struct Nodes {
    paths: Vec<PathBuf>,
    numbers: HashMap<PathBuf, u64>,
}

impl Nodes {
    fn path(&self, number: u64) -> Option<&PathBuf> {
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        self.paths.get(index)
    }
}

/// What is asked of the source and comes over the line.
struct Traffic {
    line: Line,
    nodes: Mutex<Nodes>,
    /// What was read of each file, by its number.
    read: Mutex<HashMap<u64, u64>>,
    questions: AtomicU64,
    /// From when on the line carries nothing that was asked for.
    free_from: Mutex<Instant>,
}

impl Traffic {
    /// Lets one question wait.
    fn wait(&self) {
        self.questions.fetch_add(1, Ordering::Relaxed);
        std::thread::sleep(self.line.wait);
    }

    /// Lets what was read of a file come over the line, behind all that comes already.
    fn carry(&self, node: u64, bytes: u64) {
        *lock(&self.read).entry(node).or_default() += bytes;
        let Some(rate) = self.line.bytes_per_second else {
            return;
        };
        let now = Instant::now();
        let nanoseconds = bytes.saturating_mul(1_000_000_000) / u64::from(rate);
        let there = {
            let mut free_from = lock(&self.free_from);
            *free_from = (*free_from).max(now) + Duration::from_nanos(nanoseconds);
            *free_from
        };
        std::thread::sleep(there.saturating_duration_since(now));
    }
}

/// What a folder holds, as its listing tells it.
type Entries = Vec<(FileAttr, OsString)>;

struct Slow {
    traffic: Arc<Traffic>,
    /// How many files and folders were opened; the last one's handle.
    opened: AtomicU64,
    files: Mutex<HashMap<u64, Arc<File>>>,
    /// The listings that are being read, by the handle of the folder.
    listings: Mutex<HashMap<u64, Arc<Entries>>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Slow {
    fn path(&self, node: INodeNo) -> io::Result<PathBuf> {
        let path = lock(&self.traffic.nodes).path(node.0).cloned();
        path.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn number(&self, path: PathBuf) -> u64 {
        let mut nodes = lock(&self.traffic.nodes);
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
        let handle = self.next_handle();
        lock(&self.files).insert(handle, file.into());
        Ok(handle)
    }

    fn next_handle(&self) -> u64 {
        self.opened.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn read_file(&self, handle: FileHandle, offset: u64, size: u32) -> io::Result<Vec<u8>> {
        let file = lock(&self.files).get(&handle.0).cloned();
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

    /// What a folder holds; as it was when its listing began.
    fn entries(&self, node: INodeNo, handle: FileHandle, offset: u64) -> io::Result<Arc<Entries>> {
        if offset > 0
            && let Some(entries) = lock(&self.listings).get(&handle.0)
        {
            return Ok(Arc::clone(entries));
        }
        let entries = Arc::new(self.list(node)?);
        lock(&self.listings).insert(handle.0, Arc::clone(&entries));
        Ok(entries)
    }

    fn list(&self, node: INodeNo) -> io::Result<Entries> {
        let folder = self.path(node)?;
        let mut entries = Vec::new();
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            entries.push((self.attributes(entry.path())?, entry.file_name()));
        }
        entries.sort_by(|left, right| left.1.cmp(&right.1));
        Ok(entries)
    }
}

impl Filesystem for Slow {
    fn init(&mut self, _request: &Request, config: &mut KernelConfig) -> io::Result<()> {
        // As the kernel's network clients do: several names of one folder are asked for at once, and a listing brings the
        // attributes of what it names.
        config
            .add_capabilities(InitFlags::FUSE_PARALLEL_DIROPS | InitFlags::FUSE_DO_READDIRPLUS)
            .map_err(|_| io::ErrorKind::Unsupported.into())
    }

    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        self.traffic.wait();
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
        self.traffic.wait();
        match self.path(node).and_then(|path| self.attributes(path)) {
            Ok(attributes) => reply.attr(&BELIEVED, &attributes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn open(&self, _request: &Request, node: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        self.traffic.wait();
        match self.open_file(node) {
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::empty()),
            Err(error) => reply.error(error.into()),
        }
    }

    fn read(
        &self,
        _request: &Request,
        node: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _flags: OpenFlags,
        _owner: Option<LockOwner>,
        reply: ReplyData,
    ) {
        self.traffic.wait();
        match self.read_file(handle, offset, size) {
            Ok(bytes) => {
                self.traffic.carry(node.0, bytes.len() as u64);
                reply.data(&bytes);
            }
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
        lock(&self.files).remove(&handle.0);
        reply.ok();
    }

    fn opendir(&self, _request: &Request, _node: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(self.next_handle()), FopenFlags::empty());
    }

    fn releasedir(
        &self,
        _request: &Request,
        _node: INodeNo,
        handle: FileHandle,
        _flags: OpenFlags,
        reply: ReplyEmpty,
    ) {
        lock(&self.listings).remove(&handle.0);
        reply.ok();
    }

    fn readdirplus(
        &self,
        _request: &Request,
        node: INodeNo,
        handle: FileHandle,
        offset: u64,
        mut reply: ReplyDirectoryPlus,
    ) {
        self.traffic.wait();
        let entries = match self.entries(node, handle, offset) {
            Ok(entries) => entries,
            Err(error) => return reply.error(error.into()),
        };
        let skipped = usize::try_from(offset).unwrap_or(usize::MAX);
        for (index, (attributes, name)) in entries.iter().enumerate().skip(skipped) {
            let behind = index as u64 + 1;
            if reply.add(
                attributes.ino,
                behind,
                name,
                &BELIEVED,
                attributes,
                Generation(0),
            ) {
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
