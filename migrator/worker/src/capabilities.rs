//! The only place where the worker opens a path: the folders of the order and the job folder.
//!
//! Everything later happens relative to these handles.  `ambient_authority` appears in this module and nowhere else
//! of the worker (a test enforces it).

use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use postoffice::layout::{self, CopyRule, FileClass, FolderFiles};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::error::{Result, WorkerError};
use crate::file_system;
use crate::mounts::{self, Mount, covering};
use crate::places::{Place, SeenPlace, trouble};
use crate::protocol::{AreaKind, AreaOrder, CopyOptions, Order, Task};
use crate::tree::Folder;

/// Where some file systems keep what a repair found, at their top.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// One area with its open folders.
#[derive(Debug, Clone)]
pub struct Area {
    /// Number of the area in the job.
    pub id: u32,
    /// What it is.
    pub kind: AreaKind,
    /// What people call it.
    pub label: String,
    /// The folder of the mounted source, where the task needs it.
    pub source: Option<Folder>,
    /// The folder at the destination.
    pub destination: Folder,
    /// The mounts below the folder at the destination, by their paths in it, deepest last.
    pub(crate) mounts: Vec<(RelativePath, Folder)>,
    /// Whether the folder at the destination is the top of a file system.
    pub(crate) is_on_its_own: bool,
    /// The source folder and its mounts, as they are now; none where the task does not need it.
    pub(crate) source_seen: Option<SeenPlace>,
    /// The same of the destination.
    pub(crate) destination_seen: SeenPlace,
}

impl Area {
    /// Makes everything durable that was written at the destination, on every file system that it has.
    ///
    /// # Errors
    /// [`WorkerError::SyncFailed`] with the number of files that were written.
    pub(crate) fn sync(&self, files: usize) -> Result<()> {
        let inner = self.mounts.iter().map(|(_, folder)| folder);
        std::iter::once(&self.destination)
            .chain(inner)
            .try_for_each(|folder| {
                rustix::fs::syncfs(folder)
                    .map_err(|source| WorkerError::SyncFailed { files, source })
            })
    }

    /// The folder at the top of the file system that holds `path`, and its own path: names can be moved to and from it.
    pub(crate) fn top_of(&self, path: &RelativePath) -> (RelativePath, &Folder) {
        let holds = |mount: &RelativePath| {
            let mut below = path.components();
            mount.components().all(|name| below.next() == Some(name))
        };
        let mut mounts = self.mounts.iter().rev();
        mounts.find(|(mount, _)| holds(mount)).map_or_else(
            || (RelativePath::root(), &self.destination),
            |(mount, folder)| (mount.clone(), folder),
        )
    }

    /// Whether the folder at this path of the destination is there because of a file system, and nobody's data.
    pub(crate) fn is_of_the_file_system(&self, path: &RelativePath) -> bool {
        self.is_mount_point(path) || self.is_lost_and_found(path)
    }

    /// Whether this is the folder at the top of a file system that a repair of it puts what it found in.
    pub(crate) fn is_lost_and_found(&self, path: &RelativePath) -> bool {
        path.split_last().is_some_and(|(parent, name)| {
            let is_top = self.is_mount_point(&parent) || (parent.is_root() && self.is_on_its_own);
            name == LOST_AND_FOUND && is_top
        })
    }

    /// Whether a file system is mounted at this path of the destination, so that the folder can be neither renamed nor
    /// removed.
    pub(crate) fn is_mount_point(&self, path: &RelativePath) -> bool {
        self.mounts.iter().any(|(mount, _)| mount == path)
    }

    /// What the file at `path` is; for many files of one folder, [`Area::files_in`].
    pub(crate) fn classify(&self, path: &RelativePath) -> FileClass {
        match self.kind {
            AreaKind::PostOffice => layout::classify_file(path),
            AreaKind::Documents => layout::classify_document(path),
        }
    }

