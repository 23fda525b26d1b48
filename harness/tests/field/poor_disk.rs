//! A disk through FUSE for the destination that can do less than the disks of Linux: no renaming that never replaces, no second
//! links, one name in two cases, no permissions, a file whose bytes it loses.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate,
    ReplyData, ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request,
    TimeOrNow, WriteFlags,
};

use crate::fuse::{self, Entries, kind, lock};

/// What the disk cannot do.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Poverty {
    /// It refuses every renaming with flags.
    pub(crate) no_rename_flags: bool,
    /// It makes no second link to a file.
    pub(crate) no_links: bool,
    /// It takes names in two cases for one.
    pub(crate) folds_case: bool,
    /// Everybody may read everything.
    pub(crate) no_permissions: bool,
    /// It gives back zeros for the file at this path, while the kernel caches what was written.
    pub(crate) loses: Option<&'static str>,
}

/// A mount, until this is dropped.
pub(crate) struct PoorDisk {
    _session: BackgroundSession,
}

/// How long the kernel believes an answer.
const BELIEVED: Duration = Duration::ZERO;

/// The number of the root, whatever that of the folder behind is.
const ROOT: u64 = 1;

impl PoorDisk {
    /// Mounts the folder `behind`, which is made, at `mount_point`; none where nothing can be mounted here.
    pub(crate) fn new(behind: &Path, mount_point: &Path, poverty: Poverty) -> Option<Self> {
        fs::create_dir_all(behind).expect("made");
        fs::create_dir_all(mount_point).expect("made");
        let root = fs::metadata(behind).expect("made").ino();
        let disk = Disk {
            behind: behind.to_owned(),
            poverty,
            root,
            nodes: Mutex::new(HashMap::from([(root, BTreeSet::from([PathBuf::new()]))])),
            files: Mutex::default(),
        };
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("poor".into())];
        config.n_threads = Some(4);
        config.clone_fd = true;
        match fuser::spawn_mount2(disk, mount_point, &config) {
            Ok(session) => Some(Self { _session: session }),
            Err(error) => {
                println!("SKIPPED: nothing can be mounted through FUSE here: {error}");
                None
            }
        }
    }
}

struct Disk {
    behind: PathBuf,
    poverty: Poverty,
    /// The number that the root has behind.
    root: u64,
    /// The names of everything that the kernel has heard of, by the number that it has behind.
    nodes: Mutex<HashMap<u64, BTreeSet<PathBuf>>>,
    files: Mutex<HashMap<u64, Arc<File>>>,
}

impl Disk {
    fn path(&self, node: INodeNo) -> io::Result<PathBuf> {
        let number = if node.0 == ROOT { self.root } else { node.0 };
        let nodes = lock(&self.nodes);
        let names = nodes.get(&number).into_iter().flatten();
        let mut there = names.filter(|name| {
            let found = fs::symlink_metadata(self.behind.join(name));
            found.is_ok_and(|metadata| metadata.ino() == number)
        });
        there.next().cloned().ok_or(io::ErrorKind::NotFound.into())
    }

    /// The path of a name in a folder, in the case that it was made with.
    fn inside(&self, folder: INodeNo, name: &OsStr) -> io::Result<PathBuf> {
        let folder = self.path(folder)?;
        let wanted = folder.join(name);
        if !self.poverty.folds_case || self.behind.join(&wanted).exists() {
            return Ok(wanted);
        }
        for entry in fs::read_dir(self.behind.join(&folder))? {
            let other = entry?.file_name();
            if other.eq_ignore_ascii_case(name) {
                return Ok(folder.join(other));
            }
        }
        Ok(wanted)
    }

    fn attributes(&self, path: &Path) -> io::Result<FileAttr> {
        let metadata = fs::symlink_metadata(self.behind.join(path))?;
        let number = metadata.ino();
        let mut nodes = lock(&self.nodes);
        nodes.entry(number).or_default().insert(path.to_owned());
        drop(nodes);
        let time = |seconds: i64, nanoseconds: i64| {
            let nanoseconds = u32::try_from(nanoseconds).unwrap_or(0);
            let since = Duration::new(seconds.unsigned_abs(), nanoseconds);
            SystemTime::UNIX_EPOCH + since
        };
        let perm = if self.poverty.no_permissions {
            0o755
        } else {
            u16::try_from(metadata.mode() & 0o7777).unwrap_or(0o600)
        };
        Ok(FileAttr {
            ino: INodeNo(if number == self.root { ROOT } else { number }),
            size: metadata.size(),
            blocks: metadata.blocks(),
            atime: time(metadata.atime(), metadata.atime_nsec()),
            mtime: time(metadata.mtime(), metadata.mtime_nsec()),
            ctime: time(metadata.ctime(), metadata.ctime_nsec()),
            crtime: SystemTime::UNIX_EPOCH,
            kind: kind(metadata.file_type()),
            perm,
            nlink: u32::try_from(metadata.nlink()).unwrap_or(1),
            uid: metadata.uid(),
            gid: metadata.gid(),
            rdev: 0,
            blksize: 4096,
            flags: 0,
        })
    }

