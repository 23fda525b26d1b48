//! Proving that nobody works on the source any more: locks free, nothing modified during a quiet window.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use postoffice::layout::{CopyRule, FolderFiles};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError, is_mount_gone};
use crate::locks::{self, Attempt, lock_file_name};
use crate::monitor::Monitor;
use crate::pool::{Threads, lock};
use crate::source::{prove_source, require_mounts};
use crate::tree::{Kind, Visited, by_name, walk};
use protocol::{AreaKind, AtRestReport, CopyOptions, Count, Expected, Finding, Verdict};

/// A digest of everything that a folder says about its entries, by folder.
type Snapshot = BTreeMap<RelativePath, [u8; 32]>;

/// Watches the source for `quiet_seconds`.
///
/// A held lock and a changed entry are findings with the verdict "refused".
///
/// # Errors
/// What ends a walk.
pub fn prove_at_rest(
    capabilities: &Capabilities,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    quiet_seconds: u64,
) -> Result<AtRestReport> {
    let mut report = AtRestReport {
        quiet_seconds,
        ..AtRestReport::default()
    };
    monitor.phase("try the locks of the source", Expected::default());
    let mut before = Vec::new();
    for area in &capabilities.areas {
        prove_source(area)?;
        let locks = Mutex::new((0_u64, 0_u64));
        before.push(snapshot(area, options, |visited| {
            try_locks(area, visited, monitor, &locks)
        })?);
        let (tried, held) = locks.into_inner().unwrap_or_else(PoisonError::into_inner);
        report.locks_tried += tried;
        report.locks_held += held;
    }
    let quiet = Duration::from_secs(quiet_seconds);
    monitor.phase("wait whether anything changes", Expected::wait(quiet));
    std::thread::sleep(quiet);
    monitor.phase("look at the source again", Expected::default());
    for (area, before) in capabilities.areas.iter().zip(&before) {
        let after = snapshot(area, options, |_| Ok(()))?;
        report.changed += report_changes(area, before, &after, monitor);
    }
    Ok(report)
}

