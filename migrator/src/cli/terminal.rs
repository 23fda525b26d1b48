//! The console for people: a line per step, a bar where somebody watches, else a line every few seconds.
//!
//! Findings are shown as they come, the first few of each kind; the end of the command shows them again.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use protocol::{Event, EventKind, Finding, Severity, Stage, Step, StepState, Wish};

use super::progress::Progress;
use super::{Loudness, Terminal};
use crate::controller::Console;
use crate::numbers;

/// How often a line about the progress is printed where nobody watches a bar.
const LINE_INTERVAL: Duration = Duration::from_secs(5);

/// Findings of one kind are counted, not shown, beyond so many of a step.
const SHOWN_OF_A_KIND: u64 = 3;

/// How wide a bar is.
const BAR: usize = 30;

/// How wide a screen is that does not say so.
const COLUMNS: usize = 80;

struct State {
    /// From which part of a migration on its headings are shown; none where they are not.
    headings: Option<Stage>,
    stage: Option<Stage>,
    began: Instant,
    progress: Option<Progress>,
    bar: Option<ProgressBar>,
    last_line: Instant,
    /// How many findings of each code the step has had.
    kinds: BTreeMap<String, u64>,
    /// Whether the worker is paused.
    is_paused: bool,
    /// Whether each part of a task has its line.
    says_each_phase: bool,
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
            headings: Some(Stage::StageOne),
            stage: None,
            began: now,
            progress: None,
            bar: None,
            last_line: now,
            kinds: BTreeMap::new(),
            is_paused: false,
            says_each_phase: terminal.loudness == Loudness::Verbose,
        };
        Self {
            terminal,
            state: Mutex::new(state),
        }
    }

    /// The same with the headings of the parts from this one on, above what is done again of an earlier one too; none for a command
    /// that is no part of a migration's order.
    pub(super) fn with_headings(self, first: Option<Stage>) -> Self {
        self.state().headings = first;
        self
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

    /// Prints a line that says what is done, unless only findings and results are wanted.
    fn say(&self, text: &str) {
        if self.terminal.loudness > Loudness::Quiet {
            self.terminal.line(text);
        }
    }

    /// Shows how far something is: at once where `is_due`, else now and then where nobody watches a bar.
    fn show(&self, state: &mut State, shown: &Shown, is_due: bool) {
        if self.terminal.loudness == Loudness::Quiet {
            return;
        }
        if self.terminal.is_interactive {
            let bar = state.bar.get_or_insert_with(new_bar);
            // In one piece, so that no draw mixes two phases.
            bar.set_message(shown.drawn(self.terminal.columns.unwrap_or(COLUMNS)));
            if is_due {
                bar.force_draw();
            }
        } else if is_due || state.last_line.elapsed() >= LINE_INTERVAL {
            state.last_line = Instant::now();
            self.terminal
                .line(&format!("      {}: {}", shown.what, shown.how_far));
        }
    }

    /// Takes the bar away, and says what was counted and not shown.
    fn settle(&self, state: &mut State) {
        if let Some(bar) = state.bar.take() {
            bar.finish_and_clear();
        }
        state.progress = None;
        for (code, how_many) in std::mem::take(&mut state.kinds) {
            if how_many > SHOWN_OF_A_KIND && self.terminal.loudness == Loudness::Normal {
                let more = numbers::count(how_many - SHOWN_OF_A_KIND);
                self.terminal
                    .line(&format!("      and {more} more [{code}]"));
            }
        }
    }
}

/// How far something is, as it is shown.
struct Shown {
    what: String,
    how_far: String,
    per_mille: Option<u64>,
}

/// Draws nothing but its message.
fn new_bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

impl Shown {
    /// Two lines: what it is, with a bar where it is known how much there is to do, and how far it is.
    fn drawn(&self, columns: usize) -> String {
        let bar = self.per_mille.map_or_else(String::new, |per_mille| {
            let done = usize::try_from(per_mille).unwrap_or(0) * BAR / 1000;
            let tip = if done < BAR { ">" } else { "" };
            let rest = BAR - done - tip.len();
            format!("[{}{tip}{:rest$}] ", "=".repeat(done), "")
        });
        // The last column stays free: a full line would go on in the next one.
        let cut = |line: String| -> String { line.chars().take(columns.max(1) - 1).collect() };
        let (what, how_far) = (&self.what, &self.how_far);
        [format!("      {bar}{what}"), format!("      {how_far}")]
            .map(cut)
            .join("\n")
    }

