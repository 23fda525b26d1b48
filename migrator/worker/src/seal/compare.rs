//! Comparing both trees, on many threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use postoffice::flaim::BlockStream;
use postoffice::layout::{CopyRule, FileClass, FolderFiles};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::REMEDY;
use super::blocks::block_stream;
use super::bytes::{Side, compare_files};
use super::held::Held;
use crate::capabilities::{Area, leaves_out_class};
use crate::copy::thread_count;
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::mount_gone::require_mounts;
use crate::store::{JobStore, SealedFile, SourceStamp};
use crate::tree::{
    Entry, Folder, FolderTask, Kind, Later, Listings, Matched, Name, Pair, PairVisitor,
    SourceEntry, Task, walk_pairs,
};
use protocol::{CopyOptions, Count, Finding, Verdict};

/// What a comparison saw.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) files: u64,
    pub(super) bytes: u64,
    pub(super) folders: u64,
    pub(super) differences: u64,
}

/// Compares the two trees of one area and records every file that is equal.
///
/// A guardian whose names were `converted` differs on purpose; its files are proven in another way.
pub(super) fn compare(
    area: &Area,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    converted: bool,
) -> Result<Seen> {
    let comparison = Comparison {
        area,
        store,
        monitor,
        options,
        converted,
        held: Held::new(area.id, store),
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        folders: AtomicU64::new(0),
        differences: AtomicU64::new(0),
    };
    let roots = Pair::root(0, area.source()?.clone(), area.destination.clone());
    let roots = vec![Task::Folder(FolderTask::Root(roots))];
    walk_pairs(&comparison, roots, thread_count(options))?;
    comparison.held.flush()?;
    Ok(Seen {
        files: comparison.files.into_inner(),
        bytes: comparison.bytes.into_inner(),
        folders: comparison.folders.into_inner(),
        differences: comparison.differences.into_inner(),
    })
}

/// A file that both trees have.
pub(super) struct File {
    pair: Arc<Pair>,
    source_name: Name,
    name: Name,
    class: FileClass,
}

pub(super) struct Comparison<'a> {
    pub(super) area: &'a Area,
    pub(super) store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    converted: bool,
    held: Held<'a>,
    files: AtomicU64,
    bytes: AtomicU64,
    folders: AtomicU64,
    differences: AtomicU64,
}

impl PairVisitor for Comparison<'_> {
    type File = File;

    const FILES_PER_TASK: usize = 32;

    fn source_failed(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        Err(WorkerError::reading("look at", path, errno))
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
            Err(_) if has_source => {
                let text = "the source has a folder here and the destination has not";
                self.differs("seal-differs", path, text);
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
        if pair.has_source() {
            self.folders.fetch_add(1, Ordering::Relaxed);
            self.monitor.count(Count::FoldersSeen, 1);
        }
        let classes = self.area.files_in(&pair.source_path);
        for matched in listings.slices().flat_map(|slice| slice.matched()) {
            match matched {
                Matched::Source(entry, there) => {
                    self.source_entry(pair, entry, &classes, there, later)?;
                }
                // They have one copy, which is that of the first of them.
                Matched::Collision {
                    first,
                    others,
                    there,
                } => {
                    self.source_entry(pair, first, &classes, there, later)?;
                    for other in others {
                        self.source_entry(pair, other, &classes, None, later)?;
                    }
                }
                Matched::OnlyDestination(entry) => self.extra(pair, entry, later)?,
            }
        }
        Ok(())
    }

    fn file(&self, file: File) -> Result<()> {
        self.compare_file(&file)
    }
}

impl Comparison<'_> {
    pub(super) fn differs(&self, code: &'static str, path: &RelativePath, text: &str) {
        self.differences.fetch_add(1, Ordering::Relaxed);
        self.monitor
            .finding(Finding::new(code, Verdict::Unproven, text, REMEDY).about(path.as_bytes()));
    }

    /// Whether the file at this path is not compared here.
    pub(super) fn leaves_out(&self, path: &RelativePath) -> bool {
        self.leaves_out_class(self.area.classify(path))
    }

    fn leaves_out_class(&self, class: FileClass) -> bool {
        leaves_out_class(class, self.options) || (self.converted && class == FileClass::Guardian)
    }

    /// An entry of the source must be at the destination too, where it is `there`.
    fn source_entry(
        &self,
        pair: &Arc<Pair>,
        entry: &SourceEntry,
        classes: &FolderFiles,
        there: Option<&Entry>,
        later: &mut Later<'_, Self>,
    ) -> Result<()> {
        let path = || pair.source_path.join(&entry.name);
        let kind = pair
            .source()
            .and_then(|source| source.kind_of(entry))
            .map_err(|errno| WorkerError::reading("look at", &path(), errno))?;
        let class = classes.class_of(&entry.name);
        match kind {
            Kind::Folder => match pair.inside(entry) {
                _ if there.is_none() => {
                    let text = "the destination does not have this folder";
                    self.differs("seal-missing", &path(), text);
                }
                Some(folder) => later.folder(folder),
                None => self.differs("seal-missing", &path(), "it lies too deep to be compared"),
            },
            _ if self.leaves_out_class(class) => {}
            Kind::File if there.is_none() => {
                self.differs("seal-missing", &path(), "the destination does not have it");
            }
            Kind::File => later.file(File {
                pair: Arc::clone(pair),
                source_name: entry.name.clone(),
                name: entry.destination_name.clone(),
                class,
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

    fn compare_file(&self, file: &File) -> Result<()> {
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
            compare_files(source, (&pair.destination, &file.name), see)
        });
        let path = || pair.path.join(&file.name);
        let equal = match compared {
            Ok(Some(equal)) => equal,
            Ok(None) => {
                let text = "its bytes are not those of the source";
                self.differs("seal-differs", &path(), text);
                return self.held.doubt(&pair.path, &file.name);
            }
            Err((Side::Source, errno)) => {
                let source_path = pair.source_path.join(&file.source_name);
                require_mounts(std::slice::from_ref(self.area), &source_path, errno)?;
                let text = format!("the source could not be read: {errno}");
                self.differs("seal-source", &source_path, &text);
                return Ok(());
            }
            Err((Side::Destination, errno)) => {
                let text = format!("the destination could not be read: {errno}");
                self.differs("seal-destination", &path(), &text);
                return self.held.doubt(&pair.path, &file.name);
            }
        };
        if let Some(blocks) = blocks {
            self.report_damage(&path(), blocks);
        }
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(equal.size, Ordering::Relaxed);
        self.monitor.count(Count::FilesProven, 1);
        self.monitor.count(Count::FilesSeen, 1);
        self.monitor.count(Count::BytesSeen, equal.size);
        self.held.keep(SealedFile {
            area: self.area.id,
            folder: pair.path.clone(),
            name: file.name.to_vec(),
            size: equal.size,
            digest: equal.digest,
            source: Some(SourceStamp::from(&equal.source)),
            modified: equal.destination.modified,
        })
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
            Finding::new("seal-database-damaged", Verdict::Person, text, remedy)
                .about(path.as_bytes()),
        );
    }
}
