//! The steps of a migration, as a table: `gwmigrate status` prints it, and commands run slices of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Operation, Proof};

/// The part of a migration that a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// Users keep working.
    StageOne,
    /// The administrator tests and prepares.
    Between,
    /// Users are out.
    StageTwo,
    /// The post office lives at the destination.
    After,
}

impl Stage {
    /// The heading above the steps of this part.
    pub fn title(self) -> &'static str {
        match self {
            Self::StageOne => "Stage one: users keep working",
            Self::Between => "Between the stages",
            Self::StageTwo => "Stage two: users are out",
            Self::After => "After",
        }
    }

    /// Whether users are out meanwhile.
    pub fn is_without_users(self) -> bool {
        matches!(self, Self::StageTwo | Self::After)
    }
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs)] // Each is documented by its row in the table.
pub enum Step {
    Connect,
    MountSource,
    CreateFolders,
    InstallUtility,
    CopySoftware,
    CopyData,
    ProveData,
    CopyCertificates,
    IdentifyDocuments,
    StartTestPoa,
    CleanUp,
    TestMailbox,
    StopTestPoa,
    Checklist,
    ProveAtRest,
    CopyModified,
    Lowercase,
    LowercaseGuardian,
    CopyQueues,
    Seal,
    DeleteSoftware,
    Unmount,
    RunAsUser,
    StartPoa,
}

/// What a step changes, and so what undoes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Changes {
    /// Nothing that outlives the command, but for a mount.
    Nothing,
    /// The destination's system or the job folder; `gwmigrate abandon` undoes it.
    System,
    /// The trees at the destination; `gwmigrate abandon` undoes it, and what was proven of them is proven no longer.
    Trees(Operation),
    /// The destination serves users; only a person can say that nobody has worked there.
    Life,
}

/// A row of the table.
struct Row {
    /// The name in the journal and for scripts; it never changes.
    name: &'static str,
    title: &'static str,
    stage: Stage,
    changes: Changes,
    /// What is proven once it is done.
    proves: Option<Proof>,
}

/// The table, in the order of [`Step::ALL`].
#[rustfmt::skip]
const TABLE: [Row; Step::ALL.len()] = {
    use Changes::{Life, Nothing, System, Trees};
    use Stage::{After, Between, StageOne, StageTwo};
    const fn row(
        name: &'static str,
        title: &'static str,
        stage: Stage,
        changes: Changes,
        proves: Option<Proof>,
    ) -> Row {
        Row { name, title, stage, changes, proves }
    }
    [
        row("connect",            "connect",                       StageOne, Nothing,                       None),
        row("mount-source",       "mount source",                  StageOne, Nothing,                       None),
        row("create-folders",     "create folders",                StageOne, System,                        None),
        row("install-utility",    "install utility",               StageOne, Trees(Operation::CreateFolders), None),
        row("copy-software",      "copy POA software",             StageOne, System,                        None),
        row("copy-data",          "copy data",                     StageOne, Trees(Operation::Pass),        None),
        row("prove-data",         "prove data",                    StageOne, System,                        None),
        row("copy-certificates",  "copy certificates",             StageOne, System,                        None),
        row("identify-documents", "identify document storage",     StageOne, System,                        None),
        row("start-test-poa",     "install, configure, start POA", StageOne, Trees(Operation::Guardian),    None),
        row("clean-up",           "clean up",                      StageOne, System,                        None),
        row("test-mailbox",       "test mailbox",                  Between,  System,                        None),
        row("stop-test-poa",      "stop Linux POA",                Between,  System,                        None),
        row("checklist",          "manual checklist",              Between,  System,                        None),
        row("prove-at-rest",      "prove the source is at rest",   StageTwo, System,                        None),
        row("copy-modified",      "copy modified data",            StageTwo, Trees(Operation::Pass),        None),
        row("lowercase",          "lowercase",                     StageTwo, Trees(Operation::Lowercase),   Some(Proof::Names)),
        row("lowercase-guardian", "lowercase guardian",            StageTwo, Trees(Operation::Guardian),    Some(Proof::Guardian)),
        row("copy-queues",        "copy message queues",           StageTwo, Trees(Operation::Queues),      Some(Proof::Queues)),
        row("seal",               "seal",                          StageTwo, System,                        Some(Proof::Seal)),
        row("delete-software",    "delete software copy",          StageTwo, System,                        None),
        row("unmount",            "unmount",                       StageTwo, System,                        None),
        row("run-as-user",        "run as non-root",               After,    System,                        None),
        row("start-poa",          "start POA",                     After,    Life,                          None),
    ]
};

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 24] = [
        Self::Connect,
        Self::MountSource,
        Self::CreateFolders,
        Self::InstallUtility,
        Self::CopySoftware,
        Self::CopyData,
        Self::ProveData,
        Self::CopyCertificates,
        Self::IdentifyDocuments,
        Self::StartTestPoa,
        Self::CleanUp,
        Self::TestMailbox,
        Self::StopTestPoa,
        Self::Checklist,
        Self::ProveAtRest,
        Self::CopyModified,
        Self::Lowercase,
        Self::LowercaseGuardian,
        Self::CopyQueues,
        Self::Seal,
        Self::DeleteSoftware,
        Self::Unmount,
        Self::RunAsUser,
        Self::StartPoa,
    ];

    /// The steps from `first` to `last`, with both; a slice of the table.
    pub fn slice(first: Self, last: Self) -> &'static [Self] {
        const ALL: &[Step] = &Step::ALL;
        &ALL[first as usize..=last as usize]
    }

    /// The name in the journal; it never changes.
    pub fn name(self) -> &'static str {
        self.row().name
    }

    /// What it does, in words.
    pub fn title(self) -> &'static str {
        self.row().title
    }

    /// The part it belongs to.
    pub fn stage(self) -> Stage {
        self.row().stage
    }

    /// What it changes.
    pub fn changes(self) -> Changes {
        self.row().changes
    }

    /// What is proven once it is done, until an operation changes the trees again; none where it proves nothing.
    pub fn proves(self) -> Option<Proof> {
        self.row().proves
    }

    /// What is no longer proven once it has begun.
    pub fn invalidates(self) -> &'static [Proof] {
        match self.changes() {
            Changes::Trees(operation) => operation.invalidates(),
            Changes::Nothing | Changes::System | Changes::Life => &[],
        }
    }

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_that_of_its_step_and_names_are_those_that_cross_the_connection() {
        for (at, step) in Step::ALL.into_iter().enumerate() {
            assert_eq!(step as usize, at);
            let crossing = serde_json::to_value(step).expect("a text");
            assert_eq!(crossing, step.name());
        }
    }

    #[test]
    fn stages_do_not_interleave() {
        let mut stages: Vec<Stage> = Step::ALL.into_iter().map(Step::stage).collect();
        stages.dedup();
        assert_eq!(
            stages,
            [
                Stage::StageOne,
                Stage::Between,
                Stage::StageTwo,
                Stage::After
            ]
        );
    }

    #[test]
    fn no_step_of_stage_two_takes_a_proof_of_an_earlier_one() {
        let steps = Step::slice(Step::CopyModified, Step::Unmount);
        for (at, step) in steps.iter().enumerate() {
            for earlier in &steps[..at] {
                let proven = earlier.proves();
                let is_taken = proven.is_some_and(|proof| step.invalidates().contains(&proof));
                assert!(!is_taken, "{step} takes what {earlier} proves");
            }
        }
    }
}
