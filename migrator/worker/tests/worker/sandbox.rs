//! What a worker that is sealed in can still do, proven from inside.

use std::fs;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::sync::Arc;

use worker::capabilities::Capabilities;
use worker::execute::execute;
use worker::monitor::{Monitor, Tally};
use worker::protocol::Task;
use worker::store::JobStore;

use crate::support::{PASS_ONE, QUEUES, Site, child, contents, site_of_child, wanted};

fn is_denied<T>(what: &str, outcome: std::io::Result<T>) {
    let error = outcome
        .err()
        .unwrap_or_else(|| panic!("{what} was possible"));
    assert_eq!(
        error.kind(),
        std::io::ErrorKind::PermissionDenied,
        "{what}: {error}"
    );
}

#[test]
#[ignore = "started by another test"]
fn child_is_sealed_in() {
    let site = site_of_child();
    let order = site.order(PASS_ONE);
    let capabilities = Capabilities::open(&order, &site.job).unwrap();
    let tally = Arc::new(Tally::default());
    let store = JobStore::open(&site.job, 4, Arc::clone(&tally) as Arc<dyn Monitor>).unwrap();

    let protections = worker::sandbox::seal(&capabilities, &order.task).unwrap();
    println!(
        "landlock: {}, seccomp: {}",
        protections.landlock, protections.seccomp
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

#[test]
fn a_sealed_worker_reaches_its_folders_and_nothing_else() {
    let site = Site::with_post_office();
    let output = child("sandbox::child_is_sealed_in", &site)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("the sealed worker has done its work"),
        "{text}"
    );
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
    assert_eq!(contents(&site.destination), wanted(&site.source, true));
    assert_eq!(site.quarantine()["foreign"], b"made by somebody");
    assert!(site.job.join("seal.json").is_file());
}
