mod versions;

use crate::model::Library;
use crate::model::PostOffice;
use crate::model::User;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use postoffice::flaim::{CheckOptions, DatabaseFile, NotOurs, check, probe};
use postoffice::layout::{CopyRule, FileClass, classify_file};

use super::*;
use crate::create::{CreateOptions, create};
use crate::model::{GuardianKind, NameCase};
use crate::random::generator;

fn post_office(folder: &Path, guardian: GuardianKind, seed: u64) -> Dir {
    let options = CreateOptions {
        folder: folder.join("po"),
        documents: None,
        seed,
        files: 300,
        case: NameCase::Mixed,
        guardian,
    };
    create(&options).unwrap();
    tree::open_folder(&options.folder).unwrap()
}

/// The control files of a tree, by the end of their name and their class.
fn control_files(root: &Dir) -> BTreeMap<RelativePath, FileClass> {
    let entries = tree::entries(root).unwrap().into_iter();
    entries
        .filter_map(|entry| {
            let class = classify_file(&entry.path);
            let lower = entry.path.as_bytes().to_ascii_lowercase();
            let is_database =
                matches!(class.copy_rule(), CopyRule::UnderLock | CopyRule::AtomicSet);
            let is_control = lower.ends_with(b".db") || lower.ends_with(b".fbk");
            (entry.is_file && is_database && is_control).then_some((entry.path, class))
        })
        .collect()
}

#[test]
fn every_database_is_sound_and_every_file_of_it_is_of_its_class() {
    let mut versions = BTreeSet::new();
    for seed in 1..6 {
        let scratch = tempfile::tempdir().unwrap();
        let root = post_office(scratch.path(), GuardianKind::Flaim, seed);
        let mut members = BTreeSet::new();
        let controls = control_files(&root);
        assert!(controls.len() > 30);
        for (control, class) in &controls {
            let files = load(&root, control).unwrap();
            let report = check(&files, CheckOptions::default()).unwrap();
            assert_eq!(report.findings, [], "{control}");
            versions.insert(report.header.version.number());
            let (folder, name) = control.split().unwrap();
            for (name, bytes) in names_of(name, &files) {
                let path = folder.join(&name);
                assert_eq!(tree::read(&root, &path).unwrap(), bytes);
                assert_eq!(classify_file(&path), *class, "{path}");
                members.insert(path);
            }
        }
        // Nothing else in the tree counts as a part of a database, but the guardian's own log.
        for entry in tree::entries(&root).unwrap() {
            let class = classify_file(&entry.path);
            let is_database =
                matches!(class.copy_rule(), CopyRule::UnderLock | CopyRule::AtomicSet);
            let is_log = entry.path.as_bytes().eq_ignore_ascii_case(b"ngwguard.rfl");
            if entry.is_file && is_database && !is_log {
                assert!(members.contains(&entry.path), "{}", entry.path);
            }
        }
    }
    assert!(versions.len() > 1, "{versions:?}");
}

#[test]
fn the_guardian_catalogues_what_is_on_the_disk_letter_by_letter() {
    for kind in [GuardianKind::Flaim, GuardianKind::Opaque] {
        let scratch = tempfile::tempdir().unwrap();
        let root = post_office(scratch.path(), kind, 3);
        let mut expected = BTreeSet::new();
        let mut guardians = Vec::new();
        for (path, class) in control_files(&root) {
            match class {
                FileClass::Guardian => guardians.push(path),
                FileClass::CheckDatabase => {}
                _ => drop(expected.insert(path.to_string())),
            }
        }
        assert_eq!(guardians.len(), 3);
        let is_backup = |path: &&RelativePath| path.components().count() == 3;
        expected.extend(guardians.iter().find(is_backup).map(ToString::to_string));
        let contents: Vec<Vec<Store>> = guardians
            .iter()
            .map(|path| stores(&root, path).unwrap())
            .collect();
        assert!(contents.windows(2).all(|pair| pair[0] == pair[1]));
        let found: BTreeSet<String> = contents[0].iter().map(Store::path).collect();
        assert_eq!(found, expected, "{kind}");
        assert!(found.iter().any(|path| path.contains("LIB000A/")));
        let titles = contents[0].iter().map(|store| store.title.as_str());
        assert!(titles.clone().any(|title| title == "ARCHIVE of LIB000A"));
        assert!(contents[0].iter().any(|store| store.parent > 1));
    }
}

