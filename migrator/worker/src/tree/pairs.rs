//! One walk of two trees side by side, on many threads: a source, and the destination that has its names in lower case.
//!
//! The names of a folder are matched here, for everybody who compares the trees: a source name with the name that it gets at
//! the destination, names that would become one, and what only one side has.  A visitor says what is done about it.
//!
//! A folder may hold a hundred thousand files, and many threads have one each in hand.  So of a whole folder only the two
//! listings are held, and no more folders at once than [`pool`] has room for; what else is to be known of a name, the row of
//! the manifest first, is held for a slice of them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use postoffice::names::{KeptReason, LowerCased, PATH_DEPTH_MAX, RelativePath, lower_case};
use rustix::io::Errno;

use super::{Attributes, Entry, Folder, Name};
use crate::error::{Result, WorkerError};
use crate::names::is_marker;
use crate::pool::{self, Stack, Threads, lock};

/// How many names of the source one slice has; more only where more of them become one.
const SLICE_NAMES: usize = 1024;

/// A folder of both trees, open; of the destination alone where the source has none.
#[derive(Debug)]
pub(crate) struct Pair {
    /// Which of the areas that are walked together it is in, by position.
    pub(crate) area: usize,
    /// None where only the destination has the folder.
    source: Option<Folder>,
    /// Path at the source.
    pub(crate) source_path: RelativePath,
    /// The destination.
    pub(crate) destination: Folder,
    /// Path at the destination.
    pub(crate) path: RelativePath,
    /// The inodes of the files of the source that were looked at.
    seen: Mutex<HashSet<u64>>,
}

impl Pair {
    /// Another name of the source's folder by which the same file is opened, where that has no name but one.
    ///
    /// A server that takes a dot or a blank from the end of names opens one file by two names that it lists.
    ///
    /// # Errors
    /// What listing says, once a file was met before.
    pub(crate) fn other_name_of(
        &self,
        name: &[u8],
        file: &Attributes,
    ) -> std::result::Result<Option<Name>, Errno> {
        if file.links != 1 || lock(&self.seen).insert(file.inode) {
            return Ok(None);
        }
        let source = self.source()?;
        let is_it = |entry: &Entry| {
            entry.name[..] != *name
                && matches!(source.metadata(&entry.name), Ok(Some(other)) if other.is_same_and_unchanged(file))
        };
        let entries = source.list_unsorted()?;
        Ok(entries.into_iter().find(is_it).map(|entry| entry.name))
    }

    /// What both sides say of a file now, the source first; nothing where one of them has it not, or cannot be asked.
    pub(crate) fn look_at_both(
        &self,
        source_name: &[u8],
        name: &[u8],
    ) -> Option<(Attributes, Attributes)> {
        let source = self
            .source()
            .and_then(|source| source.metadata(source_name));
        let copy = self.destination.metadata(name);
        Some((source.ok()??, copy.ok()??))
    }

    /// Whether the source has the folder too.
    pub(crate) fn has_source(&self) -> bool {
        self.source.is_some()
    }

    /// The source.
    ///
    /// # Errors
    /// `ENOENT` where only the destination has the folder.
    pub(crate) fn source(&self) -> std::result::Result<&Folder, Errno> {
        self.source.as_ref().ok_or(Errno::NOENT)
    }

    /// The folder of both trees that an entry of the source is; none where that lies deeper than [`PATH_DEPTH_MAX`].
    pub(crate) fn inside(self: &Arc<Self>, entry: &SourceEntry) -> Option<FolderTask> {
        (self.source_path.depth() < PATH_DEPTH_MAX).then(|| FolderTask::Inside {
            parent: Arc::clone(self),
            source_name: Some(entry.name.clone()),
            name: entry.destination_name.clone(),
        })
    }

    /// The folder of this name that only the destination has.
    pub(crate) fn inside_destination(self: &Arc<Self>, name: &[u8]) -> FolderTask {
        FolderTask::Inside {
            parent: Arc::clone(self),
            source_name: None,
            name: Name::from_slice(name),
        }
    }
}

/// A folder to visit, opened when its turn comes: as many may wait as a folder holds.
#[derive(Debug)]
pub(crate) enum FolderTask {
    /// The roots of an area.
    Root(Pair),
    /// A folder of both, or of the destination alone.
    Inside {
        /// The pair it is in.
        parent: Arc<Pair>,
        /// Its name at the source; none where only the destination has it.
        source_name: Option<Name>,
        /// Its name at the destination.
        name: Name,
    },
}

