//! Comparing both trees, on many threads.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use postoffice::flaim::{BlockStream, DatabaseFile, Header, OpenFileSet, probe_files};
use postoffice::layout::{CopyRule, FileClass, FolderFiles};
use postoffice::names::{LowerCased, RelativePath, lower_case, printable};
use rustix::io::Errno;

use super::REMEDY;
use crate::capabilities::{Area, leaves_out_class};
use crate::compare::{Compared, Equal, Opened};
use crate::database::Handle;
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::places::Side;
use crate::pool::{Threads, lock};
use crate::prove::{Held, is_always_read, proven};
use crate::source::require_mounts;
use crate::store::{CopyIdentity, FolderOwner, JobStore, ProvenEntry, ProvenFolder};
use crate::tree::{
    Attributes, Entry, Folder, Kind, Later, Listings, Matched, Name, Pair, PairVisitor,
    SourceEntry, roots, walk_pairs,
};
use protocol::{CopyOptions, Count, Finding, ReadAgain, SealReport, Verdict};

/// Compares the two trees of one area, leaves in the ledger just the files that are equal, and adds all to `report`.
///
/// A guardian whose names were `converted` differs on purpose; its files are proven in another way.
pub(super) fn compare(
    area: &Area,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    converted: bool,
    report: &mut SealReport,
) -> Result<()> {
    let comparison = Comparison {
        area,
        store,
        monitor,
        options,
        converted,
        held: Held::new(area.id, store),
        report: Mutex::new(report),
        visited: Mutex::default(),
    };
    let roots = roots([area.roots()?]);
    walk_pairs(&comparison, roots, Threads::of(options))?;
    comparison.held.flush()?;
    store.forget_proven_elsewhere(area.id, &lock(&comparison.visited))
}

/// A file that both trees have.
struct File {
    pair: Arc<Pair>,
    source_name: Name,
    name: Name,
    class: FileClass,
    proven: Option<ProvenEntry>,
}

struct Comparison<'a> {
    area: &'a Area,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    converted: bool,
    held: Held<'a>,
    report: Mutex<&'a mut SealReport>,
    /// The folders of the destination that were compared.
    visited: Mutex<HashSet<RelativePath>>,
}

impl PairVisitor for Comparison<'_> {
    type File = File;

    const FILES_PER_TASK: usize = 32;

    fn source_failed(&self, _: usize, path: &RelativePath, errno: Errno) -> Result<()> {
        self.source_unreadable(path, errno)
    }

    fn open_destination(
        &self,
        parent: &Pair,
        name: &[u8],
        path: &RelativePath,
        has_source: bool,
    ) -> Result<Option<Folder>> {
        match parent.destination.open_folder(name) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::NOENT | Errno::NOTDIR) if has_source => {
                let text = "the source has a folder here and the destination has not";
                self.differs("seal-differs", path, text);
                Ok(None)
            }
            Err(errno) if has_source => {
                let text = format!("the destination could not be read: {errno}");
                self.differs("seal-destination", path, &text);
                Ok(None)
            }
            Err(errno) => Err(WorkerError::writing("open the folder", path, errno)),
        }
    }

    fn visit(
        &self,
        pair: &Arc<Pair>,
        listings: &Listings,
        later: &mut Later<'_, Self>,
    ) -> Result<()> {
        self.monitor.obey()?;
        if pair.has_source() {
            lock(&self.report).folders += 1;
            self.monitor.count(Count::FoldersSeen, 1);
        }
        lock(&self.visited).insert(pair.path.clone());
        for name in &listings.repeated {
            let text = "the source shows this name more than once, for different entries";
            self.differs("seal-source", &pair.source_path.join(name), text);
        }
        let classes = self.area.files_in(&pair.source_path);
        for slice in listings.slices() {
            let (first, end) = (&slice.first, slice.end.as_deref());
            let known = self
                .store
                .proven_between(self.area.id, &pair.path, first, end)?;
            let mut visit = FolderVisit {
                pair,
                classes: &classes,
                known,
                later,
            };
            for matched in slice.matched() {
                match matched {
                    Matched::Source(entry, there) => self.source_entry(&mut visit, entry, there)?,
                    // They have one copy, which is that of the first of them.
                    Matched::Collision {
                        first,
                        others,
                        there,
                    } => {
                        self.source_entry(&mut visit, first, there)?;
                        for other in others {
                            self.source_entry(&mut visit, other, None)?;
                        }
                    }
                    Matched::OnlyDestination(entry) => self.extra(pair, entry, visit.later)?,
                }
            }
            for name in visit.known.into_keys() {
                self.held.forget(&pair.path, name)?;
            }
        }
        Ok(())
    }

    fn file(&self, file: File) -> Result<()> {
        self.monitor.obey()?;
        self.compare_file(&file)
    }
}

