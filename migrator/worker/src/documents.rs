//! Finding the libraries of a post office.

use postoffice::layout::{self, FolderClass};
use postoffice::names::{RelativePath, destination_name};
use rustix::io::Errno;

use crate::capabilities::Capabilities;
use crate::error::{Result, WorkerError};
use crate::monitor::Monitor;
use crate::pool::Threads;
use crate::source::prove_source;
use crate::tree::{Folder, Kind, walk};
use protocol::{AreaKind, CopyOptions, DocumentReport, Expected, Library};

/// Lists the libraries, how many documents each keeps inside the post office, and which are mapped to an area.
///
/// What a library keeps elsewhere is written in its database; until that can be read, the worksheet says it.
///
/// # Errors
/// What listing the source says.
pub fn find_libraries(
    capabilities: &Capabilities,
    monitor: &dyn Monitor,
    options: &CopyOptions,
) -> Result<DocumentReport> {
    monitor.phase("look for document storage areas", Expected::default());
    let mut report = DocumentReport::default();
    for area in capabilities
        .areas
        .iter()
        .filter(|area| area.kind == AreaKind::PostOffice)
    {
        prove_source(area)?;
        let root = area.source()?;
        let Some((libraries, path)) = open_any_case(root, &RelativePath::root(), b"gwdms")? else {
            continue;
        };
        for entry in libraries
            .list()
            .map_err(|errno| WorkerError::reading("list", &path, errno))?
        {
            let library = path.join(&entry.name);
            if layout::classify_folder(&library) != FolderClass::Library {
                continue;
            }
            let kind = libraries.kind_of(&entry);
            if kind.map_err(|errno| WorkerError::reading("look at", &library, errno))?
                != Kind::Folder
            {
                continue;
            }
            let name = postoffice::names::printable(&destination_name(&entry.name));
            let folder = libraries
                .open_folder(&entry.name)
                .map_err(|errno| WorkerError::reading("open the folder", &library, errno))?;
            let mapped_to = capabilities
                .areas
                .iter()
                .find(|other| {
                    other.kind == AreaKind::Documents && other.label.eq_ignore_ascii_case(&name)
                })
                .map(|other| other.label.clone());
            let documents_inside = count_documents(&folder, options)?;
            report.libraries.push(Library {
                name,
                documents_inside,
                mapped_to,
            });
        }
    }
    Ok(report)
}

fn count_documents(library: &Folder, options: &CopyOptions) -> Result<u64> {
    let documents = std::sync::atomic::AtomicU64::new(0);
    let Some((folder, _)) = open_any_case(library, &RelativePath::root(), b"docs")? else {
        return Ok(0);
    };
    walk(
        &folder,
        Threads::of(options),
        |inner, errno| Err(WorkerError::reading("list", inner, errno)),
        |visited| {
            let mut files = 0;
            for entry in visited.entries {
                // Not every listing says what its entries are.
                match visited.folder.kind_of(entry) {
                    Ok(Kind::File) => files += 1,
                    Ok(_) | Err(Errno::NOENT) => {}
                    Err(errno) => {
                        let inner = visited.path.join(&entry.name);
                        return Err(WorkerError::reading("look at", &inner, errno));
                    }
                }
            }
            documents.fetch_add(files, std::sync::atomic::Ordering::Relaxed);
            Ok(())
        },
    )?;
    Ok(documents.into_inner())
}

/// Opens the folder whose name is `wanted` in any case.
fn open_any_case(
    parent: &Folder,
    path: &RelativePath,
    wanted: &[u8],
) -> Result<Option<(Folder, RelativePath)>> {
    let entries = parent
        .list()
        .map_err(|errno| WorkerError::reading("list", path, errno))?;
    for entry in entries
        .iter()
        .filter(|entry| entry.name.eq_ignore_ascii_case(wanted))
    {
        let inner = path.join(&entry.name);
        match parent.open_folder(&entry.name) {
            Ok(folder) => return Ok(Some((folder, inner))),
            // One that is listed and not there for a moment is no folder that there is not: what it holds would be left behind.
            Err(Errno::NOTDIR) => {}
            Err(errno) => return Err(WorkerError::reading("open the folder", &inner, errno)),
        }
    }
    Ok(None)
}
