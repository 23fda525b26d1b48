//! What came out, as Markdown.

use std::fmt::Write as _;

use super::Result;
use super::measure::Sample;
use super::rounds::Series;

/// One table.
pub(super) struct Table {
    /// What was done.
    pub(super) title: String,
    /// What must be known about it.
    pub(super) notes: Vec<String>,
    /// Who took part.
    pub(super) series: Vec<Series>,
    /// Peers that this machine does not have.
    pub(super) absent: Vec<&'static str>,
}

impl Table {
    /// The table and its notes.
    pub(super) fn render(&self) -> Result<String> {
        let mut text = format!("## {}\n\n", self.title);
        for note in &self.notes {
            writeln!(text, "- {note}")?;
        }
        if !self.absent.is_empty() {
            writeln!(text, "- Not on this machine: {}", self.absent.join(", "))?;
        }
        writeln!(
            text,
            "\n| tool or limit | median s | lowest – highest | processors s | peak MiB | settling s | its time / ours |\n\
             |---|---|---|---|---|---|---|"
        )?;
        let ours = self.series.iter().find(|series| series.is_ours);
        for series in &self.series {
            writeln!(text, "{}", row(series, ours))?;
        }
        Ok(text)
    }
}

fn row(series: &Series, ours: Option<&Series>) -> String {
    // A bar would end the cell.
    let name = series.name.replace('|', "\\|");
    let samples: Vec<Sample> = series.samples.iter().flatten().copied().collect();
    if samples.is_empty() {
        return format!("| {name} | no right result | | | | | |");
    }
    let of = |field: fn(&Sample) -> f64| samples.iter().map(field).collect::<Vec<f64>>();
    let seconds = of(|sample| sample.seconds);
    // Memory in KiB is far below what a double holds exactly.
    #[allow(clippy::cast_precision_loss)]
    let peaks = of(|sample| sample.peak_kib as f64 / 1024.0);
    let least = seconds.iter().copied().fold(f64::INFINITY, f64::min);
    let most = seconds.iter().copied().fold(0.0, f64::max);
    let ratio = ours
        .and_then(|ours| ratio_of(series, ours))
        .map_or_else(String::new, |ratio| format!("{ratio:.2}"));
    format!(
        "| {name} | {} | {} – {} | {} | {:.0} | {} | {ratio} |",
        shown(median(seconds)),
        shown(least),
        shown(most),
        shown(median(of(|sample| sample.processor_seconds))),
        median(peaks),
        shown(median(of(|sample| sample.settle_seconds))),
    )
}

/// Seconds with three digits that tell something, as far as a thousandth.
pub(super) fn shown(seconds: f64) -> String {
    let decimals = match seconds {
        ..1.0 => 3,
        1.0..10.0 => 2,
        _ => 1,
    };
    format!("{seconds:.decimals$}")
}

/// The median of the ratios of the rounds: each round has its own disturbances.
fn ratio_of(peer: &Series, ours: &Series) -> Option<f64> {
    let ratios: Vec<f64> = peer
        .samples
        .iter()
        .zip(&ours.samples)
        .filter_map(|(peer, ours)| Some(peer.as_ref()?.seconds / ours.as_ref()?.seconds))
        .collect();
    (!ratios.is_empty()).then(|| median(ratios))
}

/// The median; not a number of none.
pub(super) fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_unstable_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.len() {
        0 => f64::NAN,
        length if length % 2 == 1 => numbers[middle],
        _ => f64::midpoint(numbers[middle - 1], numbers[middle]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str, is_ours: bool, seconds: &[f64]) -> Series {
        let samples = seconds.iter().map(|&seconds| {
            Some(Sample {
                seconds,
                processor_seconds: 1.0,
                peak_kib: 2048,
                read_bytes: 0,
                settle_seconds: 0.0,
            })
        });
        Series {
            name: name.into(),
            is_ours,
            samples: samples.collect(),
        }
    }

    #[test]
    fn the_ratio_is_the_median_of_the_rounds() {
        let ours = series("ours", true, &[1.0, 2.0, 1.0]);
        let peer = series("peer", false, &[3.0, 4.0, 9.0]);
        assert_eq!(ratio_of(&peer, &ours), Some(3.0));
        assert!(row(&peer, Some(&ours)).contains("| 4.00 | 3.00 – 9.00 | 1.00 | 2 | 0.000 |"));
    }

    #[test]
    fn a_wrong_result_has_no_number() {
        let ours = series("ours", true, &[1.0]);
        let peer = Series {
            samples: vec![None],
            ..series("peer", false, &[])
        };
        assert!(row(&peer, Some(&ours)).contains("no right result"));
    }
}
