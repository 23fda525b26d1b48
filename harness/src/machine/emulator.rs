//! The emulator, as a process of this machine that ends with the rehearsal.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::MachineError;
use super::disk::Disk;
use crate::containers::{HTTP_PORT, IMAP_PORT};

/// Memory of the machine.
const MEMORY_MEBIBYTES: u32 = 1024;

/// Ports of this machine that lead to ports of the emulated one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Forwarded {
    pub(super) ssh: SocketAddr,
    pub(super) http: SocketAddr,
    pub(super) imap: SocketAddr,
}

impl Forwarded {
    /// Chooses ports that nobody listens on.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn choose() -> Result<Self, MachineError> {
        // All at once, so that no two are the same.
        let free = || TcpListener::bind(("127.0.0.1", 0));
        let (ssh, http, imap) = (free()?, free()?, free()?);
        Ok(Self {
            ssh: ssh.local_addr()?,
            http: http.local_addr()?,
            imap: imap.local_addr()?,
        })
    }

    fn network(&self) -> String {
        let mut network = "user,id=front".to_owned();
        for (here, there) in [
            (self.ssh, 22),
            (self.http, HTTP_PORT),
            (self.imap, IMAP_PORT),
        ] {
            let _ = write!(network, ",hostfwd=tcp:{here}-:{there}");
        }
        network
    }
}

/// A running emulator; dropping it ends it, and so does the end of the thread that started it.
#[derive(Debug)]
pub(super) struct Emulator {
    process: Child,
    console: PathBuf,
}

impl Emulator {
    /// Starts it; what the machine says on its console goes into a file.
    ///
    /// # Errors
    /// Where a program is missing.
    pub(super) fn start(
        disk: &Disk,
        keys: &Path,
        ports: &Forwarded,
        console: &Path,
    ) -> Result<Self, MachineError> {
        let mut command = Command::new("setpriv");
        // A rehearsal that is killed takes the machine with it.
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
        command.args(processors(disk, console)).args(["-smp", "2"]);
        command.args(["-m", &MEMORY_MEBIBYTES.to_string()]);
        command.args(["-nodefaults", "-no-user-config", "-display", "none"]);
        command.args(["-monitor", "none", "-no-reboot"]);
        // What the machine writes goes into a file that has no name any more.
        command.arg("-snapshot");
        command.arg("-kernel").arg(&disk.kernel);
        command.arg("-initrd").arg(&disk.first_files);
        command.args(["-append", "root=/dev/vda rw console=ttyS0 quiet"]);
        for (path, more) in [(disk.system.as_path(), ""), (keys, ",readonly=on")] {
            command.arg("-drive").arg(drive(path, more));
        }
        command.args(["-netdev", &ports.network()]);
        command.args(["-device", "virtio-net-pci,netdev=front"]);
        command.args(["-device", "virtio-rng-pci"]);
        let mut serial = OsString::from("file:");
        serial.push(console);
        command.arg("-serial").arg(serial);
        let started = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let process = started.map_err(|cause| MachineError::NoProgram {
            program: "setpriv",
            package: "util-linux",
            cause,
        })?;
        Ok(Self {
            process,
            console: console.to_owned(),
        })
    }

    /// Says why it ended, where it has.
    ///
    /// # Errors
    /// [`MachineError::NotUp`] with what it said last.
    pub(super) fn must_run(&mut self) -> Result<(), MachineError> {
        let Some(status) = self.process.try_wait()? else {
            return Ok(());
        };
        let said = self.process.stderr.take().map(std::io::read_to_string);
        let said = said.transpose()?.unwrap_or_default();
        let reason = format!(
            "the emulator ended with {status}: {} (package qemu-system-x86)",
            said.trim()
        );
        Err(MachineError::NotUp(reason))
    }

    /// What the machine said last.
    pub(super) fn last_words(&self) -> String {
        let console = fs::read(&self.console).unwrap_or_default();
        let text = String::from_utf8_lossy(&console);
        let last: Vec<&str> = text.lines().rev().take(3).collect();
        last.join(" / ")
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // One that ended by itself makes both fail.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Emulated by software, as everywhere.
const BY_SOFTWARE: [&str; 4] = ["-accel", "tcg,thread=multi", "-cpu", "max"];

/// With help of the hardware.
const BY_HARDWARE: [&str; 4] = ["-accel", "kvm", "-cpu", "host"];

/// What a kernel says first, and how long one with that help may take for it.
const FIRST_WORD: &str = "Linux version";
const FIRST_WORD_MAX: Duration = Duration::from_secs(15);

/// What the processors are made of.  That the device for hardware help is there says nothing: behind it a kernel may never begin,
/// so that is tried, once.
fn processors(disk: &Disk, console: &Path) -> [&'static str; 4] {
    static CHOSEN: OnceLock<[&str; 4]> = OnceLock::new();
    *CHOSEN.get_or_init(|| {
        let device = fs::File::options().read(true).write(true).open("/dev/kvm");
        if device.is_ok() && speaks(disk, &console.with_extension("trial")) {
            BY_HARDWARE
        } else {
            BY_SOFTWARE
        }
    })
}

/// Whether a kernel begins on the hardware; what cannot be tried does not.
fn speaks(disk: &Disk, console: &Path) -> bool {
    let mut serial = OsString::from("file:");
    serial.push(console);
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]);
    command.args(BY_HARDWARE).args(["-m", "512", "-nodefaults"]);
    command.args(["-display", "none", "-monitor", "none", "-no-reboot"]);
    command.arg("-kernel").arg(&disk.kernel);
    command.args(["-append", "console=ttyS0 earlyprintk=ttyS0"]);
    command.arg("-serial").arg(serial);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let Ok(mut trial) = command.spawn() else {
        return false;
    };
    let began = Instant::now();
    let mut has_spoken = false;
    while !has_spoken && began.elapsed() < FIRST_WORD_MAX && matches!(trial.try_wait(), Ok(None)) {
        std::thread::sleep(Duration::from_millis(200));
        // What loads it speaks before, on any processor.
        let said = fs::read(console).unwrap_or_default();
        has_spoken = String::from_utf8_lossy(&said).contains(FIRST_WORD);
    }
    // One that ended by itself makes both fail.
    let _ = trial.kill();
    let _ = trial.wait();
    has_spoken
}

fn drive(path: &Path, more: &str) -> OsString {
    let mut drive = OsString::from("format=raw,if=virtio");
    drive.push(more);
    // A comma in a name is written twice (qemu(1)).
    let name = path.to_string_lossy().replace(',', ",,");
    drive.push(format!(",file={name}"));
    drive
}
