//! Comparing both trees, on many threads.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use postoffice::flaim::BlockStream;
use postoffice::layout::{CopyRule, FileClass, FolderFiles};
use postoffice::names::{PATH_DEPTH_MAX, RelativePath, destination_name};

use super::blocks::block_stream;
use super::bytes::{Side, compare_files};
use super::held::Held;
use super::{Pair, REMEDY};
use crate::capabilities::{Area, leaves_out_class};
use crate::copy::thread_count;
use crate::error::{Result, WorkerError};
use crate::marker::is_marker;
use crate::monitor::Monitor;
use crate::mount_gone::require_mounts;
use crate::pool::{self, Stack};
use crate::store::{JobStore, SealedFile, SourceStamp};
use crate::tree::{Entry, Kind};
use protocol::{CopyOptions, Count, Finding, Verdict};

/// How many files one task of the pool compares.
const FILES_PER_TASK: usize = 32;

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
    pool::run(
        vec![Task::Folder(FolderTask::Root)],
        thread_count(options),
        |task, stack| match task {
            Task::Folder(task) => match comparison.open(task)? {
                Some(pair) => comparison.folder(&pair, stack),
                None => Ok(()),
            },
            Task::Files(pair, names) => comparison.files(&pair, &names),
        },
    )?;
    comparison.held.flush()?;
    Ok(Seen {
        files: comparison.files.into_inner(),
        bytes: comparison.bytes.into_inner(),
        folders: comparison.folders.into_inner(),
        differences: comparison.differences.into_inner(),
    })
}

/// A file of both trees.
struct Names {
    source: Vec<u8>,
    destination: Vec<u8>,
    class: FileClass,
}

enum Task {
    Folder(FolderTask),
    Files(Arc<Pair>, Vec<Names>),
}

/// A folder of both trees, opened when its turn comes: as many may wait as a folder holds.
enum FolderTask {
    Root,
    /// Its names at the source and at the destination.
    Inside(Arc<Pair>, [Vec<u8>; 2]),
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

    fn folder(&self, pair: &Arc<Pair>, stack: &Stack<Task>) -> Result<()> {
        self.folders.fetch_add(1, Ordering::Relaxed);
        self.monitor.count(Count::FoldersSeen, 1);
        let mut source = pair
            .source
            .list_unsorted()
            .map_err(|errno| WorkerError::reading("list", &pair.source_path, errno))?;
        let destination = pair
            .destination
            .list()
            .map_err(|errno| WorkerError::writing("list", &pair.path, errno))?;
        let classes = self.area.files_in(&pair.source_path);
        // Which of the destination's names, which are sorted, the source has too.
        let mut has_source = vec![false; destination.len()];
        let mut files = Vec::new();
        // What lies together on the disk is read together.
        source.sort_unstable_by_key(|entry| entry.inode);
        for entry in &source {
            let name = destination_name(&entry.name);
            if is_marker(&pair.path, &name) {
                continue;
            }
            let kind = pair.source.kind_of(entry).map_err(|errno| {
                WorkerError::reading("look at", &pair.source_path.join(&entry.name), errno)
            })?;
            let place = destination.binary_search_by(|other| other.name[..].cmp(&name[..]));
            // Two names that become one have one copy, which is that of the first of them.
            let free = place
                .ok()
                .filter(|&place| !std::mem::replace(&mut has_source[place], true));
            let other = free.map(|place| &destination[place]);
            match kind {
                Kind::File => {
                    let class = classes.class_of(&entry.name);
                    files.extend(self.file_entry(pair, entry, class, &name, other));
                    if files.len() >= FILES_PER_TASK {
                        self.hand_out(pair, std::mem::take(&mut files), stack)?;
                    }
                }
                Kind::Folder => self.folder_entry(pair, entry, &name, other, stack),
                // Whatever it is, the destination has no counterpart of it.
                Kind::Symlink | Kind::Special => self.no_file(pair, entry, &classes, kind),
            }
        }
        self.hand_out(pair, files, stack)?;
        for (entry, has_source) in destination.iter().zip(has_source) {
            if !has_source {
                self.extra(pair, entry)?;
            }
            self.require_lower_case(pair, entry);
        }
        Ok(())
    }

