//! Looking at the source before anything is copied: how much there is, and what will be trouble.

mod granularity;
mod offline;
mod room;
mod sample;
mod survey;

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use postoffice::layout::{FileClass, FolderFiles};
use postoffice::names::{NAME_BYTES_MAX, PATH_DEPTH_MAX, RelativePath, printable};
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities, leaves_out_class};
use crate::error::{Result, WorkerError, stops_the_step};
use crate::missed::{Missed, Standing, says_not_there};
use crate::monitor::Monitor;
use crate::names::{
    is_mapped, is_marker, is_reserved, kept_name, listed_twice, name_collision, name_mapped,
    name_too_long, reserved_name, same_file, time_odd,
};
use crate::pool::{Threads, lock};
use crate::source::prove_source;
use crate::store::JobStore;
use crate::tree::{
    Attributes, Entry, Kind, Time, Visited, by_destination_name, each_once, source_entries, walk,
};
use granularity::Granularity;
use protocol::{
    Amount, AreaInventory, CopyOptions, Count, Expected, Finding, InventoryReport, Verdict,
};

/// Queued items older than this are called stale by GroupWise administrators.
const STALE_SECONDS: i64 = 24 * 3600;

/// How many files of a folder are held until they are counted.
const FILES_HELD: usize = 1024;

/// Walks all areas and says what they hold; with `only_count`, what will be trouble is left to the pass that follows.
///
/// # Errors
/// [`WorkerError::Refused`] where the source is no post office; what ends a walk.
pub fn take_inventory(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    only_count: bool,
) -> Result<InventoryReport> {
    monitor.phase("look at the source", Expected::default());
    let began = Instant::now();
    let mut report = InventoryReport::default();
    let mut times = Granularity::default();
    let mut survey = survey::Gathered::default();
    let file_systems = offline::FileSystems::default();
    let mut rooms = room::Rooms::default();
    for (number, area) in capabilities.areas.iter().enumerate() {
        prove_source(area)?;
        let seen = Mutex::new(AreaTotals {
            survey: std::mem::take(&mut survey),
            ..AreaTotals::default()
        });
        let missed = Missed::default();
        let area_walk = AreaWalk {
            missed: &missed,
            area,
            number,
            monitor,
            options,
            seen: &seen,
            file_systems: &file_systems,
            only_count,
        };
        walk(
            area.source()?,
            Threads::of(options),
            |path, errno| {
                if stops_the_step(errno) {
                    return Err(WorkerError::reading("list", path, errno));
                }
                match errno {
                    // Said of the entry itself.
                    Errno::NAMETOOLONG => {}
                    errno if says_not_there(errno) => missed.add(path),
                    errno => area_walk.unreadable(path, errno),
                }
                Ok(())
            },
            |visited| {
                monitor.obey()?;
                area_walk.visit(visited)
            },
        )?;
        if !only_count {
            area_walk.settle_missed()?;
        }
        let seen = seen.into_inner().unwrap_or_else(PoisonError::into_inner);
        if !only_count {
            report_stale(area, &seen, monitor);
        }
        times.merge(seen.times);
        survey = seen.survey;
        let mut inventory = seen.inventory;
        inventory.label.clone_from(&area.label);
        inventory.kind = Some(area.kind);
        for (class, (files, bytes)) in seen.classes {
            inventory.classes.insert(class.to_string(), files);
            inventory.class_bytes.insert(class.to_string(), bytes);
        }
        report.areas.push(inventory);
        rooms.add(area, store, seen.tops)?;
    }
    let (files, bytes) = report
        .areas
        .iter()
        .fold((0, 0), |sum, area| (sum.0 + area.files, sum.1 + area.bytes));
    store.remember_inventory(files, bytes)?;
    report.granularity_nanoseconds = times.nanoseconds();
    // Counts of files are far below what a double holds exactly.
    #[allow(clippy::cast_precision_loss)]
    {
        report.files_per_second = files as f64 / began.elapsed().as_secs_f64().max(0.001);
    }
    rooms.report(monitor, &mut report);
    if !only_count {
        monitor.phase("read a sample", Expected::default());
        report.survey = Some(survey.finish(capabilities, Threads::of(options))?);
    }
    report.milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(report)
}

#[derive(Default)]
struct AreaTotals {
    inventory: AreaInventory,
    /// Files and bytes of each class.
    classes: BTreeMap<FileClass, (u64, u64)>,
    times: Granularity,
    /// Files and bytes that are copied, by the top of the file system of the destination that takes them.
    tops: BTreeMap<RelativePath, Amount>,
    stale_items: u64,
    stale_example: Vec<u8>,
    survey: survey::Gathered,
}

/// A file of the source.
struct File {
    path: RelativePath,
    class: FileClass,
    attributes: Attributes,
    /// Whether its server has it at hand; where files are only counted, nobody asks.
    at_hand: offline::Answer,
}

struct AreaWalk<'a> {
    area: &'a Area,
    /// The place of the area in the order.
    number: usize,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    seen: &'a Mutex<AreaTotals>,
    /// What was listed and was not there.
    missed: &'a Missed,
    file_systems: &'a offline::FileSystems,
    only_count: bool,
}

