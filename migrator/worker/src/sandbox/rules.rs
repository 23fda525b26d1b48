//! Landlock: files only below the opened folders, no TCP, no signals and no abstract sockets of other processes.
//!
//! Source: the kernel's `userspace-api/landlock`.  The newest rules known here are asked for and the kernel takes
//! those that it knows.
//!
//! The job folder has the worker that the next command runs as root, and the store.  Nothing in it can be opened by
//! name, not even to be read, because a handle for reading is enough for some changes; nothing can be removed or
//! renamed.  What is finished can be moved into it out of the quarantine, where no such name is (`seal.json`).  SQLite
//! has its files open already; that it cannot remove its write-ahead log at the end does no harm, the next command does.

use std::os::fd::AsFd as _;

use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, PathBeneath, Ruleset,
    RulesetAttr as _, RulesetCreated, RulesetCreatedAttr as _, RulesetError, RulesetStatus, Scope,
};

use crate::capabilities::Capabilities;
use crate::error::{Result, WorkerError};

const NEWEST: ABI = ABI::V6;

pub(super) fn restrict(capabilities: &Capabilities) -> Result<String> {
    let status = build(capabilities)
        .and_then(RulesetCreated::restrict_self)
        .map_err(|error| WorkerError::Sandbox {
            text: error.to_string(),
        })?;
    Ok(match status.ruleset {
        RulesetStatus::FullyEnforced => "full",
        RulesetStatus::PartiallyEnforced => "partial",
        RulesetStatus::NotEnforced => "none",
    }
    .to_owned())
}

fn build(capabilities: &Capabilities) -> Result<RulesetCreated, RulesetError> {
    let mut rules = Ruleset::default()
        // A kernel whose Landlock cannot tell renamings between folders forbids them all, and quarantine and queues
        // live by them: it is treated as one without Landlock.
        .set_compatibility(CompatLevel::SoftRequirement)
        .handle_access(AccessFs::Refer)?
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(NEWEST))?
        .handle_access(AccessNet::from_all(NEWEST))?
        .scope(Scope::from_all(NEWEST))?
        .create()?;
    // Executing is not needed even where reading is.
    let read = AccessFs::from_read(NEWEST) & !AccessFs::Execute;
    let write = AccessFs::from_all(NEWEST) & !AccessFs::Execute;
    for folder in capabilities.read_only() {
        rules = rules.add_rule(PathBeneath::new(folder.as_fd(), read))?;
    }
    for folder in capabilities.written() {
        rules = rules.add_rule(PathBeneath::new(folder.as_fd(), write))?;
    }
    let take_in = AccessFs::MakeReg | AccessFs::Refer;
    rules.add_rule(PathBeneath::new(capabilities.job.as_fd(), take_in))
}
