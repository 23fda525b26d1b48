//! Databases too large for the project, below the folder that `FLAIM_SAMPLES` names, created again from their records.

use std::path::{Path, PathBuf};

use postoffice::flaim::{Database, DatabaseFile, Limits, MemoryFileSet};

use crate::create::{assert_sound, created_from};
use crate::samples::{Sample, database_file};

/// The sample in a folder, where there is one that needs no recovery and can be taken apart.
fn sample(folder: &Path) -> Option<Sample> {
    let mut files = MemoryFileSet::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let is_log = matches!(database_file(name), Some(DatabaseFile::RollForward(_)));
        if let Some(file) = database_file(name).filter(|_| !is_log) {
            files.insert(file, std::fs::read(&path).unwrap());
        }
    }
    let name = folder.display().to_string();
    let is_clean = Database::open(&files, Limits::default())
        .ok()?
        .recovery()
        .is_none();
    is_clean.then_some(Sample {
        name,
        files,
        expected: None,
    })
}

#[test]
fn further_samples_are_created_again() {
    let Some(folder) = std::env::var_os("FLAIM_SAMPLES") else {
        println!("FLAIM_SAMPLES names no folder with further samples");
        return;
    };
    let mut folders = vec![PathBuf::from(folder)];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        let entries = std::fs::read_dir(&folder).unwrap();
        folders.extend(
            entries
                .map(|entry| entry.unwrap().path())
                .filter(|path| path.is_dir()),
        );
        let is_damaged = folder.display().to_string().contains("corrupt");
        if is_damaged || !folder.join("guard.db").exists() {
            continue;
        }
        let Some(sample) = sample(&folder) else {
            continue;
        };
        let created = created_from(&sample);
        assert_sound(&sample.name, &created);
        let old = Database::open(&sample.files, Limits::default()).unwrap();
        let new = Database::open(&created, Limits::default()).unwrap();
        assert_eq!(old.indexes(), new.indexes());
        for index in old.indexes() {
            let mut found = new.index_entries(index).unwrap();
            for entry in old.index_entries(index).unwrap() {
                let entry = entry.unwrap();
                let ours = found.next().transpose().unwrap();
                assert_eq!(ours.as_ref(), Some(&entry), "{}", sample.name);
            }
            assert!(found.next().is_none(), "{}: index {index}", sample.name);
        }
        count += 1;
    }
    println!("{count} further samples are created again");
}