impl FolderTask {
    /// The same task once more; none for a root, which is listed whenever its turn comes.
    fn again(&self) -> Option<Self> {
        match self {
            Self::Root(_) => None,
            Self::Inside {
                parent,
                source_name,
                name,
            } => Some(Self::Inside {
                parent: Arc::clone(parent),
                source_name: source_name.clone(),
                name: name.clone(),
            }),
        }
    }
}

/// A task of a walk; `F` is what its visitor knows of a file.
pub(crate) enum Task<F> {
    Folder(FolderTask),
    Files(Vec<F>),
}

/// The tasks that walk areas whole, of each of which the source and the destination are given.
pub(crate) fn roots<F>(areas: impl IntoIterator<Item = (Folder, Folder)>) -> Vec<Task<F>> {
    let areas = areas.into_iter().enumerate();
    let root = |(area, (source, destination))| Pair {
        area,
        source: Some(source),
        source_path: RelativePath::root(),
        destination,
        path: RelativePath::root(),
        seen: Mutex::default(),
    };
    areas
        .map(|area| Task::Folder(FolderTask::Root(root(area))))
        .collect()
}

/// What is done on a walk.
pub(crate) trait PairVisitor: Sync {
    /// A file that is dealt with after its folder was visited, some together.
    type File: Send;

    /// How many files are dealt with together.
    const FILES_PER_TASK: usize;

    /// A folder of the source cannot be opened or listed, or has vanished: decides whether the walk goes on without it.
    /// Nothing is known of what it holds, so the destination's folder is not visited either.
    /// `area` is the position of its area among those that are walked together.
    fn source_failed(&self, area: usize, path: &RelativePath, errno: Errno) -> Result<()>;

    /// Opens the folder at `path` of the destination, which is `name` in `parent`; none where it is not to be visited.
    fn open_destination(
        &self,
        parent: &Pair,
        name: &[u8],
        path: &RelativePath,
        has_source: bool,
    ) -> Result<Option<Folder>>;

    /// Lists the destination, sorted by name, after the source was listed.
    fn list_destination(&self, pair: &Pair) -> Result<Vec<Entry>> {
        let failed = |errno| WorkerError::writing("list the folder", &pair.path, errno);
        pair.destination.list().map_err(failed)
    }

    /// Visits a folder; what it holds and what is to be visited later goes into `later`.
    fn visit(
        &self,
        pair: &Arc<Pair>,
        listings: &Listings,
        later: &mut Later<'_, Self>,
    ) -> Result<()>;

    /// Deals with a file.
    fn file(&self, file: Self::File) -> Result<()>;
}

/// Where a visitor puts what is done after the folder that it visits.
pub(crate) struct Later<'a, V: PairVisitor + ?Sized> {
    visitor: &'a V,
    stack: &'a Stack<Task<V::File>>,
    files: Vec<V::File>,
}

impl<V: PairVisitor + ?Sized> Later<'_, V> {
    /// Adds a folder.
    pub(crate) fn folder(&self, task: FolderTask) {
        self.stack.push_folder(Task::Folder(task));
    }

    /// Adds a file; where much is waiting already, it may be dealt with at once.
    pub(crate) fn file(&mut self, file: V::File) -> Result<()> {
        self.files.push(file);
        if self.files.len() < V::FILES_PER_TASK {
            return Ok(());
        }
        self.hand_out()
    }

    fn hand_out(&mut self) -> Result<()> {
        let files = std::mem::take(&mut self.files);
        if files.is_empty() {
            return Ok(());
        }
        if self.stack.is_long() {
            return files
                .into_iter()
                .try_for_each(|file| self.visitor.file(file));
        }
        self.stack.push(Task::Files(files));
        Ok(())
    }
}

/// Visits folders, and all that the visitor asks for on the way, on `threads` threads.
///
/// # Errors
/// The first error of the visitor.
pub(crate) fn walk_pairs<V: PairVisitor>(
    visitor: &V,
    tasks: Vec<Task<V::File>>,
    threads: Threads,
) -> Result<()> {
    let is_folder = |task: &Task<V::File>| matches!(task, Task::Folder(_));
    let (folders, files) = tasks.into_iter().partition(is_folder);
    pool::run(files, folders, threads, |task, stack| match task {
        Task::Files(files) => files.into_iter().try_for_each(|file| visitor.file(file)),
        Task::Folder(task) => {
            let again = task.again();
            let Some(pair) = open(visitor, task)? else {
                return Ok(());
            };
            let may_be_large = || again.is_none() || stack.may_be_large();
            let listings = match list(visitor, &pair, may_be_large)? {
                Listed::Whole(listings) => listings,
                Listed::Failed => return Ok(()),
                Listed::HasNoRoom => {
                    if let Some(task) = again {
                        stack.push_large(Task::Folder(task));
                    }
                    return Ok(());
                }
            };
            stack.holds(listings.source.len() + listings.destination.len());
            let mut later = Later {
                visitor,
                stack,
                files: Vec::new(),
            };
            visitor.visit(&Arc::new(pair), &listings, &mut later)?;
            later.hand_out()
        }
    })
}