    fn of(progress: &Progress, now: i64) -> Self {
        Self {
            what: progress.phase().to_owned(),
            how_far: progress.line(now),
            per_mille: progress.per_mille().filter(|_| progress.is_measured()),
        }
    }
}

impl State {
    /// Takes what a worker says of its progress; gives what is to be shown, and whether at once.
    fn take(&mut self, event: &EventKind, at: i64) -> Option<(Shown, bool)> {
        match event {
            // Every worker counts from nothing.
            EventKind::Started { .. } => {
                self.progress = None;
                self.is_paused = false;
                None
            }
            EventKind::Phase { name, expected } => {
                let counts = self.progress.as_ref().map(Progress::counts);
                let mut progress = Progress::new(name, *expected, counts.unwrap_or_default(), at);
                progress.pause(self.is_paused, at);
                let shown = Shown::of(&progress, at);
                self.progress = Some(progress);
                // A wait has no progress that would show it later.
                Some((shown, expected.seconds > 0 || self.says_each_phase))
            }
            EventKind::Progress { counts, limit } => {
                let progress = self.progress.as_mut()?;
                progress.update(counts, *limit);
                Some((Shown::of(progress, at), false))
            }
            EventKind::Wished { asked: line } => {
                self.is_paused = line.wish == Wish::Pause;
                let progress = self.progress.as_mut()?;
                progress.pause(self.is_paused, at);
                Some((Shown::of(progress, at), false))
            }
            EventKind::Finding(_) | EventKind::Finished { .. } => None,
        }
    }
}

fn mark(state: StepState) -> &'static str {
    match state {
        StepState::Begun => "...",
        StepState::Done => "done",
        StepState::Skipped => "--",
        StepState::Failed => "STOP",
    }
}

impl Console for TerminalConsole {
    fn step_begins(&self, step: Step) {
        let mut state = self.state();
        self.settle(&mut state);
        let stage = state.headings.map(|first| first.max(step.stage()));
        if let Some(stage) = stage
            && state.stage.replace(stage) != Some(stage)
        {
            self.say(stage.title());
        }
        state.began = Instant::now();
        state.last_line = Instant::now();
    }

    fn step_ends(&self, step: Step, state_of_step: StepState, detail: &str) {
        let mut state = self.state();
        self.settle(&mut state);
        let took =
            numbers::span(u64::try_from(state.began.elapsed().as_millis()).unwrap_or(u64::MAX));
        self.say(&format!(
            "  {:<7} {:<30} {took:>10}  {detail}",
            mark(state_of_step),
            step.title()
        ));
    }

    fn upload(&self, what: &str, bytes: u64) {
        let mut state = self.state();
        let shown = Shown {
            what: what.to_owned(),
            how_far: format!("{} uploaded", numbers::bytes(bytes)),
            per_mille: None,
        };
        self.show(&mut state, &shown, false);
    }

    fn progress(&self, what: &str, how_far: &str) {
        let shown = Shown {
            what: what.to_owned(),
            how_far: how_far.to_owned(),
            per_mille: None,
        };
        self.show(&mut self.state(), &shown, false);
    }

    fn event(&self, event: &Event) {
        if let EventKind::Finding(finding) = &event.what {
            return self.finding(finding);
        }
        let mut state = self.state();
        if let EventKind::Wished { asked: line } = &event.what {
            self.print(&state, &format!("      {}", super::show::wished(line)));
        }
        if let Some((shown, is_due)) = state.take(&event.what, event.at_milliseconds) {
            self.show(&mut state, &shown, is_due);
        }
    }

    fn finding(&self, finding: &Finding) {
        let mut state = self.state();
        let so_far = state.kinds.entry(finding.code.to_string()).or_insert(0);
        *so_far += 1;
        let is_one_of_many =
            *so_far > SHOWN_OF_A_KIND && self.terminal.loudness < Loudness::Verbose;
        let is_too_soft =
            self.terminal.loudness == Loudness::Quiet && finding.severity() == Severity::Note;
        if is_one_of_many || is_too_soft {
            return;
        }
        let text = finding.to_string().replace('\n', "\n      ");
        self.print(&state, &format!("      {text}"));
    }

