//! How each pass grew, as a drawing.

use maud::{Markup, html};
use protocol::{CurvePoint, JobState, OrderLine};

use crate::numbers::{bytes, count, milliseconds_between, span};

/// How wide and how high a drawing is, in units of its own.
const WIDTH: u64 = 600;
const HEIGHT: u64 = 90;

/// The passes of which the event log has more than their end.
pub(super) fn of_passes(state: &JobState, orders: &[OrderLine]) -> Markup {
    html! {
        div.curves {
            @for pass in &state.passes {
                @let order = orders.iter().find(|order| {
                    order.task.ends_with("-pass")
                        && order.began_milliseconds <= pass.began_milliseconds
                        && pass.began_milliseconds <= order.last_milliseconds
                });
                @if let Some(order) = order && order.curve.len() > 1 {
                    figure {
                        figcaption { "Pass " (pass.pass) }
                        (drawing(order))
                    }
                }
            }
        }
    }
}

fn drawing(order: &OrderLine) -> Markup {
    let last = order.curve.last().copied();
    let (files, size) = last.map_or((0, 0), |point| (point.files, point.bytes));
    let whole = milliseconds_between(order.began_milliseconds, order.last_milliseconds).max(1);
    let line = |of: fn(&CurvePoint) -> u64, most: u64| {
        let points = order.curve.iter().map(|point| {
            let x = milliseconds_between(order.began_milliseconds, point.at_milliseconds) * WIDTH
                / whole;
            let y = HEIGHT - scaled(of(point), most);
            format!("{x},{y}")
        });
        let begin = format!("0,{HEIGHT}");
        std::iter::once(begin)
            .chain(points)
            .collect::<Vec<_>>()
            .join(" ")
    };
    html! {
        svg viewBox={ "0 -3 " (WIDTH) " " (HEIGHT + 6) } preserveAspectRatio="none" role="img"
            aria-label={ (count(files)) " files and " (bytes(size)) " in " (span(whole)) } {
            polyline.files points=(line(|point| point.files, files)) {}
            polyline.bytes points=(line(|point| point.bytes, size)) {}
        }
        div.legend {
            span.files { (count(files)) " files looked at" }
            span.bytes { (bytes(size)) " copied" }
            span.detail { (span(whole)) }
        }
    }
}

/// A value as a height.
fn scaled(value: u64, most: u64) -> u64 {
    let height = u128::from(value) * u128::from(HEIGHT) / u128::from(most.max(1));
    u64::try_from(height).unwrap_or(HEIGHT).min(HEIGHT)
}
