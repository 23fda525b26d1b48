//! Carrying the message queues over: every item once, same priority, same bytes (DESIGN rule 7).
//!
//! An item is written beside the queues first, made durable, and recorded as "placing"; only then does it appear in its
//! queue, by one renaming that never replaces anything; then it is recorded as "placed".  Cut off in between, the next
//! run sees from the staging folder whether the renaming happened, so an item that an agent has taken from the queue
//! meanwhile is never delivered twice.

mod carry;
mod recover;
mod tidy;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postoffice::layout::{self, CopyRule, FolderFiles};
use postoffice::names::{PATH_DEPTH_MAX, RelativePath};
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::copy::{TEMPORARY_PREFIX, hash_file, is_reserved, reserved_name, thread_count};
use crate::error::{Result, WorkerError, is_mount_gone};
use crate::finding::{Finding, Verdict};
use crate::monitor::{Count, Expected, Monitor, Tally};
use crate::protocol::{AreaKind, CopyOptions, QueueReport};
use crate::store::JobStore;
use crate::tree::{Attributes, Entry, Folder, Kind};
use crate::walk::{Visited, walk};

/// The folder at the root of the destination in which items are made ready; gone when the step is done.
const STAGING: &[u8] = b".gwmigrate-queues";

/// How many listings a source may need before it counts as not at rest.
const ROUNDS_MAX: u32 = 100;

/// One item that stands in a queue of the source.
#[derive(Debug)]
pub(crate) struct Standing {
    folder: Folder,
    source_folder: RelativePath,
    source_name: Vec<u8>,
    attributes: Attributes,
}

impl Standing {
    fn source_path(&self) -> RelativePath {
        self.source_folder.join(&self.source_name)
    }
}

/// The queue folders of the destination and the items that are to stand in them: by folder, then by name.
pub(crate) type Listing = BTreeMap<RelativePath, BTreeMap<Vec<u8>, Standing>>;

/// Everything that the parts of the step share.
pub(crate) struct Step<'a> {
    area: &'a Area,
    job: &'a Folder,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    live: bool,
    /// Items that were reported and are not tried again by this run.
    given_up: RefCell<HashSet<RelativePath>>,
}

/// How long to wait before items that are being written are looked at again.
const GROWING_PAUSE: Duration = Duration::from_millis(50);

/// Carries the queues of the post office over, until a listing of the source brings nothing new.
///
/// With `live`, the agent of the destination may be at work: what stands in its queues is left alone.
///
/// # Errors
/// What ends the step; run again, it goes on.
pub fn carry_queues(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    tally: &Tally,
    options: &CopyOptions,
    live: bool,
) -> Result<QueueReport> {
    let mut report = QueueReport::default();
    for area in capabilities
        .areas
        .iter()
        .filter(|area| area.kind == AreaKind::PostOffice)
    {
        crate::copy::prove_source(area)?;
        let step = Step {
            area,
            job: &capabilities.job,
            store,
            monitor,
            options,
            live,
            given_up: RefCell::default(),
        };
        monitor.phase("carry the queues over", Expected::default());
        let (staging, _) = area.destination.create_folder(STAGING).map_err(|errno| {
            WorkerError::writing("create", &RelativePath::root().join(STAGING), errno)
        })?;
        step.recover(&staging)?;
        let before = tally.get(Count::QueuedItems);
        loop {
            let listing = step.list()?;
            if !live {
                step.tidy(&listing)?;
            }
            report.rounds += 1;
            let round = step.carry_round(&staging, &listing)?;
            if round.carried == 0 && round.moved == 0 {
                report.standing = listing.values().map(|items| items.len() as u64).sum();
                for (folder, items) in &listing {
                    report
                        .by_queue
                        .insert(folder.to_string(), items.len() as u64);
                }
                break;
            }
            if report.rounds >= ROUNDS_MAX {
                return Err(not_at_rest());
            }
            if round.carried == 0 {
                std::thread::sleep(GROWING_PAUSE);
            }
        }
        report.carried += tally.get(Count::QueuedItems) - before;
        area.destination.remove_folder(STAGING).map_err(|errno| {
            WorkerError::writing("remove", &RelativePath::root().join(STAGING), errno)
        })?;
    }
    Ok(report)
}

fn not_at_rest() -> WorkerError {
    WorkerError::Refused {
        code: "queues-not-at-rest",
        text: format!("The queues of the source still brought new items after {ROUNDS_MAX} listings"),
        remedy: "Stop what delivers to the source, then run the same command again; what was carried is kept".into(),
    }
}

