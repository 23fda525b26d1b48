//! The steps of a migration, as data: their names, their order, what "done" means, and how to go back.
//!
//! The list is the one of DESIGN section 2; `gwmigrate status` prints it.

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    back: &'static str,
}

const NOTHING_CHANGED: &str = "Nothing was changed; there is nothing to go back from";
const SOURCE_UNTOUCHED: &str =
    "The source is untouched and users work on it; `gwmigrate abandon` removes the copy";
const OLD_POA: &str = "To go back, start the POA at the source again; the source is untouched";

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

    /// How to go back when the migration stops at this step.
    pub fn back(self) -> &'static str {
        self.row().back
    }

    /// The step with this name in the journal.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.name() == name)
    }

    fn row(self) -> Row {
        use Stage::{After, Between, StageOne, StageTwo};
        let row = |name, title, stage, back| Row {
            name,
            title,
            stage,
            back,
        };
        match self {
            Self::Connect => row("connect", "connect", StageOne, NOTHING_CHANGED),
            Self::MountSource => row("mount-source", "mount source", StageOne, NOTHING_CHANGED),
            Self::CreateFolders => row(
                "create-folders",
                "create folders",
                StageOne,
                SOURCE_UNTOUCHED,
            ),
            Self::InstallUtility => row(
                "install-utility",
                "install utility",
                StageOne,
                SOURCE_UNTOUCHED,
            ),
            Self::CopySoftware => row(
                "copy-software",
                "copy POA software",
                StageOne,
                SOURCE_UNTOUCHED,
            ),
            Self::CopyData => row("copy-data", "copy data", StageOne, SOURCE_UNTOUCHED),
            Self::CopyCertificates => row(
                "copy-certificates",
                "copy certificates",
                StageOne,
                SOURCE_UNTOUCHED,
            ),
            Self::IdentifyDocuments => row(
                "identify-documents",
                "identify document storage",
                StageOne,
                SOURCE_UNTOUCHED,
            ),
            Self::StartTestPoa => row(
                "start-test-poa",
                "install, configure, start POA",
                StageOne,
                SOURCE_UNTOUCHED,
            ),
            Self::CleanUp => row("clean-up", "clean up", StageOne, SOURCE_UNTOUCHED),
            Self::TestMailbox => row("test-mailbox", "test mailbox", Between, SOURCE_UNTOUCHED),
            Self::StopTestPoa => row("stop-test-poa", "stop Linux POA", Between, SOURCE_UNTOUCHED),
            Self::Checklist => row("checklist", "manual checklist", Between, OLD_POA),
            Self::ProveAtRest => row(
                "prove-at-rest",
                "prove the source is at rest",
                StageTwo,
                OLD_POA,
            ),
            Self::CopyModified => row("copy-modified", "copy modified data", StageTwo, OLD_POA),
            Self::Lowercase => row("lowercase", "lowercase", StageTwo, OLD_POA),
            Self::LowercaseGuardian => row(
                "lowercase-guardian",
                "lowercase guardian",
                StageTwo,
                OLD_POA,
            ),
            Self::CopyQueues => row("copy-queues", "copy message queues", StageTwo, OLD_POA),
            Self::Seal => row("seal", "seal", StageTwo, OLD_POA),
            Self::DeleteSoftware => {
                row("delete-software", "delete software copy", StageTwo, OLD_POA)
            }
            Self::Unmount => row("unmount", "unmount", StageTwo, OLD_POA),
            Self::RunAsUser => row("run-as-user", "run as non-root", After, OLD_POA),
            Self::StartPoa => row(
                "start-poa",
                "start POA",
                After,
                "To go back, stop the Linux POA, then start the POA at the source again; mail that arrived at the \
                 Linux POA meanwhile is only there",
            ),
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
