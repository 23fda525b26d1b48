//! Comparing the destination with its seal, at any later time.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::summary::root_digest;
use crate::capabilities::{Area, Capabilities};
use crate::copy_file::hash_file;
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::names::{SEAL_FILE, is_marker};
use crate::pool::{Threads, lock};
use crate::prove::is_written_once;
use crate::store::{JobStore, ProvenEntry};
use crate::tree::{Attributes, Kind, Visited, read_at, walk_where};
use protocol::{CopyOptions, Count, Expected, Finding, SealDocument, SealReport, Verdict};

/// More than this is no seal, in bytes.
const DOCUMENT_BYTES_MAX: u64 = 16 << 20;

/// Reads the destination again and compares it with what was sealed.
///
/// Where users may have worked since, databases, queues and new files are as they left them, and are counted.  What agents
/// write once and never change is the news: blobs and documents that are others now, or gone.
///
/// # Errors
/// [`WorkerError::Refused`] where nothing is sealed; what ends a walk.  Differences are findings.
pub fn verify(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<SealReport> {
    let document = super::require_sealed(store)?;
    monitor.phase(
        "compare the destination with its seal",
        Expected {
            files: document.report.files,
            ..Expected::default()
        },
    );
    let is_lived_in = store.life()?.may_hold_new_mail();
    let mut by_users = 0;
    let mut report = SealReport::default();
    report.differences += compare_documents(capabilities, &document, monitor)?;
    for area in &capabilities.areas {
        let check = Check {
            area,
            store,
            monitor,
            options,
            report: Mutex::new(&mut report),
            is_lived_in,
            by_users: AtomicU64::new(0),
            visited: Mutex::new(HashSet::new()),
        };
        walk_where(
            &area.destination,
            Threads::of(options),
            |path| super::is_sealed_over(area, store, path),
            |path, errno| check.unreadable(path, errno),
            |visited| check.visit(visited),
        )?;
        check.folders_that_are_gone()?;
        by_users += check.by_users.into_inner();
        let digest = root_digest(store, area.id)?;
        if document.report.root_digests.get(&area.label) != Some(&digest) {
            report.differences += 1;
            monitor.finding(document_differs(&format!(
                "the entries of {} in the job store are not those that were sealed",
                area.label
            )));
        }
        report.root_digests.insert(area.label.clone(), digest);
    }
    report.sealed = report.differences == 0;
    if by_users > 0 {
        monitor.finding(Finding::new(
            "changed-by-users",
            Verdict::Done,
            format!("{by_users} files were changed, made or removed since the POA was started for users, as their work does"),
            "Nothing",
        ));
    }
    Ok(report)
}

/// The seal in the job folder must say what the job store says; returns how many differences there are.
fn compare_documents(
    capabilities: &Capabilities,
    document: &SealDocument,
    monitor: &dyn Monitor,
) -> Result<u64> {
    let Some(file) = &capabilities.seal else {
        monitor.finding(document_differs(
            "seal.json is not in the job folder any more",
        ));
        return Ok(1);
    };
    let text = read_document(file).map_err(|errno| WorkerError::JobFolder {
        operation: "read",
        name: SEAL_FILE.to_owned(),
        source: errno.into(),
    })?;
    match serde_json::from_slice::<SealDocument>(&text) {
        Ok(found) if found == *document => Ok(0),
        Ok(_) => {
            monitor.finding(document_differs(
                "seal.json of the job folder says something else than the job store",
            ));
            Ok(1)
        }
        Err(error) => {
            let text = format!("seal.json of the job folder cannot be read: {error}");
            monitor.finding(document_differs(&text));
            Ok(1)
        }
    }
}

fn read_document(file: &OwnedFd) -> std::result::Result<Vec<u8>, Errno> {
    let size = Attributes::from(&rustix::fs::fstat(file)?).size;
    let length = usize::try_from(size.min(DOCUMENT_BYTES_MAX)).unwrap_or(0);
    let mut text = vec![0; length];
    let filled = read_at(file, &mut text, 0)?;
    text.truncate(filled);
    Ok(text)
}

fn document_differs(text: &str) -> Finding {
    let remedy = "Somebody or something changed what the seal says, so nothing proves the destination any more: before the \
                  POA was started, run `gwmigrate stage-two` again, which seals anew; afterwards keep the old server";
    Finding::new("seal-document", Verdict::Unproven, text, remedy)
}

struct Check<'a> {
    area: &'a Area,
    store: &'a JobStore,
    monitor: &'a dyn Monitor,
    options: &'a CopyOptions,
    report: Mutex<&'a mut SealReport>,
    /// Whether users may have worked since the seal.
    is_lived_in: bool,
    /// What they, or the agent, have changed as is expected.
    by_users: AtomicU64,
    visited: Mutex<HashSet<RelativePath>>,
}

