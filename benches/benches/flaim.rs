//! The database engine: reading and checking beside plain reading of the same files, and lower-casing a large guardian.
//!
//! `cargo bench -p benches --bench flaim`.  The ratio within one run is what counts; see `benches/README.md`.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::hint::black_box;
use std::io::Read as _;
use std::path::Path;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use postoffice::flaim::{
    CheckOptions, Database, DatabaseFile, Limits, LowercaseLimits, MemoryFileSet, NameProfile,
    OpenFileSet, apply_lowercase, check, plan_lowercase,
};

/// So many databases make a guardian of about 20 MB.
const LARGE: u32 = 130_000;
/// The guardian of the largest post office that the design speaks of.
const MANY: u32 = 50_000;

/// Writes a database into a folder; gives its files open, and their bytes.
fn on_disk(folder: &Path, files: &MemoryFileSet) -> (OpenFileSet<File>, u64) {
    let mut open = OpenFileSet::new();
    let mut bytes = 0;
    for (file, content) in files.iter() {
        let path = folder.join(file.to_string());
        std::fs::write(&path, content).unwrap();
        open.insert(file, File::open(&path).unwrap());
        bytes += content.len() as u64;
    }
    (open, bytes)
}

fn read_plainly(folder: &Path) -> u64 {
    let mut buffer = vec![0; 1 << 20];
    let mut sum = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let mut file = File::open(entry.unwrap().path()).unwrap();
        loop {
            let count = file.read(&mut buffer).unwrap();
            if count == 0 {
                break;
            }
            sum += black_box(&buffer[..count]).len() as u64;
        }
    }
    sum
}

fn read_records(files: &OpenFileSet<File>) -> u64 {
    let database = Database::open(files, Limits::default()).unwrap();
    let containers = database.containers().into_iter();
    let records = containers.flat_map(|container| database.records(container).unwrap());
    records
        .map(|record| record.unwrap().fields().count() as u64)
        .sum()
}

fn read_keys(files: &OpenFileSet<File>) -> u64 {
    let database = Database::open(files, Limits::default()).unwrap();
    let indexes = database.indexes().into_iter();
    let entries = indexes.flat_map(|index| database.index_entries(index).unwrap());
    entries.map(|entry| entry.unwrap().key.len() as u64).sum()
}

fn reading(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let files = benches::guardian(LARGE).unwrap();
    assert!(files.get(DatabaseFile::Numbered(1)).is_some());
    let (files, bytes) = on_disk(folder.path(), &files);
    let mut group = criterion.benchmark_group("reading");
    group.sample_size(10).throughput(Throughput::Bytes(bytes));
    group.bench_function("plain sequential reading", |bench| {
        bench.iter(|| read_plainly(folder.path()));
    });
    group.bench_function("every record", |bench| bench.iter(|| read_records(&files)));
    group.bench_function("every key of three indexes", |bench| {
        bench.iter(|| read_keys(&files));
    });
    group.bench_function("check", |bench| {
        bench.iter(|| {
            let report = check(&files, CheckOptions::default()).unwrap();
            assert!(report.is_sound());
        });
    });
    group.finish();
}

fn lowercasing(criterion: &mut Criterion) {
    let files = benches::guardian(MANY).unwrap();
    let (profile, limits) = (NameProfile::Guardian, LowercaseLimits::default());
    let plan = plan_lowercase(&files, &profile, limits).unwrap();
    assert_eq!(plan.changes.len(), 2 * MANY as usize);
    let mut group = criterion.benchmark_group("lower-casing 50,000 databases' names");
    group.sample_size(10);
    group.bench_function("plan", |bench| {
        bench.iter(|| plan_lowercase(&files, &profile, limits).unwrap());
    });
    group.bench_function("apply", |bench| {
        bench.iter_batched(
            || files.clone(),
            |mut copy| apply_lowercase(&mut copy, &plan, limits).unwrap(),
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(flaim, reading, lowercasing);
criterion_main!(flaim);