impl AreaWalk<'_> {
    fn seen(&self) -> MutexGuard<'_, AreaTotals> {
        lock(self.seen)
    }

    /// Reports something, unless files are only counted.
    fn finding(&self, finding: impl FnOnce() -> Finding) {
        if !self.only_count {
            self.monitor.finding(finding());
        }
    }

    fn report(&self, code: &'static str, verdict: Verdict, path: &[u8], text: &str, remedy: &str) {
        self.finding(|| Finding::new(code, verdict, text, remedy).about(path));
    }

    fn visit(&self, visited: &Visited<'_>) -> Result<()> {
        self.monitor.count(Count::FoldersSeen, 1);
        self.look_at_names(visited);
        // What lies together on the disk is looked at together.
        let mut by_inode: Vec<&Entry> = visited.entries.iter().collect();
        by_inode.sort_unstable_by_key(|entry| entry.inode);
        let classes = self.area.files_in(visited.path);
        let mut files = Vec::new();
        let mut inodes = HashMap::new();
        let mut copied = Amount::default();
        for some in by_inode.chunks(FILES_HELD) {
            for entry in some {
                let file = self.look_at_entry(visited, &classes, entry)?;
                if let Some(file) = &file {
                    self.look_at_time(file);
                }
                if let Some(file) = file.as_ref().filter(|file| file.attributes.links == 1)
                    && let Some(first) = inodes.insert(file.attributes.inode, entry)
                {
                    self.look_at_names_of_one(visited, file, first);
                }
                files.extend(file);
            }
            copied = copied + self.count_files(&mut files);
        }
        let (top, _) = self.area.top_of(&visited.path.to_destination());
        let locks = if self.only_count {
            survey::Locks::default()
        } else {
            survey::Locks::try_all(self.area, visited, |path| {
                self.report(
                    "source-unreadable",
                    Verdict::NeedsAttention,
                    path.as_bytes(),
                    "this database cannot be opened, or its lock cannot be asked for, and it would not be copied",
                    "Give the account that mounts the source the right to read it, or look at the source what it is; where it can be \
                     read, see why the server of the source does not answer for locks",
                );
            })?
        };
        let mut seen = self.seen();
        seen.survey.locks.add(locks);
        seen.inventory.folders += 1;
        let of_top = seen.tops.entry(top).or_default();
        *of_top = *of_top + copied;
        Ok(())
    }

    fn look_at_time(&self, file: &File) {
        let (modified, now) = (file.attributes.modified, Time::now());
        if modified.cannot_be(now) {
            self.finding(|| time_odd(&file.path, modified, now));
        }
    }

    /// Says that a file is the same one as that of a name before, where it is.
    fn look_at_names_of_one(&self, visited: &Visited<'_>, file: &File, first: &Entry) {
        let other = visited.folder.metadata(&first.name);
        let is_same =
            matches!(other, Ok(Some(other)) if other.is_same_and_unchanged(&file.attributes));
        if is_same && visited.path.join(&first.name) != file.path {
            self.finding(|| same_file(&file.path, &first.name, Verdict::NeedsAttention));
        }
    }

    /// Looks at one entry; says what it is where it is a file.
    fn look_at_entry(
        &self,
        visited: &Visited<'_>,
        classes: &FolderFiles,
        entry: &Entry,
    ) -> Result<Option<File>> {
        let path = visited.path.join(&entry.name);
        let attributes = match visited.folder.metadata(&entry.name) {
            Ok(Some(attributes)) => attributes,
            Ok(None) => {
                self.missed.add(&path);
                return Ok(None);
            }
            Err(errno) if says_not_there(errno) => {
                self.missed.add(&path);
                return Ok(None);
            }
            Err(errno) if stops_the_step(errno) => {
                return Err(WorkerError::reading("look at", &path, errno));
            }
            Err(errno) => {
                self.unreadable(&path, errno);
                return Ok(None);
            }
        };
        match attributes.kind {
            Kind::File => {
                return Ok(Some(File {
                    class: classes.class_of(&entry.name),
                    at_hand: self.is_at_hand(visited, &path, &entry.name, &attributes)?,
                    path,
                    attributes,
                }));
            }
            Kind::Folder if path.depth() > PATH_DEPTH_MAX => self.report(
                "path-too-deep",
                Verdict::NeedsAttention,
                path.as_bytes(),
                &format!("it lies more than {PATH_DEPTH_MAX} folders deep and would not be copied"),
                "GroupWise makes no such folders; move it out of the post office",
            ),
            Kind::Folder => {}
            kind @ (Kind::Symlink | Kind::Special) => self.report_no_file(&path, kind),
        }
        Ok(None)
    }

    /// Says what was listed and cannot be opened; what has vanished is no news while people work.
    fn settle_missed(&self) -> Result<()> {
        let verdict = Verdict::NeedsAttention;
        for (path, standing) in self.missed.settle(self.area.source()?) {
            match standing {
                Standing::Vanished => {}
                Standing::ShownWrongly(how) => self.finding(|| how.finding(&path, verdict)),
                Standing::NotAFile(kind) => self.report_no_file(&path, kind),
                Standing::NotAsked(errno) => self.unreadable(&path, errno),
            }
        }
        Ok(())
    }

    fn unreadable(&self, path: &RelativePath, errno: Errno) {
        self.report(
            "source-unreadable",
            Verdict::NeedsAttention,
            path.as_bytes(),
            &format!("it could not be read: {errno}"),
            "Give the account that mounts the source the right to read it",
        );
    }

    fn report_no_file(&self, path: &RelativePath, kind: Kind) {
        self.report(
            "not-a-file",
            Verdict::NeedsAttention,
            path.as_bytes(),
            &format!("it is {} and would not be copied", kind.words()),
            "GroupWise makes no such thing; look where it comes from",
        );
    }

    fn is_at_hand(
        &self,
        visited: &Visited<'_>,
        path: &RelativePath,
        name: &[u8],
        attributes: &Attributes,
    ) -> Result<offline::Answer> {
        if self.only_count {
            return Ok(offline::Answer::NotAsked);
        }
        self.file_systems
            .ask(visited.folder, name, attributes.device)
            .map_err(|errno| WorkerError::reading("look at", path, errno))
    }

    /// Looks at the names of a folder: those that change, those that are kept, and those that would become one.
    fn look_at_names(&self, visited: &Visited<'_>) {
        let mut names = source_entries(visited.entries.to_vec());
        for name in each_once(&mut names) {
            let path = visited.path.join(&name);
            self.finding(|| listed_twice(&path, Verdict::NeedsAttention));
        }
        let mut with_capitals = 0;
        for entry in &names {
            let path = visited.path.join(&entry.name);
            let new = &entry.destination_name;
            with_capitals += u64::from(*new != entry.name);
            if is_reserved(new) && !is_marker(visited.path, new) {
                self.finding(|| reserved_name(&path, Verdict::NeedsAttention));
            }
            if new.len() > NAME_BYTES_MAX {
                self.finding(|| name_too_long(&path, Verdict::NeedsAttention));
            }
            if is_mapped(&entry.name) {
                self.finding(|| name_mapped(&path));
            }
            if let Some(reason) = entry.kept {
                self.seen().survey.kept_names += 1;
                self.finding(|| kept_name(&path, reason));
            }
        }
        self.seen().inventory.names_with_capitals += with_capitals;
        for same in by_destination_name(&names) {
            let [first, others @ ..] = same else {
                continue;
            };
            for other in others {
                self.seen().survey.collisions += 1;
                let (path, first) = (visited.path.join(&other.name), printable(&first.name));
                let remedy = "Rename or remove one of the two at the source before stage one";
                self.finding(|| name_collision(&path, &first, remedy));
            }
        }
    }

    /// Counts files; gives how many of them a pass copies.
    fn count_files(&self, files: &mut Vec<File>) -> Amount {
        self.monitor.count(Count::FilesSeen, files.len() as u64);
        self.monitor.count(
            Count::BytesSeen,
            files.iter().map(|file| file.attributes.size).sum(),
        );
        let mut copied = Amount::default();
        let mut seen = self.seen();
        for file in files.drain(..) {
            if !leaves_out_class(file.class, self.options) {
                copied.add(file.attributes.size);
            }
            self.count_file(&mut seen, &file);
        }
        seen.inventory.files += copied.files;
        seen.inventory.bytes += copied.bytes;
        copied
    }

    fn count_file(&self, seen: &mut AreaTotals, file: &File) {
        let File {
            path,
            class,
            attributes,
            at_hand,
        } = file;
        seen.times.learn(attributes.modified);
        let bytes = attributes.size;
        if !self.only_count {
            seen.survey.see(self.number, path, attributes, *at_hand);
        }
        let (class_files, class_bytes) = seen.classes.entry(*class).or_default();
        *class_files += 1;
        *class_bytes += bytes;
        if *class == FileClass::Queued
            && Time::now()
                .seconds
                .saturating_sub(attributes.modified.seconds)
                > STALE_SECONDS
        {
            seen.stale_items += 1;
            seen.survey.stale_items += 1;
            // The first by name, not by whichever thread was first: a finding that is accepted is known by what it is about.
            if seen.stale_example.is_empty() || path.as_bytes() < &seen.stale_example[..] {
                seen.stale_example = path.as_bytes().to_vec();
            }
        }
    }
}

fn report_stale(area: &Area, seen: &AreaTotals, monitor: &dyn Monitor) {
    if seen.stale_items == 0 {
        return;
    }
    monitor.finding(
        Finding::new(
            "stale-queue-items",
            Verdict::NeedsAttention,
            format!(
                "{} queued items of {} are older than a day, this one among them",
                seen.stale_items, area.label
            ),
            "Look at them before stage two; they are carried over like all others",
        )
        .about(&seen.stale_example),
    );
}
