//! Whether the file system of a destination can do what the stages need of it, tried in a folder of our own.
//!
//! Tried before anything is copied: what stage two alone needs would otherwise fail while users are out.  Each call that has a
//! second way is tried in both ([`Folder::rename_to_new`]).

use protocol::{FolderAbilities, Inability, LockReach};
use rustix::fs::{RenameFlags, Timespec, Timestamps, UTIME_OMIT};
use rustix::io::Errno;

use crate::file_system::file_system_of;
use crate::tree::{Folder, has_no_such_renaming};

/// The folder in which everything is tried; one that a run left behind is taken away first.
const TRIAL_FOLDER: &[u8] = b".gwmigrate-trial";

/// Names that are made in it, and the one that a file system which folds case takes for the first.
const UPPER: &[u8] = b"TRIAL";
const LOWER: &[u8] = b"trial";
const OTHER: &[u8] = b"other";
const THIRD: &[u8] = b"third";
const INNER: &[u8] = b"INNER";
const INNER_LOWER: &[u8] = b"inner";

/// The longest name that every file system of Linux has room for, in bytes.
const NAME_BYTES_MAX: usize = 255;

/// A time long ago, on a full two seconds, as finely as FAT keeps it.
const LONG_AGO: i64 = 1_500_000_000;

/// `FS_CASEFOLD_FL` of the kernel's `linux/fs.h`, for which the library has no name; a new folder takes it from the one that it is
/// in.
const CASEFOLD_FLAG: u32 = 0x4000_0000;

/// The permissions that a copy has.
const OWNER_ALONE: u32 = 0o600;

/// Tries everything in `folder`, which is `shown` so, and leaves nothing behind.
///
/// # Errors
/// What the kernel says where nothing can be tried: the folder itself cannot be written, or what was tried not be removed.
pub(crate) fn try_abilities(folder: &Folder, shown: String) -> Result<FolderAbilities, Errno> {
    clean(folder)?;
    let (inside, _) = folder.create_folder(TRIAL_FOLDER)?;
    let mut trial = Trial {
        folder: inside,
        found: FolderAbilities {
            folder: shown,
            file_system: file_system_of(folder, LockReach::default())
                .map_or_else(|_| "unknown".to_owned(), |one| one.name),
            ..FolderAbilities::default()
        },
    };
    trial.files();
    trial.names();
    trial.renaming();
    trial.folders();
    clean(folder)?;
    Ok(trial.found)
}

/// Takes away what was tried, but nothing that somebody else put there.
fn clean(folder: &Folder) -> Result<(), Errno> {
    let inside = match folder.open_folder(TRIAL_FOLDER) {
        Ok(inside) => inside,
        Err(Errno::NOENT) => return Ok(()),
        Err(errno) => return Err(errno),
    };
    for name in [UPPER, LOWER, OTHER, THIRD, &[b'n'; NAME_BYTES_MAX]] {
        match inside.remove_file(name) {
            Err(errno) if errno != Errno::NAMETOOLONG => return Err(errno),
            _ => {}
        }
    }
    for name in [INNER, INNER_LOWER] {
        inside.remove_folder(name)?;
    }
    folder.remove_folder(TRIAL_FOLDER).map(drop)
}

struct Trial {
    folder: Folder,
    found: FolderAbilities,
}

impl Trial {
    /// Takes note of what cannot be done; `call` is a verb with what it is done to.
    fn require(&mut self, call: &str, outcome: Result<(), Errno>) {
        if let Err(errno) = outcome {
            self.cannot(call, &errno.to_string());
        }
    }

    fn cannot(&mut self, call: &str, said: &str) {
        self.found.cannot.push(Inability {
            call: call.to_owned(),
            said: said.to_owned(),
        });
    }

