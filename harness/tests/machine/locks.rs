//! Locks, as the kernel's cifs client and the file server of the source pass them on to each other.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

use harness::machine::Machine;
use harness::rehearsal::folder_in_any_case;
use harness::site::{Site as _, SiteOptions};
use rustix::fs::{FlockOperation, fcntl_lock};
use simulator::{GuardianKind, NameCase};

use crate::program;

/// Where the test mounts the share for itself, to be written.
const MOUNT_POINT: &str = "/mnt/locks";

/// How long a lock may take to be given back.
const RELEASE_MAX: Duration = Duration::from_secs(30);

/// Opens the database through the mount and holds a lock of its first bytes, as an agent does, until it is killed.
const HOLD: &str = "import fcntl, sys, time
file = open(sys.argv[1], 'r+b')
fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 16, 0)
open('/run/lock-held', 'w').close()
time.sleep(3600)
";

fn mount(machine: &Machine) {
    let share = machine.sheet().share.as_ref().expect("a share");
    let password = std::fs::read_to_string(&share.password_file).expect("read");
    let address = machine.share_address();
    let (ip, port, user) = (address.ip(), address.port(), &share.user);
    let options = format!("rw,username={user},ip={ip},port={port}");
    let mounting = format!(
        "mkdir -p {MOUNT_POINT} && PASSWD='{}' mount -t cifs //source/groupwise {MOUNT_POINT} -o {options}",
        password.trim()
    );
    machine.run(&mounting).expect("mounted");
}

fn lock_here(file: &File) -> rustix::io::Result<()> {
    fcntl_lock(file, FlockOperation::NonBlockingLockExclusive)
}

fn open(path: &Path) -> File {
    let options = File::options().read(true).write(true).open(path);
    options.expect("opened")
}

#[test]
#[ignore = "an emulated machine is slow; .ci/vm runs this"]
fn a_lock_through_the_mount_stops_a_writer_at_the_source_and_the_other_way_round() {
    let folder = tempfile::tempdir().expect("a folder");
    let options = SiteOptions {
        program: program(),
        seed: 1,
        files: 300,
        case: NameCase::Mixed,
        guardian: GuardianKind::Flaim,
        guardian_engine: None,
        with_documents: false,
        with_poa: false,
        with_mailbox_test: false,
    };
    let note = &mut |line: &str| eprintln!("{line}");
    let machine = Machine::start(folder.path(), &options, note).expect("started");
    mount(&machine);
    let here = folder_in_any_case(&machine.trees().source, &["wphost.db"]).expect("found");
    let name = here.file_name().expect("a name").to_string_lossy();
    let there = format!("{MOUNT_POINT}/PO/{name}");

    // Before anything is locked: a process that closes a file gives all of its locks on it back.
    let bytes: Vec<u8> = std::fs::read(&here).expect("read")[..16].to_vec();
    let decimal = format!("{bytes:?}");
    let saving = format!("python3 -c 'open(\"/run/first\", \"wb\").write(bytes({decimal}))'");
    machine.run(&saving).expect("written");

    // Held through the mount: a writer at the source does not get it, and gets it once it is given back.
    let file = open(&here);
    lock_here(&file).expect("free at first");
    drop(file);
    machine
        .run(&format!("cat >/run/hold.py <<'END'\n{HOLD}END\n"))
        .expect("written");
    let holding = format!("setsid python3 /run/hold.py {there} </dev/null >/run/hold.log 2>&1 &");
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

    // Held at the source: who comes through the mount can neither read nor write there, and can once it is given back.
    let reading = format!("dd if={there} of=/dev/null bs=16 count=1 iflag=direct");
    let writing =
        format!("dd if=/run/first of={there} bs=16 count=1 conv=notrunc,fsync oflag=direct");
    for command in [&reading, &writing] {
        let error = machine.run(command).expect_err(command).to_string();
        assert!(error.contains("Permission denied"), "{error}");
    }
    drop(file);
    for command in [&reading, &writing] {
        machine.run(command).expect(command);
    }
}
