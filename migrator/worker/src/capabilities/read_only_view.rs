//! A view of the mounts of this machine in which the source cannot be written, not even by root.
//!
//! Whoever owns a file, and root, may set its times through a handle that was opened for reading, may change its mode
//! and its attributes; neither seccomp nor Landlock can tell such a call at the source from the same one at the
//! destination.  A mount that is read-only refuses them all.  So a thread of its own gets a mount name space of its own
//! (`mount_namespaces(7)`), in which each folder of the source is mounted onto itself, read-only, with all that is mounted
//! below it; the handles are opened there.  The thread that asked, and the rest of the machine, see nothing of it.
//!
//! The name space must live as long as the handles are used.  When the last thread in it and the last handle of it are
//! gone, the kernel takes its mounts apart: a handle stays, but it no longer leads from a folder into what is mounted
//! on it, which would then look like an empty folder.  So [`ReadOnlyView`] holds such a handle.
//!
//! A path still leads to the old mount, which may be writable, and so does `..` from a handle that was opened
//! elsewhere.  So all folders of an order are opened in the name space, and [`ReadOnlyView::enter`] takes the whole
//! worker there before the sandbox closes.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use nix::sched::{CloneFlags, setns, unshare};
use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags};
use rustix::mount::{
    MountFlags, MountPropagationFlags, mount_bind_recursive, mount_change, mount_remount,
};

/// The mount name space of the calling thread.
const NAME_SPACE: &str = "/proc/thread-self/ns/mnt";

/// The mounts of that name space.
const MOUNTS: &str = "/proc/thread-self/mountinfo";

/// Which field of a line of [`MOUNTS`] has the place of the mount.
const PLACE_FIELD: usize = 4;

/// A mount name space with read-only mounts over the source, and the handles that keep it.
#[derive(Debug)]
pub(crate) struct ReadOnlyView {
    name_space: OwnedFd,
    root: OwnedFd,
}

impl ReadOnlyView {
    /// Begins a view in a thread of its own and lets `open` make folders read-only in it and open what is needed.
    ///
    /// The thread is gone when this returns.
    ///
    /// # Errors
    /// `EPERM` without the right to; what the kernel says, or `open`.
    pub(crate) fn open<T: Send>(
        open: impl FnOnce(&Self) -> io::Result<T> + Send,
    ) -> io::Result<(T, Self)> {
        std::thread::scope(|scope| {
            let opening = std::thread::Builder::new().spawn_scoped(scope, || {
                let view = Self::begin()?;
                Ok((open(&view)?, view))
            })?;
            opening
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn begin() -> io::Result<Self> {
        unshare(CloneFlags::CLONE_NEWNS)?;
        // What is mounted here stays here; what is unmounted elsewhere goes here too, so that nobody finds a disk in use.
        mount_change(
            "/",
            MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC,
        )?;
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let name_space = rustix::fs::openat(CWD, NAME_SPACE, flags, Mode::empty())?;
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::openat(CWD, "/", flags, Mode::empty())?;
        Ok(Self { name_space, root })
    }

    /// Makes a folder read-only in this view, with all that is mounted below it; only for the thread of the view.
    ///
    /// # Errors
    /// What the kernel says.
    #[allow(clippy::unused_self)]
    pub(crate) fn make_read_only(&self, folder: &Path) -> io::Result<()> {
        let folder = std::fs::canonicalize(folder)?;
        mount_bind_recursive(&folder, &folder)?;
        // Nothing that is mounted below it elsewhere, later, may appear here: it would be writable.
        mount_change(
            &folder,
            MountPropagationFlags::PRIVATE | MountPropagationFlags::REC,
        )?;
        for place in places_in(&std::fs::read(MOUNTS)?, &folder) {
            mount_remount(
                &place,
                MountFlags::BIND
                    | MountFlags::RDONLY
                    | MountFlags::NOSUID
                    | MountFlags::NODEV
                    | MountFlags::NOEXEC,
                "",
            )?;
        }
        Ok(())
    }

    /// Takes the calling thread into the view for good, so that paths lead to the read-only mounts as well; threads that
    /// it starts are there too.
    ///
    /// # Errors
    /// What the kernel says; the thread may be in the view nevertheless.
    pub(crate) fn enter(&self) -> io::Result<()> {
        // A thread that shares its root with others cannot change its mounts.
        unshare(CloneFlags::CLONE_FS)?;
        setns(&self.name_space, CloneFlags::CLONE_NEWNS)?;
        // Entering leads to the root of all mounts, and this process may have had another one.
        rustix::process::fchdir(&self.root)?;
        rustix::process::chroot(".")?;
        Ok(())
    }
}

/// Whether the mount through which a folder was opened refuses every change.
pub(crate) fn is_read_only(folder: impl AsFd) -> bool {
    rustix::fs::fstatvfs(folder).is_ok_and(|told| told.f_flag.contains(StatVfsMountFlags::RDONLY))
}

/// The places at and below a folder where something is mounted, by what the kernel tells of a name space.
fn places_in(mounts: &[u8], folder: &Path) -> BTreeSet<PathBuf> {
    mounts
        .split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b' ').nth(PLACE_FIELD))
        .map(|place| PathBuf::from(OsStr::from_bytes(&unescaped(place))))
        .filter(|place| place.starts_with(folder))
        .collect()
}

/// A path of [`MOUNTS`], where the kernel writes spaces, tabs, line ends and backslashes as `\` and three octal digits.
fn unescaped(path: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        rest = tail;
        let octal = (*first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match octal {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => bytes.push(*first),
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOLD: &[u8] = b"22 27 0:21 / /proc rw,relatime - proc proc rw\n\
        40 27 8:1 / /mnt/post\\040office rw,relatime shared:1 - ext4 /dev/sda rw\n\
        41 40 0:3 / /mnt/post\\040office/a\\134b ro - tmpfs none rw\n\
        42 40 0:3 / /mnt/post\\040office/a\\134b rw - tmpfs none rw\n\
        43 27 0:4 / /mnt/post\\040office2 rw - tmpfs none rw\n";

    #[test]
    fn the_places_at_and_below_a_folder_are_found_whatever_their_names() {
        let places = places_in(TOLD, Path::new("/mnt/post office"));
        let expected = ["/mnt/post office", r"/mnt/post office/a\b"];
        assert_eq!(places, expected.into_iter().map(PathBuf::from).collect());
    }

    #[test]
    fn what_is_no_escape_stays_as_it_is() {
        assert_eq!(unescaped(br"/a\011b"), b"/a\tb");
        assert_eq!(unescaped(br"/a\9z\"), br"/a\9z\");
        assert_eq!(unescaped(br"/a\777"), br"/a\777");
    }
}
