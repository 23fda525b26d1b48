//! The inner operations of the worker, each by itself: crawl, copy, the decision what to copy, renaming, the manifest.
//!
//! `cargo bench -p benches --bench passes`.  They run inside this process, without the sandbox; what a whole worker
//! takes is what `side-by-side` measures.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::{self, File, FileTimes};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use benches::order;
use criterion::{
    BatchSize, BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main,
};
use postoffice::names::RelativePath;
use protocol::{PassKind, Task, TaskReport, Verdict};
use tempfile::TempDir;
use worker::capabilities::Capabilities;
use worker::execute::execute;
use worker::monitor::{Monitor, Tally};
use worker::store::{Copied, JobStore, ManifestFile};
use worker::tree::Time;

/// Files of a tree of small ones.
const FILES: u32 = 2000;
/// Bytes of each of them.
const SMALL_BYTES: usize = 4096;
/// Bytes of the large file.
const LARGE_BYTES: usize = 64 << 20;
/// Files of a full batch of the manifest.
const BATCH: u32 = 8192;

/// Long before any run.
const LONG_AGO_SECONDS: u64 = 1_500_000_000;

const PASS: Task = Task::Pass {
    kind: PassKind::StageTwo,
};

/// Both trees and the job folder, gone when it is dropped.
struct Site {
    _kept: TempDir,
    source: PathBuf,
    destination: PathBuf,
    job: PathBuf,
}

impl Site {
    /// A post office with nothing in it but its markers, and its destination taken.
    fn new() -> Self {
        let kept = tempfile::tempdir().unwrap();
        let root = kept.path();
        let site = Self {
            source: root.join("source"),
            destination: root.join("destination"),
            job: root.join("job"),
            _kept: kept,
        };
        for folder in [&site.source, &site.destination, &site.job] {
            fs::create_dir(folder).unwrap();
        }
        write_old(&site.source.join("WPHOST.DB"), b"post office");
        write_old(&site.source.join("NGWGUARD.DB"), b"guardian");
        site.run(Task::CreateFolders);
        site
    }

    /// With attachments of one size.
    fn filled(self, files: u32, bytes: usize) -> Self {
        let content = vec![7; bytes];
        for number in 0..files {
            let folder = self.source.join(format!("OFFILES/FD{:X}", number % 16));
            fs::create_dir_all(&folder).unwrap();
            write_old(&folder.join(format!("{number:08X}.000")), &content);
        }
        self
    }

    fn run(&self, task: Task) -> TaskReport {
        let order = order(&self.source, &self.destination, task);
        let tally = Arc::new(Tally::default());
        let monitor = Arc::clone(&tally) as Arc<dyn Monitor>;
        let capabilities = Capabilities::open(&order, &self.job).unwrap();
        let store = JobStore::open(&self.job, 8, Arc::clone(&monitor)).unwrap();
        let report = execute(&order, &capabilities, &store, monitor.as_ref(), &tally).unwrap();
        assert!(tally.findings().worst.unwrap_or(Verdict::Done) <= Verdict::NothingToDo);
        report
    }
}

/// Long ago, so that no time is too fresh to be trusted.
fn write_old(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(LONG_AGO_SECONDS);
    let file = File::options().write(true).open(path).unwrap();
    file.set_times(FileTimes::new().set_modified(time)).unwrap();
}

fn group<'a>(
    criterion: &'a mut Criterion,
    name: &str,
    throughput: Throughput,
) -> BenchmarkGroup<'a, criterion::measurement::WallTime> {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10).throughput(throughput);
    group
}

fn looking(criterion: &mut Criterion) {
    let mut group = group(criterion, "2,000 files", Throughput::Elements(FILES.into()));
    let site = Site::new().filled(FILES, SMALL_BYTES);
    group.bench_function("crawl", |bench| {
        bench.iter(|| site.run(Task::Inventory { only_count: true }));
    });
    site.run(PASS);
    group.bench_function("decide that nothing changed", |bench| {
        bench.iter(|| site.run(PASS));
    });
    group.finish();
}

fn copying(criterion: &mut Criterion) {
    let mut small = group(criterion, "copy small", Throughput::Elements(FILES.into()));
    small.bench_function("2,000 files of 4 KiB", |bench| {
        bench.iter_batched(
            || Site::new().filled(FILES, SMALL_BYTES),
            |site| {
                site.run(PASS);
                site
            },
            BatchSize::PerIteration,
        );
    });
    small.finish();
    let bytes = Throughput::Bytes(LARGE_BYTES as u64);
    let mut large = group(criterion, "copy large", bytes);
    large.bench_function("one file of 64 MiB", |bench| {
        bench.iter_batched(
            || Site::new().filled(1, LARGE_BYTES),
            |site| {
                site.run(PASS);
                site
            },
            BatchSize::PerIteration,
        );
    });
    large.finish();
}

fn renaming(criterion: &mut Criterion) {
    let mut group = group(criterion, "lowercase", Throughput::Elements(FILES.into()));
    group.bench_function("2,000 names in capitals", |bench| {
        bench.iter_batched(
            || {
                let site = Site::new();
                let folder = site.destination.join("gwdms/LIB0001");
                fs::create_dir(&folder).unwrap();
                for number in 0..FILES {
                    File::create(folder.join(format!("D{number:07X}.DOC"))).unwrap();
                }
                site
            },
            |site| {
                site.run(Task::Lowercase { plan_only: false });
                site
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

/// A batch of copied files, in the order in which threads hand them in: of many folders at once.
fn batch(first: u32) -> Vec<Copied> {
    let time = Time {
        seconds: 1_500_000_000,
        nanoseconds: 0,
    };
    let file = |number: u32| Copied {
        area: 0,
        folder: RelativePath::from_bytes(format!("offiles/fd{:x}", number % 16).as_bytes())
            .unwrap(),
        name: format!("{:08x}.000", number.wrapping_mul(2_654_435_761)).into_bytes(),
        file: ManifestFile {
            size: SMALL_BYTES as u64,
            modified: time,
            racy: false,
            written_modified: time,
            written_changed: time,
            written_inode: number.into(),
            digest: [7; 32],
        },
    };
    (first..first + BATCH).map(file).collect()
}

fn manifest(criterion: &mut Criterion) {
    let mut group = group(criterion, "manifest", Throughput::Elements(BATCH.into()));
    let site = Site::new();
    let monitor = Arc::new(Tally::default()) as Arc<dyn Monitor>;
    let store = JobStore::open(&site.job, 1, monitor).unwrap();
    let mut first = 0;
    group.bench_function("commit a batch of 8,192 files", |bench| {
        bench.iter_batched(
            || {
                first += BATCH;
                batch(first)
            },
            |copied| store.commit_copied(1, &copied).unwrap(),
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

criterion_group!(passes, looking, copying, renaming, manifest);
criterion_main!(passes);
