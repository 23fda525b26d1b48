//! Walking one tree on many threads, without changing anything.

use std::convert::Infallible;
use std::time::Duration;

use postoffice::names::{PATH_DEPTH_MAX, RelativePath};
use rustix::io::Errno;

use super::{Entry, Folder, Kind};
use crate::error::Result;
use crate::missed::MEMORY_OF_CLIENTS;
use crate::pool::{self, Running, Threads};

/// One folder of a walk, open.
pub(crate) struct Visited<'a> {
    /// Its path below the root.
    pub(crate) path: &'a RelativePath,
    /// The folder itself.
    pub(crate) folder: &'a Folder,
    /// What it holds, in the order in which the file system lists it.
    pub(crate) entries: &'a [Entry],
}

impl Visited<'_> {
    /// Whether the listing has the name of one of its entries before that entry too, as some clients list names more than once.
    pub(crate) fn is_repeated(&self, entry: &Entry) -> bool {
        let mut before = self
            .entries
            .iter()
            .take_while(|other| !std::ptr::eq(*other, entry));
        before.any(|other| other.name == entry.name)
    }
}

/// What a walk does: which folders it enters, what it does in each, and the pieces of work that it leaves to any thread.
pub(crate) trait Walker: Sync {
    /// One piece of that work.
    type Piece: Send;

    /// Whether the folder at `path` is opened and listed at all.
    fn enters(&self, path: &RelativePath) -> bool;

    /// Hears of a folder that could not be opened or listed, though the folder that it is in still shows it, and decides whether the walk goes on; of one that lies too
    /// deep it hears `ENAMETOOLONG`.
    ///
    /// # Errors
    /// What ends the walk.
    fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()>;

