//! A post office built by hand, orders for it, and an honest look at what came of them.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use protocol::{
    AreaKind, AreaOrder, CopyOptions, Count, Explain as _, Finding, Order, PROTOCOL, PassKind,
    Task, TaskReport, Verdict,
};
use rusqlite::Connection;
use tempfile::TempDir;
use worker::capabilities::Capabilities;
use worker::error::WorkerError;
use worker::execute::execute;
use worker::marker::MARKER_FILE;
use worker::monitor::{FindingTally, Monitor, Tally};
use worker::store::JobStore;
use worker::tree::Pace;

/// Long before any test runs, so that no time is too fresh to be trusted.
pub(crate) const LONG_AGO_SECONDS: u64 = 1_500_000_000;

pub(crate) const PASS_ONE: Task = Task::Pass {
    kind: PassKind::StageOne,
};
pub(crate) const PASS_TWO: Task = Task::Pass {
    kind: PassKind::StageTwo,
};
pub(crate) const LOWERCASE: Task = Task::Lowercase { plan_only: false };
pub(crate) const QUEUES: Task = Task::Queues { live: false };
pub(crate) const QUEUES_LIVE: Task = Task::Queues { live: true };

/// The files of a small post office: path and bytes.
pub(crate) const FILES: &[(&str, &str)] = &[
    ("WPHOST.DB", "post office database"),
    ("NGWGUARD.DB", "guardian"),
    ("NGWGUARD.FBK", "guardian fall-back"),
    ("NGWGUARD.RFL", "roll-forward log"),
    ("NGWGUARD.DC", "guardian dictionary"),
    ("GWPO.DC", "dictionary"),
    ("OFUSER/USERABC.DB", "user"),
    ("OFUSER/USERABC.LCK", "lock"),
    ("OFUSER/PUXYZ.DB", "prime user"),
    ("OFUSER/INDEX/1124A000.IDX", "index"),
    ("OFMSG/MSG1.DB", "messages"),
    ("OFMSG/GUARDBAK/NGWGUARD.FBK", "second fall-back"),
    ("OFFILES/FD0/0A1B2C3D.000", "attachment zero"),
    ("OFFILES/fdF6/EMPTY.001", ""),
    ("OFVIEWS/WIN/APPT.VEW", "view"),
    ("GWDMS/DMSH.DB", "shared library"),
    ("GWDMS/LIB000A/DMDL0001.DB", "library"),
    ("GWDMS/LIB000A/DOCS/FD1/DOCUMENT.A", "document"),
    ("GWDMS/LIB000A/archive/A000000/old.doc", "archived"),
    ("WPCSOUT/OFS/1123POA.001", "log of the agent"),
    ("1123GWBK.001", "log of the backup"),
];

/// The items in its queues.
pub(crate) const ITEMS: &[(&str, &str)] = &[
    ("WPCSIN/0/00000A1B.001", "leaving, urgent"),
    ("WPCSIN/4/00000A1C.002", "leaving"),
    ("WPCSOUT/OFS/0/00000A1D.003", "arriving, urgent"),
    ("WPCSOUT/OFS/2/00000A1D.003", "arriving, same name"),
    ("WPCSOUT/CHK/DEFER/00000A1E.004", "deferred check"),
];

/// Three folders of one job.
pub(crate) struct Site {
    _root: TempDir,
    pub(crate) root: PathBuf,
    pub(crate) source: PathBuf,
    pub(crate) destination: PathBuf,
    pub(crate) job: PathBuf,
    pub(crate) options: CopyOptions,
}

/// What came of an order.
pub(crate) struct Done {
    pub(crate) result: Result<TaskReport, WorkerError>,
    pub(crate) findings: FindingTally,
    pub(crate) tally: Arc<Tally>,
}

