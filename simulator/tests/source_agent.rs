//! The agent of the source server from outside: what it says it did is what is there, and it respects locks.

#![allow(clippy::expect_used, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use postoffice::names::RelativePath;
use simulator::{
    Acknowledged, CreateOptions, GuardianKind, NameCase, Truth, create, database_digest,
    files_left, planned_truth, read_journal, truth,
};

const WAIT_MAX: Duration = Duration::from_mins(1);

/// A post office, and an agent that can work on it.
struct Source(tempfile::TempDir);

impl Source {
    fn new(guardian: GuardianKind) -> Self {
        let source = Self(tempfile::tempdir().unwrap());
        create(&source.options(guardian)).unwrap();
        source
    }

    fn options(&self, guardian: GuardianKind) -> CreateOptions {
        CreateOptions {
            folder: self.home(),
            documents: None,
            seed: 8,
            files: 300,
            case: NameCase::Mixed,
            guardian,
        }
    }

    fn home(&self) -> PathBuf {
        self.0.path().join("PO")
    }

    fn journal(&self) -> PathBuf {
        self.0.path().join("journal")
    }

    fn start(&self, arguments: &[&str]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_gwsim"))
            .args(["poa", "--role", "source", "--seed", "3", "--home"])
            .arg(self.home())
            .arg("--journal")
            .arg(self.journal())
            .args(arguments)
            .spawn()
            .unwrap()
    }

    /// Lets the agent do its work to the end.
    fn work(&self, arguments: &[&str]) -> Vec<Acknowledged> {
        let status = self.start(arguments).wait().unwrap();
        assert_eq!(status.code(), Some(0));
        read_journal(&self.journal()).unwrap()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.home().join(path)
    }
}

fn digest_of(path: &Path) -> String {
    let bytes = std::fs::read(path).unwrap();
    blake3::hash(&bytes).to_hex().to_string()
}

#[test]
fn what_the_journal_says_is_what_is_there() {
    for guardian in [GuardianKind::Flaim, GuardianKind::Opaque] {
        let source = Source::new(guardian);
        let fast = [
            "--operations",
            "120",
            "--operations-per-second",
            "10000",
            "--pause-milliseconds",
            "0",
            "--maintenance-every",
            "40",
            "--maintenance-milliseconds",
            "1",
        ];
        let journal = source.work(&fast);
        assert!(journal.len() > 100, "{}", journal.len());
        let count = |kind: &str| journal.iter().filter(|entry| entry.kind == kind).count();
        assert_eq!(count("maintenance"), 3);
        assert_eq!(count("deferred"), 0);
        for kind in simulator::ChurnKind::ALL {
            assert!(count(kind.name()) > 0, "{kind}");
        }

        let planned = planned_truth(&source.options(guardian)).unwrap();
        let events = journal.iter().flat_map(|entry| &entry.mail);
        let wanted = events.fold(planned, Truth::after);
        let there = truth(&source.home()).unwrap();
        assert!(there.messages == wanted.messages, "other messages");

        let files = files_left(&journal);
        assert!(files.len() > 10);
        for (path, digest) in files {
            assert_eq!(digest_of(&source.path(path)), digest, "{path}");
        }
        let mut last = BTreeMap::new();
        for change in journal.iter().flat_map(|entry| &entry.databases) {
            let before = last.insert(&change.database, &change.after);
            assert!(before.is_none() || before == change.before.as_ref());
        }
        for (database, digest) in last {
            let control = RelativePath::from_bytes(database.as_bytes()).unwrap();
            let now = database_digest(&source.home(), &control).unwrap();
            assert_eq!(now, *digest, "{database}");
        }
    }
}

#[test]
fn the_same_seed_does_the_same() {
    let fast = [
        "--operations",
        "60",
        "--operations-per-second",
        "10000",
        "--pause-milliseconds",
        "0",
        "--maintenance-every",
        "0",
    ];
    let work = || Source::new(GuardianKind::Flaim).work(&fast);
    assert_eq!(work(), work());
}

