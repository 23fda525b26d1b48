//! Opening the folders of an order: first looked at by the mount table, then opened, then looked at by their handles.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use postoffice::names::RelativePath;
use rustix::io::Errno;

use super::read_only_view::ReadOnlyView;
use super::{Area, Capabilities, CertificateFiles};
use crate::error::{Result, WorkerError};
use crate::file_system;
use crate::lock_reach;
use crate::names::{QUARANTINE_FOLDER, SEAL_FILE};
use crate::places::{SeenPlace, known_mounts};
use crate::tree::Folder;
use protocol::mounts::{self, Mount, covering};
use protocol::places::{Place, trouble};
use protocol::{AreaOrder, LockReach, Order, Task};

/// What the folders of an order are for.
const SOURCE: &str = "the source folder";
const DESTINATION: &str = "the destination folder";
const JOB: &str = "the job folder";

/// Opens what an order names.
pub(super) fn open(order: &Order, job_folder: &Path) -> Result<Capabilities> {
    let opening = Opening {
        order,
        job_folder,
        table: mount_table()?,
    };
    if order.task.writes() {
        refuse_overlaps(order, job_folder, &opening.table)?;
    }
    let capabilities = opening.open()?;
    if order.task.writes() {
        refuse_same_folders(&capabilities)?;
    }
    Ok(capabilities)
}

/// An order that is being opened.
struct Opening<'a> {
    order: &'a Order,
    job_folder: &'a Path,
    /// The mounts as everybody sees them.
    table: Vec<Mount>,
}

/// The folders of an order that are written, open.
struct Written {
    /// One for each area.
    destinations: Vec<Destination>,
    job: Folder,
    quarantine: Folder,
    /// Where certificates go.
    target: Option<Folder>,
}

/// The folder of an area at the destination, open, and the mounts below it.
struct Destination {
    folder: Folder,
    mounts: Vec<(RelativePath, Folder)>,
}

impl Opening<'_> {
    /// Opens everything, the source where it cannot be written, as far as that is possible.
    fn open(&self) -> Result<Capabilities> {
        let sources = sources(self.order);
        if sources.is_empty() {
            return self.with_sources(self.written()?);
        }
        let opened = ReadOnlyView::open(|view| {
            // Opened before: what is written may lie below a folder that is only read.
            let written = self.written();
            for folder in &sources {
                view.make_read_only(folder)?;
            }
            Ok(written.and_then(|written| self.with_sources(written)))
        });
        match opened {
            Ok((opened, view)) => Ok(Capabilities {
                view: Some(view),
                ..opened?
            }),
            Err(error) => {
                tracing::debug!(%error, "the source is opened as everybody sees it");
                self.with_sources(self.written()?)
            }
        }
    }

    fn written(&self) -> Result<Written> {
        // The mounts have other numbers in a view of its own.
        let table = mount_table()?;
        let destinations = self.order.areas.iter();
        let destinations = destinations
            .map(|area| open_destination(&area.label, &area.destination, &table))
            .collect::<Result<_>>()?;
        let target = match &self.order.task {
            Task::Certificates {
                target: Some(target),
                ..
            } => Some(open_folder(
                "the folder for certificates",
                Path::new(target),
            )?),
            _ => None,
        };
        let job = open_as(JOB, self.job_folder, Folder::only_named)?;
        // Made now: once the worker is sealed in it can make nothing in the job folder.
        let (quarantine, _) =
            job.create_folder(QUARANTINE_FOLDER)
                .map_err(|errno| WorkerError::JobFolder {
                    operation: "create",
                    name: String::from_utf8_lossy(QUARANTINE_FOLDER).into_owned(),
                    source: errno.into(),
                })?;
        Ok(Written {
            destinations,
            job,
            quarantine,
            target,
        })
    }

    /// Opens what is only read, beside it.
    fn with_sources(&self, written: Written) -> Result<Capabilities> {
        let areas = self.order.areas.iter().zip(written.destinations);
        let areas = areas
            .map(|(area, destination)| self.area(area, destination))
            .collect::<Result<Vec<_>>>()?;
        let certificates = match &self.order.task {
            Task::Certificates {
                certificate, key, ..
            } => Some(CertificateFiles {
                certificate: open_parent("the folder of the certificate", Path::new(certificate))?,
                key: open_parent("the folder of the key", Path::new(key))?,
                target: written.target,
            }),
            _ => None,
        };
        Ok(Capabilities {
            areas,
            seal: self.seal(&written.job)?,
            job: written.job,
            quarantine: written.quarantine,
            certificates,
            view: None,
        })
    }

    /// Opens the seal, which a worker that is sealed in cannot.
    fn seal(&self, job: &Folder) -> Result<Option<OwnedFd>> {
        if self.order.task != Task::Verify {
            return Ok(None);
        }
        match job.open_file(SEAL_FILE.as_bytes()) {
            Ok((file, _)) => Ok(Some(file)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(WorkerError::JobFolder {
                operation: "read",
                name: SEAL_FILE.to_owned(),
                source: errno.into(),
            }),
        }
    }

    fn area(&self, area: &AreaOrder, destination: Destination) -> Result<Area> {
        let source = if self.order.task.needs_source() {
            let folder = open_folder(SOURCE, Path::new(&area.source))?;
            Some(if self.order.options.bypass_attribute_cache {
                folder.bypassing_cache()
            } else {
                folder
            })
        } else {
            None
        };
        let change_times = match &source {
            Some(folder) if file_system::keeps_change_times(folder) => {
                let failed = |errno| WorkerError::reading("look at", &RelativePath::root(), errno);
                Some(folder.attributes().map_err(failed)?.device)
            }
            _ => None,
        };
        let source_seen = match &source {
            Some(_) => {
                let place = locate(SOURCE, &area.label, &area.source, &self.table)?;
                Some(SeenPlace::of(&place, &area.source, &self.table))
            }
            None => None,
        };
        let locks = match &source {
            Some(folder) => {
                let place = locate(SOURCE, &area.label, &area.source, &self.table)?;
                lock_reach::measure(folder, covering(&self.table, &place.path))
            }
            None => LockReach::default(),
        };
        let place = locate(DESTINATION, &area.label, &area.destination, &self.table)?;
        let own = covering(&self.table, &place.path);
        Ok(Area {
            id: area.id,
            kind: area.kind,
            label: area.label.clone(),
            source,
            destination: destination.folder,
            mounts: destination.mounts,
            is_on_its_own: own.is_some_and(|mount| mount.is_at(&place.path)),
            change_times,
            locks,
            source_seen,
            destination_seen: SeenPlace::of(&place, &area.destination, &self.table),
        })
    }
}