    /// Looks at a folder; what it returns is done side by side, in any order.
    ///
    /// # Errors
    /// What ends the walk.
    fn visit(&self, visited: &Visited<'_>) -> Result<Vec<Self::Piece>>;

    /// Does one piece.
    ///
    /// # Errors
    /// What ends the walk.
    fn work(&self, piece: Self::Piece) -> Result<()>;
}

/// What waits for a thread.
enum Task<Piece> {
    /// A folder, by the folder that it is in and its name there; the root has none.
    Folder(Option<(Folder, Vec<u8>)>, RelativePath),
    Piece(Piece),
}

/// Visits `root` and every folder below it that is entered, down to [`PATH_DEPTH_MAX`]; a folder comes before what it holds.
///
/// # Errors
/// The first error of the walker.
pub(crate) fn walk_with<W: Walker>(root: &Folder, threads: Threads, walker: &W) -> Result<()> {
    let start = vec![Task::Folder(None, RelativePath::root())];
    pool::run(Vec::new(), start, threads, |task, stack| match task {
        Task::Piece(piece) => walker.work(piece),
        Task::Folder(parent, path) => {
            for piece in visit_folder(root, parent, path, walker, stack)? {
                if stack.is_long() {
                    walker.work(piece)?;
                } else {
                    stack.push(Task::Piece(piece));
                }
            }
            Ok(())
        }
    })
}

/// Opens, lists and visits a folder, and leaves those in it to other threads; returns the pieces of the visit.
fn visit_folder<W: Walker>(
    root: &Folder,
    parent: Option<(Folder, Vec<u8>)>,
    path: RelativePath,
    walker: &W,
    stack: &Running<'_, Task<W::Piece>>,
) -> Result<Vec<W::Piece>> {
    let may_be_large = || parent.is_none() || stack.may_be_large();
    let (folder, entries) = match open_and_list(root, parent.as_ref(), may_be_large) {
        Ok(Opened::Listed(folder, entries)) => (folder, entries),
        Ok(Opened::HasNoRoom) => {
            stack.push_large(Task::Folder(parent, path));
            return Ok(Vec::new());
        }
        Ok(Opened::Gone) => return Ok(Vec::new()),
        Err(errno) => return walker.unreadable(&path, errno).map(|()| Vec::new()),
    };
    let path = &path;
    stack.holds(entries.len());
    let pieces = walker.visit(&Visited {
        path,
        folder: &folder,
        entries: &entries,
    })?;
    let is_deepest = path.depth() >= PATH_DEPTH_MAX;
    for entry in &entries {
        match folder.kind_of(entry) {
            Ok(Kind::Folder) => {
                let inner = path.join(&entry.name);
                if !walker.enters(&inner) {
                    continue;
                }
                if is_deepest {
                    walker.unreadable(&inner, Errno::NAMETOOLONG)?;
                    continue;
                }
                let parent = (folder.clone(), entry.name.to_vec());
                stack.push_folder(Task::Folder(Some(parent), inner));
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => walker.unreadable(&path.join(&entry.name), errno)?,
        }
    }
    Ok(pieces)
}

/// What came of opening and listing a folder.
enum Opened {
    Listed(Folder, Vec<Entry>),
    /// It is a large one, for which there is no room now.
    HasNoRoom,
    /// It has vanished, as a source that people work on is allowed to lose folders.
    Gone,
}

/// Opens and lists a folder.
///
/// One that the folder above it still shows, also when the client of a mount has forgotten what it knew, has not vanished.
fn open_and_list(
    root: &Folder,
    parent: Option<&(Folder, Vec<u8>)>,
    may_be_large: impl Fn() -> bool,
) -> std::result::Result<Opened, Errno> {
    let try_it = || {
        let folder = match parent {
            None => root.clone(),
            Some((parent, name)) => parent.open_folder(name)?,
        };
        let entries = folder.list_if(&may_be_large)?;
        Ok(entries.map_or(Opened::HasNoRoom, |entries| Opened::Listed(folder, entries)))
    };
    let mut listed = try_it();
    for pause in [MEMORY_OF_CLIENTS, Duration::ZERO] {
        let (Err(Errno::NOENT | Errno::NOTDIR), Some((parent, name))) = (&listed, parent) else {
            break;
        };
        match parent.list_unsorted() {
            Ok(entries) if entries.iter().any(|entry| entry.name[..] == name[..]) => {}
            // Gone, or gone with the folder that held it.
            Ok(_) | Err(Errno::NOENT) => return Ok(Opened::Gone),
            Err(errno) => return Err(errno),
        }
        if !pause.is_zero() {
            std::thread::sleep(pause);
            listed = try_it();
        }
    }
    listed
}

/// A walk that does all of its work in its visits.
struct Visits<E, U, V> {
    enters: E,
    unreadable: U,
    visit: V,
}

impl<E, U, V> Walker for Visits<E, U, V>
where
    E: Fn(&RelativePath) -> bool + Sync,
    U: Fn(&RelativePath, Errno) -> Result<()> + Sync,
    V: Fn(&Visited<'_>) -> Result<()> + Sync,
{
    type Piece = Infallible;

    fn enters(&self, path: &RelativePath) -> bool {
        (self.enters)(path)
    }

    fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        (self.unreadable)(path, errno)
    }

    fn visit(&self, visited: &Visited<'_>) -> Result<Vec<Infallible>> {
        (self.visit)(visited).map(|()| Vec::new())
    }

    fn work(&self, piece: Infallible) -> Result<()> {
        match piece {}
    }
}

/// Visits `root` and every folder below it, down to [`PATH_DEPTH_MAX`]; a folder comes before what it holds.
///
/// `unreadable` and `visit` are those of a [`Walker`].
///
/// # Errors
/// The first error of a visit or of `unreadable`.
pub(crate) fn walk(
    root: &Folder,
    threads: Threads,
    unreadable: impl Fn(&RelativePath, Errno) -> Result<()> + Sync,
    visit: impl Fn(&Visited<'_>) -> Result<()> + Sync,
) -> Result<()> {
    walk_where(root, threads, |_| true, unreadable, visit)
}

/// The same, but for the folders that are not entered.
///
/// # Errors
/// As [`walk`].
pub(crate) fn walk_where(
    root: &Folder,
    threads: Threads,
    enters: impl Fn(&RelativePath) -> bool + Sync,
    unreadable: impl Fn(&RelativePath, Errno) -> Result<()> + Sync,
    visit: impl Fn(&Visited<'_>) -> Result<()> + Sync,
) -> Result<()> {
    let visits = Visits {
        enters,
        unreadable,
        visit,
    };
    walk_with(root, threads, &visits)
}