impl Done {
    /// The report; fails the test where the task failed or left something for a person.
    pub(crate) fn clean(self) -> TaskReport {
        let worst = self.worst();
        assert!(
            worst <= Verdict::NothingToDo,
            "{worst:?}: {:#?} {:?}",
            self.findings.kept,
            self.result
        );
        self.result.expect("the task")
    }

    /// The worst verdict, of the findings or of the error.
    pub(crate) fn worst(&self) -> Verdict {
        let error = self.result.as_ref().err().map(WorkerError::verdict);
        self.findings.worst.max(error).unwrap_or(Verdict::Done)
    }

    pub(crate) fn count(&self, count: Count) -> u64 {
        self.tally.get(count)
    }

    /// The findings with a code.
    pub(crate) fn with_code(&self, code: &str) -> Vec<&Finding> {
        self.findings
            .kept
            .iter()
            .filter(|finding| finding.code == code)
            .collect()
    }

    /// The code of the error.
    pub(crate) fn error_code(&self) -> Option<&'static str> {
        self.result.as_ref().err().map(WorkerError::code)
    }

    /// Fails the test unless the task was refused with this code.
    pub(crate) fn assert_refused(&self, code: &str) {
        let error = self.result.as_ref().expect_err("refused");
        assert_eq!(
            (error.code(), error.verdict()),
            (code, Verdict::Refused),
            "{error}"
        );
    }
}

impl Site {
    /// Three empty folders.
    pub(crate) fn empty() -> Self {
        Self::below(&std::env::temp_dir())
    }

