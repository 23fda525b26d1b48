//! How much memory a program and all that it started have at the same time.

use std::collections::BTreeMap;
use std::fs;
use std::process::{Child, Output};
use std::time::Duration;

const BETWEEN_LOOKS: Duration = Duration::from_millis(500);

/// Waits for a program; gives what it said, and how much memory it and its descendants had at most, in kibibytes: what
/// several of them share is counted once.
pub(crate) fn wait_and_watch(child: Child) -> (Output, u64) {
    let pid = child.id();
    let waiting = std::thread::spawn(|| child.wait_with_output().expect("an end"));
    let mut most = 0;
    while !waiting.is_finished() {
        most = most.max(kibibytes_below(pid));
        std::thread::sleep(BETWEEN_LOOKS);
    }
    (waiting.join().expect("waited"), most)
}

fn kibibytes_below(pid: u32) -> u64 {
    let parents = parents();
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(
            parents
                .iter()
                .filter(|(_, of)| **of == parent)
                .map(|(pid, _)| pid),
        );
        next += 1;
    }
    family.into_iter().map(proportional_kibibytes).sum()
}

/// The parent of each process.
fn parents() -> BTreeMap<u32, u32> {
    let entries = fs::read_dir("/proc").expect("listed").flatten();
    let parent = |entry: fs::DirEntry| {
        let pid = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        // Behind the name, which may hold anything, come the state and the parent.
        let parent = stat.rsplit(") ").next()?.split(' ').nth(1)?.parse().ok()?;
        Some((pid, parent))
    };
    entries.filter_map(parent).collect()
}

/// What the kernel counts for a process, its share of what it shares; nothing for one that has just ended.
fn proportional_kibibytes(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let mut lines = text.lines();
    let line = lines.find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}
