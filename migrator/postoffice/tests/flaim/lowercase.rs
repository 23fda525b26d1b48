//! Lower-casing: the result is what the independent implementation made of the same database.

use std::collections::BTreeSet;
use std::io;
use std::time::Instant;

use postoffice::flaim::{
    CheckOptions, Database, DatabaseFile, Error, FieldSelection, FileSet, FileSetMut, Limits,
    LowercaseLimits, LowercasePlan, LowercaseReport, MemoryFileSet, NameProfile, NotOurs,
    UNFINISHED_MARK, apply_lowercase, check, plan_lowercase, probe_files, recover,
};

use crate::dump::assert_reads_as;
use crate::samples::{ALL_PAIRS, Sample, corrupt, further, load, pair, sound};

/// The field that the samples keep their file names in.
fn file_names() -> NameProfile {
    NameProfile::Selected(vec![FieldSelection {
        container: 32001,
        field: 2,
    }])
}

fn plan(files: &MemoryFileSet) -> LowercasePlan {
    plan_lowercase(files, &file_names(), LowercaseLimits::default()).unwrap()
}

fn apply(files: &mut MemoryFileSet, plan: &LowercasePlan) -> LowercaseReport {
    apply_lowercase(files, plan, LowercaseLimits::default()).unwrap()
}

fn assert_sound(name: &str, files: &MemoryFileSet) {
    let report = check(files, CheckOptions::default()).unwrap();
    assert_eq!(report.findings, [], "{name}");
    assert!(probe_files(files).unwrap().log.is_clean(), "{name}");
}

/// Every field of every record, and every entry of every index, as text.
fn content(files: &MemoryFileSet) -> (Vec<String>, Vec<String>) {
    let database = Database::open(files, Limits::default()).unwrap();
    let mut records = Vec::new();
    for container in database.containers() {
        for record in database.records(container).unwrap() {
            let record = record.unwrap();
            for field in record.fields() {
                records.push(format!("{container} {} {field:?}", record.number));
            }
        }
    }
    let mut entries = Vec::new();
    for index in database.indexes() {
        for entry in database.index_entries(index).unwrap() {
            entries.push(format!("{index} {:?}", entry.unwrap()));
        }
    }
    (records, entries)
}

fn to_hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 0x0f]);
    digits
        .map(|digit| char::from_digit(digit.into(), 16).unwrap())
        .collect()
}

/// The lines of a dump after lower-casing the file names in the records; entries of indexes are left out.
fn lowered_records(sample: &Sample) -> Vec<String> {
    let expected = sample.expected.as_deref().unwrap();
    let records = expected.lines().filter(|line| !line.contains("\"index\":"));
    records
        .map(|line| {
            let mut json: serde_json::Value = serde_json::from_str(line).unwrap();
            if json["container"] == 32001 {
                for field in json["fields"].as_array_mut().unwrap() {
                    if field["tag"] == 2 {
                        let value = field["value"].as_str().unwrap().to_ascii_lowercase();
                        let raw = to_hex(value.as_bytes());
                        field["value"] = value.into();
                        field["raw"] = raw.into();
                    }
                }
            }
            json.to_string()
        })
        .collect()
}

#[test]
fn every_pair_becomes_what_the_independent_implementation_made_of_it() {
    for (name, dumps) in ALL_PAIRS {
        let (before, after) = pair(name, dumps);
        let mut files = before.files.clone();
        let plan = plan(&files);
        assert_eq!(plan.recovery, None);
        assert!(plan.changes.len() > 300, "{name}: {}", plan.changes.len());
        let report = apply(&mut files, &plan);
        assert_eq!(report.values, plan.changes.len());
        assert_reads_as(name, &files, after.lines().map(str::to_owned), true);
        assert_sound(name, &files);
        let rebuilt: Vec<u16> = plan.rebuilt.iter().map(|index| index.index).collect();
        let unaffected: Vec<u16> = plan.unaffected.iter().map(|index| index.index).collect();
        if name.ends_with("upper") {
            assert_eq!((rebuilt, unaffected), (vec![11], vec![10]), "{name}");
        } else {
            assert_eq!((rebuilt, unaffected), (vec![10, 11], vec![]), "{name}");
        }
    }
}

