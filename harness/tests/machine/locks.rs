//! Locks, as each client of the kernel and its server pass them on to each other; and when a change at the server is seen.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::containers::Way;
use harness::machine::Machine;
use harness::rehearsal::{folder_in_any_case, migrate};
use harness::site::Site as _;
use rustix::fs::{FlockOperation, fcntl_lock};

use crate::support::{MOUNT_POINT, mount, post_office, unmount};

/// How long a lock may take to be given back.
const RELEASE_MAX: Duration = Duration::from_secs(30);

/// How long a client may show a folder as it was (`missed.rs` of the worker).
const MEMORY_OF_CLIENTS: Duration = Duration::from_millis(1200);

/// Opens the database through the mount and holds a shared lock of all of it, as the worker does, until it is killed.
const HOLD: &str = "import fcntl, os, sys, time
file = open(sys.argv[1], 'rb')
fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
open('/run/lock-held', 'w').close()
time.sleep(3600)
";

/// Tries the same lock, and says what came of it.
const TRY: &str = "import fcntl, sys
file = open(sys.argv[1], 'rb')
try:
    fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    print('had')
except OSError as error:
    print('refused', error.errno)
";

fn lock_here(file: &File) -> rustix::io::Result<()> {
    fcntl_lock(file, FlockOperation::NonBlockingLockExclusive)
}

fn open(path: &Path) -> File {
    let options = File::options().read(true).write(true).open(path);
    options.expect("opened")
}

fn put(machine: &Machine, name: &str, text: &str) {
    let writing = format!("cat >/run/{name} <<'END'\n{text}END\n");
    machine.run(&writing).expect("written");
}

/// What a read lock through a read-only mount, and a write lock of a program of the source, are to each other.
fn both_ways(machine: &Machine) {
    mount(machine);
    let here = folder_in_any_case(&machine.trees().source, &["wphost.db"]).expect("found");
    let name = here.file_name().expect("a name").to_string_lossy();
    let there = format!("{MOUNT_POINT}/PO/{name}");
    put(machine, "hold.py", HOLD);
    put(machine, "try.py", TRY);

    // Held through the mount: a writer at the source does not get it, and gets it once it is given back.
    let file = open(&here);
    lock_here(&file).expect("free at first");
    drop(file);
    let holding = format!(
        "rm -f /run/lock-held; setsid python3 /run/hold.py {there} </dev/null >/run/hold.log 2>&1 &"
    );
    machine.run(&holding).expect("started");
    let waiting = "for i in $(seq 100); do [ -e /run/lock-held ] && exit 0; sleep 0.2; done; cat /run/hold.log; exit 1";
    machine.run(waiting).expect("held");
    let file = open(&here);
    assert_eq!(lock_here(&file), Err(rustix::io::Errno::AGAIN));
    machine.run("pkill -f hold.py").expect("killed");
    let began = Instant::now();
    while lock_here(&file).is_err() {
        assert!(began.elapsed() < RELEASE_MAX, "the lock is not given back");
        std::thread::sleep(Duration::from_millis(100));
    }

    // Held at the source: who comes through the mount does not get it, and gets it once it is given back.
    let trying = format!("python3 /run/try.py {there}");
    let said = machine.run(&trying).expect("tried");
    assert!(said.starts_with("refused"), "{said}");
    drop(file);
    assert_eq!(machine.run(&trying).expect("tried"), "had");
    unmount(machine);
}

/// A file that is made, one that grows, and one that goes at the server, behind a look through the mount: the next listing, and
/// the next look at each that was listed, have them as they are.
fn changes_are_seen(machine: &Machine) {
    mount(machine);
    let folder = machine.trees().source.join("SEEN");
    std::fs::create_dir(&folder).expect("made");
    for name in ["grows", "goes"] {
        std::fs::write(folder.join(name), "1").expect("written");
    }
    let look = format!(
        "cd {MOUNT_POINT}/PO/SEEN && for name in *; do printf '%s=%s ' $name $(cat $name); done"
    );
    assert_eq!(machine.run(&look).expect("looked").trim(), "goes=1 grows=1");
    std::fs::write(folder.join("grows"), "1and2").expect("written");
    std::fs::remove_file(folder.join("goes")).expect("removed");
    std::fs::write(folder.join("new"), "3").expect("written");
    // What the pass allows for before it lists again.
    std::thread::sleep(MEMORY_OF_CLIENTS);
    assert_eq!(
        machine.run(&look).expect("looked").trim(),
        "grows=1and2 new=3"
    );
    std::fs::remove_dir_all(&folder).expect("removed");
    unmount(machine);
}

fn locks_and_changes(way: Way) {
    let folder = tempfile::tempdir().expect("a folder");
    let machine = post_office(folder.path(), way, 300);
    both_ways(&machine);
    changes_are_seen(&machine);
    measured(&machine);
}

/// What the migrator measures: with SMB the kernel counts what it asks its server; with NFS that server alone knows the rest.
fn measured(machine: &Machine) {
    let (run, _) = migrate(machine, &["check"]).expect("run");
    let lines = run.result["lines"].as_array().expect("lines");
    let mut named = lines.iter().filter(|line| line["check"] == "locks-shared");
    let said = named.next().expect("the line")["text"].to_string();
    let wanted = if machine.way().is_nfs() {
        "locks: unknown ("
    } else {
        "locks: shared;"
    };
    assert!(said.contains(wanted), "{said}");
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn a_lock_through_the_mount_stops_a_writer_at_the_source_and_the_other_way_round() {
    locks_and_changes(Way::Smb3);
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn smb_1_passes_locks_on_both_ways() {
    locks_and_changes(Way::Smb1);
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn nfs_3_passes_locks_on_both_ways() {
    locks_and_changes(Way::Nfs3);
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn nfs_4_passes_locks_on_both_ways() {
    locks_and_changes(Way::Nfs4);
}
