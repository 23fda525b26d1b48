//! Reading the source once more after the cut-over, while users work at the destination (ARCHITECTURE.md rule 9).
//!
//! The seal accepts what was read while users still worked at the source.  What it did not read itself is read here, and
//! compared with the digest that was proven, until every byte has been read after the source came to rest.  The destination
//! is not looked at: users change it.  What was read is written down, so that this may be stopped and run again for days.

use std::collections::{HashMap, HashSet};
use std::sync::Mutex;

use postoffice::layout;
use postoffice::names::{RelativePath, destination_name, printable};
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities, leaves_out_class};
use crate::copy_file::hash_file;
use crate::error::{Result, WorkerError, stops_the_step};
use crate::missed::{Missed, Standing};
use crate::monitor::Monitor;
use crate::names::is_marker;
use crate::pool::{Threads, lock};
use crate::prove::is_always_read;
use crate::source::{prove_source, require_mounts};
use crate::store::{JobStore, Stamp};
use crate::tree::{Kind, Visited, walk};
use protocol::{AreaKind, CopyOptions, Count, Expected, Finding, Verdict, VerifySourceReport};

/// How many files, or bytes, are read before that is written down.
const FILES_HELD: usize = 4096;
const BYTES_HELD: u64 = 1 << 30;

/// Reads every file of the source that was not read since it came to rest.
///
/// # Errors
/// [`WorkerError::Refused`] where nothing is sealed; what ends a walk, after which the next run goes on.  Entries that are not
/// what was proven are findings with the verdict "unproven".
pub fn verify_source(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<VerifySourceReport> {
    let document = super::require_sealed(store)?;
    let mut report = VerifySourceReport {
        at_rest_milliseconds: document.at_rest_milliseconds,
        ..VerifySourceReport::default()
    };
    let at_rest = store.at_rest_pass()?;
    for area in &capabilities.areas {
        prove_source(area)?;
        let (files, bytes) = store.unread_totals(area.id, at_rest)?;
        monitor.phase(
            "read the source once more",
            Expected {
                files,
                bytes,
                ..Expected::default()
            },
        );
        let reading = Reading {
            area,
            store,
            monitor,
            options,
            at_rest,
            report: Mutex::new(&mut report),
            read: Mutex::default(),
            visited: Mutex::default(),
        };
        let walked = walk(
            area.source()?,
            Threads::of(options),
            |path, errno| reading.unreadable(path, errno),
            |visited| reading.visit(visited),
        );
        // What was read need not be read again, whatever stopped the rest.
        reading.flush()?;
        walked?;
        reading.folders_that_are_gone()?;
    }
    Ok(report)
}

/// What is known of a file of the source.
#[derive(Clone, Copy)]
enum Known {
    /// It was read, with this digest.
    Proven { stamp: Stamp, digest: [u8; 32] },
    /// Its records were compared with those of its counterpart, whose bytes differ on purpose, when it was sealed.
    Alone(Stamp),
}

/// What a file of the source has to hold.
struct Due {
    digest: [u8; 32],
    /// Whether its time is the one that it had then.
    has_its_time: bool,
    /// Whether it was read since the source came to rest.
    is_read: bool,
}

/// Files that were read, by folder and name at the destination; and their bytes.
type Read = (Vec<(RelativePath, Vec<u8>)>, u64);

struct Reading<'a> {
    area: &'a Area,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    /// The number of the pass since which the source is at rest.
    at_rest: i64,
    report: Mutex<&'a mut VerifySourceReport>,
    read: Mutex<Read>,
    /// The folders that were seen, by the names that they have at the destination.
    visited: Mutex<HashSet<RelativePath>>,
}

