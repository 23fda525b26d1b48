//! The steps of a migration, as data: their names, their order, and the part of the migration that each belongs to.
//!
//! `gwmigrate status` prints the list.

use serde::{Deserialize, Serialize};

/// The part of a migration that a step belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
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
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // Each is documented by its row in `Step::row`.
pub enum Step {
    Connect,
    MountSource,
    CreateFolders,
    InstallUtility,
    CopySoftware,
    CopyData,
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

struct Row {
    name: &'static str,
    title: &'static str,
    stage: Stage,
}

impl Step {
    /// All steps, in their order.
    pub const ALL: [Self; 23] = [
        Self::Connect,
        Self::MountSource,
        Self::CreateFolders,
        Self::InstallUtility,
        Self::CopySoftware,
        Self::CopyData,
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

    /// Whether it may leave something at the destination.
    pub fn changes_destination(self) -> bool {
        !matches!(self, Self::Connect | Self::MountSource)
    }

    /// The step with this name in the journal.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    fn row(self) -> Row {
        use Stage::{After, Between, StageOne, StageTwo};
        let row = |name, title, stage| Row { name, title, stage };
        match self {
            Self::Connect => row("connect", "connect", StageOne),
            Self::MountSource => row("mount-source", "mount source", StageOne),
            Self::CreateFolders => row("create-folders", "create folders", StageOne),
            Self::InstallUtility => row("install-utility", "install utility", StageOne),
            Self::CopySoftware => row("copy-software", "copy POA software", StageOne),
            Self::CopyData => row("copy-data", "copy data", StageOne),
            Self::CopyCertificates => row("copy-certificates", "copy certificates", StageOne),
            Self::IdentifyDocuments => {
                row("identify-documents", "identify document storage", StageOne)
            }
            Self::StartTestPoa => row("start-test-poa", "install, configure, start POA", StageOne),
            Self::CleanUp => row("clean-up", "clean up", StageOne),
            Self::TestMailbox => row("test-mailbox", "test mailbox", Between),
            Self::StopTestPoa => row("stop-test-poa", "stop Linux POA", Between),
            Self::Checklist => row("checklist", "manual checklist", Between),
            Self::ProveAtRest => row("prove-at-rest", "prove the source is at rest", StageTwo),
            Self::CopyModified => row("copy-modified", "copy modified data", StageTwo),
            Self::Lowercase => row("lowercase", "lowercase", StageTwo),
            Self::LowercaseGuardian => row("lowercase-guardian", "lowercase guardian", StageTwo),
            Self::CopyQueues => row("copy-queues", "copy message queues", StageTwo),
            Self::Seal => row("seal", "seal", StageTwo),
            Self::DeleteSoftware => row("delete-software", "delete software copy", StageTwo),
            Self::Unmount => row("unmount", "unmount", StageTwo),
            Self::RunAsUser => row("run-as-user", "run as non-root", After),
            Self::StartPoa => row("start-poa", "start POA", After),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_found_again() {
        for step in Step::ALL {
            assert_eq!(Step::from_name(step.name()), Some(step));
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
}
