//! Carrying the message queues over: every item once, same priority, same bytes (ARCHITECTURE.md rule 7).
//!
//! An item counts once it has stood still: whoever writes one may pause, and a client of the source may remember how it was.
//! Then it is written beside the queues, made durable, and recorded as "placing"; only then does it appear in its queue, by
//! one renaming that never replaces anything; then it is recorded as "placed".  Cut off in between, the next run sees from
//! the staging folder whether the renaming happened, so an item that an agent has taken from the queue meanwhile is never
//! delivered twice.

mod carry;
mod staging;
mod still;
mod tidy;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postoffice::layout::{self, CopyRule, FolderFiles};
use postoffice::names::{PATH_DEPTH_MAX, RelativePath};
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::copy_file::hash_file;
use crate::error::{Result, WorkerError, stops_the_step};
use crate::marker::begin_generation;
use crate::missed::{Missed, Standing, says_not_there};
use crate::monitor::{Monitor, Tally};
use crate::names::{is_reserved, name_collision, name_refused, refuses_name, reserved_name};
use crate::pool::{Threads, lock};
use crate::source::prove_source;
use crate::store::{JobStore, StandingItem};
use crate::tree::owner::{Ownership, give};
use crate::tree::{Attributes, Folder, Kind, Visited, walk_where};
use protocol::{AreaKind, CopyOptions, Count, Expected, Operation, Proof, QueueReport, Verdict};
use still::Looks;

/// How many rounds a source may need before it counts as not at rest.
const ROUNDS_MAX: u32 = 30;

/// How often a source is listed in which names are missing that its folders had a moment before.
const LISTINGS_MAX: u32 = 100;

/// After how many of them what is still missing is looked at for itself.
const LISTINGS_BEFORE_SETTLING: u32 = 10;

/// One item that stands in a queue of the source.
#[derive(Debug)]
pub(crate) struct SourceItem {
    folder: Folder,
    source_folder: RelativePath,
    source_name: Vec<u8>,
    attributes: Attributes,
}

impl SourceItem {
    fn source_path(&self) -> RelativePath {
        self.source_folder.join(&self.source_name)
    }
}

/// The queue folders of the destination and the items that are to stand in them: by folder, then by name.
pub(crate) type Listing = BTreeMap<RelativePath, BTreeMap<Vec<u8>, SourceItem>>;

/// One run of the queue step, over the queues of one area.
pub(crate) struct QueueRun<'a> {
    capabilities: &'a Capabilities,
    area: &'a Area,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    live: bool,
    /// Whether this run has begun a generation.
    has_begun: AtomicBool,
    /// Items that were reported and are not tried again by this run.
    given_up: Mutex<HashSet<RelativePath>>,
    /// What was seen of items that are not carried yet.
    looks: Mutex<HashMap<RelativePath, Looks>>,
    /// What stood still while the source was proven to be at rest.
    standing: HashMap<RelativePath, StandingItem>,
}

/// How long to wait before a source is listed again in which a name was missing.
const LISTING_PAUSE: Duration = Duration::from_millis(50);

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
        prove_source(area)?;
        let run = QueueRun {
            capabilities,
            area,
            store,
            monitor,
            options,
            live,
            has_begun: AtomicBool::new(false),
            given_up: Mutex::default(),
            looks: Mutex::default(),
            standing: store
                .standing()?
                .into_iter()
                .map(|item| (item.path.clone(), item))
                .collect(),
        };
        monitor.phase("carry the queues over", Expected::default());
        let before = tally.get(Count::QueuedItems);
        run.carry(&mut report)?;
        report.carried += tally.get(Count::QueuedItems) - before;
        if run.has_carried_all() {
            store.record_proof(Proof::Queues)?;
        }
    }
    Ok(report)
}

fn not_at_rest() -> WorkerError {
    WorkerError::Refused {
        code: "queues-not-at-rest",
        text: format!("The queues of the source still brought new items after {ROUNDS_MAX} rounds"),
        remedy: "Stop what delivers to the source, then run the same command again; what was carried is kept".into(),
    }
}

