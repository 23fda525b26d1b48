//! A handle of one folder: opening it, going down from it, looking at what it holds.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use cap_std::fs::Dir;
use postoffice::names::{RelativePath, is_one_name};
use rustix::fs::{AtFlags, Mode, OFlags, StatxFlags};
use rustix::io::Errno;

use super::{Attributes, Kind, Pace};

/// An open folder.  Clones share the handle.
#[derive(Debug, Clone)]
pub struct Folder {
    handle: Arc<OwnedFd>,
    /// The mounts that may be entered on the way down; none where all may.
    mounts: Option<Arc<KnownMounts>>,
    /// How fast files may be read; none where that is not limited.
    pace: Option<Arc<Pace>>,
    /// Whether attributes are asked of the server, past the cache of the client.
    bypasses_cache: bool,
}

/// The mounts of a tree, by their numbers: that of its root and those that were below it when it was opened.
///
/// Whatever is mounted below it later is never entered: it could be a part of the source, and what is opened is written.
#[derive(Debug, Default)]
pub(crate) struct KnownMounts(Vec<u64>);

impl KnownMounts {
    pub(crate) fn new(numbers: Vec<u64>) -> Self {
        Self(numbers)
    }

    /// Refuses a folder that was just opened, before anything is done in it, where its mount is not known.
    fn require(&self, folder: &OwnedFd) -> Result<(), Errno> {
        match mount_number(folder) {
            Ok(number) if self.0.contains(&number) => Ok(()),
            // A kernel before 5.8; what was mounted when the tree was opened was looked at then.
            Err(Errno::NOSYS) => Ok(()),
            Ok(_) => Err(Errno::XDEV),
            Err(errno) => Err(errno),
        }
    }
}

/// The number of the mount that an open file or folder is in.
fn mount_number(handle: impl AsFd) -> Result<u64, Errno> {
    let asked = StatxFlags::MNT_ID;
    let statx = rustix::fs::statx(handle, "", AtFlags::EMPTY_PATH, asked)?;
    if statx.stx_mask & asked.bits() == 0 {
        return Err(Errno::NOSYS);
    }
    Ok(statx.stx_mnt_id)
}

impl AsFd for Folder {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.handle.as_fd()
    }
}

/// How every folder is opened.
pub(super) const FOLDER_FLAGS: OFlags = OFlags::DIRECTORY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::RDONLY);

/// How a folder above is opened, which need not be readable.
const UPWARDS: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC).union(OFlags::PATH);

impl Folder {
    /// A root that was opened by its path.
    ///
    /// Opened once more by `.`, because the handle of the library only names the folder (`O_PATH`): it can be neither
    /// listed, nor synced, nor given a time.
    ///
    /// # Errors
    /// What the kernel says; `EACCES` where the folder may not be read.
    pub(crate) fn from_root(root: &Dir) -> Result<Self, Errno> {
        let handle = rustix::fs::openat(root, ".", FOLDER_FLAGS, Mode::empty())?;
        Ok(Self {
            handle: Arc::new(handle),
            mounts: None,
            pace: None,
            bypasses_cache: false,
        })
    }

    /// The same folder, from which only known mounts are entered.
    #[must_use]
    pub(crate) fn within(self, mounts: KnownMounts) -> Self {
        Self {
            mounts: Some(Arc::new(mounts)),
            ..self
        }
    }

    /// The same folder, from which files are read no faster than this.
    #[must_use]
    pub(crate) fn at_pace(self, pace: Arc<Pace>) -> Self {
        Self {
            pace: Some(pace),
            ..self
        }
    }

    /// The same folder, whose attributes, and those of what it holds, are asked of the server each time.
    ///
    /// The clients of network file systems cache them, for as long as whoever mounted them said.
    #[must_use]
    pub(crate) fn bypassing_cache(self) -> Self {
        Self {
            bypasses_cache: true,
            ..self
        }
    }

    /// How fast files may be read here; none where that is not limited.
    pub(crate) fn pace(&self) -> Option<&Arc<Pace>> {
        self.pace.as_ref()
    }

