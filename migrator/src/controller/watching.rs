//! The worker that is at work, for whoever looks on from another terminal: following it, and asking something of it.
//!
//! Neither takes the lease of the job: whoever gave the order has it.

use std::time::Duration;

use protocol::{
    AcceptedLine, Event, Finding, Reply, Request, Running, Step, StepState, Verdict, Wish,
};

use super::console::Console;
use super::{Controller, Finished, StepError, client};
use crate::numbers;

/// How often it is looked whether a command that is at work has given its next order, and how long to wait in between.
const NEXT_ORDER_TRIES: u32 = 20;
const NEXT_ORDER_PAUSE: Duration = Duration::from_millis(500);

impl Controller {
    /// Follows the worker that is at work to the end of its order, and counts what it finds.
    ///
    /// # Errors
    /// A finding with the code `nothing-at-work` where none is; what the connection says.
    pub async fn watch(&mut self) -> Result<(), StepError> {
        let (running, accepted) = self.worker_at_work().await?;
        self.console().note(&described(&running));
        let console = self.console();
        let finished =
            client::follow_running(self.link()?, &running, &accepted, console.as_ref()).await?;
        self.take(&finished);
        Ok(())
    }

    /// The worker that is at work, and what was accepted in its job; where a command is at work and its worker is between two orders, the next one is waited for.
    async fn worker_at_work(&self) -> Result<(Running, Vec<AcceptedLine>), StepError> {
        let mut tries = 0;
        loop {
            let state = self.state().await?;
            if let Some(running) = state.running {
                return Ok((running, state.accepted));
            }
            let Some(holder) = state.controller.filter(|_| tries < NEXT_ORDER_TRIES) else {
                return Err(nothing_at_work());
            };
            if tries == 0 {
                self.console().note(&format!(
                    "No worker is at work at this moment; waiting for the next order of {}",
                    holder.who
                ));
            }
            tries += 1;
            tokio::time::sleep(NEXT_ORDER_PAUSE).await;
        }
    }

    /// Asks something of the worker that is at work; gives that worker once it has heard it.
    ///
    /// # Errors
    /// A finding with the code `nothing-at-work` where none is, or where it does that already.
    pub async fn wish(&self, wish: Wish) -> Result<Running, StepError> {
        let by = self.local.who.clone();
        match self.call(&Request::Wish { wish, by }).await? {
            Reply::Heard(running) => Ok(running),
            other => Err(StepError::unexpected(&other)),
        }
    }

    /// Waits for the end of a worker in silence; gives how its order ended.
    ///
    /// # Errors
    /// What the connection says.
    pub async fn wait_for_end(&self, running: &Running) -> Result<Finished, StepError> {
        client::follow_running(self.link()?, running, &[], &Silent).await
    }
}

/// What a worker does, and since when.
pub(crate) fn described(running: &Running) -> String {
    let since = numbers::moment(running.began_milliseconds);
    format!(
        "A worker is at work: {}, since {since} (process {})",
        running.task, running.pid
    )
}

fn nothing_at_work() -> StepError {
    Finding::new(
        "nothing-at-work",
        Verdict::NothingToDo,
        "No worker is at work on this job",
        "Nothing; `gwmigrate status` says where the job stands and which command comes next",
    )
    .into()
}

/// A console that shows nothing.
struct Silent;

impl Console for Silent {
    fn step_begins(&self, _: Step) {}
    fn step_ends(&self, _: Step, _: StepState, _: &str) {}
    fn upload(&self, _: &str, _: u64) {}
    fn progress(&self, _: &str, _: &str) {}
    fn event(&self, _: &Event) {}
    fn finding(&self, _: &Finding) {}
    fn ends(&self) {}
    fn note(&self, _: &str) {}
}
