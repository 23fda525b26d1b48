//! Proving a converted guardian: the source's and the destination's beside each other, whoever converted it.

use std::collections::{BTreeMap, BTreeSet};

use postoffice::flaim::{
    CheckOptions, Damage, Database, Difference, Fault, Limits, NameProfile, check,
    compare_lowercased, compare_lowercased_texts,
};
use postoffice::names::{RelativePath, printable};
use rustix::io::Errno;

use super::fall_backs::{FALL_BACK, name_in_fall_back};
use super::{GUARDIAN, accepted, doubt, guardian_files, look, open_at_destination, plan};
use crate::capabilities::Area;
use crate::compare::{Compared, Opened};
use crate::copy_file::hash_file;
use crate::database::{OpenDatabase, in_database, open_database};
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::places::Side;
use crate::source::require_mounts;
use crate::store::{CopyIdentity, JobStore, ProvenEntry, ProvenFile, SealedSource, SourceIdentity};
use crate::tree::{Folder, Time};
use protocol::{Explain as _, Finding, Verdict};

/// How many differences are shown one by one.
const SHOWN_MAX: u64 = 20;

/// What a proof saw.
#[derive(Debug, Default)]
pub(crate) struct Proof {
    /// The files of the guardian at the destination.
    pub(crate) files: Vec<ProvenFile>,
    /// Those of the source that the destination has not any more: logs that would bring old names back.
    pub(crate) source_alone: Vec<SealedSource>,
    /// What could not be proven.
    pub(crate) differences: u64,
    /// How many files changed while they were compared.  What was converted may be right all the same: the next pass sees whether
    /// it has to be copied again.
    pub(crate) moved: u64,
}

impl Proof {
    fn digest_of(&self, path: &RelativePath) -> Option<[u8; 32]> {
        let found = self
            .files
            .iter()
            .find(|file| file.folder.join(&file.name) == *path);
        found.map(|file| file.entry.digest)
    }
}

/// Proves that the guardian of the destination is that of the source with its names in lower case.
///
/// # Errors
/// What ends the comparison; differences are findings with the verdict "unproven".
pub(crate) fn prove_guardian(
    area: &Area,
    store: &JobStore,
    monitor: &dyn Monitor,
) -> Result<Proof> {
    let mut proof = Proof::default();
    let source = area.source()?;
    // Before anything is opened, so that nothing is written down as compared that came after that.
    let seen = Identities::look(area)?;
    let name = name_at_source(source)?;
    let before = open_database(source, &name)?;
    let Some(after) = open_at_destination(area)? else {
        differs(monitor, &mut proof, "the destination has no guardian");
        return Ok(proof);
    };
    match (&before.header, &after.header) {
        (Ok(_), Ok(_)) => {
            let converted = accepted(store)?;
            let is_ours = converted.is_none_or(|converted| converted.is_built_in());
            compare_records(&before, &after, is_ours, monitor, &mut proof)?;
        }
        (Ok(_), Err(why)) => {
            let text = format!("that of the source can be read, and the converted one not: {why}");
            differs(monitor, &mut proof, &text);
        }
        (Err(was), Err(why)) if was.is_a_database() && !why.is_a_database() => {
            differs(
                monitor,
                &mut proof,
                &format!("the converted one is no database: {why}"),
            );
        }
        (Err(_), _) => compare_visible_names(&before, &after, monitor, &mut proof)?,
    }
    read_files(area, &seen, &mut proof)?;
    compare_fall_backs(source, &after, monitor, &mut proof)?;
    for path in seen.moved(&Identities::look(area)?) {
        proof.moved += 1;
        let text = "it changed while the guardian was compared";
        let remedy = "Do not start the POA; see who still works at the source or at the destination, then run `gwmigrate stage-two` again";
        let finding = Finding::new("seal-moved", Verdict::Unproven, text, remedy);
        monitor.finding(finding.about(path.as_bytes()));
    }
    Ok(proof)
}

/// Compares the guardian of the destination with that of the source byte by byte, while it is nothing but its copy: of one that
/// only GroupWise can read, no more than the names that are seen in it can be compared once it is converted.  What differs is
/// copied again by the next pass.
///
/// # Errors
/// What ends the comparison; a difference is a finding with the verdict "refused".
pub(crate) fn prove_copy(area: &Area, store: &JobStore, monitor: &dyn Monitor) -> Result<()> {
    if let Some(converted) = accepted(store)?
        && converted.is_unchanged(area)?
    {
        return Ok(());
    }
    let source = area.source()?;
    let mut is_doubted = false;
    for (path, _) in guardian_files(source)? {
        let copy = path.to_destination();
        let (Some((folder, name)), Some((copy_folder, copy_name))) =
            (path.split_last(), copy.split_last())
        else {
            continue;
        };
        let text = match compare_file(
            (source, &folder, name),
            (&area.destination, &copy_folder, copy_name),
        ) {
            // The pass has said what it did not copy.
            Ok(Compared::Equal(_)) | Err((Side::Destination, Errno::NOENT)) => continue,
            Ok(Compared::Different(_)) => "its copy holds other bytes".to_owned(),
            Err((Side::Destination, errno)) => format!("its copy could not be read: {errno}"),
            Err((Side::Source, errno)) => {
                require_mounts(std::slice::from_ref(area), &path, errno)?;
                format!("the source could not be read: {errno}")
            }
        };
        is_doubted = true;
        let remedy = "Run the same command again, which copies it anew; where this comes back, look at the disk and the memory of this \
                      server, and at the network";
        let finding = Finding::new("copy-differs", Verdict::Refused, text, remedy);
        monitor.finding(finding.about(copy.as_bytes()));
    }
    if is_doubted {
        doubt(area, store)?;
    }
    Ok(())
}

