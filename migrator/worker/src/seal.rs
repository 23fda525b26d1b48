//! The seal: an independent look at both trees that proves the result, entry by entry (DESIGN rule 9).
//!
//! Nothing of the manifest is believed: both sides are listed and read again, and every difference is a finding.  What
//! was proven is written down, so that `verify` can compare the destination with it at any later time.

mod blocks;
mod bytes;
mod compare;
mod digest;
mod extra;
mod verify;

use std::collections::BTreeMap;
use std::sync::Arc;

use postoffice::names::RelativePath;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::capabilities::{Area, Capabilities};
use crate::copy::{TEMPORARY_PREFIX, prove_source};
use crate::error::{Result, WorkerError};
use crate::guardian;
use crate::monitor::{Expected, Monitor};
use crate::protocol::{AreaKind, CopyOptions, SealReport};
use crate::store::{JobStore, now_milliseconds};
use crate::tree::Folder;

pub use verify::verify;

/// Name of the seal in the job folder.
pub const SEAL_FILE: &str = "seal.json";

/// What `seal.json` holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealDocument {
    /// Version of this document.
    pub seal_version: u32,
    /// Name of the job.
    pub job: String,
    /// When it was sealed, in milliseconds since 1970 by the clock of the destination.
    pub sealed_milliseconds: i64,
    /// What was proven.
    #[serde(flatten)]
    pub report: SealReport,
}

/// Compares both trees and, where they are equal, writes the seal.
///
/// # Errors
/// What ends the comparison; differences are findings with the verdict "unproven" and no seal is written.
pub fn seal(
    capabilities: &Capabilities,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<SealReport> {
    void_old_seal(&capabilities.job, store)?;
    let mut report = SealReport::default();
    for area in &capabilities.areas {
        prove_source(area)?;
        let (files, bytes) = store.manifest_totals(Some(area.id))?;
        monitor.phase("compare both trees", Expected { files, bytes });
        let converted = guardian::accepted(store)?.filter(|_| area.kind == AreaKind::PostOffice);
        let mut seen = compare::compare(area, store, monitor, options, converted.is_some())?;
        if area.kind == AreaKind::PostOffice {
            if converted.is_some() {
                let proof = guardian::prove_guardian(area, monitor)?;
                seen.files += proof.files.len() as u64;
                seen.bytes += proof.files.iter().map(|file| file.size).sum::<u64>();
                seen.differences += proof.differences;
                store.record_sealed(proof.files)?;
            }
            seen.differences += guardian::prove_catalogue(area, monitor)?;
        }
        report.files += seen.files;
        report.bytes += seen.bytes;
        report.folders += seen.folders;
        report.differences += seen.differences;
        report
            .root_digests
            .insert(area.label.clone(), digest::of_sealed(store, area.id)?);
    }
    report.sealed = report.differences == 0;
    if report.sealed {
        write_document(capabilities, store, &report)?;
    } else {
        store.clear_sealed()?;
    }
    Ok(report)
}

/// An older seal says nothing about trees that are about to be compared again; and one that was cut off in between must
/// not be taken for a whole one.
fn void_old_seal(job: &Folder, store: &JobStore) -> Result<()> {
    store.clear_sealed()?;
    remove_old_document(job)
}

/// Removes the document of an older seal, where there is one.
///
/// A worker that is sealed in can remove nothing in the job folder, so it does this before, and [`seal`] finds none.
pub(crate) fn remove_old_document(job: &Folder) -> Result<()> {
    job.remove_file(SEAL_FILE.as_bytes())
        .map(|_| ())
        .map_err(|errno| WorkerError::JobFolder {
            operation: "remove the old",
            name: SEAL_FILE.to_owned(),
            source: errno.into(),
        })
}

/// Written in the quarantine, and moved into the job folder when it is whole: a worker that is sealed in can do nothing else
/// there.
fn write_document(
    Capabilities {
        job, quarantine, ..
    }: &Capabilities,
    store: &JobStore,
    report: &SealReport,
) -> Result<()> {
    let document = SealDocument {
        seal_version: 1,
        job: store.fact("job")?.unwrap_or_default(),
        sealed_milliseconds: now_milliseconds(),
        report: report.clone(),
    };
    let failed = |source: std::io::Error| WorkerError::JobFolder {
        operation: "write",
        name: SEAL_FILE.to_owned(),
        source,
    };
    let text = serde_json::to_string_pretty(&document).map_err(|error| failed(error.into()))?;
    let temporary = [TEMPORARY_PREFIX, SEAL_FILE.as_bytes()].concat();
    let write = || -> std::result::Result<(), Errno> {
        quarantine.remove_file(&temporary)?;
        let file = quarantine.create_file(&temporary)?;
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            rest = &rest[rustix::io::write(&file, rest)?..];
        }
        rustix::fs::fsync(&file)?;
        quarantine.rename_to_new(&temporary, job, SEAL_FILE.as_bytes())?;
        // The job folder is only named, and cannot be asked for itself alone.
        rustix::fs::syncfs(quarantine)
    };
    write().map_err(|errno| failed(errno.into()))?;
    store.remember(&BTreeMap::from([
        (
            "sealed-milliseconds".to_owned(),
            document.sealed_milliseconds.to_string(),
        ),
        ("sealed-files".to_owned(), report.files.to_string()),
    ]))
}

/// A folder of both trees, open.
pub(crate) struct Pair {
    path: RelativePath,
    source_path: RelativePath,
    source: Folder,
    destination: Folder,
}

impl Pair {
    fn root(area: &Area) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            path: RelativePath::root(),
            source_path: RelativePath::root(),
            source: area.source()?.clone(),
            destination: area.destination.clone(),
        }))
    }
}