    fn keep(&self, file: File) -> FileHandle {
        let mut files = lock(&self.files);
        let handle = files.keys().max().map_or(1, |last| last + 1);
        files.insert(handle, file.into());
        FileHandle(handle)
    }

    fn file(&self, handle: FileHandle) -> io::Result<Arc<File>> {
        let file = lock(&self.files).get(&handle.0).cloned();
        file.ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn change(
        &self,
        node: INodeNo,
        mode: Option<u32>,
        owner: (Option<u32>, Option<u32>),
        size: Option<u64>,
        modified: Option<TimeOrNow>,
    ) -> io::Result<FileAttr> {
        let path = self.path(node)?;
        let behind = self.behind.join(&path);
        if let Some(mode) = mode.filter(|_| !self.poverty.no_permissions) {
            fs::set_permissions(&behind, fs::Permissions::from_mode(mode & 0o7777))?;
        }
        if owner != (None, None) {
            std::os::unix::fs::lchown(&behind, owner.0, owner.1)?;
        }
        if let Some(size) = size {
            OpenOptions::new()
                .write(true)
                .open(&behind)?
                .set_len(size)?;
        }
        if let Some(modified) = modified {
            let time = match modified {
                TimeOrNow::SpecificTime(time) => time,
                TimeOrNow::Now => SystemTime::now(),
            };
            File::open(&behind)?.set_modified(time)?;
        }
        self.attributes(&path)
    }

    fn rename(
        &self,
        from: (INodeNo, &OsStr),
        to: (INodeNo, &OsStr),
        flags: RenameFlags,
    ) -> io::Result<()> {
        if self.poverty.no_rename_flags && !flags.is_empty() {
            return Err(rustix::io::Errno::INVAL.into());
        }
        let old = self.inside(from.0, from.1)?;
        let new = self.path(to.0)?.join(to.1);
        if flags.contains(RenameFlags::RENAME_NOREPLACE) && self.behind.join(&new).exists() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        fs::rename(self.behind.join(&old), self.behind.join(&new))?;
        // What lies below a folder has another path now.
        for names in lock(&self.nodes).values_mut() {
            let moved = names.iter().filter_map(|name| {
                let below = name.strip_prefix(&old).ok()?;
                Some(if below == Path::new("") {
                    new.clone()
                } else {
                    new.join(below)
                })
            });
            let moved: Vec<PathBuf> = moved.collect();
            names.retain(|name| !name.starts_with(&old));
            names.extend(moved);
        }
        Ok(())
    }

    fn link(&self, node: INodeNo, folder: INodeNo, name: &OsStr) -> io::Result<FileAttr> {
        if self.poverty.no_links {
            return Err(rustix::io::Errno::PERM.into());
        }
        let new = self.inside(folder, name)?;
        fs::hard_link(self.behind.join(self.path(node)?), self.behind.join(&new))?;
        self.attributes(&new)
    }

    fn entries(&self, node: INodeNo) -> io::Result<Entries> {
        let folder = self.path(node)?;
        let entries = fs::read_dir(self.behind.join(folder))?;
        entries
            .map(|entry| {
                let entry = entry?;
                let metadata = fs::symlink_metadata(entry.path())?;
                Ok((
                    metadata.ino(),
                    kind(metadata.file_type()),
                    entry.file_name(),
                ))
            })
            .collect()
    }
}

/// Answers a request for an entry.
fn entry(found: io::Result<FileAttr>, reply: ReplyEntry) {
    match found {
        Ok(attributes) => reply.entry(&BELIEVED, &attributes, Generation(0)),
        Err(error) => reply.error(error.into()),
    }
}

/// Answers a request that has no answer but that it was done.
fn done(outcome: io::Result<()>, reply: ReplyEmpty) {
    match outcome {
        Ok(()) => reply.ok(),
        Err(error) => reply.error(error.into()),
    }
}

fn attr(found: io::Result<FileAttr>, reply: ReplyAttr) {
    match found {
        Ok(attributes) => reply.attr(&BELIEVED, &attributes),
        Err(error) => reply.error(error.into()),
    }
}

impl Filesystem for Disk {
    fn lookup(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let path = self.inside(parent, name);
        entry(path.and_then(|path| self.attributes(&path)), reply);
    }

    fn getattr(&self, _: &Request, node: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        let path = self.path(node);
        attr(path.and_then(|path| self.attributes(&path)), reply);
    }

