//! The program that becomes the worker: one that cannot run at the destination, and one that the worksheet names.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use harness::site::Site as _;

use crate::static_program::static_program;
use crate::support::{Stage, finding, program};

/// A copy of the program in which `old` is `new` everywhere.
fn changed(stage: &mut Stage, old: &[u8], new: &[u8]) -> PathBuf {
    assert_eq!(old.len(), new.len());
    let mut bytes = fs::read(program()).expect("read");
    let found: Vec<usize> = bytes
        .windows(old.len())
        .enumerate()
        .filter_map(|(at, window)| (window == old).then_some(at))
        .collect();
    assert!(!found.is_empty());
    for at in found {
        bytes[at..at + new.len()].copy_from_slice(new);
    }
    put(stage, &bytes)
}

/// The bytes as the file that the worksheet names.
fn put(stage: &mut Stage, bytes: &[u8]) -> PathBuf {
    let path = stage.folder.path().join("program");
    fs::write(&path, bytes).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("set");
    let named = format!("program = {:?}", path.display().to_string());
    stage.embedded_mut().sheet.extra = vec![("destination".to_owned(), named)];
    stage.embedded().write_worksheet().expect("written");
    path
}

/// The loader's words were dropped and the architecture was blamed.
#[test]
fn a_destination_with_an_older_c_library_is_told_in_the_words_of_its_loader() {
    let mut stage = Stage::new();
    changed(&mut stage, b"\0GLIBC_2.34\0", b"\0GLIBC_9.34\0");
    let run = stage.expect(&["check"], 5);
    let found = finding(&run, "utility-does-not-run");
    assert!(found.text.contains("GLIBC_9.34' not found"), "{found:#?}");
    assert!(
        found.text.contains("C library of the destination is older"),
        "{found:#?}"
    );
    assert!(
        found.remedy.contains("static") && found.remedy.contains("program = "),
        "{found:#?}"
    );
    let run = stage.expect(&["stage-one"], 5);
    assert!(
        finding(&run, "utility-does-not-run")
            .text
            .contains("GLIBC_9.34")
    );

    // The remedy: a program that runs there.
    put(&mut stage, &fs::read(program()).expect("read"));
    let run = stage.expect(&["check"], 1);
    assert!(
        !run.findings.iter().any(|found| found.code == "worker-runs"),
        "{:#?}",
        run.findings
    );
}

#[test]
fn a_destination_without_the_loader_is_told_as_such() {
    let mut stage = Stage::new();
    changed(
        &mut stage,
        b"/lib64/ld-linux-x86-64.so.2",
        b"/lib64/ld-linux-x86-64.so.9",
    );
    let run = stage.expect(&["stage-one"], 5);
    let found = finding(&run, "utility-does-not-run");
    assert!(
        found.text.contains("loader") && found.text.contains("not found"),
        "{found:#?}"
    );
}

#[test]
fn a_program_for_another_machine_is_not_even_uploaded() {
    let mut stage = Stage::new();
    let mut bytes = fs::read(program()).expect("read");
    bytes[18..20].copy_from_slice(&8_u16.to_le_bytes());
    put(&mut stage, &bytes);
    let run = stage.expect(&["stage-one"], 5);
    finding(&run, "utility-other-machine");
    put(&mut stage, b"#!/bin/sh\n");
    let run = stage.expect(&["stage-one"], 2);
    finding(&run, "utility-no-program");
}

#[test]
fn a_program_of_another_version_is_refused() {
    let mut stage = Stage::new();
    let version = protocol::build();
    let other = version.replacen(" (protocol ", " (protocal ", 1);
    let word = |text: &str| {
        let (_, behind) = text.split_once(' ').expect("two words");
        behind.as_bytes()[..10].to_vec()
    };
    changed(&mut stage, &word(&version), &word(&other));
    let run = stage.expect(&["stage-one"], 5);
    let found = finding(&run, "utility-other-version");
    assert!(found.text.contains("protocal"), "{found:#?}");
}

/// Its C library makes other system calls than that of this machine, within a sandbox that allows few.
#[test]
#[ignore = "slow: .ci/run runs it"]
fn the_static_program_carries_a_whole_migration() {
    let stage = Stage::new();
    let migrator = stage.embedded().migrator();
    fs::remove_file(&migrator).expect("removed");
    symlink(static_program(), &migrator).expect("linked");
    let fine = |command: &str| {
        let run = stage.migrate(&[command]);
        assert!(run.is_fine(), "{run:#?}");
    };
    fine("check");
    fine("stage-one");
    stage.prepare();
    fine("stage-two");
    assert_eq!(stage.differences(), Vec::<String>::new());
    fine("verify");
}