impl QueueRun<'_> {
    fn carry(&self, report: &mut QueueReport) -> Result<()> {
        if !self.live {
            self.begin()?;
        }
        self.recover()?;
        loop {
            let listing = self.list()?;
            if !self.live {
                self.tidy(&listing)?;
            }
            report.rounds += 1;
            let is_done = self.carry_round(&listing)?;
            if is_done {
                report.standing = listing.values().map(|items| items.len() as u64).sum();
                for (folder, items) in &listing {
                    let items = items.len() as u64;
                    report.by_queue.insert(folder.to_string(), items);
                }
                return self.remove_staging();
            }
            if report.rounds >= ROUNDS_MAX {
                return Err(not_at_rest());
            }
        }
    }

    /// Begins a generation before this run changes anything.
    fn begin(&self) -> Result<()> {
        if !self.has_begun.swap(true, Ordering::Relaxed) {
            begin_generation(self.capabilities, self.store, Operation::Queues)?;
        }
        Ok(())
    }

    /// Lists every item in the queues of the source.
    ///
    /// Where a name is missing that its folder had a moment before, it is listed again: what looks as if it had been
    /// delivered at the source goes from the destination, so one look is not enough.
    fn list(&self) -> Result<Listing> {
        for listing in 0..LISTINGS_MAX {
            let found = self.look()?;
            if found.is_settled() {
                return Ok(self.sort(found));
            }
            if listing == LISTINGS_BEFORE_SETTLING {
                self.settle(&found.missing)?;
            }
            std::thread::sleep(LISTING_PAUSE);
        }
        Err(not_at_rest())
    }

    /// Leaves the items and queues that are listed and cannot be opened to a later run; their copies stay as they are.
    fn settle(&self, missing: &Missed) -> Result<()> {
        for (path, standing) in missing.settle(self.area.source()?) {
            if standing == Standing::Vanished || !self.give_up(path.to_destination()) {
                continue;
            }
            match standing {
                Standing::Vanished => {}
                Standing::ShownWrongly(how) => {
                    self.monitor.finding(how.finding(&path, Verdict::Unproven));
                }
                Standing::NotAFile(kind) => self.report_no_file(&path, kind),
                Standing::NotAsked(errno) => self.unreadable(&path, errno)?,
            }
        }
        Ok(())
    }

    fn look(&self) -> Result<Found> {
        let found = Mutex::new(Found::default());
        walk_where(
            self.area.source()?,
            Threads::of(self.options),
            layout::is_queue,
            |path, errno| {
                // Where the root or a queue is not listed, nothing is known of its items; "none" would be a lie, and what
                // was carried before would go from the destination.
                let leads_to_items = path.depth() == 0 || layout::is_queue(path);
                if !leads_to_items && !stops_the_step(errno) {
                    return Ok(());
                }
                Err(WorkerError::reading("list the queue", path, errno))
            },
            |visited| {
                let (promised, mut missing) = queues_in(visited);
                missing.retain(|path| !self.has_given_up(&path.to_destination()));
                let mut items = None;
                if layout::is_queue(visited.path) {
                    let (found, missed) = self.items_of(visited)?;
                    items = Some(found);
                    missing.extend(missed);
                }
                let mut found = lock(&found);
                found.promised += promised;
                for path in missing {
                    found.missing.add(&path);
                }
                if let Some(items) = items {
                    let folder = visited.path.to_destination();
                    found.queues.push((folder, items));
                }
                Ok(())
            },
        )?;
        Ok(found.into_inner().unwrap_or_else(PoisonError::into_inner))
    }

    /// The items that one queue folder holds, and those that it has listed and that are missing.
    fn items_of(&self, visited: &Visited<'_>) -> Result<(Vec<SourceItem>, Vec<RelativePath>)> {
        let mut items = Vec::with_capacity(visited.entries.len());
        let mut missing = Vec::new();
        let files = FolderFiles::in_post_office(visited.path);
        for entry in visited.entries {
            if files.class_of(&entry.name).copy_rule() != CopyRule::QueueStep {
                continue;
            }
            let path = visited.path.join(&entry.name);
            let attributes = match visited.folder.metadata(&entry.name) {
                Ok(attributes) => attributes,
                Err(errno) if says_not_there(errno) => None,
                Err(errno) => return Err(WorkerError::reading("look at", &path, errno)),
            };
            match attributes {
                None if self.has_given_up(&path.to_destination()) => {}
                None => missing.push(path),
                Some(attributes) if attributes.kind == Kind::File => items.push(SourceItem {
                    folder: visited.folder.clone(),
                    source_folder: visited.path.clone(),
                    source_name: entry.name.to_vec(),
                    attributes,
                }),
                Some(attributes) if attributes.kind == Kind::Folder => {}
                Some(attributes) => self.refuse_no_file(&path, attributes.kind),
            }
        }
        Ok((items, missing))
    }

    /// What is neither a file nor a folder may stand for mail; that is said once.
    fn refuse_no_file(&self, path: &RelativePath, kind: Kind) {
        if self.give_up(path.to_destination()) {
            self.report_no_file(path, kind);
        }
    }

    fn report_no_file(&self, path: &RelativePath, kind: Kind) {
        self.monitor.report(
            "queue-item-not-a-file",
            Verdict::Unproven,
            path,
            &format!("it is {} and is not carried over", kind.words()),
            "Put what it stands for in its place at the source, or remove it there, then run the same command again",
        );
    }

    /// Leaves an item to a later run; says whether it was not left before.
    fn give_up(&self, destination: RelativePath) -> bool {
        let mut given_up = lock(&self.given_up);
        given_up.insert(destination)
    }

    fn has_carried_all(&self) -> bool {
        let given_up = lock(&self.given_up);
        given_up.is_empty()
    }

    fn has_given_up(&self, destination: &RelativePath) -> bool {
        let given_up = lock(&self.given_up);
        given_up.contains(destination)
    }

    /// Whether a queue folder of the destination, or one that it is in, is left to a later run: what stands in it stays.
    fn has_given_up_queue(&self, destination: &RelativePath) -> bool {
        let above = std::iter::successors(Some(destination.clone()), |path| {
            path.split_last().map(|(above, _)| above)
        });
        above.into_iter().any(|path| self.has_given_up(&path))
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
                let first = queue.insert(name.clone(), standing);
                // A name that is only listed more than once is one item.
                if let Some(first) = first.filter(|first| first.source_path() != path) {
                    self.report_collision(&path, &first.source_path());
                    self.give_up(folder.join(&name));
                }
            }
        }
        listing
    }

    /// An item whose name is ours is never placed, because a later pass would remove it; that is said once.
    fn refuse_reserved(&self, path: &RelativePath, destination: RelativePath) {
        if self.give_up(destination) {
            self.monitor.finding(reserved_name(path, Verdict::Refused));
        }
    }

    /// Two items would get one name: neither is carried over, and that is said once.
    fn report_collision(&self, path: &RelativePath, first: &RelativePath) {
        if !self.has_given_up(&path.to_destination()) {
            self.monitor.finding(name_collision(
                path,
                &first.to_string(),
                "Rename one of the two at the source, then run the same command again; neither was carried over",
            ));
        }
    }

    /// The queue folder at this path of the destination, made where it is missing; none where the file system of the destination
    /// cannot hold a name of it, which is said once.
    fn queue_folder(&self, path: &RelativePath) -> Result<Option<Folder>> {
        let mut folder = self.area.destination.clone();
        let mut above = RelativePath::root();
        for name in path.components() {
            above = above.join(name);
            match folder.create_folder(name) {
                Ok((inner, is_new)) => {
                    give_as_parent(&folder, &above, &inner, is_new)?;
                    folder = inner;
                }
                Err(errno) if refuses_name(errno) => {
                    if self.give_up(above.clone()) {
                        let finding = name_refused(&above, errno, Verdict::Unproven);
                        self.monitor.finding(finding);
                    }
                    return Ok(None);
                }
                Err(errno) => {
                    return Err(WorkerError::writing("create the queue folder", path, errno));
                }
            }
        }
        Ok(Some(folder))
    }

    fn sync(&self, files: usize) -> Result<()> {
        self.area.sync(files)
    }
}

