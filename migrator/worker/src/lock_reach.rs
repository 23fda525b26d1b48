//! Whom a lock reaches that is taken through the mount of the source: measured on the mount itself, as far as one machine can.
//!
//! A shared lock of one byte far behind the end of a file is taken and given back, so nothing is written; what the kernel counts
//! of its requests is read before and after.
//!
//! | mount | what is seen | so it is |
//! |---|---|---|
//! | a local disk | everybody who uses the files is on this machine | shared |
//! | cifs | the server granted a request that was counted; a server for SMB has no locks but those of its file system | shared |
//! | cifs | none was counted: a server lends a file to one client, which may then keep its locks to itself | unknown |
//! | nfs | the server granted one, but its own programs need not ask the same lock manager | unknown |
//! | either, with an option that says so | `nobrl`, `nolock`, `local_lock=` | kept here |
//! | either | the file system answers that it has none, or the client of NFS that it reaches no lock manager | none |
//! | either | the lock could not be asked for: any other error | unknown |
//! | FUSE, ncpfs | the kernel, and the module, pass none on | kept here |
//!
//! Only `shared` makes a copy rely on the lock that it holds (ARCHITECTURE.md rule 4).

use std::os::fd::OwnedFd;

use protocol::LockReach;
use protocol::mounts::Mount;
use rustix::io::Errno;

use crate::file_system::{LocksOfKind, locks_of_kind};
use crate::locks::{Trial, try_shared_byte};
use crate::tree::{Entry, Folder, Kind};

/// Where the cifs client counts its requests.
const CIFS_STATS: &str = "/proc/fs/cifs/Stats";

/// A lock that is taken and given back is at least so many of them.
const REQUESTS_MIN: u64 = 2;

/// The database that an agent has open while it works, so that no server lends it to this client alone.
const OFTEN_OPEN: &[u8] = b"wphost.db";

/// How many folders are looked into for a file.
const FOLDERS_MAX: usize = 32;

/// Whom a lock reaches that is taken in this folder, which this mount covers.
pub(crate) fn measure(folder: &Folder, mount: Option<&Mount>) -> LockReach {
    let kind = locks_of_kind(folder);
    match (kind, mount) {
        (LocksOfKind::OfThisMachine, _) => LockReach::Shared,
        (LocksOfKind::KeptHere, _) => LockReach::KeptHere,
        (LocksOfKind::NotKnown, _) => {
            unknown("of this kind of file system nobody knows whether it passes locks on")
        }
        (_, None) => unknown("no line of the mount table covers it"),
        (_, Some(mount)) if keeps_locks(&mount.file_system_options) => LockReach::KeptHere,
        (LocksOfKind::Smb, Some(mount)) => on_a_file(folder, |file| {
            let before = requests(mount);
            let trial = try_shared_byte(&file);
            let sent = before.and_then(|before| Ok(requests(mount)?.saturating_sub(before)));
            judge_smb(trial, sent)
        }),
        (LocksOfKind::Nfs, Some(_)) => on_a_file(folder, |file| judge_nfs(try_shared_byte(&file))),
    }
}

fn unknown(why: impl Into<String>) -> LockReach {
    LockReach::Unknown { why: why.into() }
}

fn not_asked(errno: Errno) -> LockReach {
    unknown(format!("a lock could not be asked for: {errno}"))
}

fn judge_smb(trial: Trial, sent: Result<u64, String>) -> LockReach {
    match (trial, sent) {
        (Trial::Unsupported, _) => LockReach::None,
        (Trial::NotAsked(errno), _) => not_asked(errno),
        (_, Err(why)) => unknown(why),
        // One that is refused has nothing to give back; and of what this client has itself it asks nobody.
        (Trial::Busy, Ok(1..)) | (Trial::Granted, Ok(REQUESTS_MIN..)) => LockReach::Shared,
        (_, Ok(_)) => unknown(
            "the client answered without its server: one that was lent a file keeps the locks of that file to itself, and so does \
             one that has the POSIX extensions, for all that it counts",
        ),
    }
}

fn judge_nfs(trial: Trial) -> LockReach {
    match trial {
        // So the client answers where it reaches no lock manager.
        Trial::Unsupported | Trial::NotAsked(Errno::NOLCK) => LockReach::None,
        Trial::NotAsked(errno) => not_asked(errno),
        Trial::Busy | Trial::Granted => unknown(
            "the server answers for locks, but whether its own programs ask the same lock manager is seen there alone",
        ),
    }
}

/// Whether the options of a mount keep locks away from the server (mount.cifs(8), nfs(5)).
fn keeps_locks(options: &str) -> bool {
    const KEEP: [&str; 4] = ["nobrl", "nolock", "local_lock=all", "local_lock=posix"];
    options.split(',').any(|one| KEEP.contains(&one))
}

/// How many requests for locks the client for SMB has sent through this mount; where it cannot be asked, why.
fn requests(mount: &Mount) -> Result<u64, String> {
    let text = std::fs::read_to_string(CIFS_STATS)
        .map_err(|error| format!("{CIFS_STATS} cannot be read: {error}"))?;
    count_requests(&text, &mount.source)
        .ok_or_else(|| format!("{CIFS_STATS} does not count the locks of this share"))
}

