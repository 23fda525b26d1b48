//! Writing a planned tree, folders first, then files on several threads, then the times of the folders.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::ops::AddAssign;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cap_std::fs::Dir;
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::plan::{Content, Folder, NamedFile};
use crate::error::{SimulatorError, Tried};
use crate::random::{generator, modified_seconds, opaque_name};
use crate::{placeholder, tree};

/// More threads than this only wait for the same file system.
const THREADS_MAX: usize = 8;

/// What was written.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Written {
    pub(super) folders: usize,
    pub(super) files: usize,
    pub(super) bytes: u64,
}

impl AddAssign for Written {
    fn add_assign(&mut self, other: Self) {
        self.folders += other.folders;
        self.files += other.files;
        self.bytes += other.bytes;
    }
}

/// Writes the folders, which must come parents first, and all that they hold.
pub(super) fn tree(root: &Dir, seed: u64, folders: &[Folder]) -> Result<Written, SimulatorError> {
    let mut written = Written::default();
    for folder in folders.iter().filter(|folder| !folder.path.is_root()) {
        root.create_dir(tree::os(&folder.path))
            .tried("make", &folder.path)?;
        written.folders += 1;
    }
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(THREADS_MAX);
    let results: Vec<_> = thread::scope(|scope| {
        let work = || files_of_many(root, seed, folders, &next);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        workers
            .into_iter()
            .map(thread::ScopedJoinHandle::join)
            .collect()
    });
    for result in results {
        written += result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
    }
    // Whatever is made in a folder changes its time, so these come last.
    for folder in folders {
        let mut generator = generator(seed, format!("time of {}", folder.label).as_bytes());
        tree::set_folder_times(root, &folder.path, modified_seconds(&mut generator))?;
    }
    Ok(written)
}

fn files_of_many(
    root: &Dir,
    seed: u64,
    folders: &[Folder],
    next: &AtomicUsize,
) -> Result<Written, SimulatorError> {
    let mut written = Written::default();
    while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
        if !folder.named.is_empty() || folder.opaque > 0 {
            written += files_of_one(root, seed, folder)?;
        }
    }
    Ok(written)
}

fn files_of_one(root: &Dir, seed: u64, folder: &Folder) -> Result<Written, SimulatorError> {
    let open = root
        .open_dir(tree::os(&folder.path))
        .tried("open", &folder.path)?;
    let mut generator = generator(seed, format!("files of {}", folder.label).as_bytes());
    let mut taken: BTreeSet<String> = folder.named.iter().map(|file| file.name.clone()).collect();
    let mut written = Written::default();
    let mut write = |name: &str, bytes: &[u8], generator: &mut ChaCha8Rng| {
        written.files += 1;
        written.bytes += bytes.len() as u64;
        tree::write_new(
            &open,
            name.as_bytes(),
            bytes,
            tree::time(modified_seconds(generator)),
        )
    };
    for file in &folder.named {
        let bytes = content(&mut generator, &file.content);
        write(&named(seed, folder, file), &bytes, &mut generator)?;
    }
    let mut buffer = Vec::new();
    for _ in 0..folder.opaque {
        let mut name = opaque_name(&mut generator);
        while !taken.insert(name.clone()) {
            name = opaque_name(&mut generator);
        }
        buffer.resize(folder.opaque_sizes.draw(&mut generator), 0);
        generator.fill_bytes(&mut buffer);
        let on_disk = folder.case.apply(&mut generator, &name);
        write(&on_disk, &buffer, &mut generator)?;
    }
    Ok(written)
}

fn content(generator: &mut ChaCha8Rng, content: &Content) -> Vec<u8> {
    match content {
        Content::Bytes(bytes) => bytes.clone(),
        Content::Database(records, sizes) => {
            let random_bytes = sizes.draw(generator);
            placeholder::database(generator, records, random_bytes)
        }
        Content::Random(sizes) => {
            let mut bytes = vec![0; sizes.draw(generator)];
            generator.fill_bytes(&mut bytes);
            bytes
        }
    }
}

fn named(seed: u64, folder: &Folder, file: &NamedFile) -> String {
    if file.exact {
        file.name.clone()
    } else {
        on_disk_name(seed, folder, &file.name)
    }
}

/// The name that a file with this lower-case name has in a folder.
pub(super) fn on_disk_name(seed: u64, folder: &Folder, name: &str) -> String {
    let label = format!("name of {}/{name}", folder.label);
    folder
        .case
        .apply(&mut generator(seed, label.as_bytes()), name)
}
