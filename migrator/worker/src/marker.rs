//! The marker of a destination folder: which job owns it (ARCHITECTURE.md rule 9c).
//!
//! A job store says what a job believes; only the folder itself can say whose it is.  So every destination folder bears a
//! marker from the moment at which a job takes it until `gwmigrate abandon` gives it back, and a job touches nothing that
//! bears the marker of another one, or none although it bore one before: an unmounted disk looks like that.
//!
//! Passes and seals leave the marker alone, because its name is one of those that the migrator keeps for itself, and no
//! agent of GroupWise looks for such a name.

use std::os::fd::OwnedFd;

use postoffice::names::{RelativePath, printable};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::capabilities::{Area, Capabilities};
use crate::error::{Result, WorkerError};
pub use crate::names::MARKER_FILE;
use crate::store::JobStore;
use crate::tree::{Folder, read_at, write_all};
use protocol::Operation;

/// Name of a marker that is being made.
const UNFINISHED_FILE: &[u8] = b".gwmigrate-owner.new";

/// Version of what a marker says.
const MARKER_VERSION: u32 = 1;

/// More than this is no marker.
const BYTES_MAX: usize = 16 << 10;

/// What a marker says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// Version of this document.
    pub marker_version: u32,
    /// Name of the job.
    pub job: String,
    /// A text that no other job has, whatever its name.
    pub job_id: String,
    /// The server at which the job folder is.
    pub host: String,
    /// The job folder.
    pub job_folder: String,
    /// Number of the area in the job.
    pub area: u32,
    /// The generation of the tree, in ten digits, so that a newer one takes the same room.
    pub generation: String,
}

/// Whose a destination folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody's: it bears no marker.
    Nobody,
    /// This job's, with the generation that its marker names.
    ThisJob(u64),
    /// Another job's.
    AnotherJob(Box<Marker>),
}

/// Whose the destination folder of an area is.
///
/// # Errors
/// [`WorkerError::Refused`] where the marker is none; what reading says.
pub(crate) fn owner(area: &Area, store: &JobStore) -> Result<Owner> {
    let Some(marker) = read(area)? else {
        return Ok(Owner::Nobody);
    };
    if marker.job_id != store.job_id()? || marker.area != area.id {
        return Ok(Owner::AnotherJob(Box::new(marker)));
    }
    let generation = marker.generation.parse();
    generation
        .map(Owner::ThisJob)
        .map_err(|_| unreadable(area, "its generation is no number"))
}

/// Makes sure that the destination folder of an area bears the marker of this job, and that the job store is not older than
/// the folder.
///
/// # Errors
/// [`WorkerError::Refused`].
pub(crate) fn require(area: &Area, store: &JobStore) -> Result<()> {
    let refused = |code, text: String, remedy: &str| {
        Err(WorkerError::Refused {
            code,
            text,
            remedy: remedy.to_owned(),
        })
    };
    let label = &area.label;
    match owner(area, store)? {
        Owner::AnotherJob(marker) => Err(of_another_job(area, &marker)),
        Owner::Nobody => refused(
            "destination-marker-missing",
            format!(
                "The destination folder of {label} does not bear the marker of this job ({})",
                printable(MARKER_FILE)
            ),
            "See that its file system is mounted; nothing was changed. Where the folder was emptied on purpose, run \
             `gwmigrate abandon --yes`, then begin again with `gwmigrate stage-one`",
        ),
        Owner::ThisJob(generation) if generation > store.generation()? => refused(
            "job-store-older",
            format!(
                "The destination folder of {label} is of generation {generation}, and the job store knows only {}: it \
                 was put back from somewhere and does not know what happened since",
                store.generation()?
            ),
            "Put the newest job.sqlite back into the job folder; where there is none, undo the job with `gwmigrate abandon --yes`, \
             then begin again with `gwmigrate stage-one`. Nothing was changed",
        ),
        Owner::ThisJob(_) => Ok(()),
    }
}

/// The refusal to touch a folder of another job.
pub(crate) fn of_another_job(area: &Area, marker: &Marker) -> WorkerError {
    WorkerError::Refused {
        code: "destination-of-another-job",
        text: format!(
            "The destination folder of {} belongs to the job {} (job folder {} on {}), which has not given it back",
            area.label,
            printable(marker.job.as_bytes()),
            printable(marker.job_folder.as_bytes()),
            printable(marker.host.as_bytes())
        ),
        remedy: "Name another folder in the worksheet, or abandon that job with its own worksheet; nothing was changed"
            .into(),
    }
}