/// Opens the folder of an area at the destination, from which only the mounts of this table are entered.
fn open_destination(label: &str, path: &str, table: &[Mount]) -> Result<Destination> {
    let place = locate(DESTINATION, label, path, table)?;
    let folder = open_folder(DESTINATION, Path::new(path))?.within(known_mounts(&place, table));
    let mut mounts = Vec::with_capacity(place.mounts.len());
    for inner in &place.mounts {
        let Some(path) = RelativePath::from_bytes(inner.path.as_os_str().as_encoded_bytes()) else {
            continue;
        };
        match folder.descend(&path) {
            Ok(folder) => mounts.push((path, folder)),
            // A file can be mounted over a file; nothing of it is ever moved.
            Err(Errno::NOTDIR) => {}
            Err(errno) => return Err(WorkerError::writing("open the mount", &path, errno)),
        }
    }
    mounts.sort_by_key(|(path, _)| path.depth());
    Ok(Destination { folder, mounts })
}

/// A folder that may become a destination, and the folders that are mounted below it, each by its path.
pub(crate) fn open_with_mounts(path: &Path) -> Result<Vec<(PathBuf, Folder)>> {
    let text = path.to_string_lossy();
    let Destination { folder, mounts } = open_destination(&text, &text, &mount_table()?)?;
    let mounts = mounts.into_iter().map(|(inner, folder)| {
        let inner = String::from_utf8_lossy(inner.as_bytes()).into_owned();
        (path.join(inner), folder)
    });
    Ok(std::iter::once((path.to_owned(), folder))
        .chain(mounts)
        .collect())
}

/// Where a folder of an area really is.
fn locate(role: &'static str, label: &str, path: &str, table: &[Mount]) -> Result<Place> {
    let real = real_path(role, path)?.unwrap_or_else(|| path.into());
    Place::locate(label, false, &real, table).ok_or_else(|| WorkerError::Refused {
        code: "not-mounted",
        text: format!("No line of the mount table covers {role} of {label}"),
        remedy: "Report this with /proc/self/mountinfo of the destination".into(),
    })
}

/// The folders of an order that are only read.
fn sources(order: &Order) -> Vec<&Path> {
    let mut folders = Vec::new();
    if order.task.needs_source() {
        folders.extend(order.areas.iter().map(|area| Path::new(&area.source)));
    }
    if let Task::Certificates {
        certificate, key, ..
    } = &order.task
    {
        folders.extend([certificate, key].map(|file| folder_of(Path::new(file))));
    }
    folders
}

/// The mount table as the calling thread sees it.
fn mount_table() -> Result<Vec<Mount>> {
    const TABLE: &str = "/proc/thread-self/mountinfo";
    let text = std::fs::read(TABLE).map_err(|source| WorkerError::Open {
        role: "the mount table",
        path: TABLE.to_owned(),
        source,
    })?;
    Ok(mounts::parse(&text))
}