/// Opens both folders, the source first: nothing is made at the destination for one that cannot be opened.
fn open(visitor: &impl PairVisitor, task: FolderTask) -> Result<Option<Pair>> {
    let (parent, source_name, name) = match task {
        FolderTask::Root(pair) => return Ok(Some(pair)),
        FolderTask::Inside {
            parent,
            source_name,
            name,
        } => (parent, source_name, name),
    };
    let path = parent.path.join(&name);
    let source_path = parent
        .source_path
        .join(source_name.as_ref().unwrap_or(&name));
    let source = match (&parent.source, &source_name) {
        (Some(folder), Some(source_name)) => match folder.open_folder(source_name) {
            Ok(folder) => Some(folder),
            Err(errno) => {
                return visitor
                    .source_failed(parent.area, &source_path, errno)
                    .map(|()| None);
            }
        },
        _ => None,
    };
    let destination = visitor.open_destination(&parent, &name, &path, source.is_some())?;
    Ok(destination.map(|destination| Pair {
        area: parent.area,
        source,
        source_path,
        destination,
        path,
        seen: Mutex::default(),
    }))
}

/// What came of listing both folders.
enum Listed {
    Whole(Listings),
    /// The source cannot be listed, and the walk goes on; nothing is taken for one that has vanished there.
    Failed,
    /// It is a large one, for which there is no room now.
    HasNoRoom,
}

/// Lists both folders.
fn list(
    visitor: &impl PairVisitor,
    pair: &Pair,
    may_be_large: impl Fn() -> bool,
) -> Result<Listed> {
    let source = pair.source.as_ref();
    let (mut source, repeated) = match source.map(|source| list_source(source, may_be_large)) {
        None => (Vec::new(), Vec::new()),
        Some(Ok(Some(listed))) => listed,
        Some(Ok(None)) => return Ok(Listed::HasNoRoom),
        Some(Err(errno)) => {
            let failed = visitor.source_failed(pair.area, &pair.source_path, errno);
            return failed.map(|()| Listed::Failed);
        }
    };
    let mut destination = visitor.list_destination(pair)?;
    if pair.path.is_root() {
        source.retain(|entry| !is_marker(&pair.path, &entry.name));
        destination.retain(|entry| !is_marker(&pair.path, &entry.name));
    }
    Ok(Listed::Whole(Listings {
        source,
        repeated,
        destination,
    }))
}

/// What a folder of the source holds, each name once; and the names that it shows for different entries.
type SourceListing = (Vec<SourceEntry>, Vec<Name>);

/// Lists a folder of the source, each name once; and the names that it shows for different entries.  None where it is a large one
/// and may not be.
///
/// A listing may repeat what is made or renamed while it is read, so it is believed only where another one says the same.
fn list_source(
    folder: &Folder,
    may_be_large: impl Fn() -> bool,
) -> std::result::Result<Option<SourceListing>, Errno> {
    let Some(listed) = folder.list_if(may_be_large)? else {
        return Ok(None);
    };
    let mut listed = source_entries(listed);
    let mut repeated = each_once(&mut listed);
    if !repeated.is_empty() {
        listed = source_entries(folder.list_unsorted()?);
        repeated = each_once(&mut listed);
    }
    Ok(Some((listed, repeated)))
}

/// Leaves each name of a sorted listing once; gives those that stood there for different entries.
pub(crate) fn each_once(entries: &mut Vec<SourceEntry>) -> Vec<Name> {
    let mut repeated = Vec::new();
    entries.dedup_by(|later, first| {
        let is_same = later.name == first.name;
        // Clients that know no inode say nothing or all ones.
        let is_known = !matches!(first.inode, 0 | 0xffff_ffff | u64::MAX);
        if is_same && (first.inode != later.inode || first.kind != later.kind || !is_known) {
            repeated.push(first.name.clone());
        }
        is_same
    });
    repeated.dedup();
    repeated
}

/// A name of the source, and the one that it gets at the destination.
#[derive(Debug)]
pub(crate) struct SourceEntry {
    /// What the listing says.
    entry: Entry,
    /// The name at the destination.
    pub(crate) destination_name: Name,
    /// Why the name is kept although it may have capital letters.
    pub(crate) kept: Option<KeptReason>,
}

