//! An embedded rehearsal that is driven command by command.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use harness::embedded::{Embedded, EmbeddedOptions};
use harness::rehearsal::{self, CommandRun};
use harness::site::{Site as _, SiteOptions};
use simulator::{GuardianKind, NameCase};

/// The program that plays all roles.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_gwrehearse"))
}

/// A folder with a lower-case name, which a destination must have.
pub(crate) fn scratch() -> tempfile::TempDir {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!(
        "gwrehearse-test-{}-{}",
        std::process::id(),
        NEXT.fetch_add(1, Ordering::Relaxed)
    );
    tempfile::Builder::new()
        .prefix(&name)
        .rand_bytes(0)
        .tempdir()
        .expect("a folder")
}

/// A tiny post office and its servers, in a folder that goes with it.
pub(crate) struct Stage {
    pub(crate) embedded: Option<Embedded>,
    /// The ports of the POA at the source, as long as it runs.
    source_poa: Mutex<Vec<TcpListener>>,
    // Dropped last: everything is in it.
    pub(crate) folder: tempfile::TempDir,
}

impl Stage {
    /// Without a Linux POA, which most tests do not need.
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// The same with a guardian that the built-in engine cannot convert.
    pub(crate) fn with_opaque_guardian() -> Self {
        Self::with(|options| options.site.guardian = GuardianKind::Opaque)
    }

    /// The same, with commands of the destination running under another program.
    pub(crate) fn run_under(run_under: Vec<String>) -> Self {
        Self::with(|options| options.run_under = run_under)
    }

    /// The same, made from other options.
    pub(crate) fn with(change: impl FnOnce(&mut EmbeddedOptions)) -> Self {
        let folder = scratch();
        let mut options = EmbeddedOptions {
            site: SiteOptions {
                program: program(),
                seed: 7,
                files: 300,
                case: NameCase::Upper,
                guardian: GuardianKind::Flaim,
                guardian_engine: None,
                with_documents: false,
                with_poa: false,
                with_mailbox_test: false,
            },
            environment: BTreeMap::new(),
            run_under: Vec::new(),
        };
        change(&mut options);
        let embedded = Embedded::start(folder.path(), &options).expect("started");
        let stage = Self {
            embedded: Some(embedded),
            source_poa: Mutex::default(),
            folder,
        };
        stage.start_source_poa();
        stage
    }

    /// Has the POA at the source answer on its ports.
    pub(crate) fn start_source_poa(&self) {
        let ports = self.embedded().sheet.source_ports;
        let bind = |port| {
            // A connection of anybody may have this very port on its own side for a moment.
            let until = Instant::now() + Duration::from_secs(20);
            loop {
                match TcpListener::bind(("127.0.0.1", port)) {
                    Ok(listener) => return listener,
                    Err(error) => assert!(Instant::now() < until, "port {port}: {error}"),
                }
                std::thread::sleep(Duration::from_millis(100));
            }
        };
        *self.source_poa.lock().expect("a lock") = ports.map(bind).into();
    }

    /// Stops it.
    pub(crate) fn stop_source_poa(&self) {
        self.source_poa.lock().expect("a lock").clear();
    }

    pub(crate) fn embedded(&self) -> &Embedded {
        self.embedded.as_ref().expect("running")
    }

    pub(crate) fn embedded_mut(&mut self) -> &mut Embedded {
        self.embedded.as_mut().expect("running")
    }

    pub(crate) fn source(&self) -> &Path {
        &self.embedded().sheet.source
    }

    pub(crate) fn destination(&self) -> &Path {
        &self.embedded().sheet.destination
    }

    /// Runs a command of the migrator.
    pub(crate) fn migrate(&self, arguments: &[&str]) -> CommandRun {
        rehearsal::migrate(self.embedded(), arguments)
            .expect("a result")
            .0
    }

