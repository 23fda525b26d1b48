//! The one machine of these tests, and mounts that a test makes for itself.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use harness::containers::Way;
use harness::machine::{Booted, Machine};
use harness::site::{Site as _, SiteOptions};

/// Where a test mounts the source for itself.
pub(crate) const MOUNT_POINT: &str = "/mnt/trial";

/// The program that plays all roles.
pub(crate) fn program() -> PathBuf {
    PathBuf::from(env!("CARGO_BIN_EXE_gwrehearse"))
}

/// What is told while something is under way.
pub(crate) fn note(line: &str) {
    eprintln!("{line}");
}

/// The machine, which begins with the first test that wants it.
pub(crate) fn booted() -> Arc<Booted> {
    static BOOTED: OnceLock<Arc<Booted>> = OnceLock::new();
    let begin = || {
        let (sender, receiver) = std::sync::mpsc::channel();
        // It ends with the thread that began it: one that lives as long as all tests.
        std::thread::spawn(move || {
            let folder = tempfile::tempdir().expect("a folder");
            let booted = Booted::start(folder.path(), &mut note);
            sender.send(booted.expect("begun")).expect("awaited");
            loop {
                std::thread::park();
            }
        });
        receiver.recv().expect("begun")
    };
    Arc::clone(BOOTED.get_or_init(begin))
}

/// A tiny post office without software, in an empty folder, and the machine beside it.
pub(crate) fn post_office(folder: &std::path::Path, way: Way, files: usize) -> Machine {
    let options = SiteOptions::bare(program(), 1, files);
    Machine::on(&booted(), way, folder, &options, &mut note).expect("started")
}

/// Mounts the source with the options that the migrator gives, and those that the worksheet has.
pub(crate) fn mount(machine: &Machine) {
    let share = machine.sheet().share.as_ref().expect("a share");
    let kind = if machine.way().is_nfs() {
        "nfs"
    } else {
        "cifs"
    };
    let tables = gwmigrate::mount::OPTION_TABLES;
    let table = tables
        .iter()
        .find(|table| table.command.starts_with(&format!("mount -t {kind}")));
    let given = table
        .expect("a table")
        .given
        .iter()
        .map(|one| one.option.to_owned());
    let options: Vec<String> = given.chain(share.options.clone()).collect();
    let options = options.join(",");
    let making = if machine.way().is_nfs() {
        let (address, export) = (machine.source_address(), &share.share);
        format!("mount -t nfs {address}:{export} {MOUNT_POINT} -o {options}")
    } else {
        let password = std::fs::read_to_string(&share.password_file).expect("read");
        let (user, password) = (&share.user, password.trim());
        format!(
            "PASSWD='{password}' mount -t cifs //source/groupwise {MOUNT_POINT} -o {options},username={user}"
        )
    };
    machine
        .run(&format!("mkdir -p {MOUNT_POINT} && {making}"))
        .expect("mounted");
}

/// Takes it away again.
pub(crate) fn unmount(machine: &Machine) {
    machine
        .run(&format!("umount {MOUNT_POINT}"))
        .expect("unmounted");
}
