//! Reading a few files of the source, drawn by chance, to see how fast that is.
//!
//! Small files cost what opening one costs, large ones what their bytes cost; so both are measured apart.

use std::collections::{BTreeMap, BinaryHeap};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use postoffice::names::RelativePath;
use rustix::io::Errno;

use crate::capabilities::Area;
use crate::error::{Result, WorkerError, stops_the_step};
use crate::pool::{self, Threads, lock};
use crate::tree::{Attributes, Folder, read_at};
use protocol::Sample;

/// Up to this size a file is small.
const SMALL_BYTES_MAX: u64 = 64 << 10;

/// The most files of each kind.
const SMALL_FILES: usize = 1_900;
const LARGE_FILES: usize = 100;

/// The most bytes of each kind; a sample must not hold up the users.
const BYTES_MAX: u64 = 32 << 20;

/// The most bytes of one large file.
const LARGE_FILE_BYTES: u64 = 4 << 20;

/// The most folders that are held open at once.
const FOLDERS_MAX: usize = 400;

/// How many of the files that are read are looked at once more.
const SEEN_FILES: usize = 64;

/// How much is read at a time.
const BLOCK_BYTES: usize = 256 << 10;

/// One file of the draw; ordered by its lot, which its path gives it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Lot {
    number: u64,
    area: usize,
    path: RelativePath,
}

/// A draw among all files that are offered: each has the same chance, and the same files give the same draw.
#[derive(Debug, Default)]
pub(super) struct Draw {
    small: BinaryHeap<Lot>,
    large: BinaryHeap<Lot>,
    large_bytes_at_source: u64,
}

impl Draw {
    /// Offers a file of an area.
    pub(super) fn offer(&mut self, area: usize, path: &RelativePath, bytes: u64) {
        let (heap, most) = if bytes <= SMALL_BYTES_MAX {
            (&mut self.small, SMALL_FILES)
        } else {
            self.large_bytes_at_source += bytes;
            (&mut self.large, LARGE_FILES)
        };
        let mut hasher = DefaultHasher::new();
        (area, path.as_bytes()).hash(&mut hasher);
        let number = hasher.finish();
        if heap.len() >= most {
            if heap.peek().is_some_and(|last| last.number <= number) {
                return;
            }
            heap.pop();
        }
        heap.push(Lot {
            number,
            area,
            path: path.clone(),
        });
    }

    /// Reads what was drawn, on so many threads.
    ///
    /// # Errors
    /// Where the source is gone; a file that cannot be read is left out.
    pub(super) fn measure(
        self,
        sources: &[&Folder],
        threads: Threads,
    ) -> Result<(Sample, SeenFiles)> {
        let seen = SeenFiles::default();
        let small = read_all(self.small, sources, threads, SMALL_BYTES_MAX, &seen)?;
        let large = read_all(self.large, sources, threads, LARGE_FILE_BYTES, &seen)?;
        let sample = Sample {
            small_files: small.files,
            small_microseconds: small.microseconds,
            large_bytes: large.bytes,
            large_microseconds: large.microseconds,
            small_bytes_max: SMALL_BYTES_MAX,
            large_bytes_at_source: self.large_bytes_at_source,
        };
        Ok((sample, seen))
    }
}

/// A file that was read: its area, its folder, its name, and what it said before.
type SeenFile = (usize, Folder, Vec<u8>, Attributes);

/// Some of the files that were read.
#[derive(Default)]
pub(super) struct SeenFiles(Mutex<Vec<SeenFile>>);

impl SeenFiles {
    fn add(&self, area: usize, folder: &Folder, name: &[u8], before: Attributes) {
        let mut files = lock(&self.0);
        if files.len() < SEEN_FILES {
            files.push((area, folder.clone(), name.to_vec(), before));
        }
    }

    /// How many of them have another time of their inode now, while size and time of the last modification are the same.
    pub(super) fn moved(self, areas: &[Area]) -> u64 {
        let files = self.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        let has_moved = |(area, folder, name, before): &SeenFile| {
            let Ok(Some(now)) = folder.metadata(name) else {
                return false;
            };
            let area = &areas[*area];
            now.is_unchanged_since(before)
                && area.source_identity(&now) != area.source_identity(before)
        };
        files.iter().filter(|file| has_moved(file)).count() as u64
    }
}

struct Measured {
    files: u64,
    bytes: u64,
    microseconds: u64,
}

