//! Comparing the destination with its seal, at any later time.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use postoffice::names::RelativePath;

use super::digest;
use crate::capabilities::{Area, Capabilities};
use crate::copy::{hash_file, thread_count};
use crate::error::{Result, WorkerError};
use crate::finding::{Finding, Verdict};
use crate::monitor::{Count, Expected, Monitor};
use crate::protocol::{CopyOptions, SealReport};
use crate::store::JobStore;
use crate::tree::Kind;
use crate::walk::{Visited, walk};

/// Reads the destination again and compares it with what was sealed.
///
/// # Errors
/// [`WorkerError::Refused`] where nothing is sealed; what ends a walk.  Differences are findings.
pub fn verify(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<SealReport> {
    let sealed_files = store.sealed_files()?;
    if sealed_files == 0 || store.fact("sealed-milliseconds")?.is_none() {
        return Err(WorkerError::Refused {
            code: "not-sealed",
            text: "This job has no seal yet".into(),
            remedy: "Run stage two to its end first".into(),
        });
    }
    monitor.phase(
        "compare the destination with its seal",
        Expected {
            files: sealed_files,
            bytes: 0,
        },
    );
    let mut report = SealReport::default();
    for area in &capabilities.areas {
        let check = Check {
            area,
            store,
            monitor,
            options,
            files: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            folders: AtomicU64::new(0),
            differences: AtomicU64::new(0),
            visited: Mutex::new(HashSet::new()),
        };
        walk(
            &area.destination,
            thread_count(options),
            |path, errno| Err(WorkerError::writing("list", path, errno)),
            |visited| check.visit(visited),
        )?;
        check.folders_that_are_gone()?;
        report.files += check.files.into_inner();
        report.bytes += check.bytes.into_inner();
        report.folders += check.folders.into_inner();
        report.differences += check.differences.into_inner();
        report
            .root_digests
            .insert(area.label.clone(), digest::of_sealed(store, area.id)?);
    }
    report.sealed = report.differences == 0;
    Ok(report)
}

struct Check<'a> {
    area: &'a Area,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    files: AtomicU64,
    bytes: AtomicU64,
    folders: AtomicU64,
    differences: AtomicU64,
    visited: Mutex<HashSet<RelativePath>>,
}

impl Check<'_> {
    fn visit(&self, visited: &Visited<'_>) -> Result<()> {
        self.folders.fetch_add(1, Ordering::Relaxed);
        self.visited
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(visited.path.clone());
        let mut sealed = self.store.sealed_of(self.area.id, visited.path)?;
        for entry in visited.entries {
            let path = visited.path.join(&entry.name);
            let kind = visited
                .folder
                .kind_of(entry)
                .map_err(|errno| WorkerError::writing("look at", &path, errno))?;
            if kind == Kind::Folder {
                continue;
            }
            match sealed.remove(&entry.name[..]) {
                Some((size, digest)) => self.file(visited, &entry.name, &path, size, &digest),
                None if self.area.leaves_out(&path, self.options) => {}
                None => self.differs(
                    "seal-extra",
                    &path,
                    "it was not there when the seal was made",
                ),
            }
        }
        for name in sealed.keys() {
            self.differs(
                "seal-missing",
                &visited.path.join(name),
                "it is no longer there",
            );
        }
        Ok(())
    }

    /// Sealed files of folders that the walk did not meet are missing with their folder.
    fn folders_that_are_gone(&self) -> Result<()> {
        let visited = self.visited.lock().unwrap_or_else(PoisonError::into_inner);
        self.store.each_sealed(self.area.id, |folder, name, _, _| {
            let folder = RelativePath::from_bytes(folder).unwrap_or_default();
            if !visited.contains(&folder) {
                let text = "it is no longer there, nor is the folder that held it";
                self.differs("seal-missing", &folder.join(name), text);
            }
        })
    }

    fn file(
        &self,
        visited: &Visited<'_>,
        name: &[u8],
        path: &RelativePath,
        size: u64,
        digest: &[u8; 32],
    ) {
        match hash_file(visited.folder, name) {
            Ok((attributes, now)) if attributes.size == size && now == *digest => {
                self.files.fetch_add(1, Ordering::Relaxed);
                self.bytes.fetch_add(size, Ordering::Relaxed);
                self.monitor.count(Count::FilesProven, 1);
                self.monitor.count(Count::FilesSeen, 1);
            }
            Ok(_) => self.differs(
                "seal-differs",
                path,
                "its bytes are not those that were sealed",
            ),
            Err(errno) => self.differs(
                "seal-destination",
                path,
                &format!("it could not be read: {errno}"),
            ),
        }
    }

    fn differs(&self, code: &'static str, path: &RelativePath, text: &str) {
        self.differences.fetch_add(1, Ordering::Relaxed);
        self.monitor.finding(
            Finding::new(
                code,
                Verdict::Unproven,
                text,
                "Expected once the POA has been started; before that, run stage two again",
            )
            .about(path.as_bytes()),
        );
    }
}