/// A write lock on byte 0 of every lock file, as FLAIM holds it.
fn hold_all_locks(home: &Path) -> Vec<File> {
    let mut databases: Vec<PathBuf> = Vec::new();
    let mut folders = vec![home.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension() {
                _ if path.is_dir() => folders.push(path),
                Some(extension) if extension.eq_ignore_ascii_case("db") => databases.push(path),
                _ => {}
            }
        }
    }
    let held: Vec<File> = databases
        .iter()
        .map(|database| hold_lock(database))
        .collect();
    assert!(held.len() > 10);
    held
}

fn hold_lock(database: &Path) -> File {
    let wanted = database.with_extension("lck");
    let names = std::fs::read_dir(database.parent().unwrap()).unwrap();
    let there = names
        .map(|entry| entry.unwrap().path())
        .find(|path| path.as_os_str().eq_ignore_ascii_case(&wanted));
    let path = there.unwrap_or(wanted);
    let file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .unwrap();
    let region = libc::flock {
        l_type: libc::c_short::try_from(libc::F_WRLCK).unwrap(),
        l_whence: libc::c_short::try_from(libc::SEEK_SET).unwrap(),
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    };
    fcntl(&file, FcntlArg::F_OFD_SETLK(&region)).unwrap();
    file
}

#[test]
fn a_database_whose_lock_is_held_stays_as_it_is_and_the_work_goes_on() {
    let source = Source::new(GuardianKind::Flaim);
    let locks = hold_all_locks(&source.home());
    let journal = source.work(&[
        "--operations",
        "40",
        "--operations-per-second",
        "10000",
        "--lock-wait-milliseconds",
        "20",
        "--maintenance-every",
        "0",
    ]);
    drop(locks);
    let deferred: Vec<_> = journal
        .iter()
        .filter(|entry| entry.kind == "deferred")
        .collect();
    assert!(deferred.len() > 3, "{}", deferred.len());
    for entry in deferred {
        let why = entry.why.as_deref().unwrap_or_default();
        assert!(why.contains("820E"), "{why}");
    }
    // Only the database of a new user, which nobody holds yet, is made.
    let mut changes = journal.iter().flat_map(|entry| &entry.databases);
    assert!(changes.all(|change| change.before.is_none()));
    assert!(journal.iter().any(|entry| entry.digest.is_some()));
}

#[test]
fn told_to_stop_it_ends_between_two_operations() {
    let source = Source::new(GuardianKind::Flaim);
    let ready = source.0.path().join("ready");
    let mut agent = source.start(&[
        "--operations-per-second",
        "10000",
        "--pause-milliseconds",
        "2",
        "--daemon-ready-file",
        ready.to_str().unwrap(),
    ]);
    let began = Instant::now();
    let lines = || read_journal(&source.journal()).map_or(0, |journal| journal.len());
    while !ready.exists() || lines() < 10 {
        assert!(began.elapsed() < WAIT_MAX);
        std::thread::sleep(Duration::from_millis(20));
    }
    let id = Pid::from_raw(i32::try_from(agent.id()).unwrap());
    kill(id, Signal::SIGTERM).unwrap();
    assert_eq!(agent.wait().unwrap().code(), Some(0));
    let journal = read_journal(&source.journal()).unwrap();
    let change = journal
        .iter()
        .rev()
        .find_map(|entry| entry.databases.last());
    let change = change.unwrap();
    let control = RelativePath::from_bytes(change.database.as_bytes()).unwrap();
    let now = database_digest(&source.home(), &control).unwrap();
    assert_eq!(now, change.after);
}

#[test]
fn what_it_cannot_be_started_with_is_refused() {
    let source = Source::new(GuardianKind::Flaim);
    std::fs::write(source.journal(), "an older journal").unwrap();
    let status = source.start(&["--operations", "1"]).wait().unwrap();
    assert_eq!(status.code(), Some(1));
    let kept = std::fs::read_to_string(source.journal()).unwrap();
    assert_eq!(kept, "an older journal");
    std::fs::remove_file(source.journal()).unwrap();
    let status = source.start(&["--rate", "7"]).wait().unwrap();
    assert_eq!(status.code(), Some(1));
    assert!(!source.journal().exists());
}
