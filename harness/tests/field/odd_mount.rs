//! A mount through FUSE that shows a folder, read-only, as the clients of odd servers do: names that are listed and cannot be
//! opened, names that lead to another file, kinds and times that cannot be.
//!
//! What is odd is said by path, and may be said and taken back while it is mounted.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, ReplyAttr, ReplyData, ReplyDirectory,
    ReplyEmpty, ReplyEntry, ReplyOpen, Request,
};

use crate::fuse::{self, Entries, kind, lock};

/// What is odd about one entry, which need not exist in the folder behind.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Odd {
    /// Looking at it, or opening it, fails so.
    pub(crate) refused: Option<i32>,
    /// Opening it fails so, while it can be looked at.
    pub(crate) not_opened: Option<i32>,
    /// The listing says that it is this.
    pub(crate) listed_as: Option<FileType>,
    /// How often the listing has it; once where nothing is said.
    pub(crate) listed: Option<u32>,
    /// Whether it is listed as different entries then.
    pub(crate) is_another: bool,
    /// When it was changed, in seconds since 1970.
    pub(crate) modified_seconds: Option<i64>,
    /// How long a look at it takes.
    pub(crate) takes: Duration,
}

/// What is odd, by the path below the folder behind.
#[derive(Debug, Default)]
struct Oddities {
    entries: BTreeMap<PathBuf, Odd>,
    /// Names that lead to the file of another name.
    leads_to: BTreeMap<PathBuf, PathBuf>,
}

/// A mount, until this is dropped.
pub(crate) struct OddMount {
    oddities: Arc<Mutex<Oddities>>,
    _session: BackgroundSession,
}

impl OddMount {
    /// Shows the folder `behind` at `mount_point`, which is made; none where nothing can be mounted here.
    ///
    /// The kernel caches no attributes, so that what is taken back is gone at once.
    pub(crate) fn new(behind: &Path, mount_point: &Path) -> Option<Self> {
        Self::caching(behind, mount_point, Duration::ZERO)
    }

    /// The same; the kernel caches the attributes that it was told for so long, and the bytes until they are dropped.
    pub(crate) fn caching(behind: &Path, mount_point: &Path, cached: Duration) -> Option<Self> {
        fs::create_dir_all(mount_point).expect("made");
        let oddities = Arc::<Mutex<Oddities>>::default();
        let server = Server {
            behind: behind.to_owned(),
            cached,
            oddities: Arc::clone(&oddities),
            nodes: Mutex::new(Nodes {
                paths: vec![PathBuf::new()],
                numbers: HashMap::from([(PathBuf::new(), 0)]),
            }),
            files: Mutex::default(),
            listings: Mutex::default(),
        };
        let mut config = Config::default();
        config.mount_options = vec![MountOption::RO, MountOption::FSName("odd".into())];
        config.n_threads = Some(8);
        config.clone_fd = true;
        match fuser::spawn_mount2(server, mount_point, &config) {
            Ok(session) => Some(Self {
                oddities,
                _session: session,
            }),
            Err(error) => {
                println!("SKIPPED: nothing can be mounted through FUSE here: {error}");
                None
            }
        }
    }

    /// Makes the entry at a path odd.
    pub(crate) fn play(&self, path: impl AsRef<Path>, odd: Odd) {
        lock(&self.oddities)
            .entries
            .insert(path.as_ref().to_owned(), odd);
    }

    /// Shows a name that leads to the file of another one.
    pub(crate) fn lead(&self, path: impl AsRef<Path>, to: impl AsRef<Path>) {
        lock(&self.oddities)
            .leads_to
            .insert(path.as_ref().to_owned(), to.as_ref().to_owned());
    }

    /// Somebody has mended the entry at the server, or taken it away.
    pub(crate) fn mend(&self, path: impl AsRef<Path>) {
        let mut oddities = lock(&self.oddities);
        oddities.entries.remove(path.as_ref());
        oddities.leads_to.remove(path.as_ref());
    }
}

/// Everything that the kernel has heard of, by the number that it has there.
struct Nodes {
    paths: Vec<PathBuf>,
    numbers: HashMap<PathBuf, u64>,
}

struct Server {
    behind: PathBuf,
    cached: Duration,
    oddities: Arc<Mutex<Oddities>>,
    nodes: Mutex<Nodes>,
    files: Mutex<HashMap<u64, Arc<File>>>,
    listings: Mutex<HashMap<u64, Arc<Entries>>>,
}

