//! The options of the mounts, each with its reason: one table for each kind, from which its plan is made.

use std::fmt::Write as _;

use serde::Serialize;

use super::{cifs, ncp, nfs, rclone};

/// An option of a mount program, and why it is given, or is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct MountOption {
    /// As the program takes it; a value of its own stands behind a blank.
    pub option: &'static str,
    /// The reason, in a sentence without a full stop.
    pub why: &'static str,
}

/// The options of one kind of mount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct OptionTable {
    /// What the worksheet says to get this kind.
    pub kind: &'static str,
    /// The command, with its options as one word.
    pub command: &'static str,
    /// Those that are always given, in their order.
    pub given: &'static [MountOption],
    /// Those whose value depends on the job.
    pub of_job: &'static [MountOption],
    /// Those that are not given, because of what the program does by itself, or because they would do harm.
    pub left_out: &'static [MountOption],
}

/// The tables of all kinds that are mounted.
pub const OPTION_TABLES: [OptionTable; 4] =
    [cifs::OPTIONS, rclone::OPTIONS, ncp::OPTIONS, nfs::OPTIONS];

/// An option with its reason.
pub(super) const fn option(option: &'static str, why: &'static str) -> MountOption {
    MountOption { option, why }
}

/// What keeps a mount from doing anything but being read, whoever made the files that are in it.
pub(super) const NO_SUID: MountOption = option(
    "nosuid",
    "a program of the old server never gets another user's rights here",
);
pub(super) const NO_DEVICES: MountOption =
    option("nodev", "nothing of the old server opens a device here");
pub(super) const NO_PROGRAMS: MountOption =
    option("noexec", "nothing of the old server is run here");

impl OptionTable {
    /// The words of the options that are always given.
    pub(super) fn words(&self) -> impl Iterator<Item = &'static str> + use<> {
        let given = self.given.iter();
        given.flat_map(|one| one.option.split(' '))
    }
}

/// All tables, for people.
pub fn explain() -> String {
    let mut text = String::new();
    for table in OPTION_TABLES {
        let _ = writeln!(text, "{}\n  {}", table.kind, table.command);
        for (title, options) in [
            ("given", table.given),
            ("given, with what the job has", table.of_job),
            ("not given", table.left_out),
        ] {
            if !options.is_empty() {
                let _ = writeln!(text, "  {title}:");
            }
            for one in options {
                let _ = writeln!(text, "    {:<26} {}", one.option, one.why);
            }
        }
        text.push('\n');
    }
    text.push_str(
        "kind = \"mounted\"\n  nothing is mounted; `check` says whether what is there is read-only, and each look asks the server, past what is cached\n\n\
         What `options` of a share in the worksheet says stands behind these, where it wins.",
    );
    text
}
