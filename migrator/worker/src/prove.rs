//! Proving copies while users work: both sides of a file are read whole, apart from the copy, and what is equal is written
//! into the ledger (ARCHITECTURE.md rule 9).
//!
//! The seal accepts what is proven here for as long as nothing of either side has moved, so that users wait for what has
//! changed and not for what there is.  Nothing is read that is proven already: cut off, the next run goes on.

mod held;

use std::sync::{Arc, Mutex};

use postoffice::layout::{CopyRule, FileClass};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities, leaves_out_class};
use crate::compare::{Before, Compared, Equal, Opened};
use crate::copy::{Decision, decide, is_racy};
use crate::error::{Result, WorkerError, stops_the_step};
use crate::monitor::Monitor;
use crate::places::Side;
use crate::pool::{Threads, lock};
use crate::source::{prove_source, require_mounts};
use crate::store::{CopyIdentity, JobStore, ManifestFile, ProvenEntry, ProvenFile};
use crate::tree::{
    Folder, INODE_TIME_LAG, Kind, Later, Listings, Matched, Name, Pair, PairVisitor, SourceEntry,
    Time, roots, walk_pairs,
};
use protocol::{CopyOptions, Count, Expected, Finding, Proof, ProveReport, Verdict};

pub(crate) use held::Held;

/// Which files are proven together, those first that never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    /// What agents write once: attachments and documents.
    WrittenOnce,
    /// Everything else that is no database and in no queue.
    Rest,
    /// The databases; what is open at the source changes while it is read, and has old times there.
    Databases,
}

impl Round {
    fn of(class: FileClass) -> Option<Self> {
        match class.copy_rule() {
            CopyRule::UnderLock | CopyRule::AtomicSet => Some(Self::Databases),
            CopyRule::QueueStep | CopyRule::Never => None,
            CopyRule::EveryPass if is_written_once(class) => Some(Self::WrittenOnce),
            CopyRule::EveryPass => Some(Self::Rest),
        }
    }
}

/// Whether agents write files of this class once and never change them.
pub(crate) fn is_written_once(class: FileClass) -> bool {
    matches!(class, FileClass::Blob | FileClass::Document)
}

/// Whether the seal reads files of this class whatever is proven of them.
pub(crate) fn is_always_read(class: FileClass) -> bool {
    class.copy_rule() != CopyRule::EveryPass
}

/// Proves the copies of all areas that are not proven; databases only where that is asked for.
///
/// # Errors
/// What ends a walk; what was proven by then is kept.  A copy that differs is a finding, and is copied again by the next pass.
pub fn prove(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<ProveReport> {
    let report = Mutex::new(ProveReport::default());
    // The ledger is what a seal has met, and nothing else, for as long as the seal holds.
    if store.is_proven(Proof::Seal)? {
        return Ok(ProveReport::default());
    }
    // What was written a moment ago has a time that it could keep through another change.
    std::thread::sleep(INODE_TIME_LAG);
    let mut rounds = vec![Round::WrittenOnce, Round::Rest];
    if options.prove_databases {
        rounds.push(Round::Databases);
    }
    for round in rounds {
        for area in &capabilities.areas {
            prove_source(area)?;
            monitor.phase(phase(round), expected(area, store, round)?);
            let proving = Proving {
                area,
                store,
                monitor,
                options,
                round,
                held: Held::new(area.id, store),
                report: &report,
            };
            let walked = walk_pairs(&proving, roots([area.roots()?]), Threads::of(options));
            // What was read is proven, whatever stopped the rest.
            proving.held.flush()?;
            walked?;
        }
    }
    Ok(report
        .into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner))
}

fn phase(round: Round) -> &'static str {
    match round {
        Round::WrittenOnce => "prove attachments and documents",
        Round::Rest => "prove everything else",
        Round::Databases => "prove the databases",
    }
}

/// Most of what there is belongs to the first round; of the others nothing is known.
fn expected(area: &Area, store: &JobStore, round: Round) -> Result<Expected> {
    if round != Round::WrittenOnce {
        return Ok(Expected::default());
    }
    let (files, bytes) = store.manifest_totals(Some(area.id))?;
    let (proven_files, proven_bytes) = store.proven_totals(Some(area.id))?;
    Ok(Expected {
        files: files.saturating_sub(proven_files),
        bytes: bytes.saturating_sub(proven_bytes),
        ..Expected::default()
    })
}

/// A file that both trees have.
struct File {
    pair: Arc<Pair>,
    source_name: Name,
    name: Name,
    class: FileClass,
    copied: ManifestFile,
    proven: Option<ProvenEntry>,
}