    /// The same in memory, where the machine has such a place, for tests that begin anew very often.
    pub(crate) fn fast() -> Self {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::below(memory)
        } else {
            Self::empty()
        }
    }

    fn below(folder: &Path) -> Self {
        let kept = tempfile::Builder::new()
            .prefix("worker-test")
            .tempdir_in(folder)
            .unwrap();
        let root = kept.path().to_owned();
        let site = Self::at(&root, kept);
        for folder in [&site.source, &site.destination, &site.job] {
            fs::create_dir_all(folder).unwrap();
        }
        site
    }

    /// A site that another process has built.
    pub(crate) fn at(root: &Path, kept: TempDir) -> Self {
        Self {
            _root: kept,
            root: root.to_owned(),
            source: root.join("source"),
            destination: root.join("destination"),
            job: root.join("job"),
            options: CopyOptions {
                workers: 4,
                lock_wait_seconds: 0,
                retries: 1,
                still_seconds: 0,
                ..CopyOptions::default()
            },
        }
    }

    /// A site with the small post office, its destination taken into the job.
    pub(crate) fn with_post_office() -> Self {
        Self::empty().filled()
    }

    pub(crate) fn filled(self) -> Self {
        build_post_office(&self.source);
        self.run(Task::CreateFolders).clean();
        self
    }

    pub(crate) fn order(&self, task: Task) -> Order {
        Order {
            protocol: PROTOCOL,
            job: "test".into(),
            number: 0,
            token: String::new(),
            areas: vec![AreaOrder {
                id: 0,
                kind: AreaKind::PostOffice,
                label: "post office".into(),
                source: self.source.display().to_string(),
                destination: self.destination.display().to_string(),
            }],
            task,
            options: self.options.clone(),
        }
    }

    pub(crate) fn run(&self, task: Task) -> Done {
        self.run_order(&self.order(task))
    }

    pub(crate) fn run_order(&self, order: &Order) -> Done {
        let tally = Arc::new(Tally::default());
        let result = self.run_watched(order, &(Arc::clone(&tally) as Arc<dyn Monitor>), &tally);
        Done {
            findings: tally.findings(),
            result,
            tally,
        }
    }

    /// Runs an order for which the source is read no faster than this.
    pub(crate) fn run_at_pace(&self, order: &Order, pace: &Arc<Pace>) -> Done {
        let tally = Arc::new(Tally::default());
        let capabilities = Capabilities::open(order, &self.job).unwrap().at_pace(pace);
        let monitor = Arc::clone(&tally) as Arc<dyn Monitor>;
        let store = JobStore::open(&self.job, 4, monitor).unwrap();
        Done {
            result: execute(order, &capabilities, &store, tally.as_ref(), &tally),
            findings: tally.findings(),
            tally,
        }
    }

    /// Runs an order under a monitor of the test, which passes everything on to `tally`.
    pub(crate) fn run_watched(
        &self,
        order: &Order,
        monitor: &Arc<dyn Monitor>,
        tally: &Tally,
    ) -> Result<TaskReport, WorkerError> {
        let capabilities = Capabilities::open(order, &self.job)?;
        let store = JobStore::open(&self.job, 4, Arc::clone(monitor))?;
        execute(order, &capabilities, &store, monitor.as_ref(), tally)
    }

    pub(crate) fn store(&self) -> JobStore {
        JobStore::open(&self.job, 1, Arc::new(Tally::default())).unwrap()
    }

    /// Flips a byte of a copy, and has the store believe that it is as it was written and proven: what a disk does that gives
    /// other bytes.
    pub(crate) fn flip_unseen(&self, path: &str) {
        let copy = self.destination.join(path);
        let before = copy.metadata().unwrap();
        flip(&copy);
        let was = (before.ino(), (before.ctime(), before.ctime_nsec()));
        self.believe_inode(Path::new(path), was, &copy.metadata().unwrap());
    }

    /// Has the store believe that what it knows as one inode, which changed then, is another one.
    pub(crate) fn believe_inode(
        &self,
        path: &Path,
        (inode, changed): (u64, (i64, i64)),
        now: &fs::Metadata,
    ) {
        let folder = path.parent().unwrap_or(Path::new("")).as_os_str();
        let name = path.file_name().unwrap().as_bytes();
        let store = Connection::open(self.job.join("job.sqlite")).unwrap();
        for (table, column, inode_column) in [
            ("file", "written_changed", Some("written_inode")),
            ("proven", "changed", Some("inode")),
            ("placing", "changed", None),
        ] {
            let (set, known) = inode_column.map_or_else(Default::default, |column| {
                (
                    format!(", {column} = {}", now.ino()),
                    format!(" AND {column} = {inode}"),
                )
            });
            let update = format!(
                "UPDATE {table} SET {column}_s = ?1, {column}_ns = ?2{set}
                 WHERE folder = ?3 AND name = ?4 AND {column}_s = ?5 AND {column}_ns = ?6{known}"
            );
            let (folder, to) = (folder.as_bytes(), (now.ctime(), now.ctime_nsec()));
            let row = (to.0, to.1, folder, name, changed.0, changed.1);
            store.execute(&update, row).unwrap();
        }
    }

    /// What was set aside: path below the area, and bytes.
    pub(crate) fn quarantine(&self) -> BTreeMap<String, Vec<u8>> {
        contents(&self.job.join("quarantine/0"))
    }
}

pub(crate) fn build_post_office(source: &Path) {
    for (number, (path, bytes)) in (0..).zip(FILES.iter().chain(ITEMS)) {
        write_old(&source.join(path), bytes.as_bytes(), number);
    }
    age_folders(source);
}

/// Writes a file whose time is long ago, each `number` another one, with parts of a second as NTFS keeps them.
pub(crate) fn write_old(path: &Path, bytes: &[u8], number: u64) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
    set_time(path, long_ago(number));
}

pub(crate) fn long_ago(number: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(LONG_AGO_SECONDS + number * 10, 123_456_700)
}

/// Flips the last byte; size and time of the last modification stay as they were.
pub(crate) fn flip(path: &Path) {
    let time = path.metadata().unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(path, bytes).unwrap();
    set_time(path, time);
}

pub(crate) fn set_time(path: &Path, time: SystemTime) {
    fs::File::open(path).unwrap().set_modified(time).unwrap();
}