    /// Runs a command of the migrator that must end with this exit code.
    pub(crate) fn expect(&self, arguments: &[&str], exit_code: i32) -> CommandRun {
        let run = self.migrate(arguments);
        assert_eq!(
            run.exit_code,
            Some(exit_code),
            "{arguments:?}: {:#?}",
            run.findings
        );
        run
    }

    /// Runs a command line that is no command; nothing comes of it.
    pub(crate) fn usage(&self, arguments: &[&str]) {
        let output = std::process::Command::new(self.embedded().migrator())
            .arg("--worksheet")
            .arg(self.embedded().worksheet_path())
            .args(arguments)
            .output()
            .expect("run");
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {output:?}");
    }

    /// Stops the POA at the source and confirms everything that a person confirms before stage two.
    pub(crate) fn prepare(&self) {
        self.prepare_with(&[]);
    }

    /// The same, with more items of the checklist.
    pub(crate) fn prepare_with(&self, more: &[&str]) {
        self.stop_source_poa();
        let items = [
            "objects-reconfigured",
            "ip-address",
            "replicated",
            "source-poa-stopped",
        ];
        let mut arguments = vec!["prepare"];
        for item in items.iter().chain(more) {
            arguments.extend(["--confirm", item]);
        }
        self.expect(&arguments, 0);
    }

    /// What differs between the trees, looked at without the migrator.
    pub(crate) fn differences(&self) -> Vec<String> {
        harness::checks::compare_post_offices(self.source(), self.destination(), 1)
            .expect("compared")
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(embedded) = self.embedded.take() {
            Box::new(embedded).stop();
        }
    }
}

/// The codes of the findings of a command.
pub(crate) fn codes(run: &CommandRun) -> Vec<&str> {
    run.findings.iter().map(|finding| &*finding.code).collect()
}

/// The one finding with this code; it must say what to do.
pub(crate) fn finding<'a>(run: &'a CommandRun, code: &str) -> &'a protocol::Finding {
    let found: Vec<_> = run
        .findings
        .iter()
        .filter(|finding| finding.code == code)
        .collect();
    assert_eq!(
        found.len(),
        1,
        "one finding with the code {code}: {:#?}",
        run.findings
    );
    assert!(
        !found[0].text.is_empty() && !found[0].remedy.is_empty(),
        "{:#?}",
        found[0]
    );
    found[0]
}

/// Runs a test of this program in a mount name space of its own.
pub(crate) fn in_own_mounts(name: &str) {
    let namespaces = if rustix::process::geteuid().is_root() {
        "-m"
    } else {
        "-rm"
    };
    let output = Command::new("unshare")
        .arg(namespaces)
        .arg(std::env::current_exe().expect("this program"))
        .args([name, "--exact", "--ignored", "--nocapture"])
        .output();
    let Ok(output) = output else {
        println!("SKIPPED: there is no unshare here, so nothing can be mounted");
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("unshare: unshare failed") {
        println!("SKIPPED: nothing can be mounted here: {errors}");
        return;
    }
    assert!(
        output.status.success() && text.contains("came to its end"),
        "{text} {errors}"
    );
}

/// How long anything may take that a test waits for.
const PATIENCE: Duration = Duration::from_mins(1);

/// Waits for something that comes.
pub(crate) fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Waits until the worker proves that the source is at rest, which takes a second.
pub(crate) fn wait_for_proof_of_rest(stage: &Stage) {
    let lock = stage.embedded().sheet.job_folder.join("worker.lock");
    wait_until("the proof of rest never began", || {
        let holder = std::fs::read_to_string(&lock).unwrap_or_default();
        holder.contains("at-rest")
    });
}

/// The commands of a destination whose user is root, whoever runs this test.
const ID: &str = "#!/bin/sh\n[ \"$*\" = -u ] && echo 0 && exit\nexec /usr/bin/id \"$@\"\n";

/// Puts a stand-in for `id` into a folder of programs, which says that commands run as root.
pub(crate) fn play_root(bin: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    let path = bin.join("id");
    std::fs::write(&path, ID).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("set");
}