struct Proving<'a> {
    area: &'a Area,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    round: Round,
    held: Held<'a>,
    report: &'a Mutex<ProveReport>,
}

impl PairVisitor for Proving<'_> {
    type File = File;

    const FILES_PER_TASK: usize = 32;

    fn source_failed(&self, _: usize, path: &RelativePath, errno: Errno) -> Result<()> {
        if stops_the_step(errno) {
            return Err(WorkerError::reading("list", path, errno));
        }
        // The pass has said so, or has met it: users work at the source.
        require_mounts(std::slice::from_ref(self.area), path, errno)
    }

    fn open_destination(
        &self,
        parent: &Pair,
        name: &[u8],
        path: &RelativePath,
        has_source: bool,
    ) -> Result<Option<Folder>> {
        match parent.destination.open_folder(name) {
            Ok(folder) if has_source => Ok(Some(folder)),
            // The next pass makes it.
            Ok(_) | Err(Errno::NOENT | Errno::NOTDIR) => Ok(None),
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
        let classes = self.area.files_in(&pair.source_path);
        for slice in listings.slices() {
            let mut meant = Vec::new();
            for matched in slice.matched() {
                // Of names that become one, only the first has a copy.
                let (Matched::Source(entry, there)
                | Matched::Collision {
                    first: entry,
                    there,
                    ..
                }) = matched
                else {
                    continue;
                };
                match self.kind_of(pair, entry)? {
                    Some(Kind::Folder) => {
                        if let (Some(_), Some(folder)) = (there, pair.inside(entry)) {
                            later.folder(folder);
                        }
                    }
                    Some(Kind::File) => {
                        let class = classes.class_of(&entry.name);
                        if self.is_meant(class) {
                            meant.push((entry, class));
                        }
                    }
                    _ => {}
                }
            }
            // Most folders hold files of one round alone.
            if meant.is_empty() {
                continue;
            }
            let (first, end) = (&slice.first, slice.end.as_deref());
            let (area, path) = (self.area.id, &pair.path);
            let mut copied = self.store.manifest_between(area, path, first, end)?;
            let mut proven = self.store.proven_between(area, path, first, end)?;
            for (entry, class) in meant {
                let name = &entry.destination_name;
                let Some(copied) = copied.remove(&name[..]) else {
                    self.wait();
                    continue;
                };
                later.file(File {
                    pair: Arc::clone(pair),
                    source_name: entry.name.clone(),
                    name: name.clone(),
                    class,
                    copied,
                    proven: proven.remove(&name[..]),
                })?;
            }
        }
        Ok(())
    }

    fn file(&self, file: File) -> Result<()> {
        self.monitor.obey()?;
        self.prove_file(&file)
    }
}