impl std::ops::Deref for SourceEntry {
    type Target = Entry;

    fn deref(&self) -> &Entry {
        &self.entry
    }
}

impl From<Entry> for SourceEntry {
    fn from(entry: Entry) -> Self {
        let (destination_name, kept) = match lower_case(&entry.name) {
            LowerCased::Already => (entry.name.clone(), None),
            LowerCased::Changed(lowered) => (Name::from_slice(lowered.as_bytes()), None),
            LowerCased::Kept(reason) => (entry.name.clone(), Some(reason)),
        };
        Self {
            entry,
            destination_name,
            kept,
        }
    }
}

/// A listing of the source in the order in which the destination has its names; those that become one follow each other.
pub(crate) fn source_entries(listing: Vec<Entry>) -> Vec<SourceEntry> {
    let mut entries: Vec<SourceEntry> = listing.into_iter().map(SourceEntry::from).collect();
    entries.sort_unstable_by(|left, right| {
        (&left.destination_name, &left.name).cmp(&(&right.destination_name, &right.name))
    });
    entries
}

/// Sorts entries of the source into those that become one at the destination, most of them alone.
pub(crate) fn by_destination_name(entries: &[SourceEntry]) -> impl Iterator<Item = &[SourceEntry]> {
    entries.chunk_by(|left, right| left.destination_name == right.destination_name)
}

/// What a folder holds on both sides, but for the marker of a destination.
#[derive(Debug)]
pub(crate) struct Listings {
    /// The source, in the order of [`source_entries`].
    pub(crate) source: Vec<SourceEntry>,
    /// Names that the source shows for different entries, of which [`Self::source`] has one.
    pub(crate) repeated: Vec<Name>,
    /// The destination, sorted by name.
    destination: Vec<Entry>,
}

impl Listings {
    /// All names, some at a time; at least one slice, so that what only the destination has is in one too.
    pub(crate) fn slices(&self) -> impl Iterator<Item = Slice<'_>> {
        let mut left = Some((&self.source[..], &self.destination[..], Name::new()));
        std::iter::from_fn(move || {
            let (source, destination, first) = left.take()?;
            let (source, later) = source.split_at(slice_length(source));
            let end = later.first().map(|entry| entry.destination_name.clone());
            let length = match &end {
                Some(end) => destination.partition_point(|entry| entry.name < *end),
                None => destination.len(),
            };
            let (destination, destination_later) = destination.split_at(length);
            if let Some(end) = &end {
                left = Some((later, destination_later, end.clone()));
            }
            Some(Slice {
                source,
                destination,
                first,
                end,
            })
        })
    }
}

fn slice_length(entries: &[SourceEntry]) -> usize {
    let Some(last) = entries.get(..SLICE_NAMES).and_then(<[SourceEntry]>::last) else {
        return entries.len();
    };
    let same = entries[SLICE_NAMES..]
        .iter()
        .take_while(|entry| entry.destination_name == last.destination_name);
    SLICE_NAMES + same.count()
}

/// Names that follow each other, as the destination orders them.
#[derive(Debug)]
pub(crate) struct Slice<'a> {
    /// Those of the source; names that become one are all in one slice.
    source: &'a [SourceEntry],
    /// Those that the destination has.
    destination: &'a [Entry],
    /// Where the slice begins; the first one begins with the empty name, before all others.
    pub(crate) first: Name,
    /// Where the next one begins.
    pub(crate) end: Option<Name>,
}

/// A name of the destination, with what either side has of it.
#[derive(Debug)]
pub(crate) enum Matched<'a> {
    /// An entry of the source, and what stands at the destination under its name.
    Source(&'a SourceEntry, Option<&'a Entry>),
    /// Several entries of the source that would become one, and what stands at the destination under that name.
    Collision {
        first: &'a SourceEntry,
        others: &'a [SourceEntry],
        there: Option<&'a Entry>,
    },
    /// What only the destination has.
    OnlyDestination(&'a Entry),
}

impl Matched<'_> {
    /// First the source in the order of its disk, then what only the destination has.
    fn order(&self) -> (bool, u64) {
        match self {
            Self::Source(entry, _) | Self::Collision { first: entry, .. } => (false, entry.inode),
            Self::OnlyDestination(entry) => (true, entry.inode),
        }
    }
}

