//! Rounds: each contender in turn, A B C A B C, so that what else the machine does disturbs all alike.

use std::path::{Path, PathBuf};

use super::machine::empty_caches;
use super::measure::{Plan, Sample, Step, measure};
use super::{Result, say};

/// What makes everything ready for one run, outside the clock; it is told the number of the round.
type Prepare<'a> = Box<dyn Fn(u32) -> Result<()> + 'a>;
/// What the run is.
type Steps<'a> = Box<dyn Fn() -> Result<Vec<Step>> + 'a>;
/// What refuses a wrong result.
type Check<'a> = Box<dyn Fn() -> Result<()> + 'a>;

/// One that takes part.
pub(super) struct Contender<'a> {
    /// What people call it.
    pub(super) name: String,
    /// Whether it is ours, whose wrong result ends everything.
    pub(super) is_ours: bool,
    /// Before each run.
    pub(super) prepare: Prepare<'a>,
    /// What is timed.
    pub(super) steps: Steps<'a>,
    /// After each run.
    pub(super) check: Check<'a>,
}

/// What one contender took, round by round; none where its result was wrong.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) is_ours: bool,
    pub(super) samples: Vec<Option<Sample>>,
}

/// How the rounds are run.
pub(super) struct Rounds<'a> {
    /// How many.
    pub(super) how_many: u32,
    /// Whether caches are emptied before each run.
    pub(super) is_cold: bool,
    /// Where plans and logs go.
    pub(super) folder: &'a Path,
}

impl Rounds<'_> {
    /// Runs all rounds.
    pub(super) fn run(&self, contenders: &[Contender<'_>]) -> Result<Vec<Series>> {
        let mut all: Vec<Series> = contenders
            .iter()
            .map(|contender| Series {
                name: contender.name.clone(),
                is_ours: contender.is_ours,
                samples: Vec::new(),
            })
            .collect();
        for round in 0..self.how_many {
            for (contender, series) in contenders.iter().zip(&mut all) {
                let outcome = self.run_one(contender, round);
                let sample = match outcome {
                    Ok(sample) => Some(sample),
                    Err(error) if contender.is_ours => return Err(error),
                    Err(error) => {
                        say(&format!("{}: no number: {error}", contender.name))?;
                        None
                    }
                };
                if let Some(sample) = sample {
                    say(&format!(
                        "round {}: {}: {:.2} s, {:.1} s of processors, {} MiB, then {:.2} s to settle",
                        round + 1,
                        contender.name,
                        sample.seconds,
                        sample.processor_seconds,
                        sample.peak_kib >> 10,
                        sample.settle_seconds
                    ))?;
                }
                series.samples.push(sample);
            }
        }
        Ok(all)
    }

    fn run_one(&self, contender: &Contender<'_>, round: u32) -> Result<Sample> {
        (contender.prepare)(round)?;
        let plan = Plan {
            steps: (contender.steps)()?,
            written: self.folder.to_owned(),
            log: self.log_of(contender),
        };
        // Also before a warm run nothing of the run before may still be on its way to the disk.
        rustix::fs::sync();
        if self.is_cold {
            empty_caches()?;
        }
        let sample = measure(&plan, self.folder)?;
        (contender.check)().map_err(|error| format!("{}: {error}", contender.name))?;
        Ok(sample)
    }

    fn log_of(&self, contender: &Contender<'_>) -> PathBuf {
        let is_plain = |symbol: &char| symbol.is_ascii_alphanumeric();
        let name: String = contender.name.chars().filter(is_plain).collect();
        self.folder.join(format!("{name}.log"))
    }
}