/// The same from what the client tells; shares of one name on several servers are added up.
///
/// ```text
/// 1) \\\\server\share
/// SMBs: 30
/// Locks: 5 total 1 failed
/// ```
fn count_requests(text: &str, source: &[u8]) -> Option<u64> {
    let share = String::from_utf8_lossy(source).replace('/', "\\");
    let share = share.trim_end_matches('\\');
    let mut is_of_share = false;
    let mut sum = None;
    for line in text.lines() {
        if let Some((number, name)) = line.split_once(") ")
            && number.parse::<u32>().is_ok()
        {
            // A share that has to be connected again is marked behind its name.
            let name = name.trim_end().trim_end_matches("DISCONNECTED").trim_end();
            is_of_share = name.eq_ignore_ascii_case(share);
        }
        let counted = line.strip_prefix("Locks: ").filter(|_| is_of_share);
        let counted = counted.and_then(|rest| rest.split(' ').next()?.parse::<u64>().ok());
        sum = counted.map(|counted| sum.unwrap_or(0) + counted).or(sum);
    }
    sum
}

/// Tries it on a file of the folder.
fn on_a_file(folder: &Folder, trial: impl FnOnce(OwnedFd) -> LockReach) -> LockReach {
    match some_file(folder) {
        Ok(Some(file)) => trial(file),
        Ok(None) => unknown("no file was found to try it with"),
        Err(errno) => unknown(format!("no file could be opened to try it with: {errno}")),
    }
}

/// A file of the folder, open: the database that is open most often, or any other, also deeper.
fn some_file(folder: &Folder) -> Result<Option<OwnedFd>, Errno> {
    let mut left = vec![folder.clone()];
    for _ in 0..FOLDERS_MAX {
        let Some(folder) = left.pop() else {
            break;
        };
        let mut entries = folder.list()?;
        entries.sort_by_key(|entry| !entry.name.eq_ignore_ascii_case(OFTEN_OPEN));
        let is = |entry: &Entry, kind| folder.kind_of(entry).is_ok_and(|found| found == kind);
        let files = entries.iter().filter(|entry| is(entry, Kind::File));
        // One that cannot be opened says nothing of the others.
        let mut opened = files.filter_map(|entry| folder.open_file(&entry.name).ok());
        if let Some((file, _)) = opened.next() {
            return Ok(Some(file));
        }
        let inner = entries.iter().filter(|entry| is(entry, Kind::Folder));
        left.extend(inner.filter_map(|entry| folder.open_folder(&entry.name).ok()));
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.1 told it, with a share of SMB 1 before one of SMB 3.
    const STATS: &str = "Resources in use\nCIFS Session: 2\nOperations (MIDs): 0\n\n1) \\\\old\\groupwise\nSMBs: 7 Oplocks breaks: 0\n\
        Locks: 4 HardLinks: 0 Symlinks: 0\nOpens: 0 Closes: 0 Deletes: 0\n\n2) \\\\Source\\groupwise\nSMBs: 30\n\
        Locks: 5 total 1 failed\nIOCTLs: 1 total 0 failed\n";

    #[test]
    fn requests_are_those_of_the_share() {
        assert_eq!(count_requests(STATS, b"//source/groupwise"), Some(5));
        assert_eq!(count_requests(STATS, b"//old/groupwise/"), Some(4));
        assert_eq!(count_requests(STATS, b"//source/group"), None);
    }

    /// What is not certain never counts as shared.
    #[test]
    fn a_lock_is_shared_where_the_server_was_asked_and_nowhere_else() {
        assert_eq!(judge_smb(Trial::Granted, Ok(2)), LockReach::Shared);
        assert_eq!(judge_smb(Trial::Busy, Ok(1)), LockReach::Shared);
        assert_eq!(judge_smb(Trial::Unsupported, Ok(2)), LockReach::None);
        for unsure in [
            judge_smb(Trial::Granted, Ok(1)),
            judge_smb(Trial::Granted, Ok(0)),
            judge_smb(Trial::Busy, Ok(0)),
            judge_smb(Trial::Granted, Err("not readable".into())),
            judge_smb(Trial::NotAsked(Errno::NOLCK), Ok(2)),
            judge_smb(Trial::NotAsked(Errno::IO), Err("not readable".into())),
            judge_nfs(Trial::Granted),
            judge_nfs(Trial::Busy),
            judge_nfs(Trial::NotAsked(Errno::IO)),
        ] {
            assert!(matches!(unsure, LockReach::Unknown { .. }), "{unsure}");
        }
        for none in [Trial::Unsupported, Trial::NotAsked(Errno::NOLCK)] {
            assert_eq!(judge_nfs(none), LockReach::None);
        }
    }

    #[test]
    fn an_option_that_keeps_locks_here_is_seen() {
        for (options, keeps) in [
            ("ro,vers=3.1.1,cache=strict,soft,nounix,nobrl", true),
            ("ro,vers=3,soft,nolock,proto=tcp,local_lock=all", true),
            ("ro,vers=3,local_lock=posix", true),
            // That is of flock alone.
            ("ro,vers=3,local_lock=flock", false),
            ("ro,vers=4.2,local_lock=none", false),
        ] {
            assert_eq!(keeps_locks(options), keeps, "{options}");
        }
    }

    #[test]
    fn a_local_disk_shares_its_locks() {
        let folder = tempfile::tempdir().expect("a folder");
        let opened = crate::capabilities::open_folder("a folder", folder.path()).expect("opened");
        assert_eq!(measure(&opened, None), LockReach::Shared);
        std::fs::create_dir_all(folder.path().join("a/b")).expect("made");
        assert!(some_file(&opened).expect("looked").is_none());
        std::fs::write(folder.path().join("a/b/c"), "").expect("written");
        assert!(some_file(&opened).expect("looked").is_some());
    }
}
