use std::collections::BTreeMap;
use std::time::SystemTime;

use postoffice::layout::{FileClass, classify_file};
use postoffice::names::{LowerCased, RelativePath, lower_case};

use super::*;

/// Every entry with its bytes (none for a folder) and its time.
fn contents(folder: &Path) -> BTreeMap<RelativePath, (Option<Vec<u8>>, SystemTime)> {
    let root = tree::open_folder(folder).unwrap();
    let mut found = BTreeMap::new();
    let time = |path: &RelativePath| {
        root.metadata(tree::as_path(path))
            .unwrap()
            .modified()
            .unwrap()
            .into_std()
    };
    found.insert(RelativePath::root(), (None, time(&RelativePath::root())));
    for entry in tree::entries(&root).unwrap() {
        let bytes = (!entry.is_folder).then(|| tree::read(&root, &entry.path).unwrap());
        let modified = time(&entry.path);
        found.insert(entry.path, (bytes, modified));
    }
    found
}

fn options(folder: &Path, seed: u64, case: NameCase) -> CreateOptions {
    CreateOptions {
        folder: folder.join("po"),
        documents: None,
        seed,
        files: 300,
        case,
        guardian: GuardianKind::Flaim,
    }
}

#[test]
fn the_same_seed_makes_the_same_tree() {
    let scratch = tempfile::tempdir().unwrap();
    let mut trees = Vec::new();
    for name in ["a", "b"] {
        let folder = scratch.path().join(name);
        std::fs::create_dir(&folder).unwrap();
        let mut options = options(&folder, 7, NameCase::Mixed);
        options.documents = Some(folder.join("documents"));
        let created = create(&options).unwrap();
        trees.push((
            created,
            contents(&folder.join("po")),
            contents(&folder.join("documents")),
        ));
    }
    assert_eq!(trees[0], trees[1]);
    assert!(trees[0].2.len() > 20);
    for (path, (_, modified)) in trees[0].1.iter().chain(&trees[0].2) {
        let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(
            (since.subsec_nanos(), since.as_secs() % 2),
            (0, 0),
            "{path}"
        );
        assert!(
            (2009..2016).contains(&(1970 + since.as_secs() / 31_556_952)),
            "{path}"
        );
    }
    let other = scratch.path().join("c");
    std::fs::create_dir(&other).unwrap();
    create(&options(&other, 8, NameCase::Mixed)).unwrap();
    assert_ne!(contents(&other.join("po")), trees[0].1);
}

#[test]
fn a_tiny_post_office_has_every_kind_and_the_traps() {
    let scratch = tempfile::tempdir().unwrap();
    let created = create(&options(scratch.path(), 1, NameCase::Mixed)).unwrap();
    let found = contents(&scratch.path().join("po"));
    let files: Vec<_> = found
        .iter()
        .filter(|(_, (bytes, _))| bytes.is_some())
        .collect();
    assert_eq!((files.len(), created.files), (300, 300));
    assert!(created.bytes < 10 << 20);
    for class in FileClass::ALL {
        let present = files.iter().any(|(path, _)| classify_file(path) == class);
        // Certificates are nobody's default.
        assert_eq!(present, class != FileClass::Certificate, "{class}");
    }
    let text: Vec<String> = found.keys().map(ToString::to_string).collect();
    for trap in [
        "LIB000A",
        "lib002F",
        "fdF6",
        "rchive/A000000",
        "Prüfung.VEW",
        "ÜBERSICHT.vew",
    ] {
        assert!(text.iter().any(|path| path.contains(trap)), "{trap}");
    }
    let is_control = |path: &str| path.to_ascii_lowercase().strip_suffix(".db").is_some();
    let two_letters =
        |path: &&String| path.to_ascii_lowercase().starts_with("ofuser/user") && path.len() == 16;
    assert_eq!(
        text.iter()
            .filter(two_letters)
            .filter(|path| is_control(path))
            .count(),
        2
    );
    let startup = RelativePath::from_bytes(created.startup_file.as_bytes()).unwrap();
    assert_eq!(classify_file(&startup), FileClass::StartupFile);
    assert!(found.contains_key(&startup));
}

#[test]
fn names_have_the_case_that_was_asked_for() {
    for (case, changed) in [(NameCase::Lower, false), (NameCase::Upper, true)] {
        let scratch = tempfile::tempdir().unwrap();
        create(&options(scratch.path(), 3, case)).unwrap();
        for path in contents(&scratch.path().join("po")).keys() {
            for name in path
                .components()
                .filter(|name| name.iter().any(u8::is_ascii_alphabetic))
            {
                assert_eq!(
                    matches!(lower_case(name), LowerCased::Changed(_)),
                    changed,
                    "{path}"
                );
            }
        }
    }
}

#[test]
fn folders_that_hold_something_are_refused() {
    let scratch = tempfile::tempdir().unwrap();
    std::fs::create_dir(scratch.path().join("po")).unwrap();
    std::fs::write(scratch.path().join("po/x"), "x").unwrap();
    let refused = create(&options(scratch.path(), 1, NameCase::Lower));
    assert!(matches!(refused, Err(SimulatorError::NotEmpty { .. })));
    assert_eq!(contents(&scratch.path().join("po")).len(), 2);

    let mut inside = options(&scratch.path().join("po"), 1, NameCase::Lower);
    inside.folder = scratch.path().join("new");
    inside.documents = Some(scratch.path().join("new/documents"));
    assert!(matches!(
        create(&inside),
        Err(SimulatorError::Nested { .. })
    ));
    inside.files = FILES_MIN - 1;
    assert!(matches!(
        create(&inside),
        Err(SimulatorError::TooSmall { .. })
    ));
}

#[test]
fn the_fewest_files_are_enough_for_every_seed() {
    for seed in 0..5 {
        let scratch = tempfile::tempdir().unwrap();
        let mut options = options(scratch.path(), seed, NameCase::Mixed);
        options.files = FILES_MIN;
        options.documents = Some(scratch.path().join("documents"));
        let created = create(&options).unwrap();
        assert_eq!(
            contents(&scratch.path().join("po"))
                .values()
                .filter(|entry| entry.0.is_some())
                .count(),
            FILES_MIN
        );
        assert!(created.files > FILES_MIN);
    }
}