    fn ends(&self) {
        self.settle(&mut self.state());
    }

    fn note(&self, text: &str) {
        if self.terminal.loudness == Loudness::Quiet {
            return;
        }
        let state = self.state();
        self.print(&state, &format!("      {text}"));
    }
}

#[cfg(test)]
mod tests {
    use protocol::{Count, Counts, Expected, Protections, Verdict};

    use super::*;
    use crate::cli::paper::{Paper, text};

    fn console() -> (TerminalConsole, Paper) {
        let paper = Paper::default();
        (TerminalConsole::new(Terminal::on(&paper)), paper)
    }

    fn started() -> EventKind {
        EventKind::Started {
            version: String::new(),
            pid: 1,
            task: "pass".into(),
            protections: Protections::default(),
        }
    }

    fn phase(name: &str, expected: Expected) -> EventKind {
        let name = name.to_owned();
        EventKind::Phase { name, expected }
    }

    fn seen(files: u64) -> EventKind {
        let counts = Counts::from([(Count::FilesSeen, files)]);
        EventKind::Progress {
            counts,
            limit: None,
        }
    }

    /// A stage two that mounts the source again stood below "Stage one: users keep working".
    #[test]
    fn a_step_that_is_done_again_stands_below_the_heading_of_the_command() {
        let of_stage_two = [Step::MountSource, Step::Checklist, Step::Seal];
        for (first, expected) in [
            (
                Some(Stage::StageOne),
                vec![
                    "Stage one: users keep working",
                    "Between the stages",
                    "Stage two: users are out",
                ],
            ),
            (
                Some(Stage::Between),
                vec!["Between the stages", "Stage two: users are out"],
            ),
            (None, Vec::new()),
        ] {
            let (console, paper) = console();
            let console = console.with_headings(first);
            for step in of_stage_two {
                console.step_begins(step);
            }
            assert_eq!(text(&paper).lines().collect::<Vec<_>>(), expected);
        }
    }

    #[test]
    fn the_second_worker_of_a_step_counts_from_nothing() {
        let (console, _) = console();
        let mut state = console.state();
        let all = Expected {
            files: 19_996,
            ..Expected::default()
        };
        // The first one counts what there is; the second one copies it.
        for event in [started(), phase("look", Expected::default()), seen(19_996)] {
            state.take(&event, 0);
        }
        state.take(&started(), 0);
        state.take(&phase("copy", all), 0);
        let (shown, _) = state.take(&seen(4_999), 0).expect("shown");
        assert_eq!(shown.how_far, "4,999 of 19,996 files");
        assert_eq!(shown.per_mille, Some(250));
        assert_eq!(
            shown.drawn(80),
            "      [=======>                      ] copy\n      4,999 of 19,996 files"
        );
        assert_eq!(shown.drawn(20), "      [=======>    \n      4,999 of 19,9");
        // A later phase of the same worker counts on.
        state.take(&phase("copy the databases", all), 0);
        let (shown, _) = state.take(&seen(5_000), 0).expect("shown");
        assert_eq!(shown.how_far, "1 of 19,996 files");
    }

    #[test]
    fn a_wait_is_said_at_once_also_where_nobody_watches() {
        let (console, paper) = console();
        console.event(&Event {
            v: 1,
            at_milliseconds: 0,
            order: 1,
            what: phase(
                "wait whether anything changes",
                Expected::wait(Duration::from_secs(10)),
            ),
        });
        assert_eq!(text(&paper), "      wait whether anything changes: 10 s\n");
    }

    #[test]
    fn many_findings_of_a_kind_are_counted_behind_the_first_few() {
        let (console, paper) = console();
        for number in 0..1_003 {
            let finding = Finding::new("name-kept", Verdict::NeedsAttention, "seen", "");
            console.finding(&finding.about(format!("f{number}").as_bytes()));
        }
        console.finding(&Finding::new("other", Verdict::Done, "seen", ""));
        console.ends();
        let lines: Vec<String> = text(&paper).lines().map(str::to_owned).collect();
        assert_eq!(lines.len(), 5, "{lines:#?}");
        assert_eq!(lines[2], "      warning [name-kept]: f2: seen");
        assert_eq!(lines[4], "      and 1,000 more [name-kept]");
    }
}