/// A file of a tree: its root, the folder below that, and the name.
type Below<'a> = (&'a Folder, &'a RelativePath, &'a [u8]);

fn compare_file(source: Below<'_>, copy: Below<'_>) -> Result<Compared, (Side, Errno)> {
    let open =
        |side, (root, folder, _): Below<'_>| root.descend(folder).map_err(|errno| (side, errno));
    let (source_folder, copy_folder) =
        (open(Side::Source, source)?, open(Side::Destination, copy)?);
    Opened::new((&source_folder, source.2), (&copy_folder, copy.2))?.compare(|_| {})
}

/// What the files of the guardian say of themselves, on both sides, by their paths at the destination.
struct Identities {
    source: BTreeMap<RelativePath, SourceIdentity>,
    copy: BTreeMap<RelativePath, CopyIdentity>,
}

impl Identities {
    fn look(area: &Area) -> Result<Self> {
        let source = guardian_files(area.source()?)?.into_iter();
        let copy = guardian_files(&area.destination)?.into_iter();
        Ok(Self {
            source: source
                .map(|(path, attributes)| {
                    (path.to_destination(), area.source_identity(&attributes))
                })
                .collect(),
            copy: copy
                .map(|(path, attributes)| (path, CopyIdentity::from(&attributes)))
                .collect(),
        })
    }

    /// The files of either side that are not what they are in `after`.
    fn moved(&self, after: &Self) -> BTreeSet<RelativePath> {
        let source = moved(&self.source, &after.source);
        source
            .chain(moved(&self.copy, &after.copy))
            .cloned()
            .collect()
    }
}

fn moved<'a, T: PartialEq>(
    before: &'a BTreeMap<RelativePath, T>,
    after: &'a BTreeMap<RelativePath, T>,
) -> impl Iterator<Item = &'a RelativePath> {
    let paths = before.keys().chain(after.keys());
    paths.filter(|path| before.get(*path) != after.get(*path))
}

/// Reads the files of the guardian at the destination, each with what its counterpart at the source said of itself before any
/// of them was read.
fn read_files(area: &Area, seen: &Identities, proof: &mut Proof) -> Result<()> {
    for (path, copy) in &seen.copy {
        let failed = |errno| WorkerError::reading("read", path, errno);
        let Some((folder, name)) = path.split_last() else {
            continue;
        };
        let open = area.destination.descend(&folder).map_err(failed)?;
        let read = Time::now();
        let (_, digest) = hash_file(&open, name).map_err(failed)?;
        proof.files.push(ProvenFile {
            area: area.id,
            name: name.to_vec(),
            folder,
            entry: ProvenEntry {
                digest,
                source: seen.source.get(path).copied(),
                copy: *copy,
                read,
                // The content of both sides differs on purpose: it is proven anew by each seal.
                racy: true,
            },
        });
    }
    let at_source = seen.source.iter();
    proof.source_alone = at_source
        .filter(|(path, _)| !seen.copy.contains_key(*path))
        .filter_map(|(path, identity)| {
            let (folder, name) = path.split_last()?;
            Some(SealedSource {
                area: area.id,
                name: name.to_vec(),
                folder,
                stamp: identity.stamp,
            })
        })
        .collect();
    Ok(())
}

/// The name that the guardian has at the source, in whatever case.
fn name_at_source(source: &Folder) -> Result<Vec<u8>> {
    let root = RelativePath::root();
    let entries = source
        .list()
        .map_err(|errno| WorkerError::reading("list", &root, errno))?;
    let found = entries
        .into_iter()
        .find(|entry| entry.name.eq_ignore_ascii_case(GUARDIAN));
    found
        .map(|entry| entry.name.into_vec())
        .ok_or_else(|| WorkerError::reading("find", &root.join(GUARDIAN), Errno::NOENT))
}