/// Some names of a folder, on their way through a comparison.
struct FolderVisit<'a, 'b, 'c> {
    pair: &'a Arc<Pair>,
    classes: &'a FolderFiles,
    /// What the ledger has of them and has not been met yet.
    known: ProvenFolder,
    later: &'a mut Later<'b, Comparison<'c>>,
}

impl Comparison<'_> {
    fn differs(&self, code: &'static str, path: &RelativePath, text: &str) {
        lock(&self.report).differences += 1;
        self.monitor
            .finding(Finding::new(code, Verdict::Unproven, text, REMEDY).about(path.as_bytes()));
    }

    /// What the source does not give up is not proven; a mount that went away ends the seal.
    fn source_unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        require_mounts(std::slice::from_ref(self.area), path, errno)?;
        let text = format!("the source could not be read: {errno}");
        self.differs("seal-source", path, &text);
        Ok(())
    }

    /// Whether the source opens the same file by another name, which is a difference.
    fn is_same_as_another(&self, file: &File, source: &Attributes) -> Result<bool> {
        let pair = &file.pair;
        match pair.other_name_of(&file.source_name, source) {
            Ok(None) => Ok(false),
            Ok(Some(other)) => {
                let text = format!(
                    "the source opens one and the same file by this name and by {}",
                    printable(&other)
                );
                self.differs(
                    "seal-source",
                    &pair.source_path.join(&file.source_name),
                    &text,
                );
                Ok(true)
            }
            Err(errno) => self
                .source_unreadable(&pair.source_path, errno)
                .map(|()| true),
        }
    }

    /// Whether the file at this path is not compared here.
    fn leaves_out(&self, path: &RelativePath) -> bool {
        self.leaves_out_class(self.area.classify(path))
    }

    fn leaves_out_class(&self, class: FileClass) -> bool {
        leaves_out_class(class, self.options) || (self.converted && class == FileClass::Guardian)
    }

    /// An entry of the source must be at the destination too, where it is `there`.
    fn source_entry(
        &self,
        visit: &mut FolderVisit<'_, '_, '_>,
        entry: &SourceEntry,
        there: Option<&Entry>,
    ) -> Result<()> {
        let pair = visit.pair;
        let path = || pair.source_path.join(&entry.name);
        let kind = match pair.source().and_then(|source| source.kind_of(entry)) {
            Ok(kind) => kind,
            Err(errno) => {
                visit.known.remove(&entry.destination_name[..]);
                return self.source_unreadable(&path(), errno);
            }
        };
        let class = visit.classes.class_of(&entry.name);
        match kind {
            Kind::Folder => match pair.inside(entry) {
                _ if there.is_none() => {
                    let text = "the destination does not have this folder";
                    self.differs("seal-missing", &path(), text);
                }
                Some(folder) => visit.later.folder(folder),
                None => self.differs("seal-missing", &path(), "it lies too deep to be compared"),
            },
            _ if self.leaves_out_class(class) => {}
            Kind::File if there.is_none() => {
                self.differs("seal-missing", &path(), "the destination does not have it");
            }
            Kind::File => visit.later.file(File {
                pair: Arc::clone(pair),
                source_name: entry.name.clone(),
                name: entry.destination_name.clone(),
                class,
                proven: visit.known.remove(&entry.destination_name[..]),
            })?,
            // Whatever it is, the destination has no counterpart of it.
            Kind::Symlink | Kind::Special => self.differs(
                "seal-not-a-file",
                &path(),
                &format!(
                    "it is {} at the source, so the destination has nothing of what it stands for",
                    kind.words()
                ),
            ),
        }
        Ok(())
    }

    /// An entry that only the destination has: fine where it is nobody's data, or a folder of every post office that holds
    /// nothing else, which its own visit says.
    fn extra(&self, pair: &Arc<Pair>, entry: &Entry, later: &Later<'_, Self>) -> Result<()> {
        let path = pair.path.join(&entry.name);
        let kind = pair
            .destination
            .kind_of(entry)
            .map_err(|errno| WorkerError::writing("look at", &path, errno))?;
        if kind == Kind::Folder && self.area.is_lost_and_found(&path) {
            return Ok(());
        }
        let is_fine = match kind {
            Kind::Folder => {
                !pair.has_source()
                    || self.area.is_of_the_file_system(&path)
                    || self.store.folder_owner(self.area.id, &path)? == FolderOwner::EveryPostOffice
            }
            Kind::File => self.leaves_out(&path),
            Kind::Symlink | Kind::Special => false,
        };
        if !is_fine {
            self.differs("seal-extra", &path, "the source does not have it");
        } else if kind == Kind::Folder {
            later.folder(pair.inside_destination(&entry.name));
        }
        // A name that the source has too is lower case.
        let has_capital = matches!(lower_case(&entry.name), LowerCased::Changed(_));
        if has_capital && !self.leaves_out(&path) {
            let text = "its name has a capital letter";
            self.differs("seal-not-lower-case", &path, text);
        }
        Ok(())
    }

    fn compare_file(&self, file: &File) -> Result<()> {
        if let Some((proven, source)) = self.holds(file) {
            if self.is_same_as_another(file, &source)? {
                return Ok(());
            }
            let (size, read) = (proven.copy.stamp.size, proven.read.milliseconds());
            let mut report = lock(&self.report);
            report.before.add(size);
            let oldest = report.oldest_milliseconds.get_or_insert(read);
            *oldest = read.min(*oldest);
            drop(report);
            self.count_proven(size);
            return Ok(());
        }
        self.read_file(file)
    }

    /// The proof of a file, where there is one that holds now and is to be believed, and what the source says of it now.
    fn holds<'f>(&self, file: &'f File) -> Option<(&'f ProvenEntry, Attributes)> {
        let proven = file.proven.as_ref()?;
        if self.options.read_again == ReadAgain::Everything || is_always_read(file.class) {
            return None;
        }
        // What cannot be asked is told by reading it.
        let (source, copy) = file.pair.look_at_both(&file.source_name, &file.name)?;
        let are_files = source.kind == Kind::File && copy.kind == Kind::File;
        let identity = self.area.source_identity(&source);
        (are_files && proven.holds(identity, CopyIdentity::from(&copy))).then_some((proven, source))
    }

    fn count_proven(&self, bytes: u64) {
        self.monitor.count(Count::FilesProven, 1);
        self.monitor.count(Count::FilesSeen, 1);
        self.monitor.count(Count::BytesSeen, bytes);
    }

    fn read_file(&self, file: &File) -> Result<()> {
        let pair = &file.pair;
        let mut blocks = match file.class.copy_rule() {
            CopyRule::UnderLock | CopyRule::AtomicSet => {
                let path = pair.path.join(&file.name);
                block_stream(self.area, &pair.destination, &path)
            }
            _ => None,
        };
        let see = |bytes: &[u8]| {
            if let Some(blocks) = &mut blocks {
                blocks.push(bytes);
            }
        };
        let source = pair.source().map_err(|errno| (Side::Source, errno));
        let compared = source.and_then(|source| {
            let source = (source, &file.source_name[..]);
            Opened::new(source, (&pair.destination, &file.name))?.compare(see)
        });
        let path = || pair.path.join(&file.name);
        match compared {
            Ok(Compared::Equal(equal))
                if self.is_same_as_another(file, &equal.before.source)? =>
            {
                Ok(())
            }
            Ok(Compared::Equal(equal)) => {
                if let Some(blocks) = blocks {
                    self.report_damage(&path(), blocks);
                }
                self.keep(file, &equal)
            }
            Ok(Compared::Different(_)) => {
                let text = "its bytes are not those of the source";
                self.differs("seal-differs", &path(), text);
                self.held.doubt(&pair.path, &file.name)
            }
            Err((Side::Source, errno)) => {
                let source_path = pair.source_path.join(&file.source_name);
                self.source_unreadable(&source_path, errno)
            }
            Err((Side::Destination, errno)) => {
                let text = format!("the destination could not be read: {errno}");
                self.differs("seal-destination", &path(), &text);
                self.held.doubt(&pair.path, &file.name)
            }
        }
    }

    fn keep(&self, file: &File, equal: &Equal) -> Result<()> {
        let size = equal.before.source.size;
        lock(&self.report).at_the_seal.add(size);
        self.count_proven(size);
        self.held.keep(proven(
            self.area,
            &file.pair,
            &file.name,
            equal,
            self.options,
            None,
        ))
    }

    /// A database that is equal to that of the source and damaged was damaged there: no mail was lost on the way.
    fn report_damage(&self, path: &RelativePath, blocks: BlockStream) {
        let seen = blocks.finish();
        if seen.damaged == 0 {
            return;
        }
        let text = format!(
            "{} of its {} blocks are damaged, at the source as well as here",
            seen.damaged, seen.blocks
        );
        let remedy = "Run GWCheck on it (structure, fix) before users work on it";
        self.monitor.finding(
            Finding::new(
                "seal-database-damaged",
                Verdict::NeedsAttention,
                text,
                remedy,
            )
            .about(path.as_bytes()),
        );
    }
}

/// What verifies the blocks of the file `name` in `folder`, which lies at `path`; none for anything but a data file of a
/// database that the engine knows.
fn block_stream(area: &Area, folder: &Folder, path: &RelativePath) -> Option<BlockStream> {
    let (_, name) = path.split_last()?;
    let base = area.database_of(path)?;
    let (_, base) = base.split_last()?;
    let control = [base, b".db"].concat();
    if name == control {
        return None;
    }
    let header = header_of(folder, &control)?;
    let file = DatabaseFile::of_name(base, name, header.version)?;
    BlockStream::new(&header, file)
}

fn header_of(folder: &Folder, control: &[u8]) -> Option<Header> {
    let (handle, _) = folder.open_file(control).ok()?;
    let mut files = OpenFileSet::new();
    files.insert(DatabaseFile::CONTROL, Handle::from(handle));
    probe_files(&files).ok()
}
