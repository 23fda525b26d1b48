//! The journal of the steps.

use super::rows::word;
use super::{JobStore, now_milliseconds};
use crate::error::Result;
use protocol::{Step, StepState};

impl JobStore {
    /// Journals that a step begins, now or at the given time (milliseconds since 1970).
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn begin_step(&self, step: Step, at_milliseconds: Option<i64>) -> Result<()> {
        // The clock of another machine may be ahead; what was begun before must not look begun later.
        let now = now_milliseconds();
        let at = at_milliseconds.map_or(now, |at| at.min(now));
        self.change("journal a step", |transaction| {
            transaction
                .execute(
                    "INSERT INTO step (name, first, runs, state, began, ended, detail)
                     VALUES (?1, (SELECT coalesce(max(first), 0) + 1 FROM step), 1, 'begun', ?2, NULL, '')
                     ON CONFLICT (name) DO UPDATE SET runs = runs + 1, state = 'begun', began = ?2, ended = NULL,
                        detail = ''",
                    (step.name(), at),
                )
                .map(|_| ())
        })
    }

    /// Journals how a step has ended.
    ///
    /// # Errors
    /// [`crate::error::WorkerError::Store`].
    pub fn end_step(&self, step: Step, state: StepState, detail: &str) -> Result<()> {
        self.change("journal a step", |transaction| {
            transaction
                .execute(
                    "UPDATE step SET state = ?2, ended = ?3, detail = ?4 WHERE name = ?1",
                    (step.name(), word(&state)?, now_milliseconds(), detail),
                )
                .map(|_| ())
        })
    }
}