fn read_all(
    lots: BinaryHeap<Lot>,
    sources: &[&Folder],
    threads: Threads,
    bytes_max: u64,
    seen: &SeenFiles,
) -> Result<Measured> {
    let files = open_folders(lots, sources)?;
    let (read, bytes) = (AtomicU64::new(0), AtomicU64::new(0));
    let began = Instant::now();
    pool::run(
        files,
        Vec::new(),
        threads,
        |(area, folder, name, path), _| {
            if bytes.load(Ordering::Relaxed) >= BYTES_MAX {
                return Ok(());
            }
            match read_one(&folder, &name, bytes_max) {
                Ok((length, before)) => {
                    seen.add(area, &folder, &name, before);
                    read.fetch_add(1, Ordering::Relaxed);
                    bytes.fetch_add(length, Ordering::Relaxed);
                }
                Err(errno) if stops_the_step(errno) => {
                    return Err(WorkerError::reading("read", &path, errno));
                }
                // Gone meanwhile, or nobody may read it: the inventory has said so.
                Err(_) => {}
            }
            Ok(())
        },
    )?;
    Ok(Measured {
        files: read.into_inner(),
        bytes: bytes.into_inner(),
        microseconds: u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX),
    })
}

/// A file to read: its area, its folder, open, its name, and its path for errors.
type Opened = (usize, Folder, Vec<u8>, RelativePath);

/// Opens the folders of the files beforehand: a pass holds them open, too, while it reads what is in them.
fn open_folders(lots: BinaryHeap<Lot>, sources: &[&Folder]) -> Result<Vec<Opened>> {
    let mut folders = BTreeMap::new();
    let mut files = Vec::with_capacity(lots.len());
    for lot in lots {
        let Some((parent, name)) = lot.path.split_last() else {
            continue;
        };
        let (name, key) = (name.to_vec(), (lot.area, parent));
        if !folders.contains_key(&key) {
            if folders.len() >= FOLDERS_MAX {
                continue;
            }
            let opened = match sources[lot.area].descend(&key.1) {
                Ok(folder) => Some(folder),
                Err(errno) if stops_the_step(errno) => {
                    return Err(WorkerError::reading("open the folder", &key.1, errno));
                }
                Err(_) => None,
            };
            folders.insert(key.clone(), opened);
        }
        if let Some(Some(folder)) = folders.get(&key) {
            files.push((lot.area, folder.clone(), name, lot.path));
        }
    }
    Ok(files)
}

/// Reads a file, so far; says how many bytes that were, and what it said of itself before.
fn read_one(
    folder: &Folder,
    name: &[u8],
    bytes_max: u64,
) -> std::result::Result<(u64, Attributes), Errno> {
    let (file, before) = folder.open_content(name)?;
    let mut block = vec![0; BLOCK_BYTES];
    let mut length = 0;
    while length < bytes_max {
        match read_at(&file, &mut block, length)? {
            0 => break,
            more => {
                length += more as u64;
                // Waiting would be measured too.
                if let Some(pace) = folder.pace() {
                    pace.charge(more);
                }
            }
        }
    }
    Ok((length, before))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(number: usize) -> RelativePath {
        RelativePath::root().join(format!("file{number}").as_bytes())
    }

    #[test]
    fn a_draw_is_bounded_the_same_each_time_and_spread_over_everything() {
        let draw = |numbers: &mut dyn Iterator<Item = usize>| {
            let mut draw = Draw::default();
            for number in numbers {
                draw.offer(0, &path(number), 10);
            }
            draw.small.into_sorted_vec()
        };
        let forwards = draw(&mut (0..20_000));
        assert_eq!(forwards.len(), SMALL_FILES);
        // Files are found in the order in which threads come to them.
        assert_eq!(forwards, draw(&mut (0..20_000).rev()));
        let early = (0..10_000)
            .map(path)
            .collect::<std::collections::BTreeSet<_>>();
        let early = forwards.iter().filter(|lot| early.contains(&lot.path));
        let early = early.count();
        assert!(
            (SMALL_FILES / 3..SMALL_FILES * 2 / 3).contains(&early),
            "{early}"
        );
    }

    #[test]
    fn large_files_are_drawn_apart_and_their_bytes_counted() {
        let mut draw = Draw::default();
        draw.offer(0, &path(1), SMALL_BYTES_MAX);
        draw.offer(0, &path(2), SMALL_BYTES_MAX + 1);
        draw.offer(0, &path(3), 1 << 30);
        assert_eq!((draw.small.len(), draw.large.len()), (1, 2));
        assert_eq!(draw.large_bytes_at_source, SMALL_BYTES_MAX + 1 + (1 << 30));
    }
}
