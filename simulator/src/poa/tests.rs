use std::path::Path;

use super::*;
use crate::create::{CreateOptions, NameCase, create};

fn post_office(scratch: &Path) -> PathBuf {
    let folder = scratch.join("po");
    let options = CreateOptions {
        folder: folder.clone(),
        documents: None,
        seed: 5,
        files: 300,
        case: NameCase::Lower,
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
            .metadata(tree::os(&path))
            .unwrap()
            .modified()
            .unwrap()
            .into_std();
        (tree::read(&home, &path).unwrap(), modified)
    };
    let before = state();
    change_databases(&home, std::slice::from_ref(&path)).unwrap();
    let after = state();
    assert_eq!(before.0.len(), after.0.len());
    assert_ne!(before.0, after.0);
    assert!(before.1 < after.1);
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