/// Every sound sample: other shapes of trees, several files, free blocks, counted branches, dirty ones.
#[test]
fn every_sample_becomes_lower_case_and_stays_sound() {
    for sample in sound() {
        let name = &sample.name;
        let mut files = sample.files.clone();
        let plan = plan(&files);
        let report = apply(&mut files, &plan);
        assert_eq!(report.recovery, plan.recovery, "{name}");
        assert_sound(name, &files);
        let expected = lowered_records(&sample).into_iter();
        assert_reads_as(name, &files, expected, false);
        let again = self::plan(&files);
        assert!(again.is_empty(), "{name}: {again:?}");
        let before = files.clone();
        assert_eq!(apply(&mut files, &again), LowercaseReport::default());
        assert_same_files(name, &files, &before);
    }
}

fn assert_same_files(name: &str, files: &MemoryFileSet, others: &MemoryFileSet) {
    assert!(files.iter().eq(others.iter()), "{name}: files differ");
}

#[test]
fn a_plan_writes_nothing_and_names_old_and_new() {
    let (before, _) = pair("13-v400-mixed", "13-v400-mixed");
    let plan = plan(&before.files);
    for change in &plan.changes {
        assert_eq!((change.container, change.field), (32001, 2));
        assert_ne!(change.old, change.new);
        assert_eq!(change.old.to_ascii_lowercase(), change.new);
        let database = Database::open(&before.files, Limits::default()).unwrap();
        let record = database.record(32001, change.record).unwrap().unwrap();
        let field = record.fields().nth(change.position).unwrap();
        assert_eq!(field.stored, change.old.as_bytes());
    }
    let json = serde_json::to_value(&plan).unwrap();
    assert_eq!(json["fields"][0]["name"], "FileName");
    assert_eq!(
        json["changes"].as_array().unwrap().len(),
        plan.changes.len()
    );
}

/// What `recover` writes is what recovery reads.
#[test]
fn dirty_samples_are_recovered_in_their_files() {
    for name in [
        "10-v301-4k-needs-rfl",
        "11-v452-4k-needs-rollback-and-rfl",
        "12-v310-4k-needs-rollback",
    ] {
        let sample = load(name);
        let seen = content(&sample.files);
        let mut files = sample.files.clone();
        let recovery = recover(&mut files, Limits::default()).unwrap();
        assert!(recovery.is_some(), "{name}");
        // The logs are needed no more.
        files.remove(DatabaseFile::RollForward(1));
        assert_sound(name, &files);
        assert_eq!(content(&files), seen, "{name}");
        let lines = sample.expected.as_deref().unwrap().lines();
        assert_reads_as(name, &files, lines.map(str::to_owned), true);
        let before = files.clone();
        assert_eq!(recover(&mut files, Limits::default()).unwrap(), None);
        assert_same_files(name, &files, &before);
    }
}

/// Files that fail at one write, with or without a part of it done.
struct Failing {
    files: MemoryFileSet,
    writes_left: usize,
    is_torn: bool,
}

impl FileSet for Failing {
    fn size(&self, file: DatabaseFile) -> io::Result<Option<u64>> {
        self.files.size(file)
    }

    fn read_at(&self, file: DatabaseFile, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.files.read_at(file, offset, buffer)
    }
}

impl FileSetMut for Failing {
    fn write_at(&mut self, file: DatabaseFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        if let Some(left) = self.writes_left.checked_sub(1) {
            self.writes_left = left;
            return self.files.write_at(file, offset, bytes);
        }
        if self.is_torn {
            self.files
                .write_at(file, offset, &bytes[..bytes.len() / 2])?;
        }
        Err(io::ErrorKind::StorageFull.into())
    }
}

/// A copy whose change was interrupted at any write is refused by the probe, or is not changed at all.
#[test]
fn an_interrupted_copy_is_no_database() {
    let mixed = pair("13-v301-mixed", "13-v400-mixed").0;
    let dirty = ["10-v301-4k-needs-rfl", "12-v310-4k-needs-rollback"];
    for sample in dirty.iter().map(|name| load(name)).chain([mixed]) {
        let name = &sample.name;
        let plan = plan(&sample.files);
        for is_torn in [false, true] {
            let mut refused = BTreeSet::new();
            for writes in 0.. {
                let mut copy = Failing {
                    files: sample.files.clone(),
                    writes_left: writes,
                    is_torn,
                };
                let result = apply_lowercase(&mut copy, &plan, LowercaseLimits::default());
                if result.is_ok() {
                    assert_sound(name, &copy.files);
                    break;
                }
                assert!(matches!(result, Err(Error::Write { .. })), "{result:?}");
                match probe_files(&copy.files) {
                    Err(Error::NotOurs(NotOurs::NotADatabase { .. })) if writes > 0 || is_torn => {
                        refused.insert(writes);
                    }
                    // Before the first write nothing is changed.
                    Ok(_) if writes == 0 => assert_same_files(name, &copy.files, &sample.files),
                    // Half of the last write has every byte of the headers that changes.
                    Ok(_) if is_torn => assert_sound(name, &copy.files),
                    other => panic!("{name}: {writes} writes: {other:?}"),
                }
            }
            assert!(refused.len() > 20, "{name}: {}", refused.len());
        }
    }
    assert_eq!(UNFINISHED_MARK.len(), 16);
}

