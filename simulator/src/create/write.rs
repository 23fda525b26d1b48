//! Writing a planned tree, folders first, then files on several threads, then the times of the folders.

use std::collections::BTreeSet;
use std::num::NonZero;
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use cap_std::fs::Dir;
use postoffice::flaim::{MemoryFileSet, Version};
use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::folders::{Content, FolderPlan};
use crate::database::{create_mailbox, create_messages, create_store, failed, names_of, options};
use crate::error::{SimulatorError, Tried};
use crate::flaim::CreateError;
use crate::random::{generator, modified_seconds, opaque_name};
use crate::tree::{self, WriteMode};

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
pub(super) fn tree(
    root: &Dir,
    seed: u64,
    version: Version,
    folders: &[FolderPlan],
) -> Result<Written, SimulatorError> {
    let mut written = Written::default();
    for folder in folders.iter().filter(|folder| !folder.path.is_root()) {
        root.create_dir(tree::as_path(&folder.path))
            .tried("make", &folder.path)?;
        written.folders += 1;
    }
    let next = AtomicUsize::new(0);
    let threads = thread::available_parallelism()
        .map_or(1, NonZero::get)
        .min(THREADS_MAX);
    let results: Vec<_> = thread::scope(|scope| {
        let work = || files_of_many(root, seed, version, folders, &next);
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
    version: Version,
    folders: &[FolderPlan],
    next: &AtomicUsize,
) -> Result<Written, SimulatorError> {
    let mut written = Written::default();
    while let Some(folder) = folders.get(next.fetch_add(1, Ordering::Relaxed)) {
        if !folder.named.is_empty() || folder.opaque > 0 {
            written += files_of_one(root, seed, version, folder)?;
        }
    }
    Ok(written)
}

fn files_of_one(
    root: &Dir,
    seed: u64,
    version: Version,
    folder: &FolderPlan,
) -> Result<Written, SimulatorError> {
    let open = root
        .open_dir(tree::as_path(&folder.path))
        .tried("open", &folder.path)?;
    let mut generator = generator(seed, format!("files of {}", folder.label).as_bytes());
    let mut taken: BTreeSet<String> = folder.named.iter().map(|file| file.name.clone()).collect();
    let mut written = Written::default();
    let mut write = |name: &[u8], bytes: &[u8], generator: &mut ChaCha8Rng| {
        written.files += 1;
        written.bytes += bytes.len() as u64;
        let time = tree::time(modified_seconds(generator));
        tree::write_new(&open, name, bytes, WriteMode::at(time))
    };
    for file in &folder.named {
        let name = folder.name_of(seed, file);
        let path = folder.path.join(name.as_bytes());
        match content(&mut generator, version, &file.content).map_err(failed(&path))? {
            Made::File(bytes) => write(name.as_bytes(), &bytes, &mut generator)?,
            Made::Database(files) => {
                for (name, bytes) in names_of(name.as_bytes(), &files) {
                    write(&name, bytes, &mut generator)?;
                }
            }
        }
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
        write(on_disk.as_bytes(), &buffer, &mut generator)?;
    }
    Ok(written)
}

/// What was made of a content.
enum Made {
    File(Vec<u8>),
    Database(Arc<MemoryFileSet>),
}

fn content(
    generator: &mut ChaCha8Rng,
    version: Version,
    content: &Content,
) -> Result<Made, CreateError> {
    Ok(match content {
        Content::Bytes(bytes) => Made::File(bytes.clone()),
        Content::Store(size) => {
            let options = options(version, generator);
            Made::Database(Arc::new(create_store(options, *size, generator)?))
        }
        Content::Mailbox(mailbox) => {
            let options = options(version, generator);
            Made::Database(Arc::new(create_mailbox(options, mailbox)?))
        }
        Content::Messages(messages) => {
            let options = options(version, generator);
            Made::Database(Arc::new(create_messages(options, messages)?))
        }
        Content::Database(files) => Made::Database(Arc::clone(files)),
        Content::Random(sizes) => {
            let mut bytes = vec![0; sizes.draw(generator)];
            generator.fill_bytes(&mut bytes);
            Made::File(bytes)
        }
    })
}
