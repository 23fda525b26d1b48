//! Which modules of the worker open or name what lies outside the folders that an order gave it (invariant 4).

use crate::{production, sources};

/// The modules that may, and why.  Everything else works on handles.
const MAY: [(&str, &str); 11] = [
    (
        "host.rs",
        "questions about the destination's system and changes of it, in requests without a sandbox",
    ),
    ("host/process.rs", "a question: which process is the agent"),
    ("host/write_file.rs", "a change: a file of the system"),
    (
        "capabilities/open.rs",
        "opens the folders of an order, and reads the mount table, before the sandbox closes",
    ),
    (
        "capabilities/read_only_view.rs",
        "makes the name space in which the source cannot be written, before the sandbox closes",
    ),
    (
        "lock_reach.rs",
        "reads what the kernel counts of the mount of the source, before the sandbox closes",
    ),
    (
        "lease.rs",
        "the leases of the job folder: the worker's before the sandbox closes, the controller's in a request",
    ),
    (
        "store.rs",
        "SQLite knows its files by path; they are open before the sandbox closes, and what it tries later is refused",
    ),
    (
        "service.rs",
        "a request of the controller, in a process without a sandbox: starts the worker",
    ),
    (
        "tree/extended_attribute.rs",
        "a current folder for one thread, set by a handle: the kernel's calls for these attributes that open nothing know no handle",
    ),
    (
        "pool.rs",
        "how many processors there are: the library reads the limits of this process, which a closed sandbox refuses",
    ),
];

/// How a path is opened or named without a handle, other than by a function of a module called `fs`.
const WAYS: [&str; 38] = [
    "ambient_authority",
    "open_ambient",
    "File::open(",
    "File::create(",
    "File::create_new(",
    "File::options(",
    "OpenOptions::new(",
    "DirBuilder::new(",
    "CWD",
    ".exists()",
    ".try_exists()",
    ".is_file()",
    ".is_dir()",
    ".is_symlink()",
    ".canonicalize()",
    ".read_dir()",
    ".read_link()",
    ".metadata()",
    ".symlink_metadata()",
    "fcntl::open",
    "libc::open",
    "libc::stat",
    "sys::stat",
    "chroot(",
    "chdir(",
    "current_dir(",
    "Command::new(",
    "Connection::open",
    "UnixStream",
    "UnixListener",
    "TcpStream",
    "TcpListener",
    "UdpSocket",
    "available_parallelism",
    "temp_dir(",
    "tempfile",
    "\"/proc",
    "\"/dev",
];

/// The functions of a module `fs` that take a path and no handle; those of the standard library all do.
const OF_RUSTIX: [&str; 15] = [
    "access", "chmod", "chown", "link", "lstat", "mkdir", "open", "readlink", "rename", "rmdir",
    "stat", "statfs", "statvfs", "symlink", "unlink",
];

/// The ways in which code opens or names paths.
fn ways(code: &str) -> Vec<String> {
    let mut found: Vec<String> = WAYS
        .iter()
        .filter(|way| code.contains(**way))
        .map(|way| (*way).to_owned())
        .collect();
    for (at, mark) in code.match_indices("fs::") {
        let is_identifier = |one: char| one.is_ascii_alphanumeric() || one == '_' || one == ':';
        let before = code[..at].trim_end_matches(is_identifier);
        let family = &code[before.len()..at];
        let rest = &code[at + mark.len()..];
        let end = rest.find(|one: char| !one.is_ascii_lowercase() && one != '_');
        let (function, rest) = rest.split_at(end.unwrap_or(rest.len()));
        if function.is_empty() || !rest.starts_with('(') {
            continue;
        }
        let takes_a_path = match family {
            "" | "std::" => true,
            "rustix::" => OF_RUSTIX.contains(&function),
            _ => false,
        };
        if takes_a_path {
            found.push(format!("{family}fs::{function}"));
        }
    }
    found
}

#[test]
fn ambient_authority_appears_in_one_module() {
    let found: Vec<String> = sources("migrator/worker/src")
        .into_iter()
        .filter(|(_, text)| production(text).contains("ambient_authority"))
        .map(|(name, _)| name)
        .collect();
    assert_eq!(found, ["migrator/worker/src/capabilities/open.rs"]);
}

#[test]
fn paths_are_opened_by_the_modules_that_may() {
    let mut wrong = Vec::new();
    let mut met = 0;
    for (name, text) in sources("migrator/worker/src") {
        if name.ends_with("/tests.rs") {
            continue;
        }
        let name = name.trim_start_matches("migrator/worker/src/");
        let found = ways(&production(&text));
        let may = MAY.iter().any(|(module, _)| *module == name);
        met += usize::from(may);
        if may == found.is_empty() {
            wrong.push(format!("{name}: {found:?}"));
        }
    }
    assert_eq!(
        wrong,
        Vec::<String>::new(),
        "not in the list, or in it without need"
    );
    assert_eq!(met, MAY.len(), "a module of the list is gone");
}

#[test]
fn every_way_to_a_path_would_be_seen() {
    for code in [
        "std::fs::read(path)",
        "fs::write(path, bytes)",
        "File::open(&path)?",
        "rustix::fs::open(path, flags, mode)",
        "rustix::fs::openat(CWD, path, flags, mode)",
        "if path.exists() {",
        "Connection::open_with_flags(path, flags)",
    ] {
        assert!(!ways(code).is_empty(), "{code}");
    }
    for code in [
        "use std::fs::{File, OpenOptions};",
        "use std::os::unix::fs::OpenOptionsExt as _;",
        "rustix::fs::openat(folder, name, flags, mode)",
        "rustix::fs::fstat(&handle)",
        "folder.open_file(name)",
    ] {
        assert_eq!(ways(code), Vec::<String>::new(), "{code}");
    }
}
