//! Capabilities: root's rights, but for those that the task needs.
//!
//! Source: `capabilities(7)`.  What is given up cannot come back: the bounding set is emptied, so that not even another
//! program would get it, and no program gets new privileges.

use rustix::io::Errno;
use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_bounding_set,
    clear_ambient_capability_set, remove_capability_from_bounding_set, set_capabilities,
    set_no_new_privs,
};

use crate::error::{Result, WorkerError};
use protocol::Task;

/// Reading and writing what other users own, and setting its times.
const FILES: CapabilitySet = CapabilitySet::DAC_OVERRIDE
    .union(CapabilitySet::DAC_READ_SEARCH)
    .union(CapabilitySet::FOWNER);

/// What a task needs.
fn needed(task: &Task) -> CapabilitySet {
    match task {
        // Items that arrive later belong to the user of the agents, as their queues do.
        Task::Owner { .. } | Task::Queues { .. } => FILES.union(CapabilitySet::CHOWN),
        _ => FILES,
    }
}

/// Gives everything else up; says what is left.
pub(super) fn give_up(task: &Task) -> Result<String> {
    reduce(needed(task)).map_err(|errno| WorkerError::Sandbox {
        text: format!("capabilities could not be given up: {errno}"),
    })
}

fn reduce(needed: CapabilitySet) -> std::result::Result<String, Errno> {
    let held = capabilities(None)?;
    if held.effective.contains(CapabilitySet::SETPCAP) {
        empty_bounding_set()?;
    }
    set_no_new_privs(true)?;
    match clear_ambient_capability_set() {
        // A kernel that has no such set.
        Err(Errno::INVAL) => {}
        outcome => outcome?,
    }
    let left = CapabilitySets {
        effective: held.effective.intersection(needed),
        permitted: held.permitted.intersection(needed),
        inheritable: CapabilitySet::empty(),
    };
    set_capabilities(None, left)?;
    let names: Vec<String> = left
        .effective
        .iter_names()
        .map(|(name, _)| name.to_ascii_lowercase())
        .collect();
    Ok(if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(" ")
    })
}

fn empty_bounding_set() -> std::result::Result<(), Errno> {
    for number in 0..u64::BITS {
        let capability = CapabilitySet::from_bits_retain(1 << number);
        match capability_is_in_bounding_set(capability) {
            Ok(true) => remove_capability_from_bounding_set(capability)?,
            Ok(false) => {}
            // Beyond the last that this kernel knows.
            Err(Errno::INVAL) => break,
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}
