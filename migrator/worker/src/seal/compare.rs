//! Comparing both trees, on many threads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use postoffice::flaim::BlockStream;
use postoffice::layout::FileClass;
use postoffice::names::{LowerCased, PATH_DEPTH_MAX, RelativePath, destination_name, lower_case};

use super::Pair;
use super::blocks::block_stream;
use crate::capabilities::Area;
use crate::copy::{hash_file, hash_file_seen, thread_count};
use crate::error::{Result, WorkerError};
use crate::finding::{Finding, Verdict};
use crate::monitor::{Count, Monitor};
use crate::mount_gone::require_mounts;
use crate::pool::{self, Stack};
use crate::protocol::CopyOptions;
use crate::store::{JobStore, SealedFile};
use crate::tree::{Entry, Kind};

/// How many files one task of the pool compares.
const FILES_PER_TASK: usize = 32;
/// How many proven files are held before they go to the store.
const SEALED_HELD: usize = 8192;

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
        sealed: Mutex::new(Vec::new()),
        files: AtomicU64::new(0),
        bytes: AtomicU64::new(0),
        folders: AtomicU64::new(0),
        differences: AtomicU64::new(0),
    };
    pool::run(
        vec![Task::Folder(Pair::root(area)?)],
        thread_count(options),
        |task, stack| match task {
            Task::Folder(pair) => comparison.folder(&pair, stack),
            Task::Files(pair, names) => names
                .iter()
                .try_for_each(|(source_name, name)| comparison.file(&pair, source_name, name)),
        },
    )?;
    comparison.flush()?;
    Ok(Seen {
        files: comparison.files.into_inner(),
        bytes: comparison.bytes.into_inner(),
        folders: comparison.folders.into_inner(),
        differences: comparison.differences.into_inner(),
    })
}

enum Task {
    Folder(Arc<Pair>),
    Files(Arc<Pair>, Vec<(Vec<u8>, Vec<u8>)>),
}

struct Comparison<'a> {
    area: &'a Area,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    converted: bool,
    sealed: Mutex<Vec<SealedFile>>,
    files: AtomicU64,
    bytes: AtomicU64,
    folders: AtomicU64,
    differences: AtomicU64,
}