/// Damaged databases are refused before anything is written; where they are not, the result is sound.
#[test]
fn damaged_databases_are_refused_or_sound() {
    let mut refused = 0;
    for variant in corrupt() {
        let result = plan_lowercase(&variant.files, &file_names(), LowercaseLimits::default());
        let Ok(plan) = result else {
            refused += 1;
            continue;
        };
        let mut files = variant.files.clone();
        apply(&mut files, &plan);
        assert_sound(&variant.name, &files);
    }
    println!("{refused} of 10 damaged databases refused");
    assert!(refused >= 9);
}

#[test]
fn stale_plans_are_refused_before_anything_is_written() {
    let (before, _) = pair("13-v400-mixed", "13-v400-mixed");
    let plan = plan(&before.files);
    let limits = LowercaseLimits::default();
    let mut lowered = before.files.clone();
    apply(&mut lowered, &plan);
    let mut changed_text = plan.clone();
    changed_text.changes[3].old.push('X');
    let mut no_such_record = plan.clone();
    no_such_record.changes.last_mut().unwrap().record = 1_000_000;
    let mut out_of_order = plan.clone();
    out_of_order.changes.reverse();
    let mut other_field = plan.clone();
    other_field.changes[0].position += 1;
    for (files, plan) in [
        (&lowered, &plan),
        (&before.files, &changed_text),
        (&before.files, &no_such_record),
        (&before.files, &out_of_order),
        (&before.files, &other_field),
    ] {
        let mut copy = files.clone();
        let error = apply_lowercase(&mut copy, plan, limits).unwrap_err();
        assert_eq!(error.code(), "FLAIM-PLAN-STALE", "{error}");
        assert_same_files("stale", &copy, files);
    }
}

#[test]
fn selections_that_cannot_be_meant_are_refused() {
    let files = load("02-v302-4k-upper-stores").files;
    let limits = LowercaseLimits::default();
    for (container, field) in [
        (32000, 2),
        (32002, 2),
        (9, 2),
        (32001, 3),
        (32001, 99),
        (32001, 10),
    ] {
        let selection = NameProfile::Selected(vec![FieldSelection { container, field }]);
        let error = plan_lowercase(&files, &selection, limits).unwrap_err();
        assert_eq!(error.code(), "FLAIM-SELECTION", "{container} {field}");
    }
    // No field of the sample has a name that the guardian uses.
    let plan = plan_lowercase(&files, &NameProfile::Guardian, limits).unwrap();
    assert!(plan.is_empty() && plan.fields.is_empty());
}

#[test]
fn the_limit_on_memory_is_kept() {
    let files = load("02-v302-4k-upper-stores").files;
    let limits = LowercaseLimits {
        changes_bytes_max: 10_000,
        ..LowercaseLimits::default()
    };
    let error = plan_lowercase(&files, &file_names(), limits).unwrap_err();
    assert_eq!(error.code(), "FLAIM-TOO-LARGE");
}

/// Databases too large for the project, below the folder that `FLAIM_SAMPLES` names; tells how long each step takes.
#[test]
fn further_samples_become_lower_case() {
    for (name, mut files) in further() {
        let start = Instant::now();
        let plan = plan(&files);
        let planned = start.elapsed();
        let start = Instant::now();
        let report = apply(&mut files, &plan);
        println!(
            "{name}: {} names, plan {planned:?}, apply {:?}, {:?}",
            plan.changes.len(),
            start.elapsed(),
            report.indexes
        );
        assert_sound(&name, &files);
        assert!(self::plan(&files).is_empty(), "{name}");
    }
}