impl Check<'_> {
    fn unreadable(&self, path: &RelativePath, errno: Errno) -> Result<()> {
        if errno == Errno::NOENT && !path.is_root() {
            // It was removed since its parent was listed; what was sealed in it is missing.
            return Ok(());
        }
        if errno != Errno::NAMETOOLONG {
            return Err(WorkerError::writing("list", path, errno));
        }
        let text = "this folder lies deeper than anything that was sealed";
        self.differs("seal-extra", path, text);
        Ok(())
    }

    fn visit(&self, visited: &Visited<'_>) -> Result<()> {
        lock(&self.report).folders += 1;
        lock(&self.visited).insert(visited.path.clone());
        let mut sealed = self.store.proven_of(self.area.id, visited.path)?;
        for entry in visited.entries {
            self.monitor.obey()?;
            let path = visited.path.join(&entry.name);
            let kind = match visited.folder.kind_of(entry) {
                Ok(kind) => kind,
                // It was removed since the listing; what was sealed of it is missing.
                Err(Errno::NOENT) => continue,
                Err(errno) => return Err(WorkerError::writing("look at", &path, errno)),
            };
            if kind == Kind::Folder {
                continue;
            }
            if is_marker(visited.path, &entry.name) {
                continue;
            }
            match sealed.remove(&entry.name[..]) {
                Some(known) => self.file(visited, &entry.name, &path, &known),
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
        let visited = lock(&self.visited);
        self.store.each_proven(self.area.id, |folder, name, _| {
            if !visited.contains(folder) {
                let text = "it is no longer there, nor is the folder that held it";
                self.differs("seal-missing", &folder.join(name), text);
            }
        })
    }

    fn file(&self, visited: &Visited<'_>, name: &[u8], path: &RelativePath, known: &ProvenEntry) {
        match hash_file(visited.folder, name) {
            Ok((attributes, now))
                if attributes.size == known.copy.stamp.size && now == known.digest =>
            {
                let mut report = lock(&self.report);
                report.files += 1;
                report.bytes += attributes.size;
                drop(report);
                self.monitor.count(Count::FilesProven, 1);
                self.monitor.count(Count::FilesSeen, 1);
            }
            Ok(_) => self.differs(
                "seal-differs",
                path,
                "its bytes are not those that were sealed",
            ),
            // Somebody works on it.
            Err(Errno::AGAIN) => {
                self.differs("seal-differs", path, "it changed while it was read");
            }
            Err(Errno::NOENT) => self.differs("seal-missing", path, "it is no longer there"),
            Err(errno) => self.differs(
                "seal-destination",
                path,
                &format!("it could not be read: {errno}"),
            ),
        }
    }

    fn differs(&self, code: &'static str, path: &RelativePath, text: &str) {
        if self.is_lived_in && self.is_expected_of_users(code, path) {
            self.by_users.fetch_add(1, Ordering::Relaxed);
            return;
        }
        lock(&self.report).differences += 1;
        let finding = if self.is_lived_in {
            Finding::new(
                code,
                Verdict::NeedsAttention,
                format!(
                    "{text}; agents write such a file once, and remove it with the last message that needs it"
                ),
                "See whether users or the maintenance of the POA removed it; what was sealed of it is at the old server, so keep that",
            )
        } else {
            Finding::new(
                code,
                Verdict::Unproven,
                text,
                "Run stage two again, which seals anew",
            )
        };
        self.monitor.finding(finding.about(path.as_bytes()));
    }

    /// Whether agents at work make such a difference of such a file.
    fn is_expected_of_users(&self, code: &str, path: &RelativePath) -> bool {
        let is_written_once = is_written_once(self.area.classify(path));
        match code {
            "seal-extra" => true,
            "seal-differs" | "seal-missing" => !is_written_once,
            _ => false,
        }
    }
}
