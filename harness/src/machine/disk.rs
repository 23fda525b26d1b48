//! The disks of an emulated machine: the one with its system, made once and kept, and the one with the keys of a run.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::MachineError;
use crate::error::{HarnessError, io_error};

/// The script that makes it, and what sshd there is told.
const MAKE_MACHINE: &str = include_str!("../../../containers/machine/make-machine");
const SSHD: &str = include_str!("../../../containers/destination/sshd.conf");

/// Where the disks are kept.
const CACHE: &str = "/var/cache/gwrehearse";

/// The system of an emulated machine.
pub(super) struct Disk {
    /// The file system that it begins with; a run never changes it.
    pub(super) system: PathBuf,
    /// Its kernel.
    pub(super) kernel: PathBuf,
    /// What its kernel begins with.
    pub(super) first_files: PathBuf,
}

/// Makes the disk where it is not there yet; its name follows from how it is made.
///
/// # Errors
/// What making it says.
pub(super) fn have(note: &mut dyn FnMut(&str)) -> Result<Disk, HarnessError> {
    let mut content = blake3::Hasher::new();
    content
        .update(MAKE_MACHINE.as_bytes())
        .update(SSHD.as_bytes());
    let tag = content.finalize().to_hex()[..16].to_owned();
    let cache = Path::new(CACHE);
    fs::create_dir_all(cache).map_err(io_error("create", cache))?;
    // Two rehearsals at once make it once.
    let lock = cache.join("lock");
    let held = File::create(&lock).map_err(io_error("create", &lock))?;
    held.lock().map_err(io_error("lock", &lock))?;
    let folder = cache.join(format!("machine-{tag}"));
    if !folder.is_dir() {
        note("making the disk of the emulated machine, which takes some minutes");
        let making = cache.join(format!("machine-{tag}.making"));
        if making.is_dir() {
            fs::remove_dir_all(&making).map_err(io_error("remove", &making))?;
        }
        make(&making)?;
        fs::rename(&making, &folder).map_err(io_error("rename", &making))?;
    }
    Ok(Disk {
        system: folder.join("disk.ext4"),
        kernel: folder.join("vmlinuz"),
        first_files: folder.join("initrd.img"),
    })
}

fn make(folder: &Path) -> Result<(), MachineError> {
    let started = Command::new("sh")
        .args(["-c", MAKE_MACHINE, "make-machine"])
        .arg(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut making = started.map_err(|cause| MachineError::NoProgram {
        program: "sh",
        package: "dash",
        cause,
    })?;
    if let Some(mut input) = making.stdin.take() {
        input.write_all(SSHD.as_bytes())?;
    }
    let output = making.wait_with_output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = said.lines().rev().take(3).collect();
    let (status, last) = (output.status, last.join(" / "));
    Err(MachineError::NoDisk(format!("{status}: {last}")))
}

/// Writes the disk with the keys of a run, a tar: the host key, and who may log in.
///
/// # Errors
/// What writing says.
pub(super) fn keys(
    folder: &Path,
    host_key: &str,
    authorized_key: &str,
) -> Result<PathBuf, HarnessError> {
    let path = folder.join("keys/machine.tar");
    let file = File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&path)
        .map_err(io_error("create", &path))?;
    let mut tar = tar::Builder::new(file);
    for (name, text) in [
        ("etc/ssh/ssh_host_ed25519_key", host_key),
        ("root/.ssh/authorized_keys", authorized_key),
    ] {
        let mut header = tar::Header::new_ustar();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        let added = tar.append_data(&mut header, name, text.as_bytes());
        added.map_err(io_error("write", &path))?;
    }
    let written = tar.into_inner();
    written.map_err(io_error("write", &path))?;
    Ok(path)
}
