//! How time and memory of ours grow with the tree.

use std::fmt::Write as _;

use protocol::PassKind;

use super::Result;
use super::check::require_equal;
use super::measure::{Plan, Sample, Step, measure};
use super::options::{Options, Tree};
use super::places::Places;
use super::{say, trees};

/// Measures a tenth of the files, all of them, and ten times as many, once each.
pub(super) fn measure_growth(options: &Options, places: &Places) -> Result<String> {
    let middle = options.size();
    let mut text = String::from(
        "## How time and memory grow, files of 4 KiB, each work once, warm\n\n\
         | files | work | seconds | µs a file | processors s | peak MiB |\n|---|---|---|---|---|---|\n",
    );
    let job = &places.job;
    for files in [middle / 10, middle, middle.saturating_mul(10)] {
        trees::make(&places.source, Tree::Small, files, options.seed)?;
        job.begin()?;
        let mut add = |work: &str, steps: Vec<Step>| -> Result<()> {
            let plan = Plan {
                steps,
                written: places.folder.clone(),
                log: places.folder.join("growth.log"),
            };
            let line = line(files, work, measure(&plan, &places.folder)?);
            say(&line)?;
            writeln!(text, "{line}")?;
            Ok(())
        };
        add("first copy", job.first_copy()?)?;
        require_equal(&job.source, &job.destination, false)?;
        add("prove", job.prove()?)?;
        add("nothing changed", job.pass(PassKind::StageOne)?)?;
        add("stage two", job.stage_two()?)?;
        add("seal", job.seal()?)?;
    }
    Ok(text)
}

fn line(files: u32, work: &str, sample: Sample) -> String {
    format!(
        "| {files} | {work} | {:.2} | {:.1} | {:.1} | {} |",
        sample.seconds,
        sample.seconds * 1e6 / f64::from(files.max(1)),
        sample.processor_seconds,
        sample.peak_kib >> 10
    )
}
