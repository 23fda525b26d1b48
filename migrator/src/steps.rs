//! What each step of the table ([`protocol::Step`]) does.

use protocol::Step;

use crate::controller::{Controller, StepError, StepOutcome};

pub mod checklist;
pub mod connect;
pub mod convert_guardian;
pub mod copy_certificates;
pub mod copy_software;
pub mod create_folders;
pub(crate) mod gwcheck;
pub mod identify_documents;
pub mod install_utility;
pub(crate) mod job_folder;
pub mod life;
pub mod mount_source;
pub(crate) mod places;
pub mod probe;
pub mod run_as_user;
pub(crate) mod secrets;
pub mod source_poa;
pub mod start_poa;
pub mod start_test_poa;
pub mod system_files;
pub mod test_mailbox;
pub(crate) mod trees;

pub(crate) mod poa;

/// Runs steps of the table, in the order in which they are given.
///
/// # Errors
/// What stopped one of them; it has been journaled and shown, and those behind it are not begun.
pub(crate) async fn run(controller: &mut Controller, steps: &[Step]) -> Result<(), StepError> {
    for &step in steps {
        controller
            .step(step, async |controller| function(step, controller).await)
            .await?;
    }
    Ok(())
}

/// The function of a step.
///
/// # Errors
/// What stops the step.
async fn function(step: Step, controller: &mut Controller) -> Result<StepOutcome, StepError> {
    match step {
        Step::Connect => connect::run(controller).await,
        Step::MountSource => places::mount_source(controller).await,
        Step::CreateFolders => create_folders::run(controller).await,
        Step::InstallUtility => install_utility::run(controller).await,
        Step::CopySoftware => copy_software::run(controller).await,
        Step::CopyData => trees::copy_data(controller).await,
        Step::ProveData => trees::prove_data(controller).await,
        Step::CopyCertificates => copy_certificates::run(controller).await,
        Step::IdentifyDocuments => identify_documents::run(controller).await,
        Step::StartTestPoa => start_test_poa::run(controller).await,
        Step::CleanUp => job_folder::clean_up(controller).await,
        Step::TestMailbox => test_mailbox::run(controller).await,
        Step::StopTestPoa => poa::stop_test_poa(controller).await,
        Step::Checklist => checklist::run(controller).await,
        Step::ProveAtRest => trees::prove_at_rest(controller).await,
        Step::CopyModified => trees::copy_modified(controller).await,
        Step::Lowercase => trees::lowercase(controller).await,
        Step::LowercaseGuardian => convert_guardian::run(controller).await,
        Step::CopyQueues => trees::copy_queues(controller).await,
        Step::Seal => trees::seal(controller).await,
        Step::DeleteSoftware => job_folder::delete_software(controller).await,
        Step::Unmount => mount_source::unmount_all(controller).await,
        Step::RunAsUser => run_as_user::run(controller).await,
        Step::StartPoa => start_poa::run(controller).await,
    }
}