impl Comparison<'_> {
    fn differs(&self, code: &'static str, path: &RelativePath, text: &str) {
        self.differences.fetch_add(1, Ordering::Relaxed);
        self.monitor.finding(
            Finding::new(
                code,
                Verdict::Unproven,
                text,
                "Do not start the POA; run stage two again, and look at this entry if it stays",
            )
            .about(path.as_bytes()),
        );
    }

    /// Whether the file at this path is not compared here.
    fn leaves_out(&self, path: &RelativePath) -> bool {
        self.area.leaves_out(path, self.options)
            || (self.converted && self.area.classify(path) == FileClass::Guardian)
    }

    fn folder(&self, pair: &Arc<Pair>, stack: &Stack<Task>) -> Result<()> {
        self.folders.fetch_add(1, Ordering::Relaxed);
        self.monitor.count(Count::FoldersSeen, 1);
        let source = pair
            .source
            .list()
            .map_err(|errno| WorkerError::reading("list", &pair.source_path, errno))?;
        let destination = pair
            .destination
            .list()
            .map_err(|errno| WorkerError::writing("list", &pair.path, errno))?;
        let mut there: HashMap<&[u8], &Entry> = destination
            .iter()
            .map(|entry| (entry.name.as_slice(), entry))
            .collect();
        let mut files = Vec::new();
        for entry in &source {
            let name = destination_name(&entry.name);
            let kind = pair.source.kind_of(entry).map_err(|errno| {
                WorkerError::reading("look at", &pair.source_path.join(&entry.name), errno)
            })?;
            let other = there.remove(name.as_slice());
            match kind {
                Kind::File => files.extend(self.file_entry(pair, entry, &name, other)),
                Kind::Folder => self.folder_entry(pair, entry, &name, other, stack)?,
                // Reported by every pass; there is nothing to compare.
                Kind::Symlink | Kind::Special => {}
            }
        }
        for chunk in files.chunks(FILES_PER_TASK) {
            stack.push(Task::Files(Arc::clone(pair), chunk.to_vec()));
        }
        for extra in there.into_values() {
            self.extra(pair, extra)?;
        }
        for entry in &destination {
            self.require_lower_case(pair, entry);
        }
        Ok(())
    }

    fn file_entry(
        &self,
        pair: &Pair,
        entry: &Entry,
        name: &[u8],
        other: Option<&Entry>,
    ) -> Option<(Vec<u8>, Vec<u8>)> {
        if self.leaves_out(&pair.source_path.join(&entry.name)) {
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
        Some((entry.name.clone(), name.to_vec()))
    }

    fn folder_entry(
        &self,
        pair: &Pair,
        entry: &Entry,
        name: &[u8],
        other: Option<&Entry>,
        stack: &Stack<Task>,
    ) -> Result<()> {
        let source_path = pair.source_path.join(&entry.name);
        if other.is_none() {
            self.differs(
                "seal-missing",
                &source_path,
                "the destination does not have this folder",
            );
            return Ok(());
        }
        if source_path.depth() > PATH_DEPTH_MAX {
            self.differs(
                "seal-missing",
                &source_path,
                "it lies too deep to be compared",
            );
            return Ok(());
        }
        let path = pair.path.join(name);
        let Ok(destination) = pair.destination.open_folder(name) else {
            self.differs(
                "seal-differs",
                &path,
                "the source has a folder here and the destination has not",
            );
            return Ok(());
        };
        let source = pair
            .source
            .open_folder(&entry.name)
            .map_err(|errno| WorkerError::reading("open the folder", &source_path, errno))?;
        stack.push(Task::Folder(Arc::new(Pair {
            path,
            source_path,
            source,
            destination,
        })));
        Ok(())
    }

    /// An entry that only the destination has: fine where it is an empty folder of every post office, or nobody's data.
    fn extra(&self, pair: &Pair, entry: &Entry) -> Result<()> {
        let path = pair.path.join(&entry.name);
        let failed = |errno| WorkerError::writing("look at", &path, errno);
        let kind = pair.destination.kind_of(entry).map_err(failed)?;
        let is_fine = match kind {
            Kind::Folder => {
                self.store.folder_made_by(self.area.id, &path)? == Some(0)
                    && self.holds_no_file(pair, entry).map_err(failed)?
            }
            Kind::File => self.leaves_out(&path),
            Kind::Symlink | Kind::Special => false,
        };
        if !is_fine {
            self.differs("seal-extra", &path, "the source does not have it");
        }
        Ok(())
    }

    fn holds_no_file(
        &self,
        pair: &Pair,
        entry: &Entry,
    ) -> std::result::Result<bool, rustix::io::Errno> {
        let path = pair.path.join(&entry.name);
        let mut waiting = vec![(pair.destination.open_folder(&entry.name)?, path)];
        while let Some((folder, path)) = waiting.pop() {
            for inner in folder.list()? {
                let inner_path = path.join(&inner.name);
                match folder.kind_of(&inner)? {
                    Kind::Folder => waiting.push((folder.open_folder(&inner.name)?, inner_path)),
                    // Lock files of the agent are nobody's data here as elsewhere.
                    Kind::File if self.leaves_out(&inner_path) => {}
                    _ => return Ok(false),
                }
            }
        }
        Ok(true)
    }

    fn require_lower_case(&self, pair: &Pair, entry: &Entry) {
        let path = pair.path.join(&entry.name);
        if matches!(lower_case(&entry.name), LowerCased::Changed(_)) && !self.leaves_out(&path) {
            self.differs(
                "seal-not-lower-case",
                &path,
                "its name has a capital letter",
            );
        }
    }

    fn file(&self, pair: &Pair, source_name: &[u8], name: &[u8]) -> Result<()> {
        let path = pair.path.join(name);
        let source_path = pair.source_path.join(source_name);
        let source = match hash_file(&pair.source, source_name) {
            Ok(hashed) => hashed,
            Err(errno) => {
                require_mounts(std::slice::from_ref(self.area), &source_path, errno)?;
                self.differs(
                    "seal-source",
                    &source_path,
                    &format!("the source could not be read: {errno}"),
                );
                return Ok(());
            }
        };
        let mut blocks = block_stream(self.area, &pair.destination, &path);
        let hashed = hash_file_seen(&pair.destination, name, &mut |bytes| {
            if let Some(blocks) = &mut blocks {
                blocks.push(bytes);
            }
        });
        let destination = match hashed {
            Ok(hashed) => hashed,
            Err(errno) => {
                self.differs(
                    "seal-destination",
                    &path,
                    &format!("the destination could not be read: {errno}"),
                );
                return Ok(());
            }
        };
        if source.0.size != destination.0.size || source.1 != destination.1 {
            self.differs(
                "seal-differs",
                &path,
                "its bytes are not those of the source",
            );
            return Ok(());
        }
        self.report_damage(&path, blocks);
        self.files.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(destination.0.size, Ordering::Relaxed);
        self.monitor.count(Count::FilesProven, 1);
        self.monitor.count(Count::FilesSeen, 1);
        self.monitor.count(Count::BytesSeen, destination.0.size);
        self.keep(SealedFile {
            area: self.area.id,
            folder: pair.path.clone(),
            name: name.to_vec(),
            size: destination.0.size,
            digest: destination.1,
        })
    }

    /// A database that is equal to that of the source and damaged was damaged there: no mail was lost on the way.
    fn report_damage(&self, path: &RelativePath, blocks: Option<BlockStream>) {
        let Some(seen) = blocks
            .map(BlockStream::finish)
            .filter(|seen| seen.damaged > 0)
        else {
            return;
        };
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

    fn keep(&self, file: SealedFile) -> Result<()> {
        let mut sealed = self.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        sealed.push(file);
        if sealed.len() < SEALED_HELD {
            return Ok(());
        }
        let full = std::mem::take(&mut *sealed);
        drop(sealed);
        self.store.record_sealed(&full)
    }

    fn flush(&self) -> Result<()> {
        let sealed =
            std::mem::take(&mut *self.sealed.lock().unwrap_or_else(PoisonError::into_inner));
        if sealed.is_empty() {
            Ok(())
        } else {
            self.store.record_sealed(&sealed)
        }
    }
}