    fn setattr(
        &self,
        _: &Request,
        node: INodeNo,
        mode: Option<u32>,
        uid: Option<u32>,
        gid: Option<u32>,
        size: Option<u64>,
        _: Option<TimeOrNow>,
        modified: Option<TimeOrNow>,
        _: Option<SystemTime>,
        _: Option<FileHandle>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<SystemTime>,
        _: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        attr(self.change(node, mode, (uid, gid), size, modified), reply);
    }

    fn mkdir(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        reply: ReplyEntry,
    ) {
        let made = self.inside(parent, name).and_then(|path| {
            let mut builder = fs::DirBuilder::new();
            builder.mode(mode).create(self.behind.join(&path))?;
            self.attributes(&path)
        });
        entry(made, reply);
    }

    fn unlink(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let path = self.inside(parent, name);
        done(
            path.and_then(|path| fs::remove_file(self.behind.join(path))),
            reply,
        );
    }

    fn rmdir(&self, _: &Request, parent: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let path = self.inside(parent, name);
        done(
            path.and_then(|path| fs::remove_dir(self.behind.join(path))),
            reply,
        );
    }

    fn rename(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        new_parent: INodeNo,
        new_name: &OsStr,
        flags: RenameFlags,
        reply: ReplyEmpty,
    ) {
        done(
            self.rename((parent, name), (new_parent, new_name), flags),
            reply,
        );
    }

    fn link(&self, _: &Request, node: INodeNo, folder: INodeNo, name: &OsStr, reply: ReplyEntry) {
        entry(self.link(node, folder, name), reply);
    }

    fn create(
        &self,
        _: &Request,
        parent: INodeNo,
        name: &OsStr,
        mode: u32,
        _: u32,
        flags: i32,
        reply: ReplyCreate,
    ) {
        let made = self.inside(parent, name).and_then(|path| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).mode(mode);
            if flags & rustix::fs::OFlags::EXCL.bits().cast_signed() == 0 {
                options.create(true).truncate(false);
            } else {
                options.create_new(true);
            }
            let file = options.open(self.behind.join(&path))?;
            Ok((self.attributes(&path)?, self.keep(file)))
        });
        match made {
            Ok((attributes, handle)) => {
                let (generation, flags) = (Generation(0), FopenFlags::empty());
                reply.created(&BELIEVED, &attributes, generation, handle, flags);
            }
            Err(error) => reply.error(error.into()),
        }
    }

    fn open(&self, _: &Request, node: INodeNo, flags: OpenFlags, reply: ReplyOpen) {
        let opened = self.path(node).and_then(|path| {
            let is_read = flags.acc_mode() == fuser::OpenAccMode::O_RDONLY;
            let mut options = OpenOptions::new();
            options.read(true).write(!is_read);
            options.open(self.behind.join(path))
        });
        match opened {
            Ok(file) => reply.opened(self.keep(file), FopenFlags::FOPEN_KEEP_CACHE),
            Err(error) => reply.error(error.into()),
        }
    }

    fn read(
        &self,
        _: &Request,
        node: INodeNo,
        handle: FileHandle,
        offset: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        let mut bytes = vec![0; size as usize];
        let read = self
            .file(handle)
            .and_then(|file| file.read_at(&mut bytes, offset));
        if self.poverty.loses.map(Path::new) == self.path(node).ok().as_deref() {
            bytes.fill(0);
        }
        match read {
            Ok(length) => reply.data(&bytes[..length]),
            Err(error) => reply.error(error.into()),
        }
    }

    fn write(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        offset: u64,
        data: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let written = self
            .file(handle)
            .and_then(|file| file.write_all_at(data, offset));
        match written {
            Ok(()) => reply.written(u32::try_from(data.len()).unwrap_or(u32::MAX)),
            Err(error) => reply.error(error.into()),
        }
    }

    fn fsync(&self, _: &Request, _: INodeNo, handle: FileHandle, _: bool, reply: ReplyEmpty) {
        done(self.file(handle).and_then(|file| file.sync_all()), reply);
    }

    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        reply.ok();
    }

    fn release(
        &self,
        _: &Request,
        _: INodeNo,
        handle: FileHandle,
        _: OpenFlags,
        _: Option<LockOwner>,
        _: bool,
        reply: ReplyEmpty,
    ) {
        lock(&self.files).remove(&handle.0);
        reply.ok();
    }

    fn readdir(
        &self,
        _: &Request,
        node: INodeNo,
        _: FileHandle,
        offset: u64,
        reply: ReplyDirectory,
    ) {
        let entries = match self.entries(node) {
            Ok(entries) => entries,
            Err(error) => return reply.error(error.into()),
        };
        fuse::fill(reply, &entries, offset);
    }

    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 24, 1 << 23, 1 << 23, 1 << 24, 1 << 23, 4096, 255, 4096);
    }

    fn access(&self, _: &Request, _: INodeNo, _: fuser::AccessFlags, reply: ReplyEmpty) {
        reply.error(Errno::ENOSYS);
    }
}