    /// An entry of the source that is neither a file nor a folder: what it stands for is not at the destination.
    fn no_file(&self, pair: &Pair, entry: &Entry, classes: &FolderFiles, kind: Kind) {
        if self.leaves_out_class(classes.class_of(&entry.name)) {
            return;
        }
        self.differs(
            "seal-not-a-file",
            &pair.source_path.join(&entry.name),
            &format!(
                "it is {} at the source, so the destination has nothing of what it stands for",
                kind.words()
            ),
        );
    }

    /// Gives files to the pool, or compares them at once where much is waiting already.
    fn hand_out(&self, pair: &Arc<Pair>, files: Vec<Names>, stack: &Stack<Task>) -> Result<()> {
        if stack.is_long() {
            return self.files(pair, &files);
        }
        if !files.is_empty() {
            stack.push(Task::Files(Arc::clone(pair), files));
        }
        Ok(())
    }

    fn files(&self, pair: &Pair, files: &[Names]) -> Result<()> {
        files.iter().try_for_each(|names| self.file(pair, names))
    }

    fn file_entry(
        &self,
        pair: &Pair,
        entry: &Entry,
        class: FileClass,
        name: &[u8],
        other: Option<&Entry>,
    ) -> Option<Names> {
        if self.leaves_out_class(class) {
            return None;
        }
        if other.is_none() {
            self.differs(
                "seal-missing",
                &pair.source_path.join(&entry.name),
                "the destination does not have it",
            );
            return None;
        }
        Some(Names {
            source: entry.name.to_vec(),
            destination: name.to_vec(),
            class,
        })
    }

    fn folder_entry(
        &self,
        pair: &Arc<Pair>,
        entry: &Entry,
        name: &[u8],
        other: Option<&Entry>,
        stack: &Stack<Task>,
    ) {
        let source_path = pair.source_path.join(&entry.name);
        if other.is_none() {
            self.differs(
                "seal-missing",
                &source_path,
                "the destination does not have this folder",
            );
            return;
        }
        if source_path.depth() > PATH_DEPTH_MAX {
            self.differs(
                "seal-missing",
                &source_path,
                "it lies too deep to be compared",
            );
            return;
        }
        stack.push(Task::Folder(FolderTask::Inside(
            Arc::clone(pair),
            [entry.name.to_vec(), name.to_vec()],
        )));
    }

    /// Opens a folder of both trees; none where the destination has something else there, which is a difference.
    fn open(&self, task: FolderTask) -> Result<Option<Arc<Pair>>> {
        let FolderTask::Inside(parent, [source_name, name]) = task else {
            return Pair::root(self.area).map(Some);
        };
        let path = parent.path.join(&name);
        let source_path = parent.source_path.join(&source_name);
        let Ok(destination) = parent.destination.open_folder(&name) else {
            self.differs(
                "seal-differs",
                &path,
                "the source has a folder here and the destination has not",
            );
            return Ok(None);
        };
        let source = parent
            .source
            .open_folder(&source_name)
            .map_err(|errno| WorkerError::reading("open the folder", &source_path, errno))?;
        Ok(Some(Arc::new(Pair {
            path,
            source_path,
            source,
            destination,
        })))
    }

    fn file(&self, pair: &Pair, names: &Names) -> Result<()> {
        let mut blocks = match names.class.copy_rule() {
            CopyRule::UnderLock | CopyRule::AtomicSet => {
                let path = pair.path.join(&names.destination);
                block_stream(self.area, &pair.destination, &path)
            }
            _ => None,
        };
        let compared = compare_files(
            (&pair.source, &names.source),
            (&pair.destination, &names.destination),
            |bytes| {
                if let Some(blocks) = &mut blocks {
                    blocks.push(bytes);
                }
            },
        );
        let path = || pair.path.join(&names.destination);
        let equal = match compared {
            Ok(Some(equal)) => equal,
            Ok(None) => {
                let text = "its bytes are not those of the source";
                self.differs("seal-differs", &path(), text);
                return self.held.doubt(&pair.path, &names.destination);
            }
            Err((Side::Source, errno)) => {
                let source_path = pair.source_path.join(&names.source);
                require_mounts(std::slice::from_ref(self.area), &source_path, errno)?;
                let text = format!("the source could not be read: {errno}");
                self.differs("seal-source", &source_path, &text);
                return Ok(());
            }
            Err((Side::Destination, errno)) => {
                let text = format!("the destination could not be read: {errno}");
                self.differs("seal-destination", &path(), &text);
                return self.held.doubt(&pair.path, &names.destination);
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
            name: names.destination.clone(),
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
