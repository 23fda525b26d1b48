use std::path::{Path, PathBuf};

use postoffice::flaim::CheckOptions;
use postoffice::startup_file::StartupFile;

use super::*;
use crate::create::{CreateOptions, create};
use crate::database;
use crate::model::{GuardianKind, NameCase};

fn post_office(scratch: &Path) -> PathBuf {
    post_office_with(scratch, GuardianKind::Flaim)
}

fn post_office_with(scratch: &Path, guardian: GuardianKind) -> PathBuf {
    let folder = scratch.join("po");
    let options = CreateOptions {
        folder: folder.clone(),
        documents: None,
        seed: 5,
        files: 300,
        case: NameCase::Lower,
        guardian,
    };
    create(&options).unwrap();
    folder
}

fn refusal(folder: &Path) -> String {
    check::check(&tree::open_folder(folder).unwrap())
        .unwrap_err()
        .to_string()
}

#[test]
fn each_missing_or_capital_name_has_its_number() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path());
    let database = check::check(&tree::open_folder(&folder).unwrap()).unwrap();
    for (from, to, expected) in [
        ("wphost.db", "WPHOST.DB", "8209"),
        ("ngwguard.dc", "ngwguard.DC", "8209"),
        ("wpcsout/ofs/7", "wpcsout/ofs/8", "8209"),
        ("ofmsg/msg0.db", "ofmsg/MSG0.DB", "8209"),
        ("ofuser/index", "ofuser/Index", "8209"),
        ("offiles/fdf6", "offiles/fdF6", "8209"),
        ("gwdms/lib000a", "gwdms/lib000A", "C06A"),
        (
            "gwdms/lib000a/archive/a000000",
            "gwdms/lib000a/archive/A000000",
            "C06A",
        ),
        (
            "gwdms/lib000a/dmsd000a.db",
            "gwdms/lib000a/DMSD000A.DB",
            "8209",
        ),
        (&database.to_string(), "ofuser/gone", "8209"),
    ] {
        std::fs::rename(folder.join(from), folder.join(to)).unwrap();
        let text = refusal(&folder);
        assert!(
            text.starts_with(&format!("Error {expected}: ")),
            "{to}: {text}"
        );
        std::fs::rename(folder.join(to), folder.join(from)).unwrap();
    }
    check::check(&tree::open_folder(&folder).unwrap()).unwrap();
}

#[test]
fn what_the_guardian_catalogues_must_stand_under_exactly_that_name() {
    for guardian in [GuardianKind::Flaim, GuardianKind::Opaque] {
        let scratch = tempfile::tempdir().unwrap();
        let folder = post_office_with(scratch.path(), guardian);
        let home = tree::open_folder(&folder).unwrap();
        check::check(&home).unwrap();
        let time = std::time::SystemTime::UNIX_EPOCH;
        let add = |folder: &str, name: &str| {
            let before = tree::entries(&home).unwrap();
            let saved: Vec<_> = before
                .iter()
                .filter(|entry| entry.path.as_bytes().starts_with(b"ngwguard."))
                .map(|entry| (entry.path.clone(), tree::read(&home, &entry.path).unwrap()))
                .collect();
            let store = crate::model::Store {
                title: "one more".into(),
                folder: folder.into(),
                name: name.into(),
                ..crate::model::Store::default()
            };
            let path = RelativePath::root().join(b"ngwguard.db");
            Writer::alone(Some(time))
                .edit(&home, &path, Edit::AddStore(&store))
                .unwrap();
            let outcome = check::check(&home).map_err(|error| error.to_string());
            for (path, bytes) in saved {
                std::fs::write(scratch.path().join("po").join(tree::as_path(&path)), bytes)
                    .unwrap();
            }
            outcome
        };
        for (store_folder, name, expected) in [
            ("ofmsg", "msg0.db", None),
            (
                "ofmsg",
                "MSG0.DB",
                Some("Error 8209: path not found: ofmsg/MSG0.DB"),
            ),
            (
                "OFMSG",
                "msg0.db",
                Some("Error 8209: path not found: OFMSG/msg0.db"),
            ),
            (
                "",
                "Wphost.db",
                Some("Error 8209: path not found: Wphost.db"),
            ),
            (
                "gwdms/LIB000A",
                "dmsd000a.db",
                Some("Error C06A: library folder not found: gwdms/LIB000A"),
            ),
            (
                "gwdms/lib000a",
                "DMSD000A.DB",
                Some("Error 8209: path not found: gwdms/lib000a/DMSD000A.DB"),
            ),
        ] {
            let outcome = add(store_folder, name);
            assert_eq!(
                outcome.err().as_deref(),
                expected,
                "{guardian}: {store_folder}/{name}"
            );
        }
    }
}

#[test]
fn a_damaged_guardian_has_its_number() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path());
    for file in ["ngwguard.01", "ngwguard.db"] {
        std::fs::write(folder.join(file), [7; 9000]).unwrap();
        assert!(
            refusal(&folder).starts_with("Error C022: "),
            "{}",
            refusal(&folder)
        );
    }
}

#[test]
fn every_catalogued_database_is_opened_with_all_its_files() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path());
    for file in ["ofmsg/msg3.db", "gwdms/lib000a/dmdd000a.db"] {
        let path = folder.join(file);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..100]).unwrap();
        assert!(refusal(&folder).starts_with("Error C022: "), "{file}");
        std::fs::write(&path, bytes).unwrap();
    }
    std::fs::rename(folder.join("ofmsg/msg3.01"), folder.join("ofmsg/gone")).unwrap();
    assert_eq!(
        refusal(&folder),
        "Error 8209: path not found: ofmsg/msg3.01"
    );
}

#[test]
fn names_outside_the_engine_may_have_capitals() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path());
    std::fs::write(folder.join("README.TXT"), "x").unwrap();
    std::fs::write(folder.join("ofviews/win/MINE.VEW"), "x").unwrap();
    assert!(check::check(&tree::open_folder(&folder).unwrap()).is_ok());
}

#[test]
fn a_running_agent_makes_its_databases_newer() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = post_office(scratch.path());
    let home = tree::open_folder(&folder).unwrap();
    let path = check::check(&home).unwrap();
    let state = || {
        let modified = home
            .metadata(tree::as_path(&path))
            .unwrap()
            .modified()
            .unwrap()
            .into_std();
        (tree::read(&home, &path).unwrap(), modified)
    };
    let before = state();
    change_databases(&home, std::slice::from_ref(&path), &RwLock::new(())).unwrap();
    let after = state();
    assert_eq!(before.0.len(), after.0.len());
    assert_ne!(before.0, after.0);
    assert!(before.1 < after.1);
    let files = database::load(&home, &path).unwrap();
    let report = postoffice::flaim::check(&files, CheckOptions::default()).unwrap();
    assert_eq!(report.findings, []);
}

#[test]
fn only_linux_switches_are_understood() {
    for text in ["/home-/po", "--Home /po", "--port 1"] {
        let startup = StartupFile::parse(text.as_bytes()).unwrap();
        assert!(
            matches!(Settings::from(&startup), Err(SimulatorError::Start { .. })),
            "{text}"
        );
    }
    let startup =
        StartupFile::parse(b"--home /po\n--ip 127.0.0.1\n--port 1\n--httpport 70000").unwrap();
    assert!(matches!(
        Settings::from(&startup),
        Err(SimulatorError::Start { .. })
    ));
}
