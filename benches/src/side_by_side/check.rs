//! Whether a copy is right: the same files, the same bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use postoffice::layout::{CopyRule, classify_file};
use postoffice::names::RelativePath;
use worker::marker::MARKER_FILE;

use super::Result;

/// How much is compared at once.
const PIECE_BYTES: usize = 1 << 20;

/// What a tree holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Total {
    /// How many files.
    pub(super) files: u64,
    /// How many bytes they have together.
    pub(super) bytes: u64,
}

/// The files of a tree: where each is, and its length, by its path in lower case.
type Files = BTreeMap<Vec<u8>, (PathBuf, u64)>;

/// What a tree holds.
pub(super) fn total(root: &Path) -> Result<Total> {
    let files = files_of(root)?;
    Ok(Total {
        files: files.len() as u64,
        bytes: files.values().map(|(_, length)| length).sum(),
    })
}

/// What a tree holds of the files that are copied by some rules.
pub(super) fn total_of(root: &Path, is_meant: impl Fn(CopyRule) -> bool) -> Result<Total> {
    let mut total = Total::default();
    for (path, (_, length)) in files_of(root)? {
        if is_meant(rule_of(&path)) {
            total.files += 1;
            total.bytes += length;
        }
    }
    Ok(total)
}

/// Refuses a copy of another tool that has not as many files as it should.
pub(super) fn require_same_total(source: &Path, copy: &Path) -> Result<()> {
    let (wanted, found) = (total(source)?, total(copy)?);
    if wanted == found {
        return Ok(());
    }
    Err(format!("the copy holds {found:?}, the source {wanted:?}").into())
}

/// Refuses a copy of ours that differs from its source: by a name, a length or a byte.
///
/// Lock files are never copied, queued mail only by stage two, and a guardian that was converted differs on purpose.
pub(super) fn require_equal(source: &Path, copy: &Path, is_converted: bool) -> Result<()> {
    let (mut wanted, mut found) = (files_of(source)?, files_of(copy)?);
    let counts = |path: &[u8]| match rule_of(path) {
        CopyRule::Never => false,
        CopyRule::QueueStep => is_converted,
        CopyRule::AtomicSet => !is_converted,
        _ => true,
    };
    wanted.retain(|path, _| counts(path));
    found.retain(|path, _| counts(path));
    let has_capitals = |path: &PathBuf| {
        let below = path.strip_prefix(copy).unwrap_or(path).as_os_str();
        below.as_bytes().iter().any(u8::is_ascii_uppercase)
    };
    if let Some((path, _)) = found.values().find(|(path, _)| has_capitals(path)) {
        return Err(format!("{} has a capital letter", path.display()).into());
    }
    if wanted.len() != found.len() {
        return Err(format!("{} files instead of {}", found.len(), wanted.len()).into());
    }
    let mut pairs = Vec::with_capacity(wanted.len());
    for (path, (original, length)) in &wanted {
        let name = String::from_utf8_lossy(path);
        let (copy, copied) = found.get(path).ok_or(format!("{name} is missing"))?;
        if copied != length {
            return Err(format!("{name} has {copied} bytes instead of {length}").into());
        }
        pairs.push((original.as_path(), copy.as_path()));
    }
    compare_all(&pairs)
}

/// Refuses names with capitals, and a tree that has not as many files as it should.
pub(super) fn require_lower_case(root: &Path, files: u64) -> Result<()> {
    let found = files_of(root)?;
    if found.len() as u64 != files {
        return Err(format!("{} files instead of {files}", found.len()).into());
    }
    for (path, _) in found.values() {
        let below = path.strip_prefix(root)?.as_os_str();
        if below.as_bytes().iter().any(u8::is_ascii_uppercase) {
            return Err(format!("{} is not lower case", path.display()).into());
        }
    }
    Ok(())
}

fn rule_of(path: &[u8]) -> CopyRule {
    RelativePath::from_bytes(path).map_or(CopyRule::Never, |path| classify_file(&path).copy_rule())
}

fn files_of(root: &Path) -> Result<Files> {
    let mut files = Files::new();
    let mut waiting = vec![root.to_owned()];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            let (path, metadata) = (entry.path(), entry.metadata()?);
            if metadata.is_dir() {
                waiting.push(path);
                continue;
            }
            let below = path.strip_prefix(root)?.as_os_str().as_bytes();
            let name = below.to_ascii_lowercase();
            // What says whose the destination is belongs to no tree.
            if name != MARKER_FILE {
                files.insert(name, (path.clone(), metadata.len()));
            }
        }
    }
    Ok(files)
}

fn compare_all(pairs: &[(&Path, &Path)]) -> Result<()> {
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism()?.get();
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut pieces = [vec![0; PIECE_BYTES], vec![0; PIECE_BYTES]];
                    while let Some((first, second)) =
                        pairs.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        if !are_equal(first, second, &mut pieces)? {
                            return Err(format!("{} differs", second.display()).into());
                        }
                    }
                    Ok(())
                })
            })
            .collect();
        running.into_iter().try_for_each(|thread| {
            thread
                .join()
                .unwrap_or_else(|_| Err("a thread that compared has died".into()))
        })
    })
}

fn are_equal(first: &Path, second: &Path, pieces: &mut [Vec<u8>; 2]) -> Result<bool> {
    let [left, right] = pieces;
    let (first, second) = (File::open(first)?, File::open(second)?);
    let length = first.metadata()?.len();
    let mut offset = 0;
    while offset < length {
        let piece = usize::try_from((length - offset).min(PIECE_BYTES as u64))?;
        first.read_exact_at(&mut left[..piece], offset)?;
        second.read_exact_at(&mut right[..piece], offset)?;
        if left[..piece] != right[..piece] {
            return Ok(false);
        }
        offset += piece as u64;
    }
    Ok(true)
}
