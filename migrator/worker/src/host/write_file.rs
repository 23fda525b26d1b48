//! A file of the destination's system, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// What was there before is kept for its owner alone.
const KEPT_MODE: u32 = 0o600;

/// Nobody else reads a file before it is whole.
const UNFINISHED_MODE: u32 = 0o600;

/// Writes `bytes` into `path`, which may be there already; it is replaced by one renaming, and keeps its owner and its mode.
///
/// What was there before the first time goes into `keep`.  May be repeated at any time.
pub(super) fn write(path: &Path, mode: u32, keep: Option<&Path>, bytes: &[u8]) -> io::Result<()> {
    if let Some(keep) = keep
        && keep.symlink_metadata().is_err()
    {
        match fs::read(path) {
            Ok(before) => write_whole(keep, KEPT_MODE, None, &before)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    match fs::symlink_metadata(path) {
        Ok(there) if there.is_file() => {
            let owner = (there.uid(), there.gid());
            write_whole(path, there.mode() & 0o7777, Some(owner), bytes)
        }
        // A link is replaced, and nothing is written through it.
        Ok(_) => write_whole(path, mode, None, bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_whole(path, mode, None, bytes)
        }
        Err(error) => Err(error),
    }
}

fn write_whole(path: &Path, mode: u32, owner: Option<(u32, u32)>, bytes: &[u8]) -> io::Result<()> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    fs::create_dir_all(folder)?;
    let mut temporary = std::ffi::OsString::from(".");
    temporary.push(name);
    temporary.push(format!(".gwmigrate-{}", std::process::id()));
    let temporary = folder.join(temporary);
    let write = || {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(UNFINISHED_MODE)
            .open(&temporary)?;
        file.write_all(bytes)?;
        if let Some((uid, gid)) = owner {
            std::os::unix::fs::fchown(&file, Some(uid), Some(gid))?;
        }
        // The mask of the process must not decide; a change of the owner takes some permissions away.
        file.set_permissions(fs::Permissions::from_mode(mode))?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(folder)?.sync_all()
    };
    let outcome = write();
    if outcome.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_there_first_is_kept_and_a_repetition_changes_nothing() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("etc/uid.conf");
        let keep = scratch.path().join("job/uid.conf");
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(&path, "old\n").expect("written");
        let kept = fs::Permissions::from_mode(0o640);
        fs::set_permissions(&path, kept).expect("set");
        for text in ["new\n", "new\n", "newer\n"] {
            write(&path, 0o644, Some(&keep), text.as_bytes()).expect("written");
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
            assert_eq!(fs::read_to_string(&keep).expect("read"), "old\n");
        }
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o640, "one that is there keeps its mode");
        let left = fs::read_dir(path.parent().expect("a folder")).expect("listed");
        assert_eq!(left.count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_not_written_through() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (path, target) = (scratch.path().join("link"), scratch.path().join("target"));
        fs::write(&target, "of somebody").expect("written");
        std::os::unix::fs::symlink(&target, &path).expect("linked");
        write(&path, 0o600, None, b"ours").expect("written");
        assert_eq!(fs::read_to_string(&target).expect("read"), "of somebody");
        assert_eq!(fs::read_to_string(&path).expect("read"), "ours");
    }
}