fn snapshot(
    area: &Area,
    options: &CopyOptions,
    also: impl Fn(&Visited<'_>) -> Result<()> + Sync,
) -> Result<Snapshot> {
    let folders = Mutex::new(Snapshot::new());
    walk(
        area.source()?,
        Threads::of(options),
        |path, errno| {
            if is_mount_gone(errno) {
                return Err(WorkerError::reading("list", path, errno));
            }
            // Unreadable before and after: the pass reports it.
            Ok(())
        },
        |visited| {
            let digest = digest_of(visited)?;
            lock(&folders).insert(visited.path.clone(), digest);
            also(visited)
        },
    )?;
    Ok(folders.into_inner().unwrap_or_else(PoisonError::into_inner))
}

fn digest_of(visited: &Visited<'_>) -> Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    let files = FolderFiles::in_post_office(visited.path);
    // Two listings of a folder in which nothing changed may still differ in their order.
    for entry in by_name(visited.entries) {
        // Lock files change when somebody merely looks.
        if files.class_of(&entry.name).copy_rule() == CopyRule::Never {
            continue;
        }
        let attributes = match visited.folder.metadata(&entry.name) {
            Ok(attributes) => attributes,
            Err(errno) if is_mount_gone(errno) => {
                let path = visited.path.join(&entry.name);
                return Err(WorkerError::reading("look at", &path, errno));
            }
            Err(_) => None,
        };
        hasher.update(&(entry.name.len() as u64).to_le_bytes());
        hasher.update(&entry.name);
        if let Some(attributes) = attributes.filter(|attributes| attributes.kind == Kind::File) {
            hasher.update(&attributes.size.to_le_bytes());
            hasher.update(&attributes.modified.seconds.to_le_bytes());
            hasher.update(&attributes.modified.nanoseconds.to_le_bytes());
        }
    }
    Ok(*hasher.finalize().as_bytes())
}

fn try_locks(
    area: &Area,
    visited: &Visited<'_>,
    monitor: &dyn Monitor,
    locks: &Mutex<(u64, u64)>,
) -> Result<()> {
    try_each_lock(area, visited, |path, attempt| {
        monitor.count(Count::FilesSeen, 1);
        let mut locks = lock(locks);
        locks.0 += 1;
        if matches!(attempt, Some(Attempt::Busy)) {
            locks.1 += 1;
            monitor.finding(
                Finding::new(
                    "lock-held",
                    Verdict::Refused,
                    "another program holds the lock of this database",
                    "Stop the source POA, maintenance and backup, then run stage two again; nothing was changed",
                )
                .about(path.as_bytes()),
            );
        }
    })
}

/// Tries the lock of each database in a folder of a post office; it is let go when `tried` returns.
///
/// Hears of `None` where the database cannot be opened.
///
/// # Errors
/// Where the source is gone.
pub(crate) fn try_each_lock(
    area: &Area,
    visited: &Visited<'_>,
    mut tried: impl FnMut(&RelativePath, Option<Attempt>),
) -> Result<()> {
    if area.kind != AreaKind::PostOffice {
        return Ok(());
    }
    let files = FolderFiles::in_post_office(visited.path);
    for entry in visited.entries {
        let rule = files.class_of(&entry.name).copy_rule();
        if !matches!(rule, CopyRule::UnderLock | CopyRule::AtomicSet)
            || entry.kind == Some(Kind::Folder)
        {
            continue;
        }
        let path = visited.path.join(&entry.name);
        let wanted = lock_file_name(&entry.name);
        let lock_file = visited
            .entries
            .iter()
            .find(|other| other.name.eq_ignore_ascii_case(&wanted));
        let attempt = locks::try_lock(
            visited.folder,
            &entry.name,
            lock_file.map(|lock_file| lock_file.name.as_slice()),
        );
        match attempt {
            Ok(Attempt::Unsupported) => {
                tried(
                    &path,
                    Some(look_for_lock(area, visited, &path, &entry.name)?),
                );
            }
            Ok(attempt) => tried(&path, Some(attempt)),
            Err(errno) if is_mount_gone(errno) => {
                return Err(WorkerError::reading("lock", &path, errno));
            }
            Err(_) => tried(&path, None),
        }
    }
    Ok(())
}

/// Where no lock can be asked for, one that is held shows itself when what it covers is read.
fn look_for_lock(
    area: &Area,
    visited: &Visited<'_>,
    path: &RelativePath,
    name: &[u8],
) -> Result<Attempt> {
    let reading = visited.folder.open_file(name);
    let reading = reading.and_then(|(handle, _)| rustix::io::pread(&handle, &mut [0_u8; 1], 0));
    let Err(errno) = reading else {
        return Ok(Attempt::Unsupported);
    };
    require_mounts(std::slice::from_ref(area), path, errno)?;
    let is_held = matches!(errno, Errno::IO | Errno::ACCESS | Errno::AGAIN);
    Ok(if is_held {
        Attempt::Busy
    } else {
        Attempt::Unsupported
    })
}

fn report_changes(area: &Area, before: &Snapshot, after: &Snapshot, monitor: &dyn Monitor) -> u64 {
    let changed = before
        .iter()
        .filter(|(path, digest)| after.get(*path) != Some(digest))
        .map(|(path, _)| path)
        .chain(after.keys().filter(|path| !before.contains_key(*path)));
    let mut how_many = 0;
    for path in changed {
        how_many += 1;
        monitor.finding(
            Finding::new(
                "source-not-at-rest",
                Verdict::Refused,
                format!(
                    "something in this folder of {} changed while it was watched",
                    area.label
                ),
                "Stop whatever works on the source, then run stage two again; nothing was changed",
            )
            .about(path.as_bytes()),
        );
    }
    how_many
}
