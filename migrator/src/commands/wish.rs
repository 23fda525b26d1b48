//! `gwmigrate pause`, `resume` and `stop`: what is asked of the worker that is at work, from any terminal.
//!
//! None of them takes the lease of the job, which whoever gave the order has.

use protocol::{Running, Verdict, Wish};
use serde::{Deserialize, Serialize};

use super::ending;
use crate::controller::{CommandOutcome, Controller, StepError};
use crate::steps::install_utility;

/// What came of a wish.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WishReport {
    /// What was asked.
    pub wish: Wish,
    /// Of which worker.
    pub worker: Running,
    /// Whether it came to its end by itself before it heard that it was to stop.
    pub came_to_its_end: bool,
}

/// Asks it, and waits until it is so: until the worker has heard it, and, where it is to stop, until it has ended.
pub async fn run(controller: &mut Controller, wish: Wish) -> (CommandOutcome, Option<WishReport>) {
    let outcome = ask(controller, wish).await;
    ending::end_reading(controller, outcome).await
}

async fn ask(controller: &mut Controller, wish: Wish) -> Result<WishReport, StepError> {
    install_utility::attach(controller).await?;
    let worker = controller.wish(wish).await?;
    let mut came_to_its_end = false;
    if wish == Wish::Stop {
        let wait = "The worker ends with what it has in hand; a large database may take a while";
        controller.console().note(wait);
        came_to_its_end = match controller.wait_for_end(&worker).await {
            Ok(finished) => finished.verdict != Verdict::Interrupted,
            // It was killed meanwhile, which is an end as well.
            Err(StepError::WorkerDied { .. }) => false,
            Err(error) => return Err(error),
        };
    }
    Ok(WishReport {
        wish,
        worker,
        came_to_its_end,
    })
}