/// Takes a destination folder that is nobody's into this job.
///
/// # Errors
/// What writing says.
pub(crate) fn take(area: &Area, store: &JobStore) -> Result<()> {
    let marker = Marker {
        marker_version: MARKER_VERSION,
        job: store.job()?.unwrap_or_default(),
        job_id: store.job_id()?,
        host: host(),
        job_folder: store.folder().to_string_lossy().into_owned(),
        area: area.id,
        generation: digits(store.generation()?),
    };
    let folder = &area.destination;
    let text = text(&marker)?;
    let write = || -> std::result::Result<(), Errno> {
        folder.remove_file(UNFINISHED_FILE)?;
        let file = folder.create_file(UNFINISHED_FILE)?;
        write_all(&file, &text)?;
        rustix::fs::fsync(&file)?;
        folder.rename_over(UNFINISHED_FILE, MARKER_FILE)?;
        rustix::fs::fsync(folder)
    };
    write().map_err(failed("create"))
}

/// Whether this is the name of a marker that was being made when the worker was cut off.
pub(crate) fn is_unfinished(name: &[u8]) -> bool {
    name == UNFINISHED_FILE
}

/// Gives a destination folder back: it is nobody's then.
///
/// # Errors
/// What removing says.
pub(crate) fn give_back(area: &Area) -> Result<()> {
    area.destination
        .remove_file(MARKER_FILE)
        .map(|_| ())
        .map_err(failed("remove"))
}

/// Begins a new generation of the job: in the store, durably and with the proofs that it makes untrue, before anything of
/// a tree changes; then in the markers.
///
/// # Errors
/// What the job store and writing say.
pub(crate) fn begin_generation(
    capabilities: &Capabilities,
    store: &JobStore,
    operation: Operation,
) -> Result<()> {
    begin_generation_of(&capabilities.areas, store, operation)
}

/// The same where not all folders of the order may be this job's: the markers of these alone are written.
///
/// # Errors
/// As [`begin_generation`].
pub(crate) fn begin_generation_of<'a>(
    areas: impl IntoIterator<Item = &'a Area>,
    store: &JobStore,
    operation: Operation,
) -> Result<()> {
    let generation = store.begin_generation(operation)?;
    for area in areas {
        let Some(mut marker) = read(area)? else {
            continue;
        };
        marker.generation = digits(generation);
        let text = text(&marker)?;
        let write = || -> std::result::Result<(), Errno> {
            // In its place and with its length: whenever the power goes, it is the old one or the new one.
            let file = open(&area.destination, OFlags::WRONLY)?;
            write_all(&file, &text)?;
            rustix::fs::fdatasync(&file)
        };
        write().map_err(failed("write"))?;
    }
    Ok(())
}

fn digits(generation: u64) -> String {
    format!("{generation:010}")
}

fn text(marker: &Marker) -> Result<Vec<u8>> {
    let text = serde_json::to_vec_pretty(marker);
    let mut text = text.map_err(|error| WorkerError::JobFolder {
        operation: "describe the owner of a destination in",
        name: printable(MARKER_FILE),
        source: error.into(),
    })?;
    text.push(b'\n');
    Ok(text)
}

fn open(folder: &Folder, how: OFlags) -> std::result::Result<OwnedFd, Errno> {
    let flags = how | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    rustix::fs::openat(folder, MARKER_FILE, flags, Mode::empty())
}

/// What the marker of an area says; none where it has none.
fn read(area: &Area) -> Result<Option<Marker>> {
    let file = match open(&area.destination, OFlags::RDONLY) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP | Errno::NXIO) => return Err(unreadable(area, "it is no file")),
        Err(errno) => return Err(failed("open")(errno)),
    };
    let mut bytes = vec![0; BYTES_MAX];
    let length = match read_at(&file, &mut bytes, 0) {
        Ok(length) => length,
        Err(Errno::ISDIR) => return Err(unreadable(area, "it is no file")),
        Err(errno) => return Err(failed("read")(errno)),
    };
    let marker: Marker = serde_json::from_slice(&bytes[..length])
        .map_err(|error| unreadable(area, &error.to_string()))?;
    if marker.marker_version == MARKER_VERSION {
        Ok(Some(marker))
    } else {
        Err(unreadable(area, "another version of gwmigrate wrote it"))
    }
}

fn unreadable(area: &Area, why: &str) -> WorkerError {
    WorkerError::Refused {
        code: "destination-marker-unreadable",
        text: format!(
            "The marker {} in the destination folder of {} cannot be read, so it is not known whose the folder is: {why}",
            printable(MARKER_FILE),
            area.label
        ),
        remedy: "Look at the file and at the disk of the destination, and name another folder in the worksheet where \
                 nobody knows; nothing was changed"
            .into(),
    }
}

fn failed(operation: &'static str) -> impl Fn(Errno) -> WorkerError {
    move |errno| WorkerError::writing(operation, &RelativePath::root().join(MARKER_FILE), errno)
}

fn host() -> String {
    rustix::system::uname()
        .nodename()
        .to_string_lossy()
        .into_owned()
}
