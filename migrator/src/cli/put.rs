//! A file of the destination's system, written whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

/// Configuration files are small; more than this is a mistake.
const BYTES_MAX: u64 = 4 << 20;

/// What was there before is kept for its owner alone.
const KEPT_MODE: u32 = 0o600;

/// Writes what `input` says into `path`, which may be there already; it is replaced by one renaming.
///
/// What was there before the first time goes into `keep`.  May be repeated at any time.
pub(super) fn put(path: &Path, mode: u32, keep: Option<&Path>, input: impl Read) -> io::Result<()> {
    if let Some(keep) = keep {
        keep_first(path, keep)?;
    }
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    input.take(BYTES_MAX).read_to_end(&mut bytes)?;
    write_whole(path, mode, &bytes)
}

fn keep_first(path: &Path, keep: &Path) -> io::Result<()> {
    if keep.symlink_metadata().is_ok() {
        return Ok(());
    }
    match fs::read(path) {
        Ok(bytes) => write_whole(keep, KEPT_MODE, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn write_whole(path: &Path, mode: u32, bytes: &[u8]) -> io::Result<()> {
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
            .mode(mode)
            .open(&temporary)?;
        file.write_all(bytes)?;
        // The mask of the process must not decide.
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
        for text in ["new\n", "new\n", "newer\n"] {
            put(&path, 0o644, Some(&keep), text.as_bytes()).expect("put");
            assert_eq!(fs::read_to_string(&path).expect("read"), text);
            assert_eq!(fs::read_to_string(&keep).expect("read"), "old\n");
        }
        let mode = fs::metadata(&path).expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o644);
        let left = fs::read_dir(path.parent().expect("a folder")).expect("listed");
        assert_eq!(left.count(), 1);
    }

    #[test]
    fn a_link_is_replaced_and_not_written_through() {
        let scratch = tempfile::tempdir().expect("a folder");
        let (path, target) = (scratch.path().join("link"), scratch.path().join("target"));
        fs::write(&target, "of somebody").expect("written");
        std::os::unix::fs::symlink(&target, &path).expect("linked");
        put(&path, 0o600, None, "ours".as_bytes()).expect("put");
        assert_eq!(fs::read_to_string(&target).expect("read"), "of somebody");
        assert_eq!(fs::read_to_string(&path).expect("read"), "ours");
    }
}
