//! The migrator: one process for each order, as the controller starts them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::tz::TimeZone;
use protocol::{GuardianAction, Order, PassKind, ReadAgain, Task};
use worker::monitor::Monitor;
use worker::service::run_here;

use super::Result;
use super::measure::Step;

/// What a worker may say of a tree that has findings for a person, as every real one has, and of one that has none.
const ACCEPTED: [i32; 3] = [0, 1, 3];

/// Works on the order on standard input; returns the exit code of its verdict.
pub(super) fn work(job_folder: &Path) -> Result<u8> {
    let wrap = |monitor: Arc<dyn Monitor>| monitor;
    let mut output = std::io::stdout();
    let verdict = run_here(
        job_folder,
        std::io::stdin(),
        &mut output,
        TimeZone::UTC,
        &wrap,
    )?;
    Ok(verdict.exit_code())
}

/// A job: its folder, and both trees.
#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) source: PathBuf,
    pub(super) destination: PathBuf,
    pub(super) folder: PathBuf,
}

impl Job {
    /// An empty destination and an empty job folder, whatever was there before.
    pub(super) fn begin(&self) -> Result<()> {
        for folder in [&self.destination, &self.folder] {
            remove(folder)?;
            std::fs::create_dir_all(folder)?;
        }
        Ok(())
    }

    /// The step that carries out one order.
    pub(super) fn step(&self, task: Task) -> Result<Step> {
        self.step_of(crate::order(&self.source, &self.destination, task))
    }

    /// The same with options of its own; but nobody works on these trees, so nothing is waited for.
    fn step_of(&self, mut order: Order) -> Result<Step> {
        order.options.still_seconds = 0;
        let file = self.folder.join(format!("{}.json", order.task.name()));
        std::fs::write(&file, serde_json::to_vec(&order)?)?;
        let program = std::env::current_exe()?.display().to_string();
        let given = worker::service::ENVIRONMENT.map(|(name, value)| format!("{name}={value}"));
        let environment = ["env".to_owned()].into_iter().chain(given);
        let folder = self.folder.display().to_string();
        Ok(Step {
            input: Some(file),
            accepted: ACCEPTED.to_vec(),
            ..Step::new(environment.chain([program, "order".to_owned(), folder]))
        })
    }

    fn steps(&self, tasks: impl IntoIterator<Item = Task>) -> Result<Vec<Step>> {
        tasks.into_iter().map(|task| self.step(task)).collect()
    }

    /// What stage one does with a source: the folders, a count of what there is, and the pass.
    pub(super) fn first_copy(&self) -> Result<Vec<Step>> {
        let kind = PassKind::StageOne;
        self.steps([
            Task::CreateFolders,
            Task::Inventory { only_count: true },
            Task::Pass { kind },
        ])
    }

    /// A pass like each one after the first.
    pub(super) fn pass(&self, kind: PassKind) -> Result<Vec<Step>> {
        self.steps([Task::Pass { kind }])
    }

    /// What stage two does with the trees, but for the quiet window that it waits at the beginning.
    pub(super) fn stage_two(&self) -> Result<Vec<Step>> {
        self.steps([
            Task::Pass {
                kind: PassKind::StageTwo,
            },
            Task::Lowercase { plan_only: false },
            Task::Guardian {
                action: GuardianAction::Convert,
            },
            Task::Queues { live: false },
            Task::Seal,
        ])
    }

    /// The sweep of the names.
    pub(super) fn lowercase(&self) -> Result<Vec<Step>> {
        self.steps([Task::Lowercase { plan_only: false }])
    }

    /// The seal alone, which reads everything on both sides, whatever is proven.
    pub(super) fn seal(&self) -> Result<Vec<Step>> {
        let mut order = crate::order(&self.source, &self.destination, Task::Seal);
        order.options.read_again = ReadAgain::Everything;
        Ok(vec![self.step_of(order)?])
    }

    /// What stage one does after its copy.
    pub(super) fn prove(&self) -> Result<Vec<Step>> {
        self.steps([Task::Prove])
    }

    /// Makes the folders that every post office has.
    pub(super) fn create_folders(&self) -> Result<Vec<Step>> {
        self.steps([Task::CreateFolders])
    }
}

/// Removes a tree, where there is one.
pub(super) fn remove(folder: &Path) -> Result<()> {
    match std::fs::remove_dir_all(folder) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(format!("{}: {error}", folder.display()).into()),
    }
}