impl<'a> Slice<'a> {
    /// Every name of either side once.
    ///
    /// What lies together on the disk comes together: a disk that nothing is known of yet answers several times as fast.
    pub(crate) fn matched(&self) -> Vec<Matched<'a>> {
        let mut matched = Vec::with_capacity(self.source.len());
        let mut destination = self.destination.iter().peekable();
        for entries in by_destination_name(self.source) {
            let [first, others @ ..] = entries else {
                continue;
            };
            let name = &first.destination_name;
            while let Some(extra) = destination.next_if(|entry| entry.name < *name) {
                matched.push(Matched::OnlyDestination(extra));
            }
            let there = destination.next_if(|entry| entry.name == *name);
            matched.push(if others.is_empty() {
                Matched::Source(first, there)
            } else {
                Matched::Collision {
                    first,
                    others,
                    there,
                }
            });
        }
        matched.extend(destination.map(Matched::OnlyDestination));
        matched.sort_unstable_by_key(Matched::order);
        matched
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(names: impl IntoIterator<Item = String>) -> Vec<Entry> {
        let entry = |name: String| Entry {
            name: Name::from_slice(name.as_bytes()),
            kind: None,
            inode: 0,
        };
        names.into_iter().map(entry).collect()
    }

    fn listings(source: Vec<Entry>, destination: Vec<Entry>) -> Listings {
        Listings {
            source: source_entries(source),
            repeated: Vec::new(),
            destination,
        }
    }

    #[test]
    fn every_name_is_in_the_slice_whose_bounds_hold_it() {
        // Two names that become one stand where a slice would end without them.
        let source = (0..2500).map(|number| format!("A{number:05}"));
        let source = source.chain([format!("a{:05}", SLICE_NAMES - 1)]);
        let destination = entries((0..5000).step_by(3).map(|number| format!("a{number:05}")));
        let listings = listings(entries(source), destination.clone());
        let (mut seen, mut lengths, mut began) = (Vec::new(), Vec::new(), Name::new());
        for slice in listings.slices() {
            assert_eq!(slice.first, began);
            let is_inside = |name: &Name| {
                *name >= slice.first && slice.end.as_ref().is_none_or(|end| name < end)
            };
            assert!(
                slice
                    .source
                    .iter()
                    .all(|entry| is_inside(&entry.destination_name))
            );
            assert!(slice.destination.iter().all(|entry| is_inside(&entry.name)));
            seen.extend(slice.destination.iter().cloned());
            lengths.push(slice.source.len());
            began = slice.end.unwrap_or_default();
        }
        assert_eq!(
            lengths,
            [SLICE_NAMES + 1, SLICE_NAMES, 2500 - 2 * SLICE_NAMES]
        );
        assert_eq!(seen, destination);
    }

    #[test]
    fn what_only_the_destination_has_is_in_a_slice() {
        let destination = entries(["a".into(), "b".into()]);
        let listings = listings(Vec::new(), destination);
        let all: Vec<usize> = listings
            .slices()
            .map(|slice| slice.destination.len())
            .collect();
        assert_eq!(all, [2]);
    }

    #[test]
    fn every_name_of_either_side_is_matched_once() {
        let names = |names: &[&[u8]], inodes: &[u64]| -> Vec<Entry> {
            let both = names.iter().zip(inodes);
            both.map(|(name, &inode)| Entry {
                name: Name::from_slice(name),
                kind: None,
                inode,
            })
            .collect()
        };
        let listings = listings(
            names(
                &[b"ONE", b"Two", b"TWO", b"\xffKEPT", b"missing"],
                &[4, 3, 2, 1, 9],
            ),
            names(
                &[b"MISSING", b"extra", b"one", b"two", b"\xffKEPT"],
                &[0; 5],
            ),
        );
        let name = |entry: &Entry| String::from_utf8_lossy(&entry.name).into_owned();
        let there = |entry: Option<&Entry>| entry.map_or("-".into(), name);
        let slice = listings.slices().next().unwrap();
        let mut said: Vec<String> = Vec::new();
        for matched in slice.matched() {
            said.push(match matched {
                Matched::Source(entry, other) => format!("{} {}", name(entry), there(other)),
                Matched::Collision {
                    first,
                    others,
                    there: other,
                } => {
                    let others: Vec<String> = others.iter().map(|entry| name(entry)).collect();
                    format!("{}+{} {}", name(first), others.join("+"), there(other))
                }
                Matched::OnlyDestination(entry) => format!("- {}", name(entry)),
            });
        }
        let (source, mut extra) = (said[..4].to_vec(), said[4..].to_vec());
        extra.sort();
        assert_eq!(
            source,
            [
                "\u{fffd}KEPT \u{fffd}KEPT",
                "TWO+Two two",
                "ONE one",
                "missing -"
            ],
            "in the order of the disk"
        );
        assert_eq!(extra, ["- MISSING", "- extra"]);
    }
}
