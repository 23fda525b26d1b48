//! Names that a listing of the source has and that are not there when they are looked at.
//!
//! Most have vanished: people work at the source.  But a name that another listing still shows has not: the client of the
//! mount lists it and cannot open it, as a blank or a dot at its end that its server takes away, or a character that it maps.
//! So what is missed is kept here, and each folder is listed again once for all of its names (ARCHITECTURE.md rule 9b).

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::time::Duration;

use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::pool::lock;
use crate::tree::{Folder, Kind, Name};
use protocol::{Finding, Verdict};

/// For how long the client of a mount may show a folder as it was: a second, with rclone and NFS as we mount them and with the
/// kernel's cifs client as it comes (`actimeo`), and a little for the clocks of both.
pub(crate) const MEMORY_OF_CLIENTS: Duration = Duration::from_millis(1200);

/// Whether looking at a name, or opening it, failed as it does where nothing has that name, or nothing can have it.
pub(crate) fn says_not_there(errno: Errno) -> bool {
    matches!(
        errno,
        Errno::NOENT
            | Errno::NOTDIR
            | Errno::ISDIR
            | Errno::INVAL
            | Errno::NAMETOOLONG
            | Errno::ILSEQ
    )
}

/// What became of a name that was missed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// No listing shows it any more, or it can be opened now: somebody works at the source.
    Vanished,
    /// Its folder shows it still, and not as what can be had.
    ShownWrongly(Shown),
    /// It is listed and is neither a file nor a folder.
    NotAFile(Kind),
    /// It, or the folder that it is in, could not be asked for.
    NotAsked(Errno),
}

/// How a listing shows a name that cannot be had as that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shown {
    /// Nothing can be opened by the name.
    NotThere(Errno),
    /// As the first of these, while it is the second.
    Otherwise(Kind, Kind),
}

/// The names that were missed in one tree, by the folder that they are in.
#[derive(Debug, Default)]
pub(crate) struct Missed(Mutex<BTreeMap<RelativePath, Vec<Name>>>);

impl Missed {
    /// Keeps the name of an entry; the root has none, and is not kept.
    pub(crate) fn add(&self, path: &RelativePath) {
        if let Some((folder, name)) = path.split_last() {
            let mut missed = lock(&self.0);
            missed
                .entry(folder)
                .or_default()
                .push(Name::from_slice(name));
        }
    }

    /// Whether nothing was missed.
    pub(crate) fn is_empty(&self) -> bool {
        lock(&self.0).is_empty()
    }

    /// Lists each folder again, and once more after a while where it still shows one of its names; forgets them all.
    pub(crate) fn settle(&self, root: &Folder) -> Vec<(RelativePath, Standing)> {
        let missed = std::mem::take(&mut *lock(&self.0));
        let mut settled = Vec::new();
        let mut shown = Vec::new();
        for (path, names) in missed {
            let (still, gone) = look(root, &path, names, false);
            settled.extend(gone);
            if !still.is_empty() {
                shown.push((path, still));
            }
        }
        if !shown.is_empty() {
            // A client may have shown what it remembered.
            std::thread::sleep(MEMORY_OF_CLIENTS);
        }
        for (path, names) in shown {
            settled.extend(look(root, &path, names, true).1);
        }
        settled
    }
}

/// Lists a folder; gives the names that it shows, and what became of the others; of all of them where this `is_last`.
fn look(
    root: &Folder,
    path: &RelativePath,
    mut names: Vec<Name>,
    is_last: bool,
) -> (Vec<Name>, Vec<(RelativePath, Standing)>) {
    names.sort_unstable();
    names.dedup();
    let listed = root
        .descend(path)
        .and_then(|folder| folder.list_unsorted().map(|entries| (folder, entries)));
    let (folder, entries) = match listed {
        Ok(listed) => listed,
        Err(errno) => {
            let standing = if errno == Errno::NOENT {
                Standing::Vanished
            } else {
                Standing::NotAsked(errno)
            };
            let settled = names.iter().map(|name| (path.join(name), standing));
            return (Vec::new(), settled.collect());
        }
    };
    let kinds: HashMap<_, _> = entries
        .into_iter()
        .map(|entry| (entry.name, entry.kind))
        .collect();
    let (mut shown, mut settled) = (Vec::new(), Vec::new());
    for name in names {
        match kinds.get(&name) {
            None => settled.push((path.join(&name), Standing::Vanished)),
            Some(_) if !is_last => shown.push(name),
            Some(kind) => settled.push((path.join(&name), standing(&folder, &name, *kind))),
        }
    }
    (shown, settled)
}

/// What a name is that its folder shows.
fn standing(folder: &Folder, name: &[u8], listed: Option<Kind>) -> Standing {
    let kind = match folder.metadata(name) {
        Ok(Some(attributes)) => attributes.kind,
        Ok(None) => return Standing::ShownWrongly(Shown::NotThere(Errno::NOENT)),
        Err(errno) if says_not_there(errno) => {
            return Standing::ShownWrongly(Shown::NotThere(errno));
        }
        Err(errno) => return Standing::NotAsked(errno),
    };
    if let Some(listed) = listed.filter(|listed| *listed != kind) {
        return Standing::ShownWrongly(Shown::Otherwise(listed, kind));
    }
    let opened = match kind {
        Kind::File => folder.open_file(name).map(|_| ()),
        Kind::Folder => folder
            .open_folder(name)
            .and_then(|folder| folder.list_unsorted().map(|_| ())),
        Kind::Symlink | Kind::Special => return Standing::NotAFile(kind),
    };
    match opened {
        Ok(()) => Standing::Vanished,
        Err(errno) if says_not_there(errno) => Standing::ShownWrongly(Shown::NotThere(errno)),
        Err(errno) => Standing::NotAsked(errno),
    }
}

impl Shown {
    /// What is said of it.
    pub(crate) fn finding(self, path: &RelativePath, verdict: Verdict) -> Finding {
        match self {
            Self::NotThere(errno) => listed_not_there(path, errno, verdict),
            Self::Otherwise(listed, is) => listed_otherwise(path, (listed, is), verdict),
        }
    }
}

/// What is said of a name that is listed and cannot be opened.
fn listed_not_there(path: &RelativePath, errno: Errno, verdict: Verdict) -> Finding {
    let text = format!(
        "its folder shows this name, and nothing can be opened by it ({errno}): the mount shows another name than the server \
         has; it is not copied, and an older copy of it stays as it is"
    );
    let remedy = "Look at this folder on the server itself: rename it there, to a name without a blank or a dot at its end and \
                  without characters other than letters, digits, dots, - and _, or remove it where nobody needs it; then run the \
                  same command again";
    Finding::new("listed-not-there", verdict, text, remedy).about(path.as_bytes())
}

/// What is said of a name that is listed as one thing and is another.
fn listed_otherwise(path: &RelativePath, (listed, is): (Kind, Kind), verdict: Verdict) -> Finding {
    let text = format!(
        "its folder shows it as {}, and it is {} when it is looked at; it is not copied, and an older copy of it stays as it is",
        listed.words(),
        is.words()
    );
    let remedy = "Look at it on the server itself: where it is a link to another place (a junction or a mounted volume), put what \
                  it stands for in its place, or remove it; then run the same command again";
    Finding::new("listed-otherwise", verdict, text, remedy).about(path.as_bytes())
}
