//! The console for people: a line per step, a bar where somebody watches, else a line every few seconds.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use worker::finding::{Finding, Severity};
use worker::protocol::{Event, EventKind, StepState};

use super::Terminal;
use super::progress::Progress;
use crate::controller::Console;
use crate::step::{Stage, Step};
use crate::steps::words;

/// How often a line about the progress is printed where nobody watches a bar.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Findings that are only good to know are counted, not shown, beyond so many of a step.
const NOTES_SHOWN: u32 = 5;

struct State {
    stage: Option<Stage>,
    began: Instant,
    progress: Option<Progress>,
    bar: Option<ProgressBar>,
    last_line: Instant,
    notes: u32,
}

/// Prints for people.
pub(super) struct TerminalConsole {
    terminal: Terminal,
    state: Mutex<State>,
}

impl TerminalConsole {
    pub(super) fn new(terminal: Terminal) -> Self {
        let now = Instant::now();
        let state = State {
            stage: None,
            began: now,
            progress: None,
            bar: None,
            last_line: now,
            notes: 0,
        };
        Self {
            terminal,
            state: Mutex::new(state),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints a line above the bar, where there is one.
    fn print(&self, state: &State, text: &str) {
        match &state.bar {
            Some(bar) => bar.suspend(|| self.terminal.line(text)),
            None => self.terminal.line(text),
        }
    }

    fn show_progress(&self, state: &mut State, message: &str, per_mille: Option<u64>) {
        if self.terminal.is_interactive {
            let bar = state.bar.get_or_insert_with(new_bar);
            bar.set_position(per_mille.unwrap_or(0));
            bar.set_message(message.to_owned());
        } else if state.last_line.elapsed() >= LINE_INTERVAL {
            state.last_line = Instant::now();
            self.terminal.line(&format!("      {message}"));
        }
    }
}

fn new_bar() -> ProgressBar {
    let bar = ProgressBar::new(1000);
    if let Ok(style) = ProgressStyle::with_template("      [{bar:30}] {msg}") {
        bar.set_style(style.progress_chars("=> "));
    }
    bar
}

fn mark(state: StepState) -> &'static str {
    match state {
        StepState::Begun => "...",
        StepState::Done => "done",
        StepState::Skipped => "--",
        StepState::Failed => "STOP",
        StepState::NotBuilt => "BY HAND",
    }
}

impl Console for TerminalConsole {
    fn step_begins(&self, step: Step) {
        let mut state = self.state();
        if state.stage != Some(step.stage()) {
            state.stage = Some(step.stage());
            self.terminal.line(step.stage().title());
        }
        state.began = Instant::now();
        state.last_line = Instant::now();
        state.notes = 0;
        state.progress = None;
    }

    fn step_ends(&self, step: Step, state_of_step: StepState, detail: &str) {
        let mut state = self.state();
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        if state.notes > NOTES_SHOWN {
            self.terminal.line(&format!(
                "      and {} more notes, see `gwmigrate report`",
                state.notes - NOTES_SHOWN
            ));
        }
        let took =
            words::span(u64::try_from(state.began.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.terminal.line(&format!(
            "  {:<7} {:<30} {took:>10}  {detail}",
            mark(state_of_step),
            step.title()
        ));
    }

    fn upload(&self, what: &str, bytes: u64) {
        let mut state = self.state();
        self.show_progress(
            &mut state,
            &format!("{what}: {} uploaded", words::bytes(bytes)),
            None,
        );
    }

    fn event(&self, event: &Event) {
        let mut state = self.state();
        match &event.what {
            EventKind::Phase { name, expected } => {
                let counts = state
                    .progress
                    .as_ref()
                    .map(Progress::counts)
                    .unwrap_or_default();
                state.progress = Some(Progress::new(name, *expected, counts));
            }
            EventKind::Progress { counts } => {
                let Some(progress) = &mut state.progress else {
                    return;
                };
                progress.update(counts);
                let (message, per_mille) = (progress.line(Instant::now()), progress.per_mille());
                self.show_progress(&mut state, &message, per_mille);
            }
            EventKind::Finding(finding) => {
                drop(state);
                self.finding(finding);
            }
            EventKind::Started { .. } | EventKind::Finished { .. } => {}
        }
    }

    fn finding(&self, finding: &Finding) {
        let mut state = self.state();
        if finding.severity() == Severity::Note {
            state.notes += 1;
            if state.notes > NOTES_SHOWN {
                return;
            }
        }
        let text = finding.to_string().replace('\n', "\n      ");
        self.print(&state, &format!("      {text}"));
    }

    fn note(&self, text: &str) {
        let state = self.state();
        self.print(&state, &format!("      {text}"));
    }
}
