//! The plan: one sweep per folder finds every name to change, and two names that would become one.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard};

use postoffice::names::{LowerCased, RelativePath, lower_case, printable};

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::names::{is_marker, kept_name};
use crate::pool::{Threads, lock};
use crate::store::{FolderRenames, JobStore, NAMES_PER_ROW, Rename};
use crate::tree::{Attributes, Entry, Visited, by_name};
use protocol::{CopyOptions, Count, Finding, Verdict};

/// How many names of the plan are held before they go to the store.
const NAMES_HELD: usize = 32_768;

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
        held: Mutex::new(Held::default()),
        names: AtomicU64::new(0),
        kept: AtomicU64::new(0),
        collisions: AtomicU64::new(0),
    };
    for area in &capabilities.areas {
        area.walk_destination(
            Threads::of(options),
            |path, errno| Err(WorkerError::writing("list", path, errno)),
            |visited| {
                monitor.obey()?;
                planner.visit(area, visited)
            },
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

/// Rows that go to the store together.
#[derive(Default)]
struct Held {
    rows: Vec<FolderRenames>,
    /// How many names they have.
    names: usize,
    /// The number of the last row, also of those that have gone.
    last_id: i64,
}

struct Planner<'a> {
    store: &'a JobStore,
    sweep: i64,
    monitor: &'a dyn Monitor,
    held: Mutex<Held>,
    names: AtomicU64,
    kept: AtomicU64,
    collisions: AtomicU64,
}

impl Planner<'_> {
    fn visit(&self, area: &Area, visited: &Visited<'_>) -> Result<()> {
        let of_the_source = visited
            .entries
            .iter()
            .filter(|entry| !is_marker(visited.path, &entry.name));
        self.names
            .fetch_add(of_the_source.count() as u64, Ordering::Relaxed);
        self.monitor.count(Count::FoldersSeen, 1);
        let mut changes: Vec<(&Entry, String)> = Vec::new();
        for entry in visited.entries {
            match lower_case(&entry.name) {
                LowerCased::Already => {}
                LowerCased::Changed(new) => changes.push((entry, new)),
                LowerCased::Kept(reason) => {
                    self.kept.fetch_add(1, Ordering::Relaxed);
                    let path = visited.path.join(&entry.name);
                    self.monitor.finding(kept_name(&path, reason));
                }
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        // Those that want one name stand together then; the first of them gets it where nobody has it.
        changes.sort_unstable_by(|(left, left_new), (right, right_new)| {
            (left_new, &left.name).cmp(&(right_new, &right.name))
        });
        let there = by_name(visited.entries);
        let mut renames: Vec<Rename> = Vec::with_capacity(changes.len());
        for (entry, new) in changes {
            let has_it = there.binary_search_by(|other| other.name[..].cmp(new.as_bytes()));
            let wants_it = renames.last().filter(|rename| rename.new == new);
            let holder = match has_it {
                Ok(place) => Some(&there[place].name[..]),
                Err(_) => wants_it.map(|rename| rename.old.as_bytes()),
            };
            let same_file = match holder {
                None => false,
                Some(other) if is_same_file(visited, &entry.name, other)? => true,
                Some(other) => {
                    self.report_collision(area, visited, &entry.name, other);
                    continue;
                }
            };
            renames.push(Rename {
                // It is valid, or its name would not change.
                old: String::from_utf8_lossy(&entry.name).into_owned(),
                new,
                inode: entry.inode,
                same_file,
            });
        }
        // In the order of the disk; links to one file keep theirs.
        renames.sort_by_key(|rename| rename.inode);
        self.add(area, visited.path, renames)
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

    /// Adds what is planned for one folder; its rows follow each other.
    fn add(&self, area: &Area, folder: &RelativePath, renames: Vec<Rename>) -> Result<()> {
        let mut held = self.held();
        held.names += renames.len();
        let mut renames = renames.into_iter();
        while renames.len() > 0 {
            held.last_id += 1;
            let row = FolderRenames {
                id: held.last_id,
                area: area.id,
                folder: folder.clone(),
                renames: renames.by_ref().take(NAMES_PER_ROW).collect(),
            };
            held.rows.push(row);
        }
        if held.names < NAMES_HELD {
            return Ok(());
        }
        let full = held.take();
        drop(held);
        self.store.plan_renames(self.sweep, &full)
    }

    fn flush(&self) -> Result<()> {
        let rows = self.held().take();
        if rows.is_empty() {
            Ok(())
        } else {
            self.store.plan_renames(self.sweep, &rows)
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        lock(&self.held)
    }
}

impl Held {
    fn take(&mut self) -> Vec<FolderRenames> {
        self.names = 0;
        std::mem::take(&mut self.rows)
    }
}

/// Whether two names are links to one file.
fn is_same_file(visited: &Visited<'_>, name: &[u8], other: &[u8]) -> Result<bool> {
    let (first, second) = (attributes(visited, name)?, attributes(visited, other)?);
    Ok(matches!((first, second), (Some(first), Some(second)) if first.is_same_file(&second)))
}

fn attributes(visited: &Visited<'_>, name: &[u8]) -> Result<Option<Attributes>> {
    visited
        .folder
        .metadata(name)
        .map_err(|errno| WorkerError::writing("look at", &visited.path.join(name), errno))
}
