//! What the kernel of the destination said while something was mounted: the program that mounts passes on a number, and often
//! only the kernel's log has the reason.
//!
//! Not everybody may read that log, and not every system has `dmesg`; then nothing more is known, and the mount is told as it was.

use std::time::{Duration, Instant};

use postoffice::names::printable;

use crate::remote::{Privilege, Remote, RemoteCommand, RemoteError};

/// How many lines are told, the last ones, and how long each may be, in characters.
const LINES_MAX: usize = 4;
const LINE_MAX: usize = 200;

/// How far the clock of the log may be from that of `/proc/uptime`.
const ALLOWANCE: Duration = Duration::from_secs(2);

/// What is in the log of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum KernelLog {
    /// These lines, printable.
    Said(Vec<String>),
    /// Nothing.
    Silent,
    /// It may not be read here, or is kept in another form.
    NotReadable,
}

impl KernelLog {
    /// What the program said, and what the log has on top.
    pub(super) fn added_to(&self, said: &str) -> String {
        match self {
            Self::Said(lines) => format!("{said}; `dmesg` there says: {}", lines.join("; ")),
            Self::Silent | Self::NotReadable => said.to_owned(),
        }
    }
}

/// Reads what the clients for these file systems said since `began`.
///
/// # Errors
/// What the connection says; that the log may not be read is no error.
pub(super) async fn read(
    remote: &Remote,
    privilege: Privilege,
    file_systems: &[&str],
    began: Instant,
) -> Result<KernelLog, RemoteError> {
    let words = words_of(file_systems);
    if words.is_empty() {
        return Ok(KernelLog::Silent);
    }
    let uptime = RemoteCommand::new("cat").argument("/proc/uptime");
    let uptime = remote.run(&uptime, Vec::new()).await?;
    let log = RemoteCommand::new("dmesg").privileged(privilege);
    let log = remote.run(&log, Vec::new()).await?;
    let now = String::from_utf8_lossy(&uptime.stdout);
    let now = now
        .split(' ')
        .next()
        .and_then(|now| now.parse::<f64>().ok());
    let (Some(now), true) = (now, log.status.is_success()) else {
        return Ok(KernelLog::NotReadable);
    };
    let since = now - (began.elapsed() + ALLOWANCE).as_secs_f64();
    Ok(lines_since(&log.stdout, words, since))
}

/// The words that lines of the clients for these file systems have, in lower case.
fn words_of(file_systems: &[&str]) -> &'static [&'static str] {
    match file_systems.first() {
        Some(&"cifs") => &["cifs", "smb"],
        Some(&"nfs") => &["nfs", "rpc", "lockd"],
        Some(&"ncpfs") => &["ncp"],
        // What is not the kernel's own has no lines of its own.
        _ => &[],
    }
}

/// Lines as `[  198.686037] CIFS: VFS: ...`, with one of the words, not older than `since` in seconds from the start of the
/// machine.
fn lines_since(log: &[u8], words: &[&str], since: f64) -> KernelLog {
    let mut has_times = false;
    let mut said: Vec<String> = Vec::new();
    for line in log.split(|&byte| byte == b'\n') {
        let line = String::from_utf8_lossy(line);
        let timed = line
            .strip_prefix('[')
            .and_then(|rest| rest.split_once("] "));
        let Some((Ok(time), text)) = timed.map(|(time, text)| (time.trim().parse::<f64>(), text))
        else {
            continue;
        };
        has_times = true;
        let lower = text.to_ascii_lowercase();
        if time >= since && words.iter().any(|word| lower.contains(word)) {
            let short: String = text.chars().take(LINE_MAX).collect();
            said.push(printable(short.as_bytes()));
        }
    }
    said.dedup();
    match (has_times, said.len()) {
        (false, _) => KernelLog::NotReadable,
        (true, 0) => KernelLog::Silent,
        (true, many) => KernelLog::Said(said.split_off(many.saturating_sub(LINES_MAX))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Linux 6.1 wrote it.
    const LOG: &[u8] = b"[    0.000000] Linux version 6.1.0-42-amd64\n\
        [   98.686037] CIFS: Attempting to mount \\\\source\\groupwise\n\
        [  198.686037] CIFS: Attempting to mount \\\\source\\groupwise\n\
        [  199.283175] usb 1-1: new device\n\
        [  200.330333] CIFS: VFS: cifs_mount failed w/return code = -112\n";

    #[test]
    fn the_lines_of_this_mount_and_no_others_are_told() {
        let log = lines_since(LOG, words_of(&["cifs"]), 190.0);
        assert_eq!(
            log.added_to("mount error(112): Host is down"),
            "mount error(112): Host is down; `dmesg` there says: CIFS: Attempting to mount \\x5c\\x5csource\\x5cgroupwise; \
             CIFS: VFS: cifs_mount failed w/return code = -112"
        );
        assert_eq!(
            lines_since(LOG, words_of(&["cifs"]), 201.0),
            KernelLog::Silent
        );
        assert_eq!(
            lines_since(LOG, words_of(&["nfs", "nfs4"]), 0.0),
            KernelLog::Silent
        );
        assert_eq!(KernelLog::Silent.added_to("as it was"), "as it was");
    }

    #[test]
    fn a_log_without_times_or_of_any_size_is_no_trouble() {
        assert_eq!(
            lines_since(b"cifs: no time\n", &["cifs"], 0.0),
            KernelLog::NotReadable
        );
        let long = format!("[    1.000000] cifs: \u{1b}[2J{}\n", "x".repeat(5_000));
        let lines = (0..100).map(|number| format!("[    2.000000] cifs: {number}\n"));
        let many = lines.collect::<Vec<_>>().concat();
        let KernelLog::Said(lines) = lines_since(long.as_bytes(), &["cifs"], 0.0) else {
            panic!("nothing was said");
        };
        assert!(
            lines[0].len() < 300 && !lines[0].contains('\u{1b}'),
            "{lines:?}"
        );
        let KernelLog::Said(lines) = lines_since(many.as_bytes(), &["cifs"], 0.0) else {
            panic!("nothing was said");
        };
        assert_eq!((lines.len(), lines[3].as_str()), (LINES_MAX, "cifs: 99"));
    }
}
