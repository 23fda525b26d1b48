//! The process of an agent, found by its program and its startup file.

use std::fs;
use std::path::Path;

use serde::Serialize;

/// A running agent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Process {
    /// Its number.
    pub(super) pid: u32,
    /// The user that it runs as.
    pub(super) uid: u32,
}

/// The process that was started as `PROGRAM … @STARTUP …`; none where there is none.
pub(super) fn find_process(program: &str, startup: &str) -> Option<Process> {
    let wanted = format!("@{startup}");
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let folder = entry.path();
        // Processes come and go while they are looked at.
        let line = fs::read(folder.join("cmdline")).ok()?;
        is_agent(&line, program, &wanted).then_some(())?;
        let uid = effective_user(&folder)?;
        Some(Process { pid, uid })
    })
}

fn is_agent(line: &[u8], program: &str, startup: &str) -> bool {
    let mut words = line.split(|&byte| byte == 0);
    words.next() == Some(program.as_bytes()) && words.any(|word| word == startup.as_bytes())
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
                is_agent(line.as_bytes(), program, "@/s/sales.poa"),
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