/// Compares the records of both.  Where another program converted, it chose what a name is: any text may be in lower case, and none
/// that is seen to be a name may have a capital letter left.
fn compare_records(
    before: &OpenDatabase,
    after: &OpenDatabase,
    is_ours: bool,
    monitor: &dyn Monitor,
    proof: &mut Proof,
) -> Result<()> {
    let failed = in_database(GUARDIAN);
    let checked = check(&after.files, CheckOptions::default()).map_err(&failed)?;
    let mut faults: Vec<&Fault> = checked.damage().collect();
    let unusual = || {
        let findings = checked.findings.iter();
        findings.filter(|fault| fault.damage == Damage::HeaderUnusual)
    };
    if unusual().next().is_some() {
        // What has no meaning in a header, and is the same at the source, is no damage.
        let old = check(&before.files, CheckOptions::default()).map_err(&failed)?;
        faults.extend(unusual().filter(|fault| !old.findings.contains(fault)));
    }
    for fault in faults {
        let text = format!("the converted guardian is damaged: {fault}");
        differs(monitor, proof, &text);
    }
    if !is_ours {
        require_lower(after, monitor, proof)?;
    }
    let before = Database::open(&before.files, Limits::default()).map_err(&failed)?;
    let after = Database::open(&after.files, Limits::default()).map_err(&failed)?;
    let differ = |difference: Difference| {
        let record = difference
            .record
            .map_or_else(String::new, |record| format!(", record {record}"));
        let text = format!(
            "it is not the guardian of the source with lower-case names: container {}{record}: {}",
            difference.container, difference.what
        );
        differs(monitor, proof, &text);
    };
    let compared = if is_ours {
        compare_lowercased(&before, &after, &NameProfile::Guardian, differ)
    } else {
        compare_lowercased_texts(&before, &after, differ)
    };
    compared.map_err(&failed)?;
    Ok(())
}

/// Sees that a guardian which another program converted has no name left to convert, as far as that can be known.
fn require_lower(after: &OpenDatabase, monitor: &dyn Monitor, proof: &mut Proof) -> Result<()> {
    let left = match plan(after) {
        Ok(plan) => {
            let changes = plan.changes.into_iter();
            changes.map(|change| change.old.into_bytes()).next()
        }
        Err(error) if error.verdict() == Verdict::Temporary => return Err(error),
        Err(_) => {
            let seen = look::visible_names(after)?;
            seen.left().next().map(<[u8]>::to_vec)
        }
    };
    if let Some(name) = left {
        let text = format!("it still holds {}", printable(&name));
        differs(monitor, proof, &text);
    }
    Ok(())
}

/// The best that can be done for a guardian that nothing but GroupWise can read.
fn compare_visible_names(
    before: &OpenDatabase,
    after: &OpenDatabase,
    monitor: &dyn Monitor,
    proof: &mut Proof,
) -> Result<()> {
    let wanted = look::visible_names(before)?.lowered();
    let found = look::visible_names(after)?;
    if wanted.is_empty() {
        monitor.finding(
            Finding::new(
                "guardian-names-not-visible",
                Verdict::NeedsAttention,
                "the names in this guardian cannot be seen, so that they are lower case could not be proven here",
                "Look at the log of GWCheck, and start the POA: error 8209 or C06A would mean that a name was left",
            )
            .about(GUARDIAN),
        );
        return Ok(());
    }
    if let Some(name) = found.left().next() {
        let text = format!("it still holds {}", printable(name));
        differs(monitor, proof, &text);
    } else if let Some(name) = found.perhaps_stale().first() {
        let text = format!(
            "it holds {} in capitals and in lower case, as a database does in which what was there before is not wiped; which of \
             them counts could not be seen here",
            printable(name)
        );
        let remedy = "Look at the log of GWCheck, and start the POA: error 8209 or C06A would mean that a name was left";
        let finding = Finding::new(
            "guardian-name-perhaps-left",
            Verdict::NeedsAttention,
            text,
            remedy,
        );
        monitor.finding(finding.about(GUARDIAN));
    }
    let lowered = found.lowered();
    if lowered != wanted {
        let text = format!(
            "it names other files than that of the source: {} names are seen in it, {} in that of the source",
            lowered.len(),
            wanted.len()
        );
        differs(monitor, proof, &text);
    }
    Ok(())
}

/// The fall-back copies of the destination must be the converted guardian with all of its files, and none may be missing.
fn compare_fall_backs(
    source: &Folder,
    converted: &OpenDatabase,
    monitor: &dyn Monitor,
    proof: &mut Proof,
) -> Result<()> {
    for (path, _) in guardian_files(source)? {
        let path = path.to_destination();
        let Some((folder, name)) = path.split_last() else {
            continue;
        };
        if name != FALL_BACK {
            continue;
        }
        let mut is_equal = true;
        for member in &converted.members {
            if let Some(copy) = name_in_fall_back(member)? {
                let copy = proof.digest_of(&folder.join(&copy));
                is_equal &= copy.is_some() && copy == proof.digest_of(&member.path);
            }
        }
        if !is_equal {
            let text = format!("the fall-back copy {path} is not the converted guardian");
            differs(monitor, proof, &text);
        }
    }
    Ok(())
}

fn differs(monitor: &dyn Monitor, proof: &mut Proof, text: &str) {
    proof.differences += 1;
    if proof.differences > SHOWN_MAX {
        return;
    }
    let remedy = "Do not start the POA; run stage two again, and look at the guardian if it stays";
    monitor.finding(Finding::new("seal-guardian", Verdict::Unproven, text, remedy).about(GUARDIAN));
}