impl Reading<'_> {
    fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        if stops_the_step(errno) {
            return Err(WorkerError::reading("list", path, errno));
        }
        require_mounts(std::slice::from_ref(self.area), path, errno)?;
        self.differs(path, &format!("this folder could not be listed: {errno}"));
        lock(&self.visited).insert(path.to_destination());
        Ok(())
    }

    fn visit(&self, visited: &Visited<'_>) -> Result<()> {
        let folder = visited.path.to_destination();
        let mut known = self.known_of(&folder)?;
        let mut carried = self.carried(&folder)?;
        let read = self.store.read_since(self.area.id, &folder, self.at_rest)?;
        let classes = self.area.files_in(visited.path);
        let missed = Missed::default();
        for entry in visited.entries {
            self.monitor.obey()?;
            if entry.kind == Some(Kind::Folder) || is_marker(visited.path, &entry.name) {
                continue;
            }
            let class = classes.class_of(&entry.name);
            if leaves_out_class(class, self.options) {
                continue;
            }
            let path = visited.path.join(&entry.name);
            let name = destination_name(&entry.name);
            let attributes = match visited.folder.metadata(&entry.name) {
                // That its name is missing is said below, also where only its folder still shows it.
                Ok(None) => {
                    if !known.contains_key(&name) {
                        missed.add(&path);
                    }
                    continue;
                }
                Ok(Some(attributes)) => attributes,
                Err(errno) => {
                    known.remove(&name);
                    self.source_failed(&path, errno)?;
                    continue;
                }
            };
            if attributes.kind == Kind::Folder {
                continue;
            }
            // The seal itself has read them, or compared them record by record.
            let was_read = known.contains_key(&name) && is_always_read(class);
            match known.remove(&name).or_else(|| carried.remove(&name)) {
                _ if attributes.kind != Kind::File => self.differs(&path, "it is no longer a file"),
                None if visited.is_repeated(entry) => {}
                None => self.differs(&path, "it has come since the seal"),
                Some(Known::Alone(stamp)) if stamp == Stamp::from(&attributes) => {}
                // Another time alone says nothing of the bytes, which are read: some servers move all times by an hour.
                Some(Known::Proven { stamp, digest }) if stamp.size == attributes.size => {
                    let due = Due {
                        digest,
                        has_its_time: stamp == Stamp::from(&attributes),
                        is_read: was_read || read.contains(&name),
                    };
                    self.file(visited, &entry.name, (&folder, name), &due)?;
                }
                Some(_) => self.differs(&path, "it has changed since the seal"),
            }
        }
        for (path, standing) in missed.settle(self.area.source()?) {
            if standing != Standing::Vanished {
                self.differs(
                    &path,
                    "its folder shows it, and nothing can be opened by its name",
                );
            }
        }
        for name in known.keys() {
            self.gone(&folder.join(name), "it has gone since the seal");
        }
        lock(&self.visited).insert(folder);
        Ok(())
    }

    fn known_of(&self, folder: &RelativePath) -> Result<HashMap<Vec<u8>, Known>> {
        let proven = self.store.proven_of(self.area.id, folder)?.into_iter();
        let mut known: HashMap<Vec<u8>, Known> = proven
            .filter_map(|(name, entry)| {
                let stamp = entry.source?.stamp;
                let digest = entry.digest;
                Some((name, Known::Proven { stamp, digest }))
            })
            .collect();
        let alone = self.store.sealed_source_of(self.area.id, folder)?;
        known.extend(
            alone
                .into_iter()
                .map(|(name, stamp)| (name, Known::Alone(stamp))),
        );
        Ok(known)
    }

    /// What was carried from a queue, also after the seal.
    fn carried(&self, folder: &RelativePath) -> Result<HashMap<Vec<u8>, Known>> {
        if self.area.kind != AreaKind::PostOffice || !layout::is_queue(folder) {
            return Ok(HashMap::new());
        }
        let items = self.store.queue_items_of(folder)?.into_iter();
        let known = items.map(|item| {
            let stamp = Stamp {
                size: item.size,
                modified: item.modified,
            };
            let digest = item.digest;
            (item.name, Known::Proven { stamp, digest })
        });
        Ok(known.collect())
    }

    /// Reads a file of the source, where that is due.
    fn file(
        &self,
        visited: &Visited<'_>,
        source_name: &[u8],
        (folder, name): (&RelativePath, Vec<u8>),
        due: &Due,
    ) -> Result<()> {
        let path = || visited.path.join(source_name);
        if due.has_its_time && due.is_read {
            let attributes = visited.folder.metadata(source_name).ok().flatten();
            let bytes = attributes.map_or(0, |attributes| attributes.size);
            lock(&self.report).before.add(bytes);
            return Ok(());
        }
        match hash_file(visited.folder, source_name) {
            Ok((attributes, now)) if now == due.digest => {
                lock(&self.report).now.add(attributes.size);
                self.monitor.count(Count::FilesSeen, 1);
                self.monitor.count(Count::BytesSeen, attributes.size);
                self.keep((folder.clone(), name), attributes.size)
            }
            Ok(_) => {
                let text = if due.has_its_time {
                    "its bytes are not those that were proven, although its size and time are: the destination may not have them"
                } else {
                    "it has changed since the seal"
                };
                self.differs(&path(), text);
                Ok(())
            }
            Err(errno) => self.source_failed(&path(), errno),
        }
    }

    /// Writes down what was read, where there is enough of it.
    fn keep(&self, file: (RelativePath, Vec<u8>), bytes: u64) -> Result<()> {
        let mut read = lock(&self.read);
        read.0.push(file);
        read.1 += bytes;
        if read.0.len() < FILES_HELD && read.1 < BYTES_HELD {
            return Ok(());
        }
        let (files, _) = std::mem::take(&mut *read);
        drop(read);
        self.store.record_source_read(self.area.id, &files)
    }

    fn flush(&self) -> Result<()> {
        let (files, _) = std::mem::take(&mut *lock(&self.read));
        if files.is_empty() {
            return Ok(());
        }
        self.store.record_source_read(self.area.id, &files)
    }

    fn source_failed(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        require_mounts(std::slice::from_ref(self.area), path, errno)?;
        self.differs(path, &format!("it could not be read: {errno}"));
        Ok(())
    }

    fn differs(&self, path: &RelativePath, text: &str) {
        let remedy = format!(
            "See whether it is wanted: `gwmigrate verify --fetch '{}'` brings what the source has of it now into the job folder \
             and says where, and changes nothing else",
            printable(path.as_bytes())
        );
        self.report_difference(path, text, remedy);
    }

    fn gone(&self, path: &RelativePath, text: &str) {
        let remedy = "See who removes files at the old server; what was proven of it is at the destination, as far as users have \
                      left it as it was";
        self.report_difference(path, text, remedy.into());
    }

    fn report_difference(&self, path: &RelativePath, text: &str, remedy: String) {
        lock(&self.report).differences += 1;
        let finding = Finding::new("source-not-proven", Verdict::Unproven, text, remedy);
        self.monitor.finding(finding.about(path.as_bytes()));
    }

    /// Files of the ledger in folders that the walk did not meet are gone with their folder.
    fn folders_that_are_gone(&self) -> Result<()> {
        let visited = lock(&self.visited);
        self.store.each_proven(self.area.id, |folder, name, entry| {
            let path = folder.join(name);
            let counts = entry.source.is_some() && !self.area.leaves_out(&path, self.options);
            if counts && !visited.contains(folder) {
                self.gone(
                    &path,
                    "it has gone since the seal, with the folder that held it",
                );
            }
        })
    }
}
