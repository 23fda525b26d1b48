//! Processes, found by the words that they were started with.

use std::path::Path;
use std::{fs, io};

use protocol::Process;

/// The process that was started as `PROGRAM … @STARTUP …`; none where there is none.
///
/// # Errors
/// Where the processes of others cannot be seen.
pub(super) fn agent(program: &Path, startup: &Path) -> io::Result<Option<Process>> {
    let program = program.as_os_str().as_encoded_bytes();
    let wanted = [b"@", startup.as_os_str().as_encoded_bytes()].concat();
    find(|line| is_agent(line, program, &wanted))
}

/// A process with this file among its words; none where there is none.
///
/// # Errors
/// As [`agent`].
pub(super) fn command(file: &Path) -> io::Result<Option<Process>> {
    let wanted = file.as_os_str().as_encoded_bytes();
    find(|line| line.split(|&byte| byte == 0).any(|word| word == wanted))
}

/// The first process whose command, with a zero byte behind each word, is one that is looked for.
fn find(is_it: impl Fn(&[u8]) -> bool) -> io::Result<Option<Process>> {
    // Where the system hides the processes of others, the first one is hidden as well.
    fs::read("/proc/1/cmdline")?;
    for entry in fs::read_dir("/proc")? {
        let entry = entry?;
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok())
        else {
            continue;
        };
        let folder = entry.path();
        // Processes come and go while they are looked at.
        let Ok(line) = fs::read(folder.join("cmdline")) else {
            continue;
        };
        if !is_it(&line) {
            continue;
        }
        if let Some(uid) = effective_user(&folder) {
            return Ok(Some(Process { pid, uid }));
        }
    }
    Ok(None)
}

fn is_agent(line: &[u8], program: &[u8], startup: &[u8]) -> bool {
    let mut words = line.split(|&byte| byte == 0);
    words.next() == Some(program) && words.any(|word| word == startup)
}

/// As whom it runs: from its status, because the owner of the folder is root where a program has capabilities.
fn effective_user(folder: &Path) -> Option<u32> {
    let status = fs::read_to_string(folder.join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_agent_is_told_from_what_only_mentions_it() {
        let program = "/opt/gw/bin/gwpoa";
        for (line, expected) in [
            ("/opt/gw/bin/gwpoa\0@/s/sales.poa\0--x\0", true),
            ("/opt/gw/bin/gwpoa\0--x\0@/s/sales.poa\0", true),
            ("/opt/gw/bin/gwpoa\0@/s/sales2.poa\0", false),
            ("/bin/sh\0/etc/init.d/grpwise\0@/s/sales.poa\0", false),
            ("setpriv\0/opt/gw/bin/gwpoa\0@/s/sales.poa\0", false),
            ("", false),
        ] {
            assert_eq!(
                is_agent(line.as_bytes(), program.as_bytes(), b"@/s/sales.poa"),
                expected,
                "{line:?}"
            );
        }
    }

    #[test]
    fn as_whom_this_process_runs_is_known() {
        let uid = effective_user(Path::new("/proc/self")).expect("a user");
        let folder = fs::metadata("/proc/self").expect("there");
        assert_eq!(uid, std::os::unix::fs::MetadataExt::uid(&folder));
    }
}
