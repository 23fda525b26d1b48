//! `gwmigrate stage-one`: everything that can be done while users work; may be repeated.

use super::keep;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps;
pub use crate::steps::install_utility::Words;
use protocol::Step;

/// Runs stage one.
pub async fn run(controller: &mut Controller, words: &Words) -> CommandOutcome {
    let outcome = steps_of(controller, words).await;
    keep::end(controller, "stage-one", outcome).await
}

async fn steps_of(controller: &mut Controller, words: &Words) -> Result<(), StepError> {
    controller.step(Step::Connect, steps::connect::run).await?;
    // Before anything is written, and again when what is mounted can be seen.
    steps::places::require_apart(controller).await?;
    controller
        .step(Step::MountSource, steps::mount_source::run)
        .await?;
    steps::places::require_apart(controller).await?;
    controller
        .step(Step::CreateFolders, steps::create_folders::run)
        .await?;
    controller
        .step(Step::InstallUtility, async |controller| {
            steps::install_utility::run(controller, words).await
        })
        .await?;
    // A port that was seen open is known to be closed later.
    steps::source_poa::look(controller).await?;
    steps::copy_certificates::look(controller).await?;
    controller
        .step(Step::CopySoftware, steps::copy_software::run)
        .await?;
    controller
        .step(Step::CopyData, steps::copy_data::run)
        .await?;
    controller
        .step(Step::CopyCertificates, steps::copy_certificates::run)
        .await?;
    controller
        .step(Step::IdentifyDocuments, steps::identify_documents::run)
        .await?;
    controller
        .step(Step::StartTestPoa, steps::start_test_poa::run)
        .await?;
    controller.step(Step::CleanUp, steps::clean_up::run).await
}