    /// What the files of a folder are, by their names.
    pub(crate) fn files_in(&self, folder: &RelativePath) -> FolderFiles {
        match self.kind {
            AreaKind::PostOffice => FolderFiles::in_post_office(folder),
            AreaKind::Documents => FolderFiles::in_documents(folder),
        }
    }

    /// The database that the file at `path` belongs to: its path in lower case, without `.db`.
    pub(crate) fn database_of(&self, path: &RelativePath) -> Option<RelativePath> {
        match self.kind {
            AreaKind::PostOffice => layout::database_of(path),
            AreaKind::Documents => layout::document_database_of(path),
        }
    }

    /// Whether the file at `path` is never copied and never compared: nobody's data, or a log that is not wanted.
    pub(crate) fn leaves_out(&self, path: &RelativePath, options: &CopyOptions) -> bool {
        leaves_out_class(self.classify(path), options)
    }

    /// Whether the source may show names that are no longer so; see [`file_system::may_show_old_names`].
    pub(crate) fn may_show_old_names(&self) -> bool {
        let source = self.source.as_ref();
        source.is_some_and(file_system::may_show_old_names)
    }

    /// The source folder.
    ///
    /// # Errors
    /// [`WorkerError::Order`] where the order did not ask for it to be opened.
    pub fn source(&self) -> Result<&Folder> {
        self.source.as_ref().ok_or_else(|| WorkerError::Order {
            text: format!("The source of {} was not opened for this task", self.label),
        })
    }
}

/// Whether files of a class are never copied and never compared.
pub(crate) fn leaves_out_class(class: FileClass, options: &CopyOptions) -> bool {
    class.copy_rule() == CopyRule::Never || (class == FileClass::Log && !options.agent_logs)
}

/// A certificate or key file, opened before the sandbox closes.
#[derive(Debug)]
pub struct CertificateFiles {
    /// The folder that holds the certificate, and its name there.
    pub certificate: (Folder, Vec<u8>),
    /// The folder that holds the key, and its name there.
    pub key: (Folder, Vec<u8>),
    /// Where both go; nowhere when they are only looked at.
    pub target: Option<Folder>,
}

/// Everything that the worker may touch.
#[derive(Debug)]
pub struct Capabilities {
    /// The areas of the order, the post office first.
    pub areas: Vec<Area>,
    /// The job folder.
    pub job: Folder,
    /// Certificate files, where the task is about them.
    pub certificates: Option<CertificateFiles>,
}

impl Capabilities {
    /// Opens what an order names.
    ///
    /// # Errors
    /// [`WorkerError::Open`] with the role of the folder that could not be opened.
    pub fn open(order: &Order, job_folder: &Path) -> Result<Self> {
        let table = mount_table()?;
        if order.task.writes() {
            refuse_overlaps(order, job_folder, &table)?;
        }
        let areas = order
            .areas
            .iter()
            .map(|area| open_area(area, &order.task, &table))
            .collect::<Result<Vec<_>>>()?;
        let certificates = match &order.task {
            Task::Certificates {
                certificate,
                key,
                target,
                ..
            } => Some(CertificateFiles {
                certificate: open_parent("the folder of the certificate", Path::new(certificate))?,
                key: open_parent("the folder of the key", Path::new(key))?,
                target: target
                    .as_ref()
                    .map(|target| open("the folder for certificates", Path::new(target)))
                    .transpose()?,
            }),
            _ => None,
        };
        let capabilities = Self {
            areas,
            job: open("the job folder", job_folder)?,
            certificates,
        };
        if order.task.writes() {
            capabilities.refuse_same_folders()?;
        }
        Ok(capabilities)
    }

    /// The same as [`refuse_overlaps`] once more, by what the kernel says of the open folders.
    fn refuse_same_folders(&self) -> Result<()> {
        let areas = self.areas.iter().flat_map(|area| {
            let source = area.source.as_ref();
            let source = source.map(|source| (format!("the source of {}", area.label), source));
            let destination = format!("the destination of {}", area.label);
            source.into_iter().chain([(destination, &area.destination)])
        });
        let folders: Vec<(String, &Folder)> = areas
            .chain([("the job folder".to_owned(), &self.job)])
            .collect();
        let failed = |errno: Errno| {
            WorkerError::reading("look at the folders above", &RelativePath::root(), errno)
        };
        for (what, folder) in &folders {
            for (other, above) in &folders {
                if !std::ptr::eq(*folder, *above) && folder.is_within(above).map_err(failed)? {
                    return Err(overlap(&format!("{what} is {other}, or lies inside it")));
                }
            }
        }
        Ok(())
    }

