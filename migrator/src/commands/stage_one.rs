//! `gwmigrate stage-one`: everything that can be done while users work; may be repeated.

use super::keep;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::step::Step;
use crate::steps;

/// Runs stage one.
pub async fn run(controller: &mut Controller) -> CommandOutcome {
    let outcome = steps_of(controller).await;
    keep::end(controller, "stage-one", outcome).await
}

async fn steps_of(controller: &mut Controller) -> Result<(), StepError> {
    controller.step(Step::Connect, steps::connect::run).await?;
    controller
        .step(Step::MountSource, steps::mount_source::run)
        .await?;
    controller
        .step(Step::CreateFolders, steps::create_folders::run)
        .await?;
    controller
        .step(Step::InstallUtility, steps::install_utility::run)
        .await?;
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