#[test]
fn an_opaque_guardian_is_of_another_generation_and_can_be_lower_cased_as_a_whole() {
    let scratch = tempfile::tempdir().unwrap();
    let root = post_office(scratch.path(), GuardianKind::Opaque, 3);
    let controls = control_files(&root);
    let of_guardian = controls
        .iter()
        .filter(|(_, class)| **class == FileClass::Guardian);
    for (path, _) in of_guardian {
        let bytes = tree::read(&root, path).unwrap();
        assert!(matches!(
            probe(&bytes),
            Err(NotOurs::OtherGeneration { product: 0x1f, .. })
        ));
        let before = OpaqueGuardian::parse(&bytes).unwrap();
        let lower = lower_case_names(&bytes).unwrap();
        assert_eq!(lower.len(), bytes.len());
        let after = OpaqueGuardian::parse(&lower).unwrap();
        assert_eq!(after.stores.len(), before.stores.len());
        for (before, after) in before.stores.iter().zip(&after.stores) {
            assert_eq!(after.path(), before.path().to_ascii_lowercase());
            assert_eq!(after.title, before.title);
            assert_eq!(after.password, before.password);
        }
        assert_ne!(before.stores, after.stores);
        // Cut anywhere, it is refused or still whole, never half.
        for length in (0..bytes.len()).step_by(101) {
            if let Some(cut) = OpaqueGuardian::parse(&bytes[..length]) {
                assert_eq!(cut.stores, before.stores);
            }
        }
    }
    assert_eq!(lower_case_names(b"\xffWPC"), None);
}

/// The positions of the blocks that differ.
fn changed_blocks(old: &[u8], new: &[u8]) -> usize {
    let pairs = old.chunks(4096).zip(new.chunks(4096));
    pairs.filter(|(old, new)| old != new).count()
}

#[test]
fn a_note_changes_two_blocks_and_growing_adds_some() {
    let version = version(1);
    let mut generator = generator(1, b"test");
    let old = create_store(
        DatabaseOptions::new(version),
        StoreSize::Deferred,
        &mut generator,
    )
    .unwrap();
    let data = DatabaseFile::Numbered(1);
    let bytes = |files: &MemoryFileSet, file| files.get(file).unwrap().clone();
    let mut files = old.clone();
    for _ in 0..3 {
        let noted = edited(&files, Edit::Note).unwrap();
        assert_eq!(check(&noted, CheckOptions::default()).unwrap().findings, []);
        for file in [DatabaseFile::CONTROL, data] {
            let (old, new) = (bytes(&files, file), bytes(&noted, file));
            assert_eq!(old.len(), new.len());
            assert_eq!(changed_blocks(&old, &new), 1, "{file}");
        }
        files = noted;
    }
    let grown = edited(&files, Edit::Grow(8192)).unwrap();
    assert_eq!(check(&grown, CheckOptions::default()).unwrap().findings, []);
    assert!(bytes(&grown, data).len() >= bytes(&files, data).len() + 8192);
    let database = open(&grown).unwrap();
    let first = database.record(schema::ACTIVITY, 1).unwrap().unwrap();
    let note = records::text(&first, schema::ACTIVITY_NOTE);
    assert_eq!(note, format!("changes: {:020}", 4));
}

#[test]
fn a_post_office_database_comes_back() {
    let content = PostOffice {
        name: "Headquarters".into(),
        users: vec![User {
            fid: "1a2".into(),
            display_name: "Zoë \"Z\" Ünal".into(),
        }],
        libraries: vec![
            Library {
                folder: "LIB000A".into(),
                documents: None,
            },
            Library {
                folder: "lib0001".into(),
                documents: Some("\\\\NW1\\DOCS\\LIB0001".into()),
            },
        ],
    };
    let files = create_post_office(DatabaseOptions::new(version(1)), &content).unwrap();
    let path = RelativePath::root().join(b"wphost.db");
    assert_eq!(read_post_office(&files, &path).unwrap(), content);
    let user = User {
        fid: "xyz".into(),
        display_name: "One More".into(),
    };
    let more = edited(&files, Edit::AddUser(&user)).unwrap();
    let read = read_post_office(&more, &path).unwrap();
    assert_eq!(read.users, [content.users, vec![user]].concat());
    let options = DatabaseOptions::new(version(1));
    let other = create_store(options, StoreSize::Small, &mut generator(1, b"x")).unwrap();
    let refused = read_post_office(&other, &path);
    assert!(matches!(
        refused,
        Err(SimulatorError::NotOfTheSimulator { .. })
    ));
}
