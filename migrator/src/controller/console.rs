//! How the controller tells what it does, without printing.

use protocol::{Event, Finding, Step, StepState};

/// What the controller reports to; the terminal and `--json` implement it, and tests look at it.
pub trait Console: Send + Sync {
    /// A step begins.
    fn step_begins(&self, step: Step);
    /// A step has ended, with one line that a person should know.
    fn step_ends(&self, step: Step, state: StepState, detail: &str);
    /// Bytes of an upload that have arrived.
    fn upload(&self, what: &str, bytes: u64);
    /// How far something is that has no counts of its own.
    fn progress(&self, what: &str, how_far: &str);
    /// The worker said something.
    fn event(&self, event: &Event);
    /// A person should know something.
    fn finding(&self, finding: &Finding);
    /// The command has come to its end, or was stopped; only notes and results come behind it.
    fn ends(&self);
    /// Something worth a line.
    fn note(&self, text: &str);
}
