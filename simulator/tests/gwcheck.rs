//! GWCheck's stand-in from outside: what it converts, what it refuses, and the harm that it does when it is asked to.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use simulator::database::guardian_stores;
use simulator::model::Store;
use simulator::{CreateOptions, GuardianKind, NameCase, create};

const STRUCTURE: &str = "<structure/><fix-problems/>";
const KINDS: [GuardianKind; 2] = [GuardianKind::Flaim, GuardianKind::Opaque];

/// A post office whose files have lower-case names, and whose guardian is still as it was at the source.
struct Moved {
    scratch: tempfile::TempDir,
    /// What the guardian has to say afterwards.
    wanted: Vec<Store>,
}

impl Moved {
    fn new(kind: GuardianKind) -> Self {
        let scratch = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_gwsim"), scratch.path().join("gwcheckt"))
            .unwrap();
        post_office(&scratch.path().join("po"), 5, NameCase::Lower, kind);
        post_office(&scratch.path().join("source"), 5, NameCase::Upper, kind);
        let wanted = guardian_stores(&scratch.path().join("po")).unwrap();
        let moved = Self { scratch, wanted };
        moved.copy("source", "ngwguard.");
        assert_ne!(moved.stores(), moved.wanted);
        moved
    }

    fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// Copies the files that have a stem from the root of another post office.
    fn copy(&self, from: &str, stem: &str) {
        for entry in std::fs::read_dir(self.path(from)).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name().to_str().unwrap().to_ascii_lowercase();
            if name.starts_with(stem) {
                std::fs::copy(entry.path(), self.path("po").join(name)).unwrap();
            }
        }
    }

    fn stores(&self) -> Vec<Store> {
        guardian_stores(&self.path("po")).unwrap()
    }

    /// Everything in the post office's root, by name.
    fn root(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let entries = std::fs::read_dir(self.path("po")).unwrap();
        let mut files: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.is_file())
            .map(|path| (path.clone(), std::fs::read(path).unwrap()))
            .collect();
        files.sort();
        files
    }

    fn write_options(&self, action: &str, misc: &str) -> PathBuf {
        let text = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<GWCheck database-path="{}">
  <database-type><post-office><post-office-name>sales</post-office-name></post-office></database-type>
  <action name="analyze-fix-database">{action}</action>
  <process-option>
    <databases><guardian/></databases>
    <logging><log-file>{}</log-file><verbose/></logging>
    {misc}
  </process-option>
</GWCheck>"#,
            self.path("po").display(),
            self.path("gwcheck.log").display()
        );
        let path = self.path("options.xml");
        std::fs::write(&path, text).unwrap();
        path
    }

    fn gwcheck(&self, arguments: &[&Path]) -> Output {
        Command::new(self.path("gwcheckt"))
            .args(arguments)
            .output()
            .unwrap()
    }

    /// Runs it with an options file; gives what it said, which the log must repeat.
    fn check(&self, action: &str, misc: &str) -> String {
        let output = self.gwcheck(&[&self.write_options(action, misc)]);
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        let log = std::fs::read_to_string(self.path("gwcheck.log")).unwrap();
        assert_eq!(said, log);
        said
    }
}

fn post_office(folder: &Path, seed: u64, case: NameCase, guardian: GuardianKind) {
    create(&CreateOptions {
        folder: folder.to_owned(),
        documents: None,
        seed,
        files: 300,
        case,
        guardian,
    })
    .unwrap();
}

#[test]
fn the_keyword_makes_the_names_lower_case_and_leaves_the_rest() {
    for kind in KINDS {
        for word in [
            "storelowercase",
            "STORELOWERCASE",
            "storedrop StoreLowerCase",
        ] {
            let moved = Moved::new(kind);
            let said = moved.check(STRUCTURE, &format!("<misc>{word}</misc>"));
            assert_eq!(moved.stores(), moved.wanted, "{kind} {word}");
            let count = moved.wanted.len();
            for part in [
                "Reading Guardian Database store catalog info".to_owned(),
                format!("{count}/{count} "),
                "Total problems: 0".to_owned(),
            ] {
                assert!(said.contains(&part), "{kind}: {part} in {said}");
            }
            // Once more changes no name.
            moved.check(STRUCTURE, &format!("<misc>{word}</misc>"));
            assert_eq!(moved.stores(), moved.wanted, "{kind} {word}");
        }
    }
}

#[test]
fn nothing_changes_without_the_keyword_or_without_structure_and_fix() {
    let keyword = "<misc>storelowercase</misc>";
    for kind in KINDS {
        let moved = Moved::new(kind);
        let before = moved.root();
        for (action, misc) in [
            (STRUCTURE, ""),
            (STRUCTURE, "<misc>storedrop</misc>"),
            (STRUCTURE, "<misc>storelowercases</misc>"),
            ("<structure/>", keyword),
            ("<fix-problems/>", keyword),
        ] {
            moved.check(action, misc);
            assert!(moved.root() == before, "{kind}: {action} {misc}");
        }
    }
}

#[test]
fn a_contents_check_with_an_incomplete_post_office_database_removes_users_and_calls_it_success() {
    for kind in KINDS {
        let moved = Moved::new(kind);
        let dangerous = "<structure/><contents/><fix-problems/>";
        let misc = "<misc>storelowercase</misc>";
        moved.check(dangerous, misc);
        assert_eq!(moved.stores(), moved.wanted, "{kind}: all users are known");

        // The post office database of another post office knows none of these users.
        post_office(&moved.path("other"), 6, NameCase::Lower, kind);
        moved.copy("other", "wphost.");
        let is_of_a_user = |store: &&Store| store.name.starts_with("user");
        let users = moved.wanted.iter().filter(is_of_a_user).count();
        assert!(users > 0);
        // Whoever only looks removes nobody.
        moved.check("<structure/><contents/>", misc);
        assert_eq!(moved.stores(), moved.wanted, "{kind}: only looked");
        let said = moved.check(dangerous, misc);
        let others: Vec<Store> = moved
            .wanted
            .iter()
            .filter(|store| !is_of_a_user(store))
            .cloned()
            .collect();
        assert_eq!(moved.stores(), others, "{kind}");
        assert!(said.contains(&format!("Total problems: {users}")), "{said}");
    }
}

#[test]
fn what_it_cannot_do_is_refused_and_nothing_is_written() {
    let moved = Moved::new(GuardianKind::Opaque);
    let before = moved.root();
    let refused = |arguments: &[&Path], wanted: &str| {
        let output = moved.gwcheck(arguments);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{wanted}: {output:?}");
        assert!(text.contains(wanted), "{wanted} in {text}");
        assert!(moved.root() == before, "{wanted}");
    };
    refused(&[], "usage: gwcheckt OPTIONSFILE");
    refused(&[&moved.path("none.xml")], "none.xml");
    let options = moved.write_options(STRUCTURE, "<misc>storelowercase</misc>");
    let good = std::fs::read_to_string(&options).unwrap();
    let home = moved.path("po").display().to_string();
    for (from, to, wanted) in [
        ("database-path=", "other-path=", "database-path"),
        ("</GWCheck>", "", "cannot be followed"),
        (
            &*home,
            moved.scratch.path().to_str().unwrap(),
            "is not a post office",
        ),
    ] {
        // The path of the log is another one than that of the post office.
        std::fs::write(&options, good.replacen(from, to, 1)).unwrap();
        refused(&[&options], wanted);
    }
    let log = std::fs::read_to_string(moved.path("gwcheck.log")).unwrap();
    assert!(log.starts_with("Error: "), "{log}");
}