    /// A file: written, with its time, for its owner alone, and durable.
    fn files(&mut self) {
        let file = match self.folder.create_file(UPPER) {
            Ok(file) => file,
            Err(errno) => return self.cannot("make a file", &errno.to_string()),
        };
        let written = rustix::io::write(&file, b"trial").map(drop);
        self.require("write a file", written);
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: LONG_AGO,
                tv_nsec: 0,
            },
        };
        self.require(
            "set the time of a file",
            rustix::fs::futimens(&file, &times),
        );
        match self.folder.metadata(UPPER) {
            Ok(Some(seen)) if seen.modified.seconds == LONG_AGO => {}
            Ok(seen) => {
                let seen = seen.map(|one| one.modified.seconds);
                self.cannot("keep the time of a file", &format!("it says {seen:?}"));
            }
            Err(errno) => self.cannot("look at a file", &errno.to_string()),
        }
        // Mail is nobody else's business, and a file system that keeps no permissions shows it to everybody.
        match rustix::fs::fstat(&file).map(|stat| stat.st_mode & 0o777) {
            Ok(OWNER_ALONE) => {}
            Ok(mode) => {
                self.cannot(
                    "keep a file for its owner alone",
                    &format!("its permissions are {mode:o}"),
                );
            }
            Err(errno) => self.cannot("look at a file", &errno.to_string()),
        }
        self.require("make a file durable", rustix::fs::fsync(&file));
        self.require("make everything durable", rustix::fs::syncfs(&self.folder));
    }

    /// Names: of any length, and in two cases.
    fn names(&mut self) {
        match self.folder.metadata(LOWER) {
            Ok(seen) => {
                let flags = rustix::fs::ioctl_getflags(&self.folder);
                let says_so = flags.is_ok_and(|flags| flags.bits() & CASEFOLD_FLAG != 0);
                self.found.folds_case = seen.is_some() || says_so;
            }
            Err(errno) => self.cannot("look for a name", &errno.to_string()),
        }
        let long = [b'n'; NAME_BYTES_MAX];
        let made = self.folder.create_file(&long).map(drop);
        self.require("make a name of 255 bytes", made);
    }

    /// Renaming: in the place of another file, and never in the place of one.
    fn renaming(&mut self) {
        let made = self.folder.create_file(OTHER).map(drop);
        self.require("make a file", made);
        let over = self.folder.rename_over(OTHER, UPPER);
        self.require("rename over a file", over);
        let made = self.folder.create_file(OTHER).map(drop);
        self.require("make a file", made);

        // To a name that is free: for one that is taken the kernel answers before it asks the file system.
        let flags = RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(&self.folder, UPPER, &self.folder, THIRD, flags) {
            Ok(()) => {
                let back = self.folder.rename_over(THIRD, UPPER);
                self.require("rename a file", back);
            }
            Err(errno) if has_no_such_renaming(errno) => self.found.renames_by_link = true,
            Err(errno) => return self.cannot("rename without replacing", &errno.to_string()),
        }
        match self.folder.rename_to_new(UPPER, &self.folder, OTHER) {
            Err(Errno::EXIST) => {}
            Ok(()) => self.cannot("rename without replacing", "it replaces all the same"),
            Err(errno) => return self.cannot(SECOND_WAY, &errno.to_string()),
        }
        let renamed = self.folder.rename_to_new(UPPER, &self.folder, THIRD);
        self.require(SECOND_WAY, renamed);
        let is_gone = matches!(self.folder.metadata(UPPER), Ok(None));
        if !is_gone && !self.found.folds_case {
            self.cannot(SECOND_WAY, "the old name is still there");
        }
    }

    /// Folders: made, renamed to lower case, removed.
    fn folders(&mut self) {
        let made = self.folder.create_folder(INNER).map(drop);
        self.require("make a folder", made);
        if self.found.folds_case {
            return;
        }
        let renamed = self.folder.rename_to_new(INNER, &self.folder, INNER_LOWER);
        self.require("rename a folder", renamed);
        let names = self.folder.list().map(|entries| {
            let mut names = entries.into_iter();
            names.any(|entry| &*entry.name == INNER_LOWER)
        });
        match names {
            Ok(true) => {}
            Ok(false) => self.cannot("rename a folder", "its new name is not listed"),
            Err(errno) => self.cannot("list a folder", &errno.to_string()),
        }
    }
}

/// What is wanted of a file system that has no renaming which never replaces.
const SECOND_WAY: &str = "rename without replacing, nor make a second link to a file";