/// A queue folder belongs to whom the folder that it is in belongs: an agent that runs as its own user could not enter one of
/// root's.  One that a run made that was cut off before it gave it away is told by its owner.
fn give_as_parent(
    parent: &Folder,
    path: &RelativePath,
    folder: &Folder,
    is_new: bool,
) -> Result<()> {
    let give_it = || -> std::result::Result<(), Errno> {
        let of_parent = parent.owned()?.ownership;
        let of_folder = folder.owned()?.ownership;
        let is_in_a_queue = path.depth() > 1;
        let own = rustix::process::geteuid().as_raw();
        let is_left = is_in_a_queue && of_folder.user == own && of_parent.user != own;
        if !(is_new || is_left) {
            return Ok(());
        }
        let mode = if is_in_a_queue {
            of_parent.mode
        } else {
            // Others may be let into the post office, and not into its mail.
            of_folder.mode
        };
        let wanted = Ownership { mode, ..of_parent };
        if of_folder == wanted {
            return Ok(());
        }
        give(folder, wanted)
    };
    give_it().map_err(|errno| WorkerError::writing("give away", path, errno))
}

/// What one look at the source found.
#[derive(Default)]
struct Found {
    queues: Vec<(RelativePath, Vec<SourceItem>)>,
    /// How many folders of queues were listed.
    promised: usize,
    /// Items, and what may be queues, that were missing when they were looked at.
    missing: Missed,
}

impl Found {
    fn is_settled(&self) -> bool {
        self.missing.is_empty() && self.queues.len() == self.promised
    }
}

/// How many folders of queues this folder lists, as far as they are looked at; and the entries that may be some, because the
/// listing does not say what they are, and that were missing when they were asked.
fn queues_in(visited: &Visited<'_>) -> (usize, Vec<RelativePath>) {
    let (mut promised, mut missing) = (0, Vec::new());
    if visited.path.depth() >= PATH_DEPTH_MAX {
        return (promised, missing);
    }
    for entry in visited.entries {
        let path = visited.path.join(&entry.name);
        if !layout::is_queue(&path) {
            continue;
        }
        match visited.folder.kind_of(entry) {
            Ok(Kind::Folder) => promised += 1,
            Err(Errno::NOENT) => missing.push(path),
            // What else the entry says to the walk ends it.
            Ok(_) | Err(_) => {}
        }
    }
    (promised, missing)
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