impl Step<'_> {
    /// Lists every item in the queues of the source.
    ///
    /// Where a name is missing that its folder had a moment before, it is listed again: what looks as if it had been
    /// delivered at the source goes from the destination, so one look is not enough.
    fn list(&self) -> Result<Listing> {
        for _ in 0..ROUNDS_MAX {
            let found = self.look()?;
            if found.is_settled() {
                return Ok(self.sort(found));
            }
            std::thread::sleep(GROWING_PAUSE);
        }
        Err(not_at_rest())
    }

    fn look(&self) -> Result<Found> {
        let found = Mutex::new(Found::default());
        walk(
            self.area.source()?,
            thread_count(self.options),
            |path, errno| {
                // Where the root or a queue is not listed, nothing is known of its items; "none" would be a lie, and what
                // was carried before would go from the destination.
                let leads_to_items = path.depth() == 0 || layout::is_queue(path);
                if !leads_to_items && !is_mount_gone(errno) {
                    return Ok(());
                }
                Err(WorkerError::reading("list the queue", path, errno))
            },
            |visited| {
                let promised = queues_in(visited);
                let items = if layout::is_queue(visited.path) {
                    Some(items_of(visited)?)
                } else {
                    None
                };
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                found.promised += promised;
                if let Some((items, missing)) = items {
                    found.missing += missing;
                    let folder = visited.path.to_destination();
                    found.queues.push((folder, items));
                }
                Ok(())
            },
        )?;
        Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// By the places that the items get.
    fn sort(&self, found: Found) -> Listing {
        let mut listing = Listing::new();
        for (folder, items) in found.queues {
            let queue = listing.entry(folder.clone()).or_default();
            for standing in items {
                let name = postoffice::names::destination_name(&standing.source_name);
                let path = standing.source_path();
                if is_reserved(&name) {
                    self.refuse_reserved(&path, folder.join(&name));
                    continue;
                }
                if let Some(first) = queue.insert(name.clone(), standing) {
                    self.report_collision(&path, &first.source_path());
                    self.given_up.borrow_mut().insert(folder.join(&name));
                }
            }
        }
        listing
    }

    /// An item whose name is ours is never placed, because a later pass would remove it; that is said once.
    fn refuse_reserved(&self, path: &RelativePath, destination: RelativePath) {
        if self.given_up.borrow_mut().insert(destination) {
            self.monitor.finding(reserved_name(path, Verdict::Refused));
        }
    }

    /// Two items would get one name: neither is carried over, and that is said once.
    fn report_collision(&self, path: &RelativePath, first: &RelativePath) {
        if !self.given_up.borrow().contains(&path.to_destination()) {
            self.report(
                "name-collision",
                Verdict::Refused,
                path,
                &format!("it would get the same name as {first}"),
                "Rename one of the two at the source, then run the same command again; neither was carried over",
            );
        }
    }

    fn queue_folder(&self, path: &RelativePath) -> Result<Folder> {
        let mut folder = self.area.destination.clone();
        for name in path.components() {
            (folder, _) = folder
                .create_folder(name)
                .map_err(|errno| WorkerError::writing("create the queue folder", path, errno))?;
        }
        Ok(folder)
    }

    fn sync(&self, files: usize) -> Result<()> {
        rustix::fs::syncfs(&self.area.destination)
            .map_err(|source| WorkerError::SyncFailed { files, source })
    }

    fn report(
        &self,
        code: &'static str,
        verdict: Verdict,
        path: &RelativePath,
        text: &str,
        remedy: &str,
    ) {
        self.monitor
            .finding(Finding::new(code, verdict, text, remedy).about(path.as_bytes()));
    }
}

/// What one look at the source found.
#[derive(Default)]
struct Found {
    queues: Vec<(RelativePath, Vec<Standing>)>,
    /// How many folders of queues were listed.
    promised: usize,
    /// How many items were missing when they were looked at.
    missing: usize,
}

impl Found {
    fn is_settled(&self) -> bool {
        self.missing == 0 && self.queues.len() == self.promised
    }
}

/// How many folders of queues this folder lists, as far as they are looked at.
fn queues_in(visited: &Visited<'_>) -> usize {
    if visited.path.depth() >= PATH_DEPTH_MAX {
        return 0;
    }
    let is_queue_folder = |entry: &&Entry| {
        layout::is_queue(&visited.path.join(&entry.name))
            && visited.folder.kind_of(entry) == Ok(Kind::Folder)
    };
    visited.entries.iter().filter(is_queue_folder).count()
}

/// The items that one queue folder holds, and how many more it has listed that are missing.
fn items_of(visited: &Visited<'_>) -> Result<(Vec<Standing>, usize)> {
    let mut items = Vec::with_capacity(visited.entries.len());
    let mut missing = 0;
    let files = FolderFiles::in_post_office(visited.path);
    for entry in visited.entries {
        if files.class_of(&entry.name).copy_rule() != CopyRule::QueueStep {
            continue;
        }
        let path = visited.path.join(&entry.name);
        let attributes = visited
            .folder
            .look_at(&entry.name)
            .map_err(|errno| WorkerError::reading("look at", &path, errno))?;
        let Some(attributes) = attributes else {
            missing += 1;
            continue;
        };
        if attributes.kind != Kind::File {
            continue;
        }
        items.push(Standing {
            folder: visited.folder.clone(),
            source_folder: visited.path.clone(),
            source_name: entry.name.to_vec(),
            attributes,
        });
    }
    Ok((items, missing))
}

/// The digest of what stands under a name in a queue of the destination; none where that cannot be what this job placed
/// there: it is gone, is no file, is being changed, or belongs to somebody who lets nobody read it.
fn digest_of(queue: &Folder, folder: &RelativePath, name: &[u8]) -> Result<Option<[u8; 32]>> {
    match hash_file(queue, name) {
        Ok((_, digest)) => Ok(Some(digest)),
        Err(
            Errno::NOENT
            | Errno::LOOP
            | Errno::INVAL
            | Errno::NXIO
            | Errno::AGAIN
            | Errno::ACCESS
            | Errno::PERM,
        ) => Ok(None),
        // A disk that fails is no reason to take our own item for somebody else's.
        Err(errno) => Err(WorkerError::writing("read", &folder.join(name), errno)),
    }
}

/// The name of an item in the staging folder: a digest of its place, so that the next run finds it again.
fn staging_name(folder: &RelativePath, name: &[u8]) -> Vec<u8> {
    let digest = blake3::hash(folder.join(name).as_bytes());
    [TEMPORARY_PREFIX, digest.to_hex().as_bytes()].concat()
}
