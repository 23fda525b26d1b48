//! The only place where the worker opens a path: the folders of the order and the job folder.
//!
//! Everything later happens relative to these handles.  `ambient_authority` appears in this module and nowhere else
//! of the worker (a test enforces it).  The source is opened where it cannot be written ([`read_only_view`]), as far as
//! this machine and the rights of this process allow.

mod read_only_view;

use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use postoffice::layout::{self, CopyRule, FileClass, FolderFiles};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use self::read_only_view::{ReadOnlyView, is_read_only};
use crate::error::{Result, WorkerError};
use crate::file_system;
use crate::protocol::{AreaKind, CopyOptions, Order, Task};
use crate::quarantine::QUARANTINE_FOLDER;
use crate::tree::Folder;

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
}

impl Area {
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
    /// The job folder, only named: its owner can replace the program in it, so no worker can give it away.  A worker that
    /// is sealed in can change nothing that has a name in it.
    pub job: Folder,
    /// The folder of the job folder that takes what was set aside, and what is being written for the job folder itself.
    pub quarantine: Folder,
    /// Certificate files, where the task is about them.
    pub certificates: Option<CertificateFiles>,
    /// Where the folders were opened, unless they were opened as everybody sees them.
    view: Option<ReadOnlyView>,
}

impl Capabilities {
    /// Opens what an order names, and makes the quarantine of the job where there is none.
    ///
    /// # Errors
    /// [`WorkerError::Open`] with the role of the folder that could not be opened; [`WorkerError::JobFolder`].
    pub fn open(order: &Order, job_folder: &Path) -> Result<Self> {
        let sources = sources(order);
        if sources.is_empty() {
            return Written::open(order, job_folder)?.with_sources(order);
        }
        let opened = ReadOnlyView::open(|view| {
            // Opened before: what is written may lie below a folder that is only read.
            let written = Written::open(order, job_folder);
            for folder in &sources {
                view.make_read_only(folder)?;
            }
            Ok(written.and_then(|written| written.with_sources(order)))
        });
        match opened {
            Ok((opened, view)) => Ok(Self {
                view: Some(view),
                ..opened?
            }),
            Err(error) => {
                tracing::debug!(%error, "the source is opened as everybody sees it");
                Written::open(order, job_folder)?.with_sources(order)
            }
        }
    }

    /// Takes this thread, and all that it starts, to where paths lead to what was opened here; says whether no folder
    /// that is only read can be changed from there, by a handle or by a path.
    pub(crate) fn enter(&self) -> bool {
        let is_inside = match self.view.as_ref().map(ReadOnlyView::enter) {
            Some(Err(error)) => {
                tracing::debug!(%error, "paths lead to the source as everybody sees it");
                false
            }
            Some(Ok(())) | None => true,
        };
        is_inside && self.read_only().all(is_read_only)
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

    /// Every folder in which everything may be written; the job folder itself is none of them.
    pub(crate) fn written(&self) -> impl Iterator<Item = &Folder> {
        let target = self
            .certificates
            .iter()
            .filter_map(|files| files.target.as_ref());
        self.areas
            .iter()
            .map(|area| &area.destination)
            .chain([&self.quarantine])
            .chain(target)
    }
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

/// The folders of an order that are written, open.
struct Written {
    /// One for each area.
    destinations: Vec<Folder>,
    job: Folder,
    quarantine: Folder,
    /// Where certificates go.
    target: Option<Folder>,
}

impl Written {
    fn open(order: &Order, job_folder: &Path) -> Result<Self> {
        let destinations = order
            .areas
            .iter()
            .map(|area| open("the destination folder", Path::new(&area.destination)))
            .collect::<Result<_>>()?;
        let target = match &order.task {
            Task::Certificates {
                target: Some(target),
                ..
            } => Some(open("the folder for certificates", Path::new(target))?),
            _ => None,
        };
        let job = open_as("the job folder", job_folder, Folder::only_named)?;
        // Made now: once the worker is sealed in it can make nothing in the job folder.
        let (quarantine, _) =
            job.create_folder(QUARANTINE_FOLDER)
                .map_err(|errno| WorkerError::JobFolder {
                    operation: "create",
                    name: String::from_utf8_lossy(QUARANTINE_FOLDER).into_owned(),
                    source: errno.into(),
                })?;
        Ok(Self {
            destinations,
            job,
            quarantine,
            target,
        })
    }

    /// Opens what is only read, beside it.
    fn with_sources(self, order: &Order) -> Result<Capabilities> {
        let areas = order
            .areas
            .iter()
            .zip(self.destinations)
            .map(|(area, destination)| {
                let source = if order.task.needs_source() {
                    Some(open("the source folder", Path::new(&area.source))?)
                } else {
                    None
                };
                Ok(Area {
                    id: area.id,
                    kind: area.kind,
                    label: area.label.clone(),
                    source,
                    destination,
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let certificates = match &order.task {
            Task::Certificates {
                certificate, key, ..
            } => Some(CertificateFiles {
                certificate: open_parent("the folder of the certificate", Path::new(certificate))?,
                key: open_parent("the folder of the key", Path::new(key))?,
                target: self.target,
            }),
            _ => None,
        };
        Ok(Capabilities {
            areas,
            job: self.job,
            quarantine: self.quarantine,
            certificates,
            view: None,
        })
    }
}

/// Opens a folder that the administrator named.
///
/// # Errors
/// [`WorkerError::Open`].
pub fn open(role: &'static str, path: &Path) -> Result<Folder> {
    open_as(role, path, Folder::from_root)
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
    let name = path
        .file_name()
        .map(|name| name.as_bytes().to_vec())
        .unwrap_or_default();
    Ok((open(role, folder_of(path))?, name))
}

fn folder_of(file: &Path) -> &Path {
    file.parent().unwrap_or(file)
}
