//! Many rehearsals, each another one, for as long as somebody wants to wait.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use rand::{RngExt as _, SeedableRng as _};
use simulator::{GuardianKind, NameCase};

use crate::back_end::BackEnd;
use crate::error::{HarnessError, io_error};
use crate::rehearsal::{self, Fault, FaultKind, RehearsalOptions};

/// The files of one case: few, so that there are many cases.
const FILES: usize = 300;

/// How many faults strike in one case at most.
const FAULTS_MAX: usize = 8;

/// How many operations change the source before a pass, at most.
const CHURN_MAX: usize = 80;

/// How fast the agent of the source works, at most.
const SOURCE_RATE_MAX: u64 = 100;

/// What to soak in.
#[derive(Debug, Clone)]
pub struct SoakOptions {
    /// The program that plays all roles.
    pub program: PathBuf,
    /// Where the simulated servers run.
    pub back_end: BackEnd,
    /// The seed of the first case; the others follow.
    pub seed: u64,
    /// How many cases.
    pub cases: u64,
    /// How many at once.
    pub at_once: usize,
}

/// What came of one case.
#[derive(Debug, Clone)]
pub struct SoakedCase {
    /// What it was.
    pub options: RehearsalOptions,
    /// What does not hold in it.
    pub failures: Vec<String>,
    /// For how long its users were down.
    pub downtime_milliseconds: u64,
    /// For how long `check` said that they would be.
    pub estimated_milliseconds: Option<u64>,
    /// How long it took.
    pub milliseconds: u64,
}

/// What came of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Soaked {
    /// How many cases were done.
    pub cases: u64,
    /// The seeds of the cases in which something does not hold.
    pub failed: Vec<u64>,
    /// Faults that were drawn and left out, because nothing can be mounted here.
    pub left_out: u64,
    /// How long it took.
    pub milliseconds: u64,
}

impl Soaked {
    /// Cases in a minute, in tenths.
    pub fn tenths_per_minute(&self) -> u64 {
        self.cases.saturating_mul(600_000) / self.milliseconds.max(1)
    }
}

/// The rehearsal of one case: everything about it follows from the seed.
pub fn case(program: &Path, back_end: BackEnd, seed: u64) -> RehearsalOptions {
    let mut generator = rand_chacha::ChaCha8Rng::seed_from_u64(seed);
    let cases = [NameCase::Upper, NameCase::Mixed, NameCase::Lower];
    let is_opaque = generator.random_range(0..5) == 0;
    let faults = generator.random_range(0..=FAULTS_MAX);
    RehearsalOptions {
        back_end,
        program: program.to_owned(),
        seed,
        files: FILES,
        case: cases[generator.random_range(0..cases.len())],
        guardian: if is_opaque {
            GuardianKind::Opaque
        } else {
            GuardianKind::Flaim
        },
        guardian_engine: None,
        churn: generator.random_range(0..=CHURN_MAX),
        source_rate: generator.random_range(0..=SOURCE_RATE_MAX),
        faults: Fault::draw_on(back_end, seed, faults),
        with_poa: true,
        folder: None,
        keep: false,
    }
}

/// Rehearses one case after the other; `note` hears of each that ended.
///
/// # Errors
/// What kept a case from being carried out; one in which something does not hold is a result.
pub fn soak(
    options: &SoakOptions,
    note: &(dyn Fn(&SoakedCase) + Sync),
) -> Result<Soaked, HarnessError> {
    let began = Instant::now();
    let may_mount = crate::embedded::may_mount();
    let left_out = AtomicU64::new(0);
    let next = AtomicU64::new(0);
    let failed = Mutex::new(Vec::new());
    let stopped = Mutex::new(None);
    let lock = |error| *stopped.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
    std::thread::scope(|scope| {
        for _ in 0..options.at_once.max(1) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= options.cases {
                        return;
                    }
                    let seed = options.seed.wrapping_add(number);
                    let mut case = case(&options.program, options.back_end, seed);
                    if !may_mount {
                        let drawn = case.faults.len();
                        case.faults
                            .retain(|fault| fault.kind != FaultKind::InnerMounts);
                        let fewer = drawn - case.faults.len();
                        left_out.fetch_add(fewer as u64, Ordering::Relaxed);
                    }
                    match one(case) {
                        Ok(case) => {
                            note(&case);
                            if !case.failures.is_empty() {
                                let mut failed =
                                    failed.lock().unwrap_or_else(PoisonError::into_inner);
                                failed.push(seed);
                            }
                        }
                        Err(error) => {
                            next.store(options.cases, Ordering::Relaxed);
                            lock(error);
                        }
                    }
                }
            });
        }
    });
    if let Some(error) = stopped.into_inner().unwrap_or_else(PoisonError::into_inner) {
        return Err(error);
    }
    Ok(Soaked {
        cases: options.cases,
        left_out: left_out.into_inner(),
        failed: failed.into_inner().unwrap_or_else(PoisonError::into_inner),
        milliseconds: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

/// One case.  Where all holds, nothing of it is kept.
fn one(options: RehearsalOptions) -> Result<SoakedCase, HarnessError> {
    let outcome = rehearsal::run(&options, &mut |_| {})?;
    let failures: Vec<String> = outcome
        .checks
        .iter()
        .filter(|check| !check.holds())
        .map(|check| format!("{}: {}", check.name, check.failures.join("; ")))
        .collect();
    if failures.is_empty()
        && let Some(folder) = outcome.reports.parent()
    {
        std::fs::remove_dir_all(folder).map_err(io_error("remove", folder))?;
    }
    Ok(SoakedCase {
        options,
        failures,
        downtime_milliseconds: outcome.downtime_milliseconds,
        estimated_milliseconds: outcome.estimated_milliseconds,
        milliseconds: outcome.milliseconds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_one_case_and_the_cases_differ() {
        let one = |seed| format!("{:?}", case(Path::new("program"), BackEnd::Embedded, seed));
        assert_eq!(one(3), one(3));
        let many: std::collections::BTreeSet<String> = (0..50).map(one).collect();
        assert_eq!(many.len(), 50);
        for wanted in [
            "Opaque",
            "Upper",
            "Lower",
            "Kill(",
            "ControllerKilled",
            "SourceGone",
            "LockHeld",
            "Cut",
            "InnerMounts",
            "SecondStageTwo",
            "WayBack",
            "AgentDoesNotStart",
            "LateItem",
            "ShiftedClock",
        ] {
            assert!(many.iter().any(|case| case.contains(wanted)), "{wanted}");
        }
    }
}
