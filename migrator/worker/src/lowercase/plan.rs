//! The plan: one sweep per folder finds every name to change, and two names that would become one.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use postoffice::names::{LowerCased, lower_case, printable};

use crate::capabilities::{Area, Capabilities};
use crate::copy::thread_count;
use crate::error::{Result, WorkerError};
use crate::finding::{Finding, Verdict};
use crate::monitor::{Count, Monitor};
use crate::protocol::CopyOptions;
use crate::store::{JobStore, Rename};
use crate::tree::{Attributes, Entry, by_name};
use crate::walk::{Visited, walk};

/// How many lines of the plan are held before they go to the store.
const LINES_HELD: usize = 32_768;

/// Plans the sweep of all areas; returns how many names were looked at and how many are kept.
pub(super) fn plan(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<(u64, u64)> {
    let planner = Planner {
        store,
        sweep: store.next_sweep()?,
        monitor,
        lines: Mutex::new(Vec::new()),
        next_id: AtomicI64::new(1),
        names: AtomicU64::new(0),
        kept: AtomicU64::new(0),
        collisions: AtomicU64::new(0),
    };
    for area in &capabilities.areas {
        walk(
            &area.destination,
            thread_count(options),
            |path, errno| Err(WorkerError::writing("list", path, errno)),
            |visited| planner.visit(area, visited),
        )?;
    }
    planner.flush()?;
    let collisions = planner.collisions.into_inner();
    if collisions > 0 {
        store.clear_planned_renames()?;
        return Err(WorkerError::Refused {
            code: "name-collision",
            text: format!("{collisions} names of the destination would become the name of another one"),
            remedy: "Rename or remove one of each two, then run the same command again; nothing was renamed".into(),
        });
    }
    Ok((planner.names.into_inner(), planner.kept.into_inner()))
}

struct Planner<'a> {
    store: &'a JobStore,
    sweep: i64,
    monitor: &'a dyn Monitor,
    lines: Mutex<Vec<Rename>>,
    next_id: AtomicI64,
    names: AtomicU64,
    kept: AtomicU64,
    collisions: AtomicU64,
}

impl Planner<'_> {
    fn visit(&self, area: &Area, visited: &Visited<'_>) -> Result<()> {
        self.names
            .fetch_add(visited.entries.len() as u64, Ordering::Relaxed);
        self.monitor.count(Count::FoldersSeen, 1);
        let mut changes: Vec<(&Entry, Vec<u8>)> = Vec::new();
        for entry in visited.entries {
            match lower_case(&entry.name) {
                LowerCased::Already => {}
                LowerCased::Changed(new) => changes.push((entry, new)),
                LowerCased::Kept(_) => {
                    self.kept.fetch_add(1, Ordering::Relaxed);
                    self.report_kept(visited, &entry.name);
                }
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        // Those that want one name stand together then; the first of them gets it where nobody has it.
        changes.sort_by(|(_, left), (_, right)| left.cmp(right));
        let there = by_name(visited.entries);
        let mut lines: Vec<Rename> = Vec::with_capacity(changes.len());
        for (entry, new) in changes {
            let has_it = there.binary_search_by(|other| other.name[..].cmp(&new[..]));
            let wants_it = lines.last().filter(|line| line.new == new);
            let holder = match has_it {
                Ok(place) => Some(&there[place].name[..]),
                Err(_) => wants_it.map(|line| &line.old[..]),
            };
            let same_file = match holder {
                None => false,
                Some(other) if self.is_same_file(visited, &entry.name, other)? => true,
                Some(other) => {
                    self.report_collision(area, visited, &entry.name, other);
                    continue;
                }
            };
            lines.push(Rename {
                id: 0,
                area: area.id,
                folder: visited.path.clone(),
                old: entry.name.to_vec(),
                new,
                inode: entry.inode,
                same_file,
            });
        }
        // In the order of the disk; links to one file keep theirs.
        lines.sort_by_key(|line| line.inode);
        self.add(lines)
    }

    /// Whether two names are links to one file.
    fn is_same_file(&self, visited: &Visited<'_>, name: &[u8], other: &[u8]) -> Result<bool> {
        let (first, second) = (
            self.attributes(visited, name)?,
            self.attributes(visited, other)?,
        );
        Ok(matches!((first, second), (Some(first), Some(second)) if first.is_same_file(&second)))
    }

    #[allow(clippy::unused_self)]
    fn attributes(&self, visited: &Visited<'_>, name: &[u8]) -> Result<Option<Attributes>> {
        visited
            .folder
            .look_at(name)
            .map_err(|errno| WorkerError::writing("look at", &visited.path.join(name), errno))
    }

    fn report_kept(&self, visited: &Visited<'_>, name: &[u8]) {
        self.monitor.finding(
            Finding::new(
                "name-kept",
                Verdict::Person,
                "its name is not valid UTF-8 or has a capital letter outside ASCII and is kept as it is",
                "Nothing, unless GroupWise itself uses this name",
            )
            .about(visited.path.join(name).as_bytes()),
        );
    }

    fn report_collision(&self, area: &Area, visited: &Visited<'_>, name: &[u8], other: &[u8]) {
        self.collisions.fetch_add(1, Ordering::Relaxed);
        self.monitor.finding(
            Finding::new(
                "name-collision",
                Verdict::Refused,
                format!(
                    "in {} it would become the name of {}",
                    area.label,
                    printable(other)
                ),
                "Rename or remove one of the two",
            )
            .about(visited.path.join(name).as_bytes()),
        );
    }

    /// Adds what is planned for one folder.
    fn add(&self, mut planned: Vec<Rename>) -> Result<()> {
        let count = i64::try_from(planned.len()).unwrap_or(i64::MAX);
        let first = self.next_id.fetch_add(count, Ordering::Relaxed);
        for (id, line) in (first..).zip(&mut planned) {
            line.id = id;
        }
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.extend(planned);
        if lines.len() < LINES_HELD {
            return Ok(());
        }
        let full = std::mem::take(&mut *lines);
        drop(lines);
        self.store.plan_renames(self.sweep, &full)
    }

    fn flush(&self) -> Result<()> {
        let lines = std::mem::take(&mut *self.lines.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() {
            Ok(())
        } else {
            self.store.plan_renames(self.sweep, &lines)
        }
    }
}
