//! The seal: an independent look at both trees that proves the result, entry by entry (ARCHITECTURE.md rule 9).
//!
//! Nothing of the manifest is believed: both sides are listed, and whatever the ledger of proofs does not hold as it is now is
//! read again, with all databases, the guardian and the queues; every difference is a finding.  At its end, what identifies
//! the files of both sides is looked at once more, because what was read first may have changed while the rest was read.  That look walks each side by itself, so it also finds what the walk of both, which a pass does with
//! the same code, would have left out.  The ledger then holds what was met and nothing else, so that `verify` can compare the
//! destination with it at any later time; what differs is doubted in the manifest, so that the next stage two copies it
//! again.

mod compare;
mod summary;
mod unmoved;
mod verify;
mod verify_source;

use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
use crate::guardian;
use crate::monitor::Monitor;
use crate::names::TEMPORARY_PREFIX;
use crate::places::Side;
use crate::source::prove_source;
use crate::store::{JobStore, now_milliseconds};
use crate::tree::{Folder, write_all};
use protocol::{
    AreaKind, CopyOptions, Expected, Finding, Proof, SealDocument, SealReport, Verdict,
};

use summary::Summary;

pub use crate::names::SEAL_FILE;
pub use unmoved::{compare_source, look_for_work};
pub use verify::verify;
pub use verify_source::verify_source;

/// Version of what [`SEAL_FILE`] says.
const SEAL_VERSION: u32 = 3;

/// What is to be done about a difference.
const REMEDY: &str = "Do not start the POA; run `gwmigrate stage-two` again, which copies it anew, and look at this entry if it stays";

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
    let at_rest_since = store.at_rest_since()?;
    let mut report = SealReport::default();
    let mut summaries = Vec::new();
    for area in &capabilities.areas {
        summaries.push(compare_area(area, store, monitor, options, &mut report)?);
    }
    if report.differences == 0 {
        for (area, summary) in capabilities.areas.iter().zip(&summaries) {
            report.differences += look_again(area, summary, store, monitor, options)?;
        }
    }
    report.sealed = report.differences == 0;
    if report.sealed {
        keep(capabilities, store, &report, at_rest_since)?;
    } else {
        store.clear_seal()?;
    }
    Ok(report)
}

/// Compares both sides of an area; returns what the ledger then has of it.
fn compare_area(
    area: &Area,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
    report: &mut SealReport,
) -> Result<Summary> {
    prove_source(area)?;
    let (files, bytes) = store.manifest_totals(Some(area.id))?;
    let expected = Expected {
        files,
        bytes,
        ..Expected::default()
    };
    monitor.phase("compare both trees", expected);
    let converted = guardian::accepted(store)?.filter(|_| area.kind == AreaKind::PostOffice);
    let is_converted = converted.is_some();
    compare::compare(area, store, monitor, options, is_converted, report)?;
    if area.kind == AreaKind::PostOffice {
        if is_converted {
            let proof = guardian::prove_guardian(area, store, monitor)?;
            for file in &proof.files {
                report.at_the_seal.add(file.entry.copy.stamp.size);
            }
            report.differences += proof.differences + proof.moved;
            if proof.differences > 0 {
                guardian::doubt(area, store)?;
            }
            store.record_proven(proof.files)?;
            store.record_sealed_source(&proof.source_alone)?;
        }
        report.differences += guardian::prove_catalogue(area, monitor)?;
    }
    let total = report.at_the_seal + report.before;
    (report.files, report.bytes) = (total.files, total.bytes);
    let summary = Summary::read(store, area.id)?;
    let digest = summary.root_digest.clone();
    report.root_digests.insert(area.label.clone(), digest);
    Ok(summary)
}

/// Whether both sides of an area are still what was read; returns how many entries are not.
fn look_again(
    area: &Area,
    summary: &Summary,
    store: &JobStore,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<u64> {
    monitor.phase(
        "look at both trees again",
        Expected {
            files: store.proven_totals(None)?.0.saturating_mul(2),
            ..Expected::default()
        },
    );
    let mut changed = 0;
    for side in [Side::Source, Side::Destination] {
        let finding = |path: &RelativePath, change: unmoved::Change| {
            let text = format!(
                "{}, at the {}, while both trees were compared",
                change.words(),
                side.words()
            );
            let remedy = "Do not start the POA; see who still works at the source or at the destination, then run \
                          `gwmigrate stage-two` again";
            Finding::new("seal-moved", Verdict::Unproven, text, remedy).about(path.as_bytes())
        };
        let by = unmoved::By::Identity(summary);
        changed += unmoved::look(area, side, by, store, monitor, options, &finding)?.changed;
    }
    Ok(changed)
}

/// Whether a seal is about what a folder of the destination holds.  What a file system keeps at its top it is only about where
/// the source has such a folder too; where that cannot be told, the walk says why.
fn is_sealed_over(area: &Area, store: &JobStore, folder: &RelativePath) -> bool {
    !area.is_lost_and_found(folder) || store.has_proven_in(area.id, folder).unwrap_or(true)
}

/// An older seal says nothing about trees that are about to be compared again; and one that was cut off in between must
/// not be taken for a whole one.
fn void_old_seal(job: &Folder, store: &JobStore) -> Result<()> {
    store.clear_seal()?;
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

/// Writes the seal into the job folder and, once that is durable, into the job store.
///
/// It is written in the quarantine, and moved into the job folder when it is whole: a worker that is sealed in can do nothing
/// else there.
fn keep(
    capabilities: &Capabilities,
    store: &JobStore,
    report: &SealReport,
    at_rest_milliseconds: i64,
) -> Result<()> {
    let (job, quarantine) = (&capabilities.job, &capabilities.quarantine);
    let document = SealDocument {
        seal_version: SEAL_VERSION,
        job: store.job()?.unwrap_or_default(),
        generation: store.generation()?,
        sealed_milliseconds: now_milliseconds(),
        at_rest_milliseconds,
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
        write_all(&file, text.as_bytes())?;
        rustix::fs::fsync(&file)?;
        quarantine.rename_to_new(&temporary, job, SEAL_FILE.as_bytes())?;
        // The job folder is only named, and cannot be asked for itself alone.
        rustix::fs::syncfs(quarantine)
    };
    write().map_err(|errno| failed(errno.into()))?;
    store.keep_seal(&document)
}

/// The seal of the trees as they are.  Once users may have worked at the destination, it is the one that they began with.
///
/// # Errors
/// [`WorkerError::Refused`] where there is none, or where something has changed a tree since.
pub(crate) fn require_sealed(store: &JobStore) -> Result<SealDocument> {
    let refused = |text: &str| WorkerError::Refused {
        code: "not-sealed",
        text: text.to_owned(),
        remedy: "Run `gwmigrate stage-two` to its end first".into(),
    };
    let Some(document) = store.seal()? else {
        return Err(refused("This job has no seal yet"));
    };
    let is_of_this_generation =
        store.is_proven(Proof::Seal)? && document.generation == store.generation()?;
    if is_of_this_generation || store.life()?.may_hold_new_mail() {
        Ok(document)
    } else {
        Err(refused(
            "The seal of this job is of an older generation: the destination was changed since",
        ))
    }
}
