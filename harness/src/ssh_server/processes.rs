//! Finding again what a server started, even where it detached itself.
//!
//! Every command gets a variable in its environment whose value no other run has; its children inherit it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal, kill_process};

/// The name of the variable.
pub(super) const VARIABLE: &str = "GWREHEARSE_SSH_SERVER";

/// How often the processes are looked for until none is left.
const ROUNDS_MAX: u32 = 100;

/// The time between two such rounds.
const PAUSE: Duration = Duration::from_millis(20);

/// What marks the processes of one server.
#[derive(Debug)]
pub(super) struct Mark(String);

impl Mark {
    pub(super) fn new() -> Self {
        static COUNTER: AtomicU64 = AtomicU64::new(0);
        let count = COUNTER.fetch_add(1, Ordering::Relaxed);
        let moment = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default()
            .as_nanos();
        Self(format!("{}-{count}-{moment:x}", std::process::id()))
    }

    /// The variable's value.
    pub(super) fn value(&self) -> &str {
        &self.0
    }

    /// The processes that carry the mark and are no zombies.
    pub(super) fn processes(&self) -> Vec<Pid> {
        let entry = format!("{VARIABLE}={}", self.0).into_bytes();
        let Ok(folders) = std::fs::read_dir("/proc") else {
            return Vec::new();
        };
        folders
            .filter_map(|folder| folder.ok()?.file_name().to_str()?.parse().ok())
            .filter(|number| {
                // The environment of a zombie is empty, and that of another user's process cannot be read.
                std::fs::read(format!("/proc/{number}/environ")).is_ok_and(|environment| {
                    environment
                        .split(|&byte| byte == 0)
                        .any(|item| item == entry)
                })
            })
            .filter_map(Pid::from_raw)
            .collect()
    }

    /// Ends them all; more than one round is needed where one is just starting another.
    pub(super) async fn end_all(&self) {
        for _ in 0..ROUNDS_MAX {
            let processes = self.processes();
            if processes.is_empty() {
                return;
            }
            for process in processes {
                let _ = kill_process(process, Signal::KILL);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
