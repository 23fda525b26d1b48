//! Trees from a seed: a post office of the simulator, and many more attachments in it.

use std::fs::{self, File, FileTimes};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use postoffice::layout::{BLOB_FOLDER_LAST, folder_skeleton};
use rand::seq::index::sample;
use rand::{Rng, RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use simulator::{CreateOptions, GuardianKind, NameCase, create};

use super::Result;
use super::check::Total;
use super::options::Tree;
use super::ours::remove;

/// How many files of a post office the simulator makes, databases among them: one in a hundred, at least its smallest.
const SIMULATED_SHARE: u32 = 100;
const SIMULATED_MIN: u32 = 300;

/// Files of the small tree.
const SMALL_BYTES: usize = 4096;
/// Folders of the small tree.
const SMALL_FOLDERS: u8 = 100;
/// The sizes of the mixed tree are log-normal: this median and spread make 3.5 GB of 100,000 files.
const MIXED_MEDIAN_BYTES: f64 = 4800.0;
const MIXED_SPREAD: f64 = 2.0;
const MIXED_BYTES_MAX: f64 = (64 << 20) as f64;
/// Files of the large tree.
const LARGE_FILES: u32 = 8;

/// Random bytes that contents are cut from.
const POOL_BYTES: usize = 8 << 20;
/// Every file begins with bytes of its own, so that no two are alike.
const OWN_BYTES: usize = 16;

/// Long before any run, so that no time is too fresh to be trusted.
const OLD_SECONDS: u64 = 1_400_000_000;
/// The times of the files are spread over so many seconds.
const SPREAD_SECONDS: u64 = 100_000_000;

/// Makes a tree of `size` files (MiB, for the large one) in `folder`, in place of what is there.
pub(super) fn make(folder: &Path, tree: Tree, size: u32, seed: u64) -> Result<()> {
    let simulated = match tree {
        Tree::Mixed => (size / SIMULATED_SHARE).max(SIMULATED_MIN),
        Tree::Small | Tree::Large => SIMULATED_MIN,
    };
    make_with(folder, tree, size, simulated, seed)
}

/// The same with so many files that the simulator makes.
pub(super) fn make_with(
    folder: &Path,
    tree: Tree,
    size: u32,
    simulated: u32,
    seed: u64,
) -> Result<()> {
    remove(folder)?;
    create(&CreateOptions {
        folder: folder.to_owned(),
        documents: None,
        seed,
        files: simulated as usize,
        case: NameCase::Upper,
        guardian: GuardianKind::Flaim,
    })?;
    let folders: Vec<PathBuf> = blob_folders(tree)
        .map(|number| folder.join(format!("OFFILES/FD{number:X}")))
        .collect();
    for folder in &folders {
        fs::create_dir_all(folder)?;
    }
    let mut writer = Writer::new(seed);
    let (files, largest) = match tree {
        Tree::Large => (LARGE_FILES, (size as usize) << 20),
        Tree::Small | Tree::Mixed => (size.saturating_sub(simulated), 0),
    };
    for number in 0..files {
        let length = match tree {
            Tree::Small => SMALL_BYTES,
            Tree::Mixed => writer.log_normal(),
            Tree::Large => largest / LARGE_FILES as usize,
        };
        // In turn, so that files of one folder are not neighbours on the disk, as in a post office that grew.
        let folder = &folders[number as usize % folders.len()];
        let name = writer.name();
        writer.write(&folder.join(name), length)?;
    }
    rustix::fs::syncfs(File::open(folder)?)?;
    Ok(())
}

fn blob_folders(tree: Tree) -> impl Iterator<Item = u8> {
    let last = match tree {
        Tree::Small => SMALL_FOLDERS - 1,
        Tree::Mixed | Tree::Large => BLOB_FOLDER_LAST,
    };
    0..=last
}

/// Fills a folder with names in capitals below the folders of a post office: `files` empty files in 100 folders.
pub(super) fn make_names(folder: &Path, files: u32, seed: u64) -> Result<()> {
    for path in folder_skeleton() {
        fs::create_dir_all(folder.join(path.to_string()))?;
    }
    let mut writer = Writer::new(seed);
    let folders: Vec<PathBuf> = (0..u32::from(SMALL_FOLDERS))
        .map(|number| folder.join(format!("gwdms/LIB{number:04X}")))
        .collect();
    for folder in &folders {
        fs::create_dir(folder)?;
    }
    for number in 0..files {
        let folder = &folders[number as usize % folders.len()];
        File::create_new(folder.join(format!("{}.DOC", writer.name())))?;
    }
    rustix::fs::syncfs(File::open(folder)?)?;
    Ok(())
}

/// Changes one file in a hundred, removes one in a thousand, and adds as many; never one of a database or a queue.
pub(super) fn change(folder: &Path, seed: u64) -> Result<()> {
    let mut writer = Writer::new(seed ^ 0x5eed);
    for folder in sorted(&folder.join("OFFILES"))? {
        for file in sorted(&folder)? {
            match writer.random.random_range(0..1000_u32) {
                0 => {
                    fs::remove_file(&file)?;
                    let name = writer.name();
                    writer.write(&folder.join(name), SMALL_BYTES)?;
                }
                1..=10 => {
                    let length = usize::try_from(fs::metadata(&file)?.len())?;
                    fs::remove_file(&file)?;
                    writer.write(&file, length)?;
                }
                _ => {}
            }
        }
    }
    rustix::fs::syncfs(File::open(folder)?)?;
    Ok(())
}

/// Writes some files of the small tree anew, and gives databases of users another time, as if the same had been written into
/// them again; returns what the former hold.
pub(super) fn change_some(
    folder: &Path,
    seed: u64,
    files: usize,
    databases: usize,
) -> Result<Total> {
    let mut writer = Writer::new(seed ^ 0x5eed);
    let mut old = Vec::new();
    for inner in sorted(&folder.join("OFFILES"))? {
        for file in sorted(&inner)? {
            if fs::metadata(&file)?.len() == SMALL_BYTES as u64 {
                old.push(file);
            }
        }
    }
    let users: Vec<PathBuf> = sorted(&folder.join("OFUSER"))?
        .into_iter()
        .filter(|file| file.extension().is_some_and(|extension| extension == "DB"))
        .collect();
    if old.len() < files || users.len() < databases {
        let found = (old.len(), users.len());
        return Err(format!("only {found:?} files and databases can be changed").into());
    }
    for index in sample(&mut writer.random, old.len(), files) {
        fs::remove_file(&old[index])?;
        writer.write(&old[index], SMALL_BYTES)?;
    }
    for index in sample(&mut writer.random, users.len(), databases) {
        let file = File::options().write(true).open(&users[index])?;
        writer.set_time(&file)?;
    }
    rustix::fs::syncfs(File::open(folder)?)?;
    Ok(Total {
        files: files as u64,
        bytes: (files * SMALL_BYTES) as u64,
    })
}

fn sorted(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<std::io::Result<_>>()?;
    paths.sort_unstable();
    Ok(paths)
}

struct Writer {
    random: ChaCha8Rng,
    pool: Vec<u8>,
}

impl Writer {
    fn new(seed: u64) -> Self {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut pool = vec![0; POOL_BYTES];
        random.fill_bytes(&mut pool);
        Self { random, pool }
    }

    fn name(&mut self) -> String {
        let (number, extension): (u64, u16) = (self.random.random(), self.random.random());
        format!("{number:016X}.{:03X}", extension % 0x1000)
    }

    // A size is a whole number of bytes within the limits above.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    fn log_normal(&mut self) -> usize {
        // Box and Muller: a normal number from two even ones.
        let (first, second): (f64, f64) = (self.random.random(), self.random.random());
        let radius = (-2.0 * (1.0 - first).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * second).cos();
        let size = MIXED_MEDIAN_BYTES * (MIXED_SPREAD * normal).exp();
        size.min(MIXED_BYTES_MAX) as usize
    }

    fn write(&mut self, path: &Path, length: usize) -> Result<()> {
        let mut file = File::create_new(path)?;
        let mut own = [0; OWN_BYTES];
        self.random.fill_bytes(&mut own);
        file.write_all(&own[..length.min(OWN_BYTES)])?;
        let mut rest = length.saturating_sub(OWN_BYTES);
        while rest > 0 {
            let start = self.random.random_range(0..POOL_BYTES / 2);
            let piece = rest.min(POOL_BYTES / 2);
            file.write_all(&self.pool[start..start + piece])?;
            rest -= piece;
        }
        self.set_time(&file)
    }

    fn set_time(&mut self, file: &File) -> Result<()> {
        let seconds = OLD_SECONDS + self.random.random_range(0..SPREAD_SECONDS / 2) * 2;
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_times(FileTimes::new().set_modified(time))?;
        Ok(())
    }
}
