//! When each step and each pass ran, as bars.

use maud::{Markup, html};
use protocol::{JobState, Stage, StepState};

use crate::numbers::{moment, span};

/// What lies further apart than this is shown on scales of its own: stage two may come weeks after stage one.
const GAP_MILLISECONDS: i64 = 30 * 60 * 1000;

/// One bar.
struct Bar {
    name: String,
    began: i64,
    ended: i64,
    is_over: bool,
    users_are_out: bool,
}

/// The last run of each step, and all passes.
pub(super) fn of(state: &JobState) -> Markup {
    let bars = bars(state);
    html! {
        @for sitting in sittings(&bars) {
            (scale(sitting))
        }
        p.detail { "The last run of each step, and all passes. Hatched: users were out. Red: not to its end." }
    }
}

fn bars(state: &JobState) -> Vec<Bar> {
    let steps = state.steps.iter().map(|line| Bar {
        name: line.step.to_string(),
        began: line.began_milliseconds,
        ended: line.ended_milliseconds.unwrap_or(line.began_milliseconds),
        is_over: !matches!(line.state, StepState::Begun | StepState::Failed),
        users_are_out: matches!(line.step.stage(), Stage::StageTwo | Stage::After),
    });
    let passes = state.passes.iter().map(|line| Bar {
        name: format!("pass {}", line.pass),
        began: line.began_milliseconds,
        ended: line.ended_milliseconds.unwrap_or(line.began_milliseconds),
        is_over: line.ended_milliseconds.is_some(),
        users_are_out: line.kind == protocol::PassKind::StageTwo,
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

fn scale(bars: &[Bar]) -> Markup {
    let began = bars.iter().map(|bar| bar.began).min().unwrap_or(0);
    let ended = bars.iter().map(|bar| bar.ended).max().unwrap_or(began);
    let whole = u64::try_from(ended - began).unwrap_or(0).max(1);
    let milliseconds = |from: i64, to: i64| u64::try_from(to - from).unwrap_or(0);
    let percent = |milliseconds: u64| {
        let thousandths = milliseconds.saturating_mul(100_000) / whole;
        format!("{}.{:03}%", thousandths / 1000, thousandths % 1000)
    };
    html! {
        h3 { (moment(began)) ", " (span(whole)) }
        div.timeline {
            @for bar in bars {
                div.row {
                    span.name { (bar.name) }
                    span.track {
                        span.bar.fails[!bar.is_over].out[bar.users_are_out]
                            style={
                                "left:" (percent(milliseconds(began, bar.began)))
                                ";width:" (percent(milliseconds(bar.began, bar.ended)))
                            } {}
                    }
                    span.time { (span(milliseconds(bar.began, bar.ended))) }
                }
            }
        }
    }
}
