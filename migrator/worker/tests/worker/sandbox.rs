//! What a worker that is sealed in can still do, proven from inside.

mod attempts;

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use protocol::Task;
use worker::capabilities::Capabilities;
use worker::execute::execute;
use worker::monitor::{Monitor, Tally};
use worker::store::JobStore;

use self::attempts::{JOB_FILES, PROGRAM, is_denied};
use crate::support::{
    LOWERCASE, Node, PASS_ONE, PASS_TWO, QUEUES, Site, child, contents, look, site_of_child, wanted,
};

/// Whom the tests give to, where they may.
const USER: u32 = 4711;
const GROUP: u32 = 4712;

#[test]
#[ignore = "started by another test"]
fn child_is_sealed_in() {
    let site = site_of_child();
    let order = site.order(PASS_ONE);
    let capabilities = Capabilities::open(&order, &site.job).unwrap();
    let tally = Arc::new(Tally::default());
    let store = JobStore::open(&site.job, 4, Arc::clone(&tally) as Arc<dyn Monitor>).unwrap();

    let protections = worker::sandbox::enter(&capabilities, &order.task).unwrap();
    println!(
        "landlock: {}, seccomp: {}, source read-only: {}",
        protections.landlock, protections.seccomp, protections.source_read_only
    );
    only_needed_rights_are_left(&protections.capabilities);
    if protections.landlock != "none" {
        is_denied("reading outside", fs::read("/etc/passwd"));
        is_denied("listing outside", fs::read_dir("/"));
        is_denied("writing outside", fs::write(site.root.join("outside"), "x"));
        is_denied(
            "creating at the source",
            fs::write(site.source.join("new"), "x"),
        );
        is_denied(
            "writing at the source",
            fs::write(site.source.join("WPHOST.DB"), "x"),
        );
        is_denied(
            "removing at the source",
            fs::remove_file(site.source.join("WPHOST.DB")),
        );
        is_denied(
            "its own memory, by its name",
            fs::File::options().write(true).open("/proc/self/mem"),
        );
        is_denied(
            "its own program, by its handle",
            fs::File::open("/proc/self/exe"),
        );
        is_denied(
            "the chances of a process",
            fs::write(
                format!(
                    "/proc/{}/oom_score_adj",
                    std::os::unix::process::parent_id()
                ),
                "1000",
            ),
        );
        is_denied(
            "a folder at the source",
            fs::create_dir(site.source.join("new")),
        );
    }
    if protections.seccomp {
        is_denied("another program", Command::new("/bin/true").spawn());
        is_denied("a TCP connection", TcpStream::connect("127.0.0.1:9"));
        is_denied("a UDP socket", UdpSocket::bind("127.0.0.1:0"));
        is_denied("a pair of sockets", UnixStream::pair());
    }
    assert!(
        !fs::read(site.source.join("WPHOST.DB")).unwrap().is_empty(),
        "reading the source"
    );
    fs::write(site.destination.join("foreign"), "made by somebody").unwrap();
    let source = site.source.join("WPHOST.DB");
    for file in [&source, &site.destination.join("foreign")] {
        attempts::attributes_stay(file, &protections);
    }
    attempts::the_source_stays(&source, &capabilities.areas[0], &protections);
    attempts::others_are_left_alone(&site, &protections);
    attempts::the_job_folder_stays(&site, &protections);

    // Threads, the journal, copying, setting aside and placing all work from inside.
    for task in [PASS_ONE, QUEUES, Task::Seal] {
        execute(
            &site.order(task),
            &capabilities,
            &store,
            tally.as_ref(),
            &tally,
        )
        .unwrap();
    }
    println!("the sealed worker has done its work");
}

#[test]
#[ignore = "started by another test"]
fn child_gives_away_sealed_in() {
    let site = site_of_child();
    let order = site.order(Task::Owner {
        user: USER,
        group: GROUP,
        plan_only: false,
    });
    let capabilities = Capabilities::open(&order, &site.job).unwrap();
    let tally = Arc::new(Tally::default());
    let store = JobStore::open(&site.job, 4, Arc::clone(&tally) as Arc<dyn Monitor>).unwrap();
    let protections = worker::sandbox::enter(&capabilities, &order.task).unwrap();
    attempts::only_what_is_given_is_given(&site, &capabilities, (USER, GROUP), &protections);
    attempts::the_job_folder_stays(&site, &protections);
    execute(&order, &capabilities, &store, tally.as_ref(), &tally).unwrap();
    println!("the sealed worker has done its work");
}

/// What the kernel says of this thread, and of one that it starts.
fn only_needed_rights_are_left(said: &str) {
    let held = rustix::thread::capabilities(None).unwrap();
    let files = rustix::thread::CapabilitySet::DAC_OVERRIDE
        | rustix::thread::CapabilitySet::DAC_READ_SEARCH
        | rustix::thread::CapabilitySet::FOWNER;
    assert!(files.contains(held.permitted), "{said}");
    assert!(files.contains(held.effective), "{said}");
    assert!(held.inheritable.is_empty(), "{said}");
    let in_thread = std::thread::spawn(|| rustix::thread::capabilities(None).unwrap());
    assert_eq!(in_thread.join().unwrap(), held);
    assert!(rustix::thread::no_new_privs().unwrap());
    // Whoever was root has an empty bounding set now, and cannot give a file away.
    let chown = rustix::thread::CapabilitySet::CHOWN;
    if rustix::process::geteuid().is_root() {
        assert!(!rustix::thread::capability_is_in_bounding_set(chown).unwrap());
    }
}