impl Proving<'_> {
    /// What an entry of the source is; nothing where that cannot be asked of this one entry.
    fn kind_of(&self, pair: &Pair, entry: &SourceEntry) -> Result<Option<Kind>> {
        match pair.source().and_then(|source| source.kind_of(entry)) {
            Ok(kind) => Ok(Some(kind)),
            Err(errno) => {
                let path = pair.source_path.join(&entry.name);
                require_mounts(std::slice::from_ref(self.area), &path, errno)?;
                Ok(None)
            }
        }
    }

    fn is_meant(&self, class: FileClass) -> bool {
        Round::of(class) == Some(self.round) && !leaves_out_class(class, self.options)
    }

    /// Counts a file that the next pass copies.
    fn wait(&self) {
        lock(self.report).waiting += 1;
    }

    fn prove_file(&self, file: &File) -> Result<()> {
        let pair = &file.pair;
        if let Some(size) = self.holds(file) {
            lock(self.report).before.add(size);
            self.count_seen(0);
            return Ok(());
        }
        let source = pair.source().map_err(|errno| (Side::Source, errno));
        let opened = source.and_then(|source| {
            let source = (source, &file.source_name[..]);
            Opened::new(source, (&pair.destination, &file.name))
        });
        let compared = match opened {
            Ok(opened) if is_as_copied(file, &opened.before) => opened.compare(|_| {}),
            // Something else stands there, or nothing: the next pass copies it.
            Ok(_) | Err((Side::Destination, Errno::NOENT | Errno::LOOP | Errno::INVAL)) => {
                self.wait();
                return Ok(());
            }
            Err((Side::Source, Errno::NOENT)) => return Ok(()),
            Err(failed) => Err(failed),
        };
        self.judge(file, compared)
    }

    /// The size of a file whose proof holds now.
    fn holds(&self, file: &File) -> Option<u64> {
        // Of what the ledger does not have, opening it tells the same.
        let proven = file.proven.as_ref()?;
        let (source, copy) = file.pair.look_at_both(&file.source_name, &file.name)?;
        let is_kept = decide(&source, Some(&file.copied), Some(&copy), None) == Decision::Keep;
        let identity = self.area.source_identity(&source);
        (is_kept && proven.holds(identity, CopyIdentity::from(&copy))).then_some(source.size)
    }

    fn judge(&self, file: &File, compared: Result<Compared, (Side, Errno)>) -> Result<()> {
        let pair = &file.pair;
        match compared {
            Ok(Compared::Equal(Equal { before, .. }) | Compared::Different(before))
                if self.has_moved(file, &before) =>
            {
                // Users work: the next pass copies it.
                self.wait();
                Ok(())
            }
            Ok(Compared::Equal(equal)) => {
                let size = equal.before.source.size;
                // It has not moved since its copy was written.
                let known_since = Some(file.copied.written_changed);
                lock(self.report).now.add(size);
                self.monitor.count(Count::FilesProven, 1);
                self.count_seen(size);
                self.held.keep(proven(
                    self.area,
                    pair,
                    &file.name,
                    &equal,
                    self.options,
                    known_since,
                ))
            }
            Ok(Compared::Different(_)) => self.differs(file),
            Err((Side::Source, errno)) => self.source_unreadable(file, errno),
            Err((Side::Destination, errno)) => {
                let path = pair.path.join(&file.name);
                let text = format!("its copy could not be read: {errno}");
                self.report_difference(&path, &text);
                self.held.doubt(&pair.path, &file.name)
            }
        }
    }

    /// Whether one of both is another now than before it was read; what cannot be asked counts as moved.
    fn has_moved(&self, file: &File, before: &Before) -> bool {
        let Some((source, copy)) = file.pair.look_at_both(&file.source_name, &file.name) else {
            return true;
        };
        self.area.source_identity(&source) != self.area.source_identity(&before.source)
            || CopyIdentity::from(&copy) != CopyIdentity::from(&before.destination)
    }

    fn count_seen(&self, bytes: u64) {
        self.monitor.count(Count::FilesSeen, 1);
        self.monitor.count(Count::BytesSeen, bytes);
    }

    /// The next pass copies it again.  What agents hold open has old times at some servers, so only of what they write once it
    /// is news.
    fn differs(&self, file: &File) -> Result<()> {
        let pair = &file.pair;
        if is_written_once(file.class) {
            let text = "its copy holds other bytes, although sizes and times are equal";
            self.report_difference(&pair.path.join(&file.name), text);
        } else {
            self.wait();
        }
        self.held.doubt(&pair.path, &file.name)
    }

    fn report_difference(&self, path: &RelativePath, text: &str) {
        lock(self.report).differences += 1;
        self.monitor.finding(
            Finding::new(
                "copy-differs",
                Verdict::NeedsAttention,
                text,
                "The next pass copies it again; where it comes back, look at the disk and the memory of this server, and at the \
                 network",
            )
            .about(path.as_bytes()),
        );
    }

    /// Whatever keeps the source from being read, the pass reports it; a mount that went away ends the run.
    fn source_unreadable(&self, file: &File, errno: Errno) -> Result<()> {
        let path = file.pair.source_path.join(&file.source_name);
        self.wait();
        require_mounts(std::slice::from_ref(self.area), &path, errno)
    }
}

/// Whether both sides are what the manifest says of the copy.
fn is_as_copied(file: &File, before: &Before) -> bool {
    let (source, copy) = (&before.source, &before.destination);
    decide(source, Some(&file.copied), Some(copy), None) == Decision::Keep
}

/// What the ledger says of two files that were found equal; the source has had this time since `known_since` at least.
pub(crate) fn proven(
    area: &Area,
    pair: &Pair,
    name: &[u8],
    equal: &Equal,
    options: &CopyOptions,
    known_since: Option<Time>,
) -> ProvenFile {
    let Equal { digest, before } = equal;
    let read = before.began;
    let entry = ProvenEntry {
        digest: *digest,
        source: Some(area.source_identity(&before.source)),
        copy: CopyIdentity::from(&before.destination),
        read,
        racy: is_racy(
            before.source.modified,
            known_since,
            read,
            options.clock_allowance_seconds,
        ) || !read.is_certainly_after(before.destination.changed),
    };
    ProvenFile {
        area: area.id,
        folder: pair.path.clone(),
        name: name.to_vec(),
        entry,
    }
}