    /// Every folder that is only read.
    pub(crate) fn read_only(&self) -> impl Iterator<Item = &Folder> {
        let certificates = self
            .certificates
            .iter()
            .flat_map(|files| [&files.certificate.0, &files.key.0]);
        self.areas
            .iter()
            .filter_map(|area| area.source.as_ref())
            .chain(certificates)
    }

    /// Every folder that is written.
    pub(crate) fn written(&self) -> impl Iterator<Item = &Folder> {
        let target = self
            .certificates
            .iter()
            .filter_map(|files| files.target.as_ref());
        self.areas
            .iter()
            .map(|area| &area.destination)
            .chain([&self.job])
            .chain(target)
    }
}

/// The mount table of this process.
fn mount_table() -> Result<Vec<Mount>> {
    const TABLE: &str = "/proc/self/mountinfo";
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

/// What the folders of an order are for.
const SOURCE: &str = "the source folder";
const DESTINATION: &str = "the destination folder";
const JOB: &str = "the job folder";

/// Opens the folders of an area.
fn open_area(area: &AreaOrder, task: &Task, table: &[Mount]) -> Result<Area> {
    let label = &area.label;
    let source = if task.needs_source() {
        Some(open(SOURCE, Path::new(&area.source))?)
    } else {
        None
    };
    let locate = |role, path: &str| {
        let real = real_path(role, path)?.unwrap_or_else(|| path.into());
        Place::locate(label, false, &real, table).ok_or_else(|| WorkerError::Refused {
            code: "not-mounted",
            text: format!("No line of the mount table covers {role} of {label}"),
            remedy: "Report this with /proc/self/mountinfo of the destination".into(),
        })
    };
    let source_seen = match &source {
        Some(_) => Some(locate(SOURCE, &area.source)?.seen(&area.source, table)),
        None => None,
    };
    let place = locate(DESTINATION, &area.destination)?;
    let destination = open(DESTINATION, Path::new(&area.destination))?.within(place.known(table));
    let mut mounts = Vec::with_capacity(place.mounts.len());
    for inner in &place.mounts {
        let Some(path) = RelativePath::from_bytes(inner.path.as_os_str().as_encoded_bytes()) else {
            continue;
        };
        let folder = match destination.descend(&path) {
            Ok(folder) => folder,
            // A file can be mounted over a file; nothing of it is ever moved.
            Err(Errno::NOTDIR) => continue,
            Err(errno) => return Err(WorkerError::writing("open the mount", &path, errno)),
        };
        mounts.push((path, folder));
    }
    mounts.sort_by_key(|(path, _)| path.depth());
    Ok(Area {
        id: area.id,
        kind: area.kind,
        label: label.clone(),
        source,
        destination,
        mounts,
        is_on_its_own: covering(table, &place.path).is_some_and(|mount| mount.is_at(&place.path)),
        source_seen,
        destination_seen: place.seen(&area.destination, table),
    })
}

/// Opens a folder that the administrator named.
///
/// # Errors
/// [`WorkerError::Open`].
pub fn open(role: &'static str, path: &Path) -> Result<Folder> {
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
    Folder::from_root(&root).map_err(|errno| error(errno.into()))
}

fn open_parent(role: &'static str, path: &Path) -> Result<(Folder, Vec<u8>)> {
    use std::os::unix::ffi::OsStrExt as _;
    let name = path
        .file_name()
        .map(|name| name.as_bytes().to_vec())
        .unwrap_or_default();
    Ok((open(role, path.parent().unwrap_or(path))?, name))
}
