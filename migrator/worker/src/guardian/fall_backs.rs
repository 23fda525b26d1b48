//! What could bring old names back: the fall-back copies of the guardian, and the log of what happened since.
//!
//! GroupWise copies the guardian over both fall-back copies and begins its log anew (post-office-layout.md 3.1); so do
//! we, once the names in the guardian are lower case.

use postoffice::flaim::{DatabaseFile, base_of};
use postoffice::names::RelativePath;

use super::{GUARDIAN, guardian_files, has_visible_capitals, plan};
use crate::database::{Handle, Member, OpenDatabase, copy_file, open_database};
use crate::error::{Result, WorkerError};
use crate::tree::Folder;
use protocol::{Explain as _, Verdict};

/// The fall-back copies, by the folder that holds them.
const FALL_BACKS: [&[&[u8]]; 2] = [&[], &[b"ofmsg", b"guardbak"]];
/// The name of a fall-back copy.
pub(super) const FALL_BACK: &[u8] = b"ngwguard.fbk";
/// GroupWise's own log of what happened since the fall-back copy was made.
const LOG: &[u8] = b"ngwguard.rfl";

/// Makes the new guardian its own fall-back copy, wherever there is one.
pub(super) fn stage_fall_backs(
    place: &Folder,
    converted: &OpenDatabase,
    staging: &Folder,
) -> Result<Vec<String>> {
    let standing = guardian_files(place)?;
    let mut replaced = Vec::new();
    for names in FALL_BACKS {
        let folder = names
            .iter()
            .fold(RelativePath::root(), |path, name| path.join(name));
        let control = folder.join(FALL_BACK);
        if !standing.iter().any(|(path, _)| *path == control) {
            continue;
        }
        let failed = |errno| WorkerError::writing("create", &control, errno);
        let mut target = staging.clone();
        for name in names {
            (target, _) = target.create_folder(name).map_err(failed)?;
        }
        for member in &converted.members {
            if let Some(name) = name_in_fall_back(member)? {
                let handle = Handle::from(target.create_file(&name).map_err(failed)?);
                copy_file(converted, member.file, &handle, &folder.join(&name))?;
            }
        }
        replaced.push(control.to_string());
    }
    Ok(replaced)
}

/// Whether a fall-back copy, or the log, of a guardian without capitals could bring old names back.  A fall-back copy that cannot be
/// read counts as one.
///
/// # Errors
/// What the kernel says.
pub(super) fn may_bring_names_back(place: &Folder) -> Result<bool> {
    for (path, _) in guardian_files(place)? {
        let Some((folder, name)) = path.split_last() else {
            continue;
        };
        let failed = |errno| WorkerError::reading("open", &path, errno);
        let folder = place.descend(&folder).map_err(failed)?;
        let has_capitals = if name == FALL_BACK {
            match plan(&open_database(&folder, name)?) {
                Ok(plan) => !plan.is_empty(),
                Err(error) if error.verdict() == Verdict::Temporary => return Err(error),
                Err(_) => true,
            }
        } else if name == LOG {
            has_visible_capitals(&open_database(&folder, name)?)?
        } else {
            false
        };
        if has_capitals {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The name that a file of the guardian has in a fall-back copy; none for a log, of which those have none.
///
/// # Errors
/// [`WorkerError::Order`] where the file is none of the guardian.
pub(super) fn name_in_fall_back(member: &Member) -> Result<Option<Vec<u8>>> {
    match member.file {
        DatabaseFile::CONTROL => Ok(Some(FALL_BACK.to_vec())),
        // Companions of a control file that does not end in `.db` begin with all of its name.
        DatabaseFile::Numbered(_) => match member.path.as_bytes().get(base_of(GUARDIAN).len()..) {
            Some(end) => Ok(Some([FALL_BACK, end].concat())),
            None => Err(WorkerError::Order {
                text: format!("{} is no file of the guardian", member.path),
            }),
        },
        DatabaseFile::RollForward(_) => Ok(None),
    }
}

/// Nothing has happened since the new fall-back copy was made, so GroupWise's own log begins anew, empty.
pub(super) fn stage_empty_log(place: &Folder, staging: &Folder) -> Result<()> {
    let path = RelativePath::root().join(LOG);
    let failed = |errno| WorkerError::writing("create", &path, errno);
    let standing = place.metadata(LOG).map_err(failed)?;
    if standing.is_some_and(|log| log.kind == crate::tree::Kind::File) {
        staging.create_file(LOG).map_err(failed)?;
    }
    Ok(())
}