/// Puts a program into the job folder, as the controller does; how it and everything else there is now.
fn with_program(site: &Site) -> Vec<Node> {
    let program = site.job.join(PROGRAM);
    fs::write(&program, "the program that the next command runs").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    fs::create_dir(site.job.join("reports")).unwrap();
    fs::write(site.job.join("reports/0001-check.json"), "{}").unwrap();
    kept(site)
}

/// The files of the job folder that no sealed worker changes at all.
fn kept(site: &Site) -> Vec<Node> {
    let mut nodes = look(&site.job);
    [PROGRAM, "reports", "reports/0001-check.json"]
        .map(|name| nodes.remove(name.as_bytes()).unwrap())
        .into()
}

/// Runs a child of this module to its end; what it says.
fn run_child(test: &str, site: &Site) -> String {
    let output = child(test, site).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text} {errors}");
    assert!(
        text.contains("the sealed worker has done its work"),
        "{text}"
    );
    for line in text.lines().filter(|line| line.starts_with("SKIPPED")) {
        eprintln!("{line}");
    }
    text
}

/// The file that has the name of the store now.
fn store_file(site: &Site) -> (u64, u32) {
    let metadata = fs::metadata(site.job.join(worker::store::STORE_FILE)).unwrap();
    (metadata.ino(), metadata.permissions().mode())
}

#[test]
fn a_sealed_worker_reaches_its_folders_and_nothing_else() {
    let site = Site::with_post_office();
    let program = with_program(&site);
    let store = store_file(&site);
    let source = look(&site.source);
    let text = run_child("sandbox::child_is_sealed_in", &site);
    let line = text
        .lines()
        .find(|line| line.contains("landlock: "))
        .unwrap();
    eprintln!("the kernel gives: {line}");
    if !line.contains("landlock: full") || !line.contains("seccomp: true") {
        eprintln!(
            "SKIPPED in part: this kernel has not all protections, so what they deny was not tried"
        );
    }
    if rustix::process::geteuid().is_root() {
        assert!(line.contains("source read-only: true"), "{line}");
    }
    assert_eq!(contents(&site.destination), wanted(&site.source, true));
    assert_eq!(site.quarantine()["foreign"], b"made by somebody");
    assert!(site.job.join("seal.json").is_file());
    if line.contains("source read-only: true") {
        assert_eq!(look(&site.source), source, "the source, with all its times");
    }
    assert_eq!(kept(&site), program, "the program and the reports");
    assert_eq!(store_file(&site), store, "the file of the store");
    // What the sealed worker could not remove is no harm to the next command.
    site.run(PASS_TWO).clean();
    assert!(site.store().seal().unwrap().is_some());
}

#[test]
fn a_sealed_worker_gives_away_what_it_is_told_and_nothing_else() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can give files away");
        return;
    }
    let site = Site::with_post_office();
    for task in [PASS_ONE, PASS_TWO, LOWERCASE, QUEUES, Task::Seal] {
        site.run(task).clean();
    }
    let program = with_program(&site);
    run_child("sandbox::child_gives_away_sealed_in", &site);
    assert_eq!(kept(&site), program);
    let ownership = |path: &Path| {
        let metadata = path.symlink_metadata().unwrap();
        let mode = metadata.permissions().mode() & 0o7777;
        (metadata.uid(), metadata.gid(), mode)
    };
    for (path, node) in look(&site.destination) {
        let path = site.destination.join(String::from_utf8(path).unwrap());
        let mode = if node.is_folder { 0o700 } else { 0o600 };
        assert_eq!(ownership(&path), (USER, GROUP, mode), "{}", path.display());
    }
    for name in JOB_FILES {
        if let Ok(metadata) = fs::metadata(site.job.join(name)) {
            assert_eq!((metadata.uid(), metadata.gid()), (0, 0), "{name}");
        }
    }
    site.run(Task::Verify).clean();
}

/// Runs an order as production does, in a process of its own that is sealed in; what it said.
fn run_sealed_in(site: &Site, task: Task) -> String {
    let order = serde_json::to_vec(&site.order(task)).unwrap();
    fs::write(site.root.join("order"), order).unwrap();
    let output = child("service::child_runs_an_order", site)
        .output()
        .unwrap();
    assert!(output.status.success());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn a_worker_that_cannot_remove_an_older_seal_has_removed_it_before() {
    let site = Site::with_post_office();
    let seal = site.job.join("seal.json");
    let sealed = |task| {
        let said = run_sealed_in(&site, task);
        assert!(said.contains("verdict: Ok("), "{said}");
        fs::read_to_string(&seal).ok()
    };
    for task in [PASS_ONE, PASS_TWO, LOWERCASE, QUEUES] {
        assert_eq!(sealed(task), None);
    }
    let first = sealed(Task::Seal).unwrap();
    let second = sealed(Task::Seal).unwrap();
    assert_ne!(first, second, "it has its own time");
    assert_eq!(sealed(Task::Verify).unwrap(), second);
    fs::write(site.destination.join("wphost.db"), "damaged").unwrap();
    assert_eq!(
        sealed(Task::Seal),
        None,
        "void where it is not proven again"
    );
    let left = fs::read_dir(site.job.join("quarantine")).unwrap().count();
    assert_eq!(left, 0, "nothing unfinished");
}