impl Server {
    fn path(&self, node: INodeNo) -> io::Result<PathBuf> {
        let index = usize::try_from(node.0 - 1).unwrap_or(usize::MAX);
        let path = lock(&self.nodes).paths.get(index).cloned();
        path.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn number(&self, path: &Path) -> u64 {
        let mut nodes = lock(&self.nodes);
        let next = nodes.paths.len() as u64;
        let number = *nodes.numbers.entry(path.to_owned()).or_insert(next);
        if number == next {
            nodes.paths.push(path.to_owned());
        }
        number + 1
    }

    fn odd(&self, path: &Path) -> Odd {
        let oddities = lock(&self.oddities);
        oddities.entries.get(path).copied().unwrap_or_default()
    }

    /// The attributes of the entry at a path, or of the one that it leads to.
    fn attributes(&self, path: &Path) -> io::Result<FileAttr> {
        let path = &lock(&self.oddities)
            .leads_to
            .get(path)
            .cloned()
            .unwrap_or_else(|| path.to_owned());
        let odd = self.odd(path);
        std::thread::sleep(odd.takes);
        if let Some(refused) = odd.refused {
            return Err(io::Error::from_raw_os_error(refused));
        }
        let metadata = fs::symlink_metadata(self.behind.join(path))?;
        let mut attributes = attributes(self.number(path), &metadata);
        if let Some(seconds) = odd.modified_seconds {
            let apart = Duration::from_secs(seconds.unsigned_abs());
            attributes.mtime = if seconds < 0 {
                UNIX_EPOCH - apart
            } else {
                UNIX_EPOCH + apart
            };
        }
        Ok(attributes)
    }

    fn open_file(&self, node: INodeNo) -> io::Result<u64> {
        let path = self.path(node)?;
        if let Some(errno) = self.odd(&path).not_opened {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let file = File::open(self.behind.join(path))?;
        let mut files = lock(&self.files);
        let handle = files.keys().max().map_or(1, |last| last + 1);
        files.insert(handle, file.into());
        Ok(handle)
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

    /// What a folder holds, and what is shown beside that.
    fn list(&self, folder: &Path) -> io::Result<Entries> {
        let mut shown: BTreeMap<OsString, FileType> = BTreeMap::new();
        for entry in fs::read_dir(self.behind.join(folder))? {
            let entry = entry?;
            shown.insert(entry.file_name(), kind(entry.file_type()?));
        }
        let oddities = lock(&self.oddities);
        let odd = oddities.entries.keys().chain(oddities.leads_to.keys());
        for name in odd
            .filter(|path| path.parent() == Some(folder))
            .filter_map(|path| path.file_name())
        {
            shown
                .entry(name.to_owned())
                .or_insert(FileType::RegularFile);
        }
        let entries = oddities.entries.clone();
        drop(oddities);
        let mut listing = Vec::new();
        for (name, kind) in shown {
            let path = folder.join(&name);
            let odd = entries.get(&path).copied().unwrap_or_default();
            for number in 0..odd.listed.unwrap_or(1) {
                let kind = odd.listed_as.unwrap_or(kind);
                let entry = if odd.is_another && number > 0 {
                    path.join(number.to_string())
                } else {
                    path.clone()
                };
                listing.push((self.number(&entry), kind, name.clone()));
            }
        }
        Ok(listing)
    }

    fn entries(&self, node: INodeNo, offset: u64) -> io::Result<Arc<Entries>> {
        if offset > 0
            && let Some(entries) = lock(&self.listings).get(&node.0)
        {
            return Ok(Arc::clone(entries));
        }
        let entries = Arc::new(self.list(&self.path(node)?)?);
        lock(&self.listings).insert(node.0, Arc::clone(&entries));
        Ok(entries)
    }
}

impl Filesystem for Server {
    fn lookup(&self, _request: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let found = self.path(parent).map(|folder| folder.join(name));
        match found.and_then(|path| self.attributes(&path)) {
            Ok(attributes) => reply.entry(&self.cached, &attributes, Generation(0)),
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
        match self.path(node).and_then(|path| self.attributes(&path)) {
            Ok(attributes) => reply.attr(&self.cached, &attributes),
            Err(error) => reply.error(error.into()),
        }
    }

    fn open(&self, _request: &Request, node: INodeNo, _flags: OpenFlags, reply: ReplyOpen) {
        match self.open_file(node) {
            Ok(handle) if self.cached.is_zero() => {
                reply.opened(FileHandle(handle), FopenFlags::empty());
            }
            Ok(handle) => reply.opened(FileHandle(handle), FopenFlags::FOPEN_KEEP_CACHE),
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
        lock(&self.files).remove(&handle.0);
        reply.ok();
    }

    fn readdir(
        &self,
        _request: &Request,
        node: INodeNo,
        _handle: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        let entries = match self.entries(node, offset) {
            Ok(entries) => entries,
            Err(error) => return reply.error(error.into()),
        };
        fuse::fill(reply, &entries, offset);
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
        perm: u16::try_from(metadata.permissions().mode() & 0o7777).unwrap_or(0o600),
        nlink: 1,
        uid: metadata.uid(),
        gid: metadata.gid(),
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}
