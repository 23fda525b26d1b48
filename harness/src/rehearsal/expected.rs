//! What the commands of a rehearsal find although all is well.

use super::CommandRun;
use super::outcome::AGENT_MISSES_SOMETHING;
use crate::back_end::BackEnd;

/// Findings that a simulated post office gives on purpose, or that this version of the migrator always has.
pub const EXPECTED_FINDINGS: &[&str] = &[
    // Names outside ASCII, which mixed-case post offices have.
    "name-kept",
    // The startup file of the source names an address of its server.
    "startup-file-path",
    // Items that stand in a queue since long ago.
    "stale-queue-items",
    // The POA of the source begins to work when the check is over.
    "source-poa",
];

/// What is expected of one command on a back end.
pub(super) fn expected_findings(back_end: BackEnd, run: &CommandRun) -> Vec<&'static str> {
    let has_share = back_end.has_share();
    let has_fuse = back_end == BackEnd::Containers;
    let sets = [
        (true, EXPECTED_FINDINGS),
        (has_fuse, FINDINGS_THROUGH_FUSE),
        (run.while_users_worked, FINDINGS_WHILE_USERS_WORK),
        (
            has_share && run.while_users_worked,
            FINDINGS_THROUGH_A_SHARE_WHILE_USERS_WORK,
        ),
    ];
    let expected = sets.into_iter().filter(|(holds, _)| *holds);
    expected.flat_map(|(_, codes)| codes).copied().collect()
}

/// What a share gives that is mounted through FUSE.
const FINDINGS_THROUGH_FUSE: &[&str] = &["locks-shared"];

/// What a pass finds besides while users work: it leaves to the next one what it could not have whole.
const FINDINGS_WHILE_USERS_WORK: &[&str] = &["database-deferred", "kept-changing"];

/// The same where the source is seen through a share, late and without locks.
const FINDINGS_THROUGH_A_SHARE_WHILE_USERS_WORK: &[&str] = &[
    // A file that grows while it is read.
    "source-unreadable",
    // A database that was left to the next pass, and that the guardian names.
    AGENT_MISSES_SOMETHING,
];