/// The path of a folder without symbolic links; none where there is no such folder.
fn real_path(role: &'static str, path: &str) -> Result<Option<PathBuf>> {
    match Path::new(path).canonicalize() {
        Ok(real) => Ok(Some(real)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(WorkerError::Open {
            role,
            path: path.to_owned(),
            source,
        }),
    }
}

/// Refuses an order whose folders are not places of their own.
fn refuse_overlaps(order: &Order, job_folder: &Path, table: &[Mount]) -> Result<()> {
    let mut places = Vec::new();
    let mut add = |what: &str, is_written: bool, role: &'static str, path: &str| {
        if let Some(real) = real_path(role, path)? {
            places.extend(Place::locate(what, is_written, &real, table));
        }
        Ok(())
    };
    for area in &order.areas {
        let source = format!("the source of {}", area.label);
        match add(&source, false, SOURCE, &area.source) {
            // Where the task does not need it, it need not answer.
            Err(_) if !order.task.needs_source() => {}
            outcome => outcome?,
        }
        let destination = format!("the destination of {}", area.label);
        add(&destination, true, DESTINATION, &area.destination)?;
    }
    add("the job folder", true, JOB, &job_folder.to_string_lossy())?;
    trouble(&places).map_or(Ok(()), |trouble| Err(overlap(&trouble)))
}

fn overlap(trouble: &str) -> WorkerError {
    WorkerError::Refused {
        code: "places-overlap",
        text: format!("Source, destination, document areas and job folder must be places of their own: {trouble}"),
        remedy: "Name other folders in the worksheet, or unmount what leads from one to the other; nothing was written"
            .into(),
    }
}

/// The same as [`refuse_overlaps`] once more, by what the kernel says of the open folders.
fn refuse_same_folders(capabilities: &Capabilities) -> Result<()> {
    let areas = capabilities.areas.iter().flat_map(|area| {
        let source = area.source.as_ref();
        let source = source.map(|source| (format!("the source of {}", area.label), source));
        let destination = format!("the destination of {}", area.label);
        source.into_iter().chain([(destination, &area.destination)])
    });
    let folders: Vec<(String, &Folder)> = areas
        .chain([("the job folder".to_owned(), &capabilities.job)])
        .collect();
    let failed = |errno: Errno| {
        WorkerError::reading("look at the folders above", &RelativePath::root(), errno)
    };
    let mut known = HashMap::new();
    let mut above = Vec::with_capacity(folders.len());
    for (what, folder) in &folders {
        let mut chain = folder.with_those_above().map_err(failed)?.into_iter();
        if let Some(other) = chain.next().and_then(|own| known.insert(own, what)) {
            return Err(overlap(&format!("{what} is {other}, or lies inside it")));
        }
        above.push((what, chain));
    }
    for (what, mut chain) in above {
        if let Some(other) = chain.find_map(|folder| known.get(&folder)) {
            return Err(overlap(&format!("{what} is {other}, or lies inside it")));
        }
    }
    Ok(())
}

/// Opens a folder that the administrator named.
///
/// # Errors
/// [`WorkerError::Open`].
pub fn open_folder(role: &'static str, path: &Path) -> Result<Folder> {
    open_as(role, path, Folder::from_root)
}

/// The absolute path of something that need not be there yet, without the symbolic links that lead to it now.
///
/// # Errors
/// What the kernel says of the folders above it.
pub(crate) fn without_links(path: &Path) -> std::io::Result<PathBuf> {
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(std::io::ErrorKind::InvalidInput.into());
    };
    match parent.canonicalize() {
        Ok(parent) => Ok(parent.join(name)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(without_links(parent)?.join(name))
        }
        Err(error) => Err(error),
    }
}

/// Names the folder at an absolute path of which no part may be a symbolic link.
///
/// # Errors
/// `ENOENT`; `ENOTDIR` for a symbolic link and for what is no folder; what else the kernel says.
pub(crate) fn open_without_links(path: &Path) -> std::io::Result<Folder> {
    let root = Dir::open_ambient_dir("/", ambient_authority())?;
    let below = path
        .strip_prefix("/")
        .map_err(|_| std::io::ErrorKind::InvalidInput)?;
    let mut names = below.iter();
    let folder = names.try_fold(Folder::only_named(&root)?, |folder, name| {
        folder.name_folder(name.as_encoded_bytes())
    })?;
    Ok(folder)
}

fn open_as(
    role: &'static str,
    path: &Path,
    how: impl FnOnce(&Dir) -> std::result::Result<Folder, Errno>,
) -> Result<Folder> {
    let error = |source| WorkerError::Open {
        role,
        path: path.display().to_string(),
        source,
    };
    if !path.is_absolute() {
        return Err(error(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "the path is not absolute",
        )));
    }
    let root = Dir::open_ambient_dir(path, ambient_authority()).map_err(error)?;
    how(&root).map_err(|errno| error(errno.into()))
}

fn open_parent(role: &'static str, path: &Path) -> Result<(Folder, Vec<u8>)> {
    use std::os::unix::ffi::OsStrExt as _;
    let name = path.file_name().ok_or_else(|| WorkerError::Open {
        role,
        path: path.display().to_string(),
        source: std::io::Error::new(std::io::ErrorKind::InvalidInput, "the path names no file"),
    })?;
    Ok((
        open_folder(role, folder_of(path))?,
        name.as_bytes().to_vec(),
    ))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}