    /// A root that is only named: what has a name in it can be reached, and the folder itself can be neither listed, nor
    /// given to anybody, nor given another mode or time through the handle.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn only_named(root: &Dir) -> Result<Self, Errno> {
        let handle = rustix::fs::openat(root, ".", FOLDER_FLAGS | OFlags::PATH, Mode::empty())?;
        Ok(Self {
            handle: Arc::new(handle),
            mounts: None,
            pace: None,
            bypasses_cache: false,
        })
    }

    /// The folder `name` in this one.
    ///
    /// # Errors
    /// `ENOENT`, `ENOTDIR` (also for a symbolic link), `EACCES`; `EXDEV` where something is mounted there that is not known.
    pub fn open_folder(&self, name: &[u8]) -> Result<Self, Errno> {
        self.open_with(name, FOLDER_FLAGS)
    }

    /// The same, only named as by [`Folder::only_named`]: it need not be readable.
    ///
    /// # Errors
    /// As [`Folder::open_folder`].
    pub(crate) fn name_folder(&self, name: &[u8]) -> Result<Self, Errno> {
        self.open_with(name, FOLDER_FLAGS | OFlags::PATH)
    }

    fn open_with(&self, name: &[u8], flags: OFlags) -> Result<Self, Errno> {
        require_entry_name(name)?;
        let opened = rustix::fs::openat(self, name, flags, Mode::empty());
        let handle = opened.map_err(|errno| {
            // Linux says ELOOP or ENOTDIR for a symbolic link, depending on the flags it checks first.
            if errno == Errno::LOOP {
                Errno::NOTDIR
            } else {
                errno
            }
        })?;
        if let Some(mounts) = &self.mounts {
            mounts.require(&handle)?;
        }
        Ok(Self {
            handle: Arc::new(handle),
            mounts: self.mounts.clone(),
            pace: self.pace.clone(),
            bypasses_cache: self.bypasses_cache,
        })
    }

    /// The folder at `path` below this one, one name at a time.
    ///
    /// # Errors
    /// As [`Folder::open_folder`].
    pub fn descend(&self, path: &RelativePath) -> Result<Self, Errno> {
        path.components()
            .try_fold(self.clone(), |folder, name| folder.open_folder(name))
    }

    /// Opens a regular file for reading; a pipe or device is never waited for.
    ///
    /// # Errors
    /// `ENOENT`, `ELOOP` (symbolic link), `EINVAL` (not a regular file), `EACCES`.
    pub fn open_file(&self, name: &[u8]) -> Result<(OwnedFd, Attributes), Errno> {
        require_entry_name(name)?;
        let flags =
            OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
        let handle = rustix::fs::openat(self, name, flags, Mode::empty())?;
        let attributes = self.stat(&handle, b"", AtFlags::EMPTY_PATH)?;
        require_regular(attributes.kind)?;
        Ok((handle, attributes))
    }

    /// The attributes of the entry `name`, of the link itself where it is one; `None` where there is no such entry.
    ///
    /// # Errors
    /// What the kernel says, but for `ENOENT`.
    pub fn metadata(&self, name: &[u8]) -> Result<Option<Attributes>, Errno> {
        require_entry_name(name)?;
        match self.stat(self, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(attributes) => Ok(Some(attributes)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// This folder and all above it, up to the root, by what tells them from all others.
    ///
    /// # Errors
    /// What the kernel says.
    pub(crate) fn with_those_above(&self) -> Result<Vec<(u64, u64)>, Errno> {
        let identity = |attributes: &Attributes| (attributes.device, attributes.inode);
        let mut folders = vec![identity(&self.attributes()?)];
        let mut handle = rustix::fs::openat(self, ".", UPWARDS, Mode::empty())?;
        loop {
            handle = rustix::fs::openat(&handle, "..", UPWARDS, Mode::empty())?;
            let above = identity(&Attributes::from(&rustix::fs::fstat(&handle)?));
            // The folder above the root is the root.
            if folders.last() == Some(&above) {
                return Ok(folders);
            }
            folders.push(above);
        }
    }

    /// The attributes of this folder.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn attributes(&self) -> Result<Attributes, Errno> {
        self.stat(self, b"", AtFlags::EMPTY_PATH)
    }

    /// The attributes of an entry of this folder, past the cache of the client where that is wanted.
    fn stat(&self, at: impl AsFd, name: &[u8], flags: AtFlags) -> Result<Attributes, Errno> {
        if self.bypasses_cache {
            let flags = flags | AtFlags::STATX_FORCE_SYNC;
            match rustix::fs::statx(&at, name, flags, StatxFlags::BASIC_STATS) {
                // A kernel before 4.11 cannot be told to ask.
                Err(Errno::NOSYS) => {}
                told => return told.map(|statx| Attributes::from(&statx)),
            }
        }
        let stat = if flags.contains(AtFlags::EMPTY_PATH) {
            rustix::fs::fstat(at)
        } else {
            rustix::fs::statat(at, name, flags)
        };
        stat.map(|stat| Attributes::from(&stat))
    }

    /// Has the client ask its server whether the folder has changed, so that no listing comes from its cache.
    pub(super) fn refresh(&self) -> Result<(), Errno> {
        if self.bypasses_cache {
            self.attributes()?;
        }
        Ok(())
    }
}

/// Refuses what was opened and is not a regular file.
pub(super) fn require_regular(kind: Kind) -> Result<(), Errno> {
    match kind {
        Kind::File => Ok(()),
        Kind::Folder | Kind::Symlink | Kind::Special => Err(Errno::INVAL),
    }
}

/// Refuses what is not one name, so that no caller can smuggle in a path.
pub(super) fn require_entry_name(name: &[u8]) -> Result<(), Errno> {
    if is_one_name(name) {
        Ok(())
    } else {
        Err(Errno::INVAL)
    }
}

#[cfg(test)]
mod tests {
    use cap_std::ambient_authority;

    use super::*;

    #[test]
    fn past_the_cache_or_not_a_disk_says_the_same() {
        let kept = tempfile::tempdir().unwrap();
        let root = Dir::open_ambient_dir(kept.path(), ambient_authority()).unwrap();
        root.create_dir("folder").unwrap();
        root.write("file", "bytes").unwrap();
        root.hard_link("file", &root, "second name").unwrap();
        root.symlink("file", "link").unwrap();
        let cached = Folder::from_root(&root).unwrap();
        let asked = cached.clone().bypassing_cache();
        for name in ["folder", "file", "link", "not there"] {
            let name = name.as_bytes();
            assert_eq!(asked.metadata(name), cached.metadata(name));
        }
        assert_eq!(asked.attributes(), cached.attributes());
        let inner = asked.open_folder(b"folder").unwrap();
        assert!(inner.bypasses_cache);
        let opened = |folder: &Folder| folder.open_file(b"file").unwrap().1;
        assert_eq!(opened(&asked), opened(&cached));
    }
}
