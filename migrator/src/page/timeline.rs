//! When each step and each pass ran, as bars.

use maud::{Markup, html};
use protocol::{JobState, PassKind, StepState};

use crate::numbers::{milliseconds_between, moment, span};

/// What lies further apart than this is shown on scales of its own: stage two may come weeks after stage one.
const GAP_MILLISECONDS: i64 = 30 * 60 * 1000;

/// One bar of a timeline, in milliseconds since whenever the timeline counts from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bar {
    /// What it is of.
    pub name: String,
    /// Where it begins.
    pub began: i64,
    /// Where it ends.
    pub ended: i64,
    /// Whether it is red.
    pub fails: bool,
    /// Whether it is hatched.
    pub is_hatched: bool,
    /// What is said below it.
    pub note: Option<String>,
}

/// Bars, each where it lies in the time from `began` to `ended`.
pub fn scale(bars: &[Bar], began: i64, ended: i64) -> Markup {
    let whole = milliseconds_between(began, ended).max(1);
    let percent = |milliseconds: u64| {
        let thousandths = milliseconds.saturating_mul(100_000) / whole;
        format!("{}.{:03}%", thousandths / 1000, thousandths % 1000)
    };
    html! {
        div.timeline {
            @for bar in bars {
                @let took = milliseconds_between(bar.began, bar.ended);
                div.row {
                    span.name { (bar.name) }
                    span.track {
                        span.bar.fails[bar.fails].hatched[bar.is_hatched]
                            style={
                                "left:" (percent(milliseconds_between(began, bar.began)))
                                ";width:" (percent(took))
                            } {}
                    }
                    span.time { (span(took)) }
                }
                @if let Some(note) = &bar.note {
                    div.detail { (note) }
                }
            }
        }
    }
}

/// The last run of each step, and all passes.
pub(super) fn of(state: &JobState) -> Markup {
    let bars = bars(state);
    html! {
        @for bars in sittings(&bars) {
            (sitting(bars))
        }
        p.detail { "The last run of each step, and all passes. Hatched: users were out. Red: not to its end." }
    }
}

fn bars(state: &JobState) -> Vec<Bar> {
    let steps = state.steps.iter().map(|line| Bar {
        name: line.step.to_string(),
        began: line.began_milliseconds,
        ended: line.ended_milliseconds.unwrap_or(line.began_milliseconds),
        fails: matches!(line.state, StepState::Begun | StepState::Failed),
        is_hatched: line.step.stage().is_without_users(),
        note: None,
    });
    let passes = state.passes.iter().map(|line| Bar {
        name: format!("pass {}", line.pass),
        began: line.began_milliseconds,
        ended: line.ended_milliseconds.unwrap_or(line.began_milliseconds),
        fails: line.ended_milliseconds.is_none(),
        is_hatched: line.kind == PassKind::StageTwo,
        note: None,
    });
    let mut bars: Vec<Bar> = steps.chain(passes).collect();
    bars.sort_by_key(|bar| bar.began);
    bars
}

/// The bars, in groups between which nothing happened for long.
fn sittings(bars: &[Bar]) -> Vec<&[Bar]> {
    let mut sittings = Vec::new();
    let (mut first, mut ended) = (0, i64::MIN);
    for (index, bar) in bars.iter().enumerate() {
        if index > first && bar.began.saturating_sub(ended) > GAP_MILLISECONDS {
            sittings.push(&bars[first..index]);
            first = index;
        }
        ended = ended.max(bar.ended);
    }
    if first < bars.len() {
        sittings.push(&bars[first..]);
    }
    sittings
}

fn sitting(bars: &[Bar]) -> Markup {
    let began = bars.iter().map(|bar| bar.began).min().unwrap_or(0);
    let ended = bars.iter().map(|bar| bar.ended).max().unwrap_or(began);
    html! {
        h3 { (moment(began)) ", " (span(milliseconds_between(began, ended).max(1))) }
        (scale(bars, began, ended))
    }
}
