//! Every record and every key, as the independent implementation dumps them.

use std::io::BufRead as _;

use postoffice::flaim::{
    CheckOptions, Database, DatabaseFile, FieldKind, Limits, OpenFileSet, check, probe,
};
use serde_json::Value as Json;

use crate::dump::assert_reads_as;
use crate::samples::{Sample, sound};

fn lines(sample: &Sample) -> impl Iterator<Item = String> {
    let expected = sample.expected.as_deref().unwrap();
    expected.lines().map(str::to_owned)
}

#[test]
fn every_sample_reads_as_its_dump() {
    for sample in sound() {
        assert_reads_as(&sample.name, &sample.files, lines(&sample), true);
    }
}

#[test]
fn the_probe_names_the_version_of_every_sample() {
    for sample in sound() {
        let first = lines(&sample).next().unwrap();
        let expected: Json = serde_json::from_str(&first).unwrap();
        let header = probe(sample.files.get(DatabaseFile::CONTROL).unwrap()).unwrap();
        let version = u64::from(header.version.number());
        assert_eq!(
            expected["version"].as_u64(),
            Some(version),
            "{}",
            sample.name
        );
        let block_size = u64::try_from(header.block_size).unwrap();
        assert_eq!(
            expected["block"].as_u64(),
            Some(block_size),
            "{}",
            sample.name
        );
        assert_eq!(header.unusual_fields(), [], "{}", sample.name);
    }
}

#[test]
fn recovery_says_what_it_did() {
    for (name, blocks, transactions) in [
        ("09-v301-4k-aborted", None, None),
        ("10-v301-4k-needs-rfl", Some(false), Some(true)),
        ("11-v452-4k-needs-rollback-and-rfl", Some(true), Some(true)),
        ("12-v310-4k-needs-rollback", Some(true), Some(false)),
    ] {
        let sample = crate::samples::load(name);
        let database = Database::open(&sample.files, Limits::default()).unwrap();
        let recovery = database.recovery();
        assert_eq!(recovery.map(|r| r.blocks_rolled_back > 0), blocks, "{name}");
        assert_eq!(
            recovery.map(|r| r.transactions_replayed > 0),
            transactions,
            "{name}"
        );
    }
}

#[test]
fn kinds_have_names() {
    assert_eq!(FieldKind::Context.name(), "context");
}

/// Databases too large for the project, below the folder that `FLAIM_SAMPLES` names.
#[test]
fn further_samples_read_as_their_dumps() {
    let Some(folder) = std::env::var_os("FLAIM_SAMPLES") else {
        println!("FLAIM_SAMPLES names no folder with further samples");
        return;
    };
    let mut folders = vec![std::path::PathBuf::from(folder)];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        let mut files = OpenFileSet::<std::fs::File>::new();
        let mut dump = None;
        for entry in std::fs::read_dir(&folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().into_string().unwrap();
            if entry.file_type().unwrap().is_dir() && name != "guard.rfl" {
                folders.push(entry.path());
            } else if name == "guard.rfl" {
                let log = std::fs::File::open(entry.path().join("00000001.log"));
                files.insert(DatabaseFile::RollForward(1), log.unwrap());
            } else if name == "guard.dump.jsonl.gz" {
                dump = Some(entry.path());
            } else if let Some(file) = crate::samples::database_file(&name) {
                files.insert(file, std::fs::File::open(entry.path()).unwrap());
            }
        }
        let Some(dump) = dump else { continue };
        let open = || {
            let packed = std::fs::File::open(&dump).unwrap();
            let reader = std::io::BufReader::new(flate2::read::GzDecoder::new(packed));
            reader.lines().map(Result::unwrap)
        };
        let with_indexes = open().any(|line| line.starts_with("{\"index\""));
        assert_reads_as(folder.to_str().unwrap(), &files, open(), with_indexes);
        let report = check(&files, CheckOptions::default()).unwrap();
        assert_eq!(report.findings, [], "{}", folder.display());
        count += 1;
    }
    println!("{count} further samples read as their dumps");
}
