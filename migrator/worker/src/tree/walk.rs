//! Walking one tree on many threads, without changing anything.

use postoffice::names::{PATH_DEPTH_MAX, RelativePath};
use rustix::io::Errno;

use super::{Entry, Folder, Kind};
use crate::error::Result;
use crate::pool::{self, Threads};

/// One folder of a walk, open.
pub(crate) struct Visited<'a> {
    /// Its path below the root.
    pub(crate) path: &'a RelativePath,
    /// The folder itself.
    pub(crate) folder: &'a Folder,
    /// What it holds, in the order in which the file system lists it.
    pub(crate) entries: &'a [Entry],
}

/// Visits `root` and every folder below it, down to [`PATH_DEPTH_MAX`]; a folder comes before what it holds.
///
/// `unreadable` hears of folders that could not be opened or listed and decides whether the walk goes on; of one that lies too
/// deep it hears `ENAMETOOLONG`.
///
/// # Errors
/// The first error of a visit or of `unreadable`.
pub(crate) fn walk(
    root: &Folder,
    threads: Threads,
    unreadable: impl Fn(&RelativePath, Errno) -> Result<()> + Sync,
    visit: impl Fn(&Visited<'_>) -> Result<()> + Sync,
) -> Result<()> {
    let start = vec![(None::<(Folder, Vec<u8>)>, RelativePath::root())];
    pool::run(start, threads, |(parent, path), stack| {
        let opened = match &parent {
            None => Ok(root.clone()),
            Some((parent, name)) => parent.open_folder(name),
        };
        let listed =
            opened.and_then(|folder| folder.list_unsorted().map(|entries| (folder, entries)));
        let (folder, entries) = match listed {
            Ok(listed) => listed,
            // It was there a moment ago; a source that people work on is allowed to lose folders.
            Err(Errno::NOENT | Errno::NOTDIR) if parent.is_some() => return Ok(()),
            Err(errno) => return unreadable(&path, errno),
        };
        visit(&Visited {
            path: &path,
            folder: &folder,
            entries: &entries,
        })?;
        let is_deepest = path.depth() >= PATH_DEPTH_MAX;
        for entry in &entries {
            match folder.kind_of(entry) {
                Ok(Kind::Folder) if is_deepest => {
                    unreadable(&path.join(&entry.name), Errno::NAMETOOLONG)?;
                }
                Ok(Kind::Folder) => {
                    let inner = (folder.clone(), entry.name.to_vec());
                    stack.push((Some(inner), path.join(&entry.name)));
                }
                Ok(_) | Err(Errno::NOENT) => {}
                Err(errno) => unreadable(&path.join(&entry.name), errno)?,
            }
        }
        Ok(())
    })
}