/// The same for a time as [`Node`] has it.
pub(crate) fn set_modified(path: &Path, (seconds, nanoseconds): (i64, i64)) {
    let time = Duration::new(seconds.unsigned_abs(), nanoseconds.try_into().unwrap());
    set_time(path, SystemTime::UNIX_EPOCH + time);
}

/// Gives every folder a time of its own, long ago.
pub(crate) fn age_folders(root: &Path) {
    for (number, (path, node)) in (1000..).zip(look(root)) {
        if node.is_folder {
            set_time(&root.join(OsStr::from_bytes(&path)), long_ago(number));
        }
    }
    set_time(root, long_ago(999));
}

/// One entry of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) is_folder: bool,
    pub(crate) bytes: Vec<u8>,
    pub(crate) modified: (i64, i64),
    pub(crate) changed: (i64, i64),
    pub(crate) inode: u64,
    pub(crate) mode: u32,
}

/// Everything below `root`, by path as bytes.
pub(crate) fn look(root: &Path) -> BTreeMap<Vec<u8>, Node> {
    let mut nodes = BTreeMap::new();
    look_below(root, &[], &mut nodes);
    nodes
}

fn look_below(folder: &Path, path: &[u8], nodes: &mut BTreeMap<Vec<u8>, Node>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let entry = entry.unwrap();
        // The marker of the folder's owner is no part of the post office.
        if path.is_empty() && entry.file_name().as_bytes() == MARKER_FILE {
            continue;
        }
        let mut inner = path.to_vec();
        if !inner.is_empty() {
            inner.push(b'/');
        }
        inner.extend_from_slice(entry.file_name().as_bytes());
        let metadata = entry.path().symlink_metadata().unwrap();
        let bytes = if metadata.is_file() {
            fs::read(entry.path()).unwrap()
        } else {
            Vec::new()
        };
        nodes.insert(
            inner.clone(),
            Node {
                is_folder: metadata.is_dir(),
                bytes,
                modified: (metadata.mtime(), metadata.mtime_nsec()),
                changed: (metadata.ctime(), metadata.ctime_nsec()),
                inode: metadata.ino(),
                mode: metadata.permissions().mode() & 0o7777,
            },
        );
        if metadata.is_dir() {
            look_below(&entry.path(), &inner, nodes);
        }
    }
}

/// The files below `root`: path and bytes.
pub(crate) fn contents(root: &Path) -> BTreeMap<String, Vec<u8>> {
    look(root)
        .into_iter()
        .filter(|(_, node)| !node.is_folder)
        .map(|(path, node)| (String::from_utf8_lossy(&path).into_owned(), node.bytes))
        .collect()
}

/// The files that a destination must have: those of the source, lower-cased, without lock files; with the items of the
/// queues only where these were carried over.
pub(crate) fn wanted(source: &Path, with_items: bool) -> BTreeMap<String, Vec<u8>> {
    contents(source)
        .into_iter()
        .map(|(path, bytes)| (path.to_ascii_lowercase(), bytes))
        .filter(|(path, _)| !path.as_bytes().ends_with(b".lck"))
        .filter(|(path, _)| with_items || !is_item(path))
        .collect()
}

fn is_item(path: &str) -> bool {
    (path.starts_with("wpcsin/") || path.starts_with("wpcsout/")) && !path.ends_with("poa.001")
}

/// A second process of this test program that runs one ignored test of it as its whole work.
pub(crate) fn child(test: &str, site: &Site) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            test,
            "--exact",
            "--ignored",
            "--nocapture",
            "--test-threads=1",
        ])
        .env("WORKER_TEST_ROOT", &site.root);
    command
}

/// In such a process: the site that it works on.
pub(crate) fn site_of_child() -> Site {
    let root =
        PathBuf::from(std::env::var_os("WORKER_TEST_ROOT").expect("started by another test"));
    // The parent owns the real folder; this one only keeps the type whole.
    Site::at(&root, tempfile::tempdir_in(root.join("job")).unwrap())
}
