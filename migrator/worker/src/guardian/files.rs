//! Which files of a post office belong to its guardian.

use postoffice::layout::{FileClass, classify_file};
use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::error::{Result, WorkerError};
use crate::tree::{Attributes, Folder, Kind};

/// Every file of the guardian below the root of a post office, sorted by its path in lower case: with the path that it has
/// there, and what the file system says of it.
///
/// # Errors
/// What listing says.
pub(crate) fn guardian_files(root: &Folder) -> Result<Vec<(RelativePath, Attributes)>> {
    let mut files = Vec::new();
    let mut waiting = vec![RelativePath::root()];
    while let Some(path) = waiting.pop() {
        let failed = |errno| WorkerError::reading("list", &path, errno);
        let folder = match root.descend(&path) {
            Ok(folder) => folder,
            Err(Errno::NOENT | Errno::NOTDIR) => continue,
            Err(errno) => return Err(failed(errno)),
        };
        for entry in folder.list().map_err(failed)? {
            let inner = path.join(&entry.name);
            let Some(attributes) = folder.metadata(&entry.name).map_err(failed)? else {
                continue;
            };
            match attributes.kind {
                Kind::File if classify_file(&inner) == FileClass::Guardian => {
                    files.push((inner, attributes));
                }
                Kind::Folder if may_hold_guardian_files(&inner) => waiting.push(inner),
                _ => {}
            }
        }
    }
    files.sort_by_key(|(path, _)| path.to_destination());
    Ok(files)
}

/// Whether a file in this folder, or in one below it, can belong to the guardian.
fn may_hold_guardian_files(folder: &RelativePath) -> bool {
    // What the layout takes for a guardian file where it stands in such a folder says so best.
    let members: [&[&[u8]]; 3] = [
        &[b"ngwguard.fbk"],
        &[b"guardbak", b"ngwguard.fbk"],
        &[b"00000001.log"],
    ];
    members.iter().any(|names| {
        let path = names
            .iter()
            .fold(folder.clone(), |path, name| path.join(name));
        classify_file(&path) == FileClass::Guardian
    })
}
